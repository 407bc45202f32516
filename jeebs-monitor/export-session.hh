// SPDX-License-Identifier: ISC
// One session that sshd exports: what its monitor (MON) says, what the standby
// holds of it, and so whether it is protected.
// Owner: ExportServer, by shared_ptr since waits outlive it; event loop's thread
// only.
//
//   HELLO -> known --OFFER, ROOT--> open (protected from the first COMMIT)
//              ^  evidence, DROP     |  ^ OFFER, ROOT: next incarnation
//              +------DETACH---------+--+
//
// While the link is down and nobody has evidence about the standby, open
// sessions stall: nothing is committed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "buffer.hh"
#include "coverage.hh"
#include "flow.hh"
#include "forwards.hh"
#include "frame.hh"
#include "input-gate.hh"
#include "link.hh"
#include "mon-channel.hh"
#include "result.hh"
#include "ring.hh"
#include "shared-fd.hh"
#include "shares.hh"
#include "shipper.hh"
#include "turns.hh"
#include "unique_fd.hh"

namespace jeebs {

struct SessionInfo {
	uint64_t id = 0;	// of the session while this jeebsd runs, 1, 2, ...
	uint64_t sid = 0;	// of its incarnation on the link, 0: none
	Flow flow;
	std::string user;	// what sshd says, for status
	bool is_protected = false;	// the standby can adopt it, whole
	bool stalled = false;		// open, but the link is down
	uint64_t epoch = 0;
	uint64_t in_off = 0, out_end = 0, acked_off = 0;	// shipped
	uint64_t committed = 0;		// stream offset the standby holds
	// The client's bytes are held from here on, if input commit is on.
	std::optional<uint64_t> covered_from;
	std::string state;	// known, open or dropping
	std::string reason;	// why it isn't protected
};

struct ExportHandlers {
	// Is this session ours to protect (a VIP's)? Else it is detached at
	// once. Empty: all are.
	std::function<bool(const Flow &)> wanted;
	// A session has been registered: from here to closed its descriptor is
	// held and it may be protected.
	// False: its FIN and RST could pass; no offer is to be made.
	std::function<bool(const SessionInfo &)> opened;
	// It became protected, or isn't any more.
	std::function<void(const SessionInfo &)> changed;
	// reused: another session has its 4-tuple, and the rules for it, by now.
	std::function<void(const SessionInfo &, bool reused)> closed;
	// Does it leave by the interface of its protected address? Asked of sessions
	// and of forwards' connections.
	std::function<bool(const Flow &)> can_move;
	// FIN and RST of a forward's connection may go out, or not. False: that
	// can't be had.
	std::function<bool(const Flow &, bool may)> may_end;
	std::function<void(const Flow &)> may_fin;	// not RST
	// Offset up to which an adopted session's client believes its bytes
	// delivered although its socket hasn't all of them yet.
	std::function<uint64_t(const Flow &)> delivered;
	// Of a forward's socket, if it was restored: what it is still given.
	std::function<InputFeeder::Rest(const Flow &)> rest;
};

// What is known of a standby.
struct KnownStandby {
	std::string key;	// empty: there is none
	uint64_t epoch = 0;
	std::string alone;	// why no standby holds anything
};

// What is left of a session whose MON is gone.
struct SessionRest {
	bool held = false;	// the standby may hold something of it
	std::vector<uint64_t> older;	// incarnations of which it may, too
	SharedFd fd;
	std::shared_ptr<Forwards> forwards;
	Shares::Place place;
	SessionInfo info;
	std::string name;	// for the commit log
};

class ExportSession : public std::enable_shared_from_this<ExportSession> {
public:
	using Ptr = std::shared_ptr<ExportSession>;

	// Of all sessions; outlives them.
	struct Parts {
		boost::asio::io_context &io;
		FrameSink &sink;
		InputGate *gate;	// null without input commit
		const ExportHandlers &handlers;
		const KnownStandby &standby;
		std::unordered_map<uint64_t, Ptr> &by_sid;
		ForwardTable &forwards;
		Shares &forward_shares;
		// attached: it can't be told to go on alone.
		std::function<Shares::Place(const SessionInfo &, bool attached)>
		    seat;
		// Is this connection a session's?
		std::function<bool(const Flow &)> is_session;
		// MON is gone, or is of no interest: end() it. why is empty if
		// that is as it should be.
		std::function<void(const Ptr &, const std::string &why)> over;
	};

