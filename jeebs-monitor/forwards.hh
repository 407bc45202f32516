// SPDX-License-Identifier: ISC
// The primary's part of one session's forwards: takes the connections to targets
// from PA, over a socket that is this session's alone, and has the standby hold
// them. PA is the user's: what it says is true of its own connections only, and
// what a connection is the descriptor tells.
// Owner: one export session, by shared_ptr since waits outlive it; event loop's
// thread only.
//
//   FORWARD -> kept --OVER, drop--> closing --CLOSED, end of the session--> gone
//
// A copy of the descriptor stays here until the standby has forgotten it: neither
// FIN nor RST is out before, but for the FIN of a client that has ended its
// direction (FORWARD_END), once the standby holds that.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "buffer.hh"
#include "flow.hh"
#include "input-commit.hh"
#include "input-feeder.hh"
#include "input-gate.hh"
#include "link.hh"
#include "msg.hh"
#include "result.hh"
#include "shared-fd.hh"
#include "shares.hh"

namespace jeebs {

class Forwards;

// Of all sessions.
struct ForwardTable {
	std::unordered_map<Flow, uint64_t> owners;	// ids
	std::unordered_map<uint64_t, std::weak_ptr<Forwards>> by_id;
};

class Forwards : public std::enable_shared_from_this<Forwards> {
public:
	struct Parts {
		boost::asio::io_context &io;
		FrameSink &sink;
		InputGate *gate;	// null: no forward is kept
		ForwardTable &table;
		Shares &shares;
		// May it be this connection: a VIP's, and no client's?
		std::function<bool(const Flow &)> wanted;
		// The firewall lets its FIN and RST out, or not. False if it
		// can't be made to.
		std::function<bool(const Flow &, bool)> may_end;
		// Its FIN.
		std::function<void(const Flow &)> may_fin;
		// If it was restored: what its socket is still given here.
		std::function<InputFeeder::Rest(const Flow &)> rest;
		std::function<uint64_t()> new_id;
		// One that was pending() isn't any more.
		std::function<void()> recorded;
	};

	Forwards(Parts, std::string user);
	~Forwards() { link_down(); }
	Forwards(const Forwards &) = delete;
	Forwards &operator=(const Forwards &) = delete;

	// A socket for the next incarnation, PA's end of it.
	[[nodiscard]] Result<UniqueFd> socket();
	// There is no next one: the socket of this stays.
	void withdraw();
	// The standby was told of the session's incarnation with this sid. Who has
	// the socket of the one before is not heard any more.
	void start(uint64_t sid);
	// The standby holds nothing any more of the incarnation before. True: of
	// that it held a forward that lives and isn't of this one.
	bool settled();
	void link_down();
	// PA keeps none from here on, and can say nothing of them.
	void hang_up();
	// Whoever made this is gone.
	void abandon();

	// CLOSED or DROP of one of these.
	void closed(uint64_t id);
	void dropped(uint64_t id);
	// The standby holds none of them: they are PA's alone.
	void release_all();
	// Another host owns them: not a packet more.
	void retire();
	// TCP frames.
	void refresh(Buffer &);
	size_t size() const { return all_.size(); }
	// Is any of them not protected yet?
	bool pending() const;
	// Does PA wait for an answer about any of them?
	bool unanswered() const;
	// A turn on a link that was full, and does any of them wait for it?
	void take_turn();
	bool waiting() const;

private:
	struct Forward {
		uint64_t id = 0;
		uint64_t sid = 0;
		uint32_t channel = 0;
		uint64_t cookie = 0;	// of the socket: SO_COOKIE
		Flow flow;
		jeebs_tcp_state tcp{};
		uint32_t syn = 0;	// the kernel counts it as written
		SharedFd fd;
		Shares::Place place;
		uint64_t socket = 0;	// PA's, by which it came
		bool ended = false;	// all was written, FIN behind it
		bool answered = false;
		bool closing = false;
		// A committed record tells of it.
		bool recorded = false;
		// The standby was sent all that TCP had up to here when it was
		// looked at; more of it waits for a turn on the link.
		uint64_t copied = 0;
		uint64_t covered_to = 0;
		bool waits = false;
		bool may_have_gap = false;
		bool covered = false;	// for the commit log
		int looks = 0;
	};

	// To and from PA: forwards-pa.cc.
	void stop_hearing();
	void wait();
	void readable();
	[[nodiscard]] Result<void> message(uint8_t type, Bytes fields,
	    std::vector<SharedFd> &fds);
	[[nodiscard]] Result<void> open(uint32_t channel, uint64_t written,
	    bool ended, SharedFd);
	Forward *of_channel(uint32_t channel);
	// Is its 4-tuple still its own? One whose connection is gone is in the
	// table for what the standby keeps, and has no say in another's.
	bool owns(const Forward &) const;
	std::optional<InputCommit::Takes> takes(uint64_t id) const;
	void say(uint8_t type, const Forward &, uint64_t id);
	void answer(const Forward &, uint64_t id);

	void keep(Forward &);
	// forwards-copy.cc
	enum class Copied { all, some, not_now, never, too_much };
	void covered(uint64_t id, const Result<void> &);
	Copied copy_unread(Forward &, bool turn);
	bool copy_rest(const Forward &, uint64_t received, size_t budget);
	void copy_more(Forward &, bool turn);
	void cover(const Forward &, uint64_t to);
	void look_again(const Forward &, std::chrono::milliseconds);
	void look(uint64_t id);
	Forward *asked(uint64_t id);
	void lose(Forward &);
	void give_up(Forward &, const char *why);
	void close(Forward &, const char *why);
	static void push(const Forward &);
	void release(uint64_t id);
	void let_go(const Forward &);

	Parts p_;
	std::string user_;
	boost::asio::posix::stream_descriptor socket_;
	UniqueFd next_;
	uint64_t sid_ = 0;
	uint64_t sockets_ = 0;	// so many there were
	std::unordered_map<uint64_t, Forward> all_;	// by id
	uint64_t last_turn_ = 0;
};

} // namespace jeebs
