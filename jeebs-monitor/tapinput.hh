// SPDX-License-Identifier: ISC
// What the packets of a connection prove about it: how far the client has
// ACKed us, how far its own stream goes, how far we had ACKed that; and from
// the packets that were kept, what to give to the adopted socket.
// Pure, single-threaded. Offsets are 64-bit stream offsets.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "flow.hh"
#include "segment.hh"

namespace jeebs {

struct TapFacts {
	bool client_seen = false;	// a packet of the client, ever
	uint64_t client_ack = 0;	// it has our bytes before this
	uint64_t client_next = 0;	// its stream goes at least to here
	bool server_seen = false;
	uint64_t server_ack = 0;	// the host ACKed its bytes before this
};

class TapInput {
public:
	// Offsets to judge sequence numbers by: near what is exchanged now.
	void add(const Flow &, uint32_t snd_base, uint32_t rcv_base,
	    uint64_t out_off, uint64_t in_off);
	void remove(const Flow &);
	void clear() { flows_.clear(); }

	// A packet of a client to the service. The client's ACK if that is
	// news, else nothing; nothing for flows that weren't added.
	std::optional<uint64_t> client(const Segment &);
	// A packet of the service to a client.
	void server(const Segment &);

	const TapFacts *facts(const Flow &) const;
	// The lowest byte of its stream that the client sent since the last
	// call, if it sent any.
	std::optional<uint64_t> take_lowest(const Flow &);
	size_t size() const { return flows_.size(); }

private:
	struct Entry {
		uint32_t snd_base, rcv_base;
		uint64_t out_near, in_near;
		TapFacts facts;
		std::optional<uint64_t> lowest;
	};
	std::unordered_map<Flow, Entry> flows_;
};

// Which of the kept packets to inject, and what is missing.
struct InputPlan {
	std::vector<size_t> order;	// indices, the next byte first
	uint64_t known_to = 0;	// every byte from in_off to here is there
	uint64_t highest = 0;	// the client's stream goes at least to here
	bool fin = false;	// the client ended its side at known_to
	bool gap() const { return highest > known_to; }
};

// Packets of one client, in any order, with doubles; in_off is the next byte
// that sshd needs. Packets of other flows, or beyond repair, are left out.
InputPlan plan_input(const Flow &, uint32_t rcv_base, uint64_t in_off,
    std::span<const std::span<const uint8_t>> packets);

} // namespace jeebs
