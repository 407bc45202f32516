// SPDX-License-Identifier: ISC
// Input commit, the decisions of it: what happens to each packet that waits in
// the kernel's queue for its stream's standby (invariant I2).
//
//   packet -> shipped --committed--> accepted
//     |  ^  ^      | link lost
//     |  |  +------+
//     |  | opened
//     +-> kept, while nobody can be asked
//
// What carries no data passes at once, and overtakes. TCP takes no packet whose ACK
// is older than a window (RFC 5961 5.2), so where a peer's ACKs get that far ahead
// of its data they wait in their place between it.
//
// No I/O; owner: InputGate; single-threaded.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "buffer.hh"
#include "flow.hh"
#include "frame.hh"
#include "ranges.hh"
#include "segment.hh"
#include "seq32.hh"

namespace jeebs {

class InputCommit {
public:
	/**
	 * What TCP takes of a peer: nothing that begins beyond this offset
	 * (RFC 9293 3.10.7.4), and only what acknowledges one of these. acked:
	 * what the peer has acknowledged.
	 */
	struct Takes {
		uint64_t edge;
		AckRange acks;
		Seq32 acked;
	};
	/** What to do; id is the queue's number of a packet. */
	struct Hands {
		std::function<void(uint32_t id)> accept, drop;
		/** It comes as a packet() again, with another id. */
		std::function<void(uint32_t id)> repeat;
		/** Accepts it and all before it that have no verdict yet. */
		std::function<void(uint32_t id)> accept_up_to;
		/** The standby gets it, after all that was shipped before. */
		std::function<void(const InputFrame &)> ship;
		/** As it is now, if that is known. */
		std::function<std::optional<Takes>(const Flow &)> takes;
		/** Whether its packets without data come to the queue too. */
		std::function<void(const Flow &, bool)> acks_wait;
	};
	/**
	 * A stream is held so far ahead of what TCP is known to have: more than
	 * the largest window that Linux offers by itself (tcp_rmem). What lies
	 * beyond is dropped, and sent again when there is room.
	 */
	static constexpr uint64_t reach = 16U << 20;
	/**
	 * Holes in a stream, so many; what would make another one is dropped, and
	 * sent again when there are fewer.
	 */
	static constexpr size_t max_holes = 4096;
	/** ACKs that wait behind one packet: the last ones. */
	static constexpr size_t max_acks = 256;
	/** After so many ACKs that nothing was waiting before, they pass again. */
	static constexpr unsigned acks_in_order = 65536;
	/** Copies of packets of streams that have no standby, bytes. */
	static constexpr size_t max_kept = 16U << 20;

	/** left_over: flows of a process before this one wait as well. */
	InputCommit(Hands, bool left_over);

	/** Packets of the flow wait from here on, if they don't already. */
	void cover(const Flow &);
	/**
	 * The standby knows the stream as sid, by a frame before this call.
	 * rcv_base: sequence number of its offset 0; had: TCP has all that is
	 * before this offset.
	 */
	void open(const Flow &, uint64_t sid, uint32_t rcv_base, uint64_t had);
	void had(const Flow &, uint64_t offset);
	/**
	 * The standby may have forgotten what lies before this offset: it went
	 * to it under the name that the stream had before this one.
	 */
	[[nodiscard]] uint64_t floor(const Flow &) const;
	/**
	 * An IP packet of what TCP has of an open stream, or gets otherwise: for
	 * the standby, which has to hold it with the others.
	 */
	void copy(const Flow &, Bytes ip_packet);
	/**
	 * The standby was sent all from this offset of an open stream to the
	 * one that is returned.
	 */
	[[nodiscard]] uint64_t sent_to(const Flow &, uint64_t from) const;
	/** They pass from here on: those that wait, too. */
	void uncover(const Flow &);
	/** None of them passes, ever: another host owns the stream. */
	void refuse(const Flow &);

	/**
	 * A packet from the queue: an IP packet with payload, a FIN or a RST, or
	 * any of a flow whose ACKs wait. Those two don't overtake what their
	 * sender sent before.
	 */
	void packet(uint32_t id, Bytes ip_packet);
	/** The standby holds the first n that were shipped since link_down(). */
	[[nodiscard]] bool committed(uint64_t n);
	/** What was shipped is in doubt, and repeated; streams need an open(). */
	void link_down();
	/**
	 * Nothing is left over: whatever isn't covered passes. What waits does,
	 * or is dropped.
	 */
	void forget_left_over(bool pass = true);

	/** How many were shipped since link_down(). */
	[[nodiscard]] uint64_t shipped() const
	{
		return committed_ + shipped_.size();
	}
	[[nodiscard]] std::vector<Flow> covered() const;
	[[nodiscard]] size_t waiting() const { return shipped_.size(); }
	[[nodiscard]] size_t kept_bytes() const { return kept_bytes_; }
	/** Packets that TCP wouldn't have taken. */
	[[nodiscard]] uint64_t refused() const { return refused_; }

private:
	struct Kept {
		uint32_t id;
		Buffer packet;
	};
	struct Stream {
		enum class Fate { left_over, covered, passes, refused };
		Fate fate = Fate::left_over;
		uint64_t sid = 0;	/* 0: not open */
		uint32_t rcv_base = 0;
		uint64_t had = 0;
		uint64_t shipped_to = 0;	/* since link_down() */
		uint64_t last = 0;	/* number of what waits, from 1 on */
		Ranges sent;			/* since open() */
		uint64_t floor = 0;
		std::optional<Takes> takes;	/* when it was last asked */
		bool acks_wait = false;
		unsigned in_order = 0;		/* ACKs, in succession */
		uint64_t looked = 0;		/* call of committed() */
		std::vector<Kept> kept;
	};
	struct Shipped {
		uint32_t id;
		Flow flow;
		Seq32 ack;
		bool passed = false;	/* it has a verdict already */
		std::vector<uint32_t> acks;	/* go behind it, */
		std::optional<uint32_t> reset;	/* and this last */
	};
	using Fate = Stream::Fate;
	void keep(Stream &, uint32_t id, Bytes);
	void ship(Stream &, uint32_t id, const Segment &);
	void ask(const Flow &, Stream &);
	bool acceptable(Stream &, uint64_t begin, const Segment &);
	void send(Stream &, uint64_t begin, const Segment &, uint32_t id,
	    bool passed);
	Shipped *last_of(const Stream &);
	void reset(Stream &, uint32_t id);
	void ack(const Flow &, Stream &, uint32_t id);
	void let_acks_wait(const Flow &, Stream &, bool);
	void look_for_overtaken(const Shipped &);
	using Verdict = std::function<void(uint32_t)>;
	static void on_those_behind(const Shipped &, const Verdict &);
	void settle(const Flow &, Stream &, const Verdict &);

	Hands hands_;
	bool left_over_;
	std::unordered_map<Flow, Stream> streams_;
	std::deque<Shipped> shipped_;	/* the first has the number: */
	uint64_t committed_ = 0;
	uint64_t calls_ = 0;		/* of committed() */
	/* Before this number not all came in the order of their ids. */
	uint64_t mixed_to_ = 0;
	size_t kept_bytes_ = 0;
	uint64_t refused_ = 0;
};

} // namespace jeebs