	ExportSession(const Parts &p, uint64_t id) : p_(p), id_(id) {}
	ExportSession(const ExportSession &) = delete;
	ExportSession &operator=(const ExportSession &) = delete;

	void start(UniqueFd channel);
	// Whoever made this is gone.
	void abandon();
	// Nothing if it hadn't registered.
	std::optional<SessionRest> end(const std::string &why);

	void standby_up();
	void link_down();
	// No standby will adopt it, certainly.
	void standby_lost(const std::string &reason);
	// Another host owns its address.
	void retire();

	// COMMIT, DROP and CLOSED of this incarnation.
	[[nodiscard]] Result<void> commit(const CommitEntry &);
	void dropped(const std::string &why);
	// DROP of one before, whose COMMIT hasn't been outdone yet.
	bool was(uint64_t sid) const;
	void older_dropped();
	[[nodiscard]] Result<void> closed();

	// TCP frames. True: resettle() once they are sent.
	bool refresh(Buffer &);
	void resettle();

	// The user-owned process broke the rules: its own session suffers.
	void bad_record(const std::string &why);

	// The link takes frames again; this is the turn'th turn of all.
	void take_turn(uint64_t turn);
	bool waiting() const	// for that
	{
		return shipper_->waiting() ||
		    (forwards_ && forwards_->waiting());
	}
	Turn turn() const { return {user_, served_}; }

	uint64_t id() const { return id_; }
	const Flow &flow() const { return flow_; }
	const std::string &user() const { return user_; }
	bool registered() const { return state_ != State::fresh; }
	// Bytes of a record in the making.
	size_t unfinished() const;
	SessionInfo info() const;

private:
	enum class State {
		fresh,		// no HELLO yet
		known,		// not protected
		open,		// the standby may hold something of it
		dropping,	// CLOSE is out: unprotected once the standby forgot it
		ended		// MON is gone
	};

	static const char *to_string(State);
	// To and from MON: export-session-mon.cc.
	MonChannel::Handlers channel_handlers();
	Result<void> hello(MonHello);
	Result<void> root(Bytes record);
	void refuse(const std::string &why);
	void offer();
	void offer_again();
	void detach(const std::string &reason);
	std::shared_ptr<Forwards> make_forwards();
	uint64_t received() const;
	std::optional<InputCommit::Takes> takes();

	void cover();
	void settle();
	void look();
	bool lose();
	void unprotect(const std::string &reason);
	void give_up(const std::string &why);
	std::string name() const;	// for the commit log

	const Parts &p_;
	const uint64_t id_;
	std::shared_ptr<MonChannel> channel_;
	std::shared_ptr<Shipper> shipper_;
	State state_ = State::fresh;
	bool retired_ = false;
	bool ruled_ = false;	// its FIN and RST don't pass
	uint64_t sid_ = 0;
	// Those before it that the standby may have instead: no COMMIT has shown
	// yet that this one's OPEN got there.
	std::vector<uint64_t> older_;
	Flow flow_;
	jeebs_tcp_state tcp_{};
	std::string user_;
	SharedFd fd_;			// the TCP connection
	uint64_t received_base_ = 0;	// where it began to count
	// The same of what was sent: at least this, since records are older than
	// what the kernel says.
	std::optional<uint64_t> acked_base_;
	Coverage coverage_;
	Shares::Place place_;
	uint64_t served_ = 0;		// when it last had its turn
	std::optional<Ring> offered_;	// of the offer that counts
	uint64_t offered_epoch_ = 0;
	unsigned failed_offers_ = 0;	// of an open one, one after the other
	std::shared_ptr<Forwards> forwards_;
	bool is_protected_ = false;
	// The incarnation before was, and no link was lost: it stays adoptable
	// until this one's first record is there, which has all that it had.
	bool carried_ = false;
	std::string reason_ = "no standby";
};

// CLOSE: the standby is to forget it. To be sent again at the next link if this one
// is down. CLOSED of sid comes after that of the older ones.
void send_close(FrameSink &, std::span<const uint64_t> older, uint64_t sid,
    std::string_view reason);

// Not a packet more of session number id (TCP_REPAIR).
void silence(const SharedFd &, const SessionInfo &);

} // namespace jeebs
