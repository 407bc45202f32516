// SPDX-License-Identifier: ISC
// The primary's end of replication: sshd's sessions come in at export.sock,
// their records go from shared-memory rings to the link, the standby's commits
// go back. Here is what concerns more than one of them; of one see
// export-session.hh.
// Owner: the daemon; event loop's thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "export-session.hh"
#include "flow.hh"
#include "forwards.hh"
#include "frame.hh"
#include "input-gate.hh"
#include "link.hh"
#include "listener.hh"
#include "result.hh"
#include "shares.hh"
#include "unique_fd.hh"

namespace jeebs {

class ExportServer {
public:
	using Handlers = ExportHandlers;

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
	using SessionPtr = ExportSession::Ptr;

	void accepted(UniqueFd);
	Shares::Place seat(const SessionInfo &, bool attached);
	bool is_session(const Flow &) const;
	void over(const SessionPtr &, const std::string &why);
	void finish(uint64_t sid);
	void finish_all();
	void forget(SessionRest, const std::string &why);
	Result<void> commits(Bytes payload);
	Result<void> let_go(const FrameView &);
	void drained();
	void limit_unfinished();
	void refresh_later();
	void refresh();

	boost::asio::io_context &io_;
	std::string path_;
	FrameSink &sink_;
	InputGate *gate_;
	Handlers handlers_;
	std::unique_ptr<Listener> listener_;
	boost::asio::steady_timer refresh_;
	Shares shares_, forward_shares_;
	ForwardTable forwards_;
	KnownStandby standby_;
	const ExportSession::Parts parts_;
	std::set<std::string> refused_;	// users, in the log
	std::map<uint64_t, SessionPtr> sessions_;	// by id
	std::unordered_map<uint64_t, SessionPtr> by_sid_;
	// Their MONs are gone; the descriptors wait for CLOSED.
	std::unordered_map<uint64_t, SessionRest> closing_;	// by sid
	uint64_t next_id_ = 1;
	uint64_t refresh_phase_ = 0;
	uint64_t turns_ = 0;		// that sessions have had
};

} // namespace jeebs
