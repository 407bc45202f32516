// SPDX-License-Identifier: ISC
// The second half of a takeover: the way of each session of the dead host from
// its record to a live process.
//
//  per session:  [ask] -> restore -> adopt -> go: write, inject, release
//                  +---------+---------+---> reset, with the reason
//
// Owner: Takeover; event loop's thread only. Never blocks.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "ack-probe.hh"
#include "adopt-client.hh"
#include "clock.hh"
#include "config.hh"
#include "far-ends.hh"
#include "gap-watcher.hh"
#include "hold.hh"
#include "inject.hh"
#include "input-feeder.hh"
#include "lost-acks.hh"
#include "port-hold.hh"
#include "recovery.hh"
#include "service-net.hh"
#include "shared-fd.hh"
#include "store.hh"
#include "tapinput.hh"
#include "tcp-restore.hh"

namespace jeebs {

class Adoptions {
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
		// This flow isn't held any more.
		std::function<void(const Flow &)> let_go;
		// Every session is adopted or reset.
		std::function<void()> finished;
	};

	Adoptions(Parts, Hooks);
	~Adoptions();
	Adoptions(const Adoptions &) = delete;
	Adoptions &operator=(const Adoptions &) = delete;

	// Every session that the store has, whose flows are held. The report
	// must live as long as this.
	void begin(TakeoverReport &);
	// Whatever isn't done is dropped, in silence.
	void cancel();
	// Nobody needs to watch this session any more: it ended.
	void forget(const Flow &);
	// See InputFeeder.
	uint64_t delivered(const Flow &f) const { return feeder_.delivered(f); }
	InputFeeder::Rest rest(const Flow &f) const { return feeder_.rest(f); }
	// Some clients' packets still matter.
	bool need_tap() const { return lost_acks_.watching(); }

private:
	// One session on its way.
	struct Run {
		StoredSession s;
		AdoptPlan plan;
		Hold::Packets held;	// taken from the queue, not injected yet
		SharedFd tcp;
		std::unique_ptr<AdoptClient::Job> job;
		FarEnds::Of far;
		Time adopt_start{};
		bool over = false;
		bool lives = true;	// else it was reset after READY
	};
	using RunPtr = std::shared_ptr<Run>;

	void ask(const Run &);
	void ask_clients();
	void collect_acks();
	void start_more();
	void start_session(const RunPtr &);
	Result<void> restore(Run &);
	void hand_over(const RunPtr &);
	void answered(const RunPtr &, Result<AdoptReady>);
	void collect_far();
	void ready(const RunPtr &);
	bool postpone(const RunPtr &, const Error &);
	std::vector<std::span<const uint8_t>> packets(Run &);
	void take_held(Run &);

	// The end: adoptions-go.cc.
	void go_all();
	void go(Run &);
	void lose(Run &, const std::string &why);
	void end_asking(const Run &);
	void give(Run &);
	void feed(Run &);
	// Its client may be ahead of what TCP sends before it hears anything.
	static bool behind(const Run &r)
	{
		return r.plan.unacked > first_window(r.s.tcp);
	}
	void reset(const RunPtr &, const std::string &reason);
	void done_with(const RunPtr &);
	void maybe_finish();

	Parts p_;
	Hooks hooks_;
	TakeoverReport *report_ = nullptr;
	bool running_ = false, go_posted_ = false, paused_ = false;
	std::vector<RunPtr> waiting_, asking_, in_flight_, far_asked_, ready_;
	size_t left_ = 0;
	Time asked_{}, ask_until_{};
	boost::asio::steady_timer ask_timer_, far_timer_, retry_timer_;
	InputFeeder feeder_;
	LostAcks lost_acks_;
	FarEnds far_;
	PortHold ports_;	// of the forwards that wait
	GapWatcher watcher_;
	uint64_t next_job_ = 1;
	std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace jeebs
