// SPDX-License-Identifier: ISC
// One captured Ethernet frame as far as the auditor cares. A parser of its own:
// it shares none with jeebsd, whose mistakes it is to find.
// Pure; a Packet borrows the frame's bytes.
#pragma once

#include <cstdint>
#include <span>

#include "flow.hh"

namespace jeebs::audit {

// Nanoseconds since 1970, CLOCK_REALTIME.
using Stamp = int64_t;

enum class PacketKind {
	other,	// neither IP nor a claim
	ip,	// from `source`, but not TCP
	tcp,
	claim,	// ARP or a neighbour advertisement: `source` is at `claimant`
	broken,	// IP from `source` that can't be understood
};

enum TcpFlag : uint8_t { fin = 1, syn = 2, rst = 4, ack = 16 };

struct Packet {
	Stamp time = 0;
	MacAddr from;		// who emitted it
	PacketKind kind = PacketKind::other;
	IpAddr source, destination;
	MacAddr claimant;
	uint16_t source_port = 0, destination_port = 0;
	uint32_t seq = 0, ack_number = 0;
	uint8_t flags = 0;
	uint32_t length = 0;			// of the payload on the wire
	std::span<const uint8_t> payload;	// of it what was captured

	bool has(TcpFlag f) const { return flags & f; }
};

// frame: what was captured of it. TSO and GRO frames are as large as they are.
Packet parse_packet(Stamp, std::span<const uint8_t> frame);

} // namespace jeebs::audit
