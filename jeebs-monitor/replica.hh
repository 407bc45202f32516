// SPDX-License-Identifier: ISC
// The standby's end of replication: frames of the link into the Store, commits
// back, one COMMIT frame for each batch that was readable. Owner: the daemon;
// event loop's thread only.
#pragma once

#include <chrono>
#include <functional>
#include <set>
#include <vector>

#include "frame.hh"
#include "link.hh"
#include "store.hh"

namespace jeebs {

class Replica {
public:
	// A primary whose jeebsd was started again offers all its sessions
	// anew, as its sshd's monitors reach it within a second or two. What it
	// hasn't offered after this long has ended meanwhile.
	static constexpr std::chrono::seconds forget_after{60};

	struct Handlers {
		// A session's incarnation can be adopted from now on.
		std::function<void(const StoredSession &)> opened;
		// Nothing of the flow is left (closed, dropped).
		std::function<void(const Flow &)> closed;
		// The epoch in force: records of an older one are refused.
		std::function<uint64_t()> epoch;
		// Could this host's sshd-adopt open such a root record?
		std::function<Result<void>(Bytes root)> opens;
	};

	using Clock = std::function<SteadyTime()>;

	Replica(Store &, FrameSink &, Handlers = {},
	    Clock = std::chrono::steady_clock::now);

	// OPEN, RECORD, TCP, COVER, INPUT and CLOSE; an error means a broken protocol. A
	// session that breaks the rules is dropped alone: that is no error.
	[[nodiscard]] Result<void> frame(const FrameView &);

	// Sends what was collected. Call at Link's batch_end.
	void flush();

	// There is another recovery key: sessions that nobody can open any more
	// are dropped.
	void keys_changed();

	// The link is lost: what wasn't sent is void (the primary asks anew).
	void link_down();

private:
	[[nodiscard]] Result<void> open(const OpenFrame &);
	[[nodiscard]] Result<void> record(const RecordFrame &);
	void input(const InputFrame &);
	void forward(const ForwardFrame &);
	void drop_forward(uint64_t id, const std::string &reason);
	void close(uint64_t sid, const std::string &reason);
	void drop(uint64_t sid, const Flow &, const std::string &reason);
	void record_commits() const;

	void watch_instance();
	void forget_left_over();

	Store &store_;
	FrameSink &sink_;
	Handlers handlers_;
	Clock clock_;
	std::vector<CommitEntry> commits_;
	uint64_t inputs_ = 0, inputs_told_ = 0;	// INPUT frames of this link
	uint64_t instance_ = 0;		// of the primary's jeebsd
	std::set<Flow> left_over_;	// not offered by that one yet
	SteadyTime forget_at_{};
};

} // namespace jeebs
