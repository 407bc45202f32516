// SPDX-License-Identifier: ISC
// Takes a dead host's VIPs and sessions over: the table of steps up to the VIP,
// then the sessions (adoptions.hh).
//
// Owner: the daemon; event loop's thread only. Never blocks.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <unordered_set>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "adoptions.hh"
#include "clock.hh"
#include "fence.hh"
#include "recovery.hh"

namespace jeebs {

class Takeover {
public:
	using Parts = Adoptions::Parts;
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
	// And of those that are adopted this host lets go, since it may have to
	// restore them again.
	void retire();
	bool running() const { return running_; }
	// The last takeover's, also while it runs; null if there was none.
	const TakeoverReport *report() const;
	// Nobody needs to watch this session any more: it ended.
	void forget(const Flow &);
	// See InputFeeder.
	InputFeeder::Rest rest(const Flow &f) const
	{
		return adoptions_.rest(f);
	}
	bool need_tap() const { return adoptions_.need_tap(); }
	uint64_t delivered(const Flow &f) const
	{
		return adoptions_.delivered(f);
	}

private:
	using Done = std::function<void(Result<void>)>;

	std::vector<Step> steps();
	void step_fence(Done);
	void step_hold(Done);
	[[nodiscard]] Result<void> hold_all();
	void release_held();
	void let_new();
	void step_epoch(Done);
	void step_vip(Done);
	void step_announce(Done);
	void steps_over(Result<void>);
	void finished();

	Parts p_;
	Hooks hooks_;
	std::unique_ptr<StepRunner> runner_;
	std::optional<TakeoverReport> report_;
	std::unordered_set<Flow> held_;
	boost::asio::steady_timer new_timer_;
	bool running_ = false, taken_ = false;
	Fence fence_;
	Adoptions adoptions_;
	std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace jeebs
