// SPDX-License-Identifier: ISC
// The primary's end of replication: sshd's sessions come in at export.sock,
// their records go from shared-memory rings to the link, the standby's commits
// go back. Owner: the daemon; event loop's thread only.
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
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "flow.hh"
#include "frame.hh"
#include "input-gate.hh"
#include "link.hh"
#include "result.hh"

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

class ExportServer {
public:
	struct Handlers {
		// Is this session ours to protect (a VIP's)? Else it is
		// detached at once. Empty: all are.
		std::function<bool(const Flow &)> wanted;
		// A session has been registered: from here to closed its
		// descriptor is held and it may be protected.
		std::function<void(const SessionInfo &)> opened;
		// It became protected, or isn't any more.
		std::function<void(const SessionInfo &)> changed;
		std::function<void(const SessionInfo &)> closed;
		// May a forward's connection be kept?
		std::function<bool(const Flow &)> can_move;
		// FIN and RST of a forward's connection may go out, or not.
		std::function<void(const Flow &, bool may)> may_end;
		std::function<void(const Flow &)> may_fin;	// not RST
		// Offset up to which an adopted session's client believes its
		// bytes delivered although its socket hasn't all of them yet.
		std::function<uint64_t(const Flow &)> delivered;
		// The same of a forward's socket, since that was restored.
		std::function<uint64_t(const Flow &)> fed;
	};

	// sink and gate must outlive the server, which sets the sink's
	// on_drained. gate: null without input commit. places: so many sessions
	// at one time, of which a user gets a share (Shares).
	ExportServer(boost::asio::io_context &, std::string path, FrameSink &sink,
	    InputGate *gate, Handlers, size_t places);
	~ExportServer();
	ExportServer(const ExportServer &) = delete;
	ExportServer &operator=(const ExportServer &) = delete;

	// Makes the socket, mode 0600; a stale one is replaced.
	[[nodiscard]] Result<void> start();

	// A standby is there and gave a recovery key: each session, present and
	// future, gets an offer. Call at the first KEY after each link up (the
	// same standby after a short loss too: records in flight are gone, so
	// each session begins a new incarnation) and at each later KEY.
	void standby_up(std::string recovery_key, uint64_t epoch);

	// The link is down; nobody knows why. Sessions stall.
	void link_down();

	// It is certain that no standby will adopt: all sessions go on without
	// one, those too that register before the next standby_up().
	void standby_lost_with_evidence(const std::string &reason);

	// Another host owns the VIP: the TCP of every session that is here now
	// is silenced (TCP_REPAIR), and its sshd ends at once. Sessions that
	// register later are asked for with Handlers::wanted.
	void retire();

	// COMMIT, INPUT_COMMIT, CLOSED and DROP; an error means a broken protocol.
	[[nodiscard]] Result<void> frame(const FrameView &);

	std::vector<SessionInfo> sessions() const;

private:
	class Impl;
	std::unique_ptr<Impl> impl_;
};

} // namespace jeebs
