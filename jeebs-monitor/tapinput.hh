// SPDX-License-Identifier: ISC
// What the packets of a connection say about it: how far the client has ACKed
// us, how far its own stream goes, how far we had ACKed that; and from the
// packets that were kept, what to give to the adopted socket. Anybody on the
// LAN can forge them: what TCP wouldn't take isn't believed here either.
// Pure, single-threaded. Offsets are 64-bit stream offsets.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "flow.hh"
#include "segment.hh"
#include "seq32.hh"

namespace jeebs {

// Where a connection stands, as the newest record tells.
struct StreamEdges {
	uint64_t acked = 0;	// the client had ACKed our bytes before this
	uint64_t out_end = 0;	// our stream goes to here
	uint64_t in_off = 0;	// the client's next byte that sshd needs

	// The socket that was restored here has got and had ACKed so much since.
	[[nodiscard]] StreamEdges after(uint64_t received, uint64_t acked_more)
	    const;
};

// How far a packet of the connection may lie from these edges. Ahead of in_off:
// more than the largest window that Linux offers by itself (tcp_rmem). Beyond
// out_end: nothing should, but if it is so, nobody may go on. Behind any: what
// was on its way when the record was made.
inline constexpr uint32_t tap_window = 8U << 20;
inline constexpr uint32_t tap_beyond = 1U << 20;
inline constexpr uint32_t tap_behind = 64U << 10;
// What a socket sends between two looks at it.
inline constexpr uint64_t tap_sends = 64U << 20;

struct TapFacts {
	bool client_seen = false;	// a packet of the client, ever
	uint64_t client_ack = 0;	// of its newest packet
	uint16_t client_window = 0;	// beside it, not scaled
	std::optional<uint64_t> answer;	// its lowest ACK since ask()
	uint64_t client_next = 0;	// where that ended
	bool server_seen = false;
	uint64_t server_ack = 0;	// the host ACKed its bytes before this
};

class TapInput {
public:
	void add(const Flow &, uint32_t snd_base, uint32_t rcv_base,
	    const StreamEdges &);
	// It has moved on. Nothing for flows that weren't added.
	void edges(const Flow &, const StreamEdges &);
	void remove(const Flow &);
	void clear() { flows_.clear(); }

	// A packet of a client to the service: false for what TCP would drop
	// (RFC 9293 3.10.7.4, RFC 5961 5), for SYN and RST, and for flows that
	// weren't added.
	bool client(const Segment &);
	// A packet of the service to a client, or its headers.
	void server(const Segment &);

	const TapFacts *facts(const Flow &) const;
	// The client is asked: answers count from here on.
	void ask(const Flow &);
	// The lowest byte of its stream that the client sent since the last
	// call, if it sent any.
	std::optional<uint64_t> take_lowest(const Flow &);
	size_t size() const { return flows_.size(); }

private:
	struct Entry {
		uint32_t snd_base, rcv_base;
		StreamEdges edges;
		TapFacts facts;
		std::optional<uint64_t> lowest;
	};
	std::unordered_map<Flow, Entry> flows_;
};

// Which of the kept packets to inject, and what is missing.
struct InputPlan {
	struct Piece {
		uint64_t begin, end;	// a FIN counts as one
		size_t index;		// of the packet
	};
	std::vector<Piece> order;	// the next byte first
	uint64_t known_to = 0;	// every byte from in_off to here is there
	uint64_t highest = 0;	// the client's stream goes at least to here
	bool fin = false;	// the client ended its side at known_to
	bool gap() const { return highest > known_to; }
};

// Packets of one client, in any order, with doubles; in_off is the next byte
// that sshd needs. The first `trusted` of them came to the dead host's TCP: they
// go before all others, of which TCP must find no fault with what they acknowledge.
// Packets of other flows, or beyond repair, are left out.
InputPlan plan_input(const Flow &, uint32_t rcv_base, uint64_t in_off,
    std::span<const std::span<const uint8_t>> packets, size_t trusted,
    const AckRange &);

} // namespace jeebs
