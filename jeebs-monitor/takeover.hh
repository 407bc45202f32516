// SPDX-License-Identifier: ISC
// Takes a dead host's VIPs and sessions over: the table of steps, and the way
// of each session from its record to a live process.
//
//  per session:  [probe] -> restore -> adopt -> go: write, inject, release
//                   +-----------+---------+---> reset, with the reason
//
// Owner: the daemon; event loop's thread only. Never blocks.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "ack-probe.hh"
#include "adopt-client.hh"
#include "clock.hh"
#include "command.hh"
#include "config.hh"
#include "inject.hh"
#include "recovery.hh"
#include "service-net.hh"
#include "store.hh"
#include "tapinput.hh"
#include "tcp-restore.hh"

namespace jeebs {

class Takeover {
public:
	struct Parts {
		boost::asio::io_context &io;
		const Config &config;
		ServiceNet &net;
		Store &store;
		TapInput &tap;
		AdoptClient &adopt;
		TcpRestorer &restorer;
		Injector &injector;
		AckProbe &ack_probe;
	};
	struct Hooks {
		// When the primary's kernel is certainly silent.
		std::function<Time()> silent_after;
		// The last moment for the VIP.
		std::function<Time()> take_by;
		// About to take the VIP: the new epoch, or nothing if not.
		std::function<std::optional<uint64_t>(bool fence_ok)> commit;
		// The VIP is ours, or the steps up to there failed.
		std::function<void(Result<void>)> taken;
		// Every session is adopted or reset.
		std::function<void()> finished;
	};

	Takeover(Parts, Hooks);
	~Takeover();
	Takeover(const Takeover &) = delete;
	Takeover &operator=(const Takeover &) = delete;

	// Suspicion: the known clients' packets are held from here on. On a
	// host without the VIP that changes nothing.
	void prepare();
	void unprepare();

	void start(Time last_heard);
	// The primary lives, or somebody else took over: whatever isn't done
	// is undone, in silence.
	void cancel();
	bool running() const { return running_; }
	// The last takeover's, also while it runs; null if there was none.
	const TakeoverReport *report() const;
	// Nobody needs to watch this session any more: it ended.
	void forget(const Flow &);

private:
	struct Run;
	using RunPtr = std::shared_ptr<Run>;
	struct Watch;
	using Done = std::function<void(Result<void>)>;

	std::vector<Step> steps();
	void step_fence(Done);
	void fence_part();
	void step_hold(Done);
	void step_epoch(Done);
	void step_vip(Done);
	void step_announce(Done);
	void steps_over(Result<void>);
	void begin_sessions();
	void ask_clients();
	void collect_acks();
	void start_more();
	void start_session(const RunPtr &);
	Result<void> restore(Run &);
	void hand_over(const RunPtr &);
	void answered(const RunPtr &, Result<uint64_t>);
	void go_all();
	void go(Run &);
	void inject(Run &);
	void reset(const RunPtr &, const std::string &reason);
	void done_with(const RunPtr &);
	void maybe_finish();
	void watch_later();
	void look_at_watches();
	std::vector<std::span<const uint8_t>> packets(Run &);
	void take_held(Run &);

	Parts p_;
	Hooks hooks_;
	std::unique_ptr<StepRunner> runner_;
	std::optional<TakeoverReport> report_;
	std::vector<Flow> held_;
	bool running_ = false, taken_ = false;

	// The fence step: what it still waits for.
	boost::asio::steady_timer fence_timer_;
	std::unique_ptr<Command> fence_command_;
	unsigned fence_waits_ = 0;
	bool fence_ok_ = false, fence_again_ = false;
	std::optional<std::string> fence_answer_;
	Done fence_done_;

	std::vector<RunPtr> waiting_, asking_, ready_;
	size_t in_flight_ = 0, left_ = 0;
	bool go_posted_ = false;
	Time ask_until_{};
	boost::asio::steady_timer ask_timer_, retry_timer_, watch_timer_;
	std::vector<Watch> watches_;
	bool watching_ = false;
	uint64_t next_job_ = 1;
	std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace jeebs
