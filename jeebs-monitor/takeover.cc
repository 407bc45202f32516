// SPDX-License-Identifier: ISC
#include "takeover.hh"

#include <vector>

#include <boost/asio/post.hpp>

#include "log.hh"

namespace jeebs {

namespace {

// However long sessions take: other services may have the VIP, too.
constexpr auto new_wait = std::chrono::seconds(2);

} // namespace

Takeover::Takeover(Parts parts, Hooks hooks)
    : p_(parts), hooks_(std::move(hooks)), new_timer_(parts.io),
      fence_(parts.io, parts.config, parts.net),
      adoptions_(parts, {
	.let_go = [this](const Flow &f) { held_.erase(f); },
	.finished = [this] { finished(); },
      })
{
}

Takeover::~Takeover() = default;

const TakeoverReport *
Takeover::report() const
{
	return report_ ? &*report_ : nullptr;
}

void
Takeover::prepare()
{
	if (auto r = hold_all(); !r)
		log::error("hold: {}", r.error().what);
}

// Nobody would take what comes of those that have ended since the last time.
Result<void>
Takeover::hold_all()
{
	std::vector<Flow> flows;

	for (const auto &s : p_.store.sessions())
		flows.push_back(s.flow);
	for (const Flow &f : p_.store.forwards().flows())
		flows.push_back(f);
	auto r = p_.net.hold(flows);
	for (const Flow &f : flows)
		held_.erase(f);
	release_held();
	held_.insert(flows.begin(), flows.end());
	return r;
}

void
Takeover::release_held()
{
	p_.net.release(std::vector<Flow>(held_.begin(), held_.end()));
	held_.clear();
}

// They meet those who listen again by now: sessions that clients connect to.
void
Takeover::let_new()
{
	new_timer_.cancel();
	p_.net.end_new(true);
}

void
Takeover::unprepare()
{
	if (running_)
		return;
	release_held();
}

std::vector<Step>
Takeover::steps()
{
	auto at = [this](void (Takeover::*f)(Done)) {
		return [this, f](Done done) { (this->*f)(std::move(done)); };
	};
	return {
		{"fenced", at(&Takeover::step_fence), [this] {
			fence_.cancel();
		}},
		{"hold", at(&Takeover::step_hold), [this] {
			release_held();
		}},
		{"epoch", at(&Takeover::step_epoch), {}},
		{"vip", at(&Takeover::step_vip), [this] {
			(void)p_.net.block();
			p_.net.vips_down();
			new_timer_.cancel();
			p_.net.end_new(false);
		}},
		{"announce", at(&Takeover::step_announce), {}},
	};
}

void
Takeover::start(Time last_heard)
{
	Time now = BootClock::now();

	running_ = true;
	taken_ = false;
	report_.emplace();
	report_->from = p_.config.peer.name;
	report_->last_heard = last_heard == time_never ? now : last_heard;
	report_->span("detected", now, now);
	runner_ = std::make_unique<StepRunner>(steps(), *report_,
	    BootClock::now, [this](Result<void> r) { steps_over(r); });
	runner_->start();
}

void
Takeover::step_fence(Done done)
{
	fence_.start(hooks_.silent_after(), hooks_.take_by(), std::move(done));
}

void
Takeover::step_hold(Done done)
{
	done(hold_all());
}

void
Takeover::step_epoch(Done done)
{
	auto epoch = hooks_.commit(fence_.confirmed());
	if (!epoch)
		return done(fail("it is too late, the primary may have gone "
		    "on alone"));
	report_->epoch = *epoch;
	done({});
}

void
Takeover::step_vip(Done done)
{
	p_.net.hold_new();
	new_timer_.expires_after(new_wait);
	new_timer_.async_wait([this](boost::system::error_code ec) {
		if (!ec)
			let_new();
	});
	if (auto r = p_.net.vips_up(); !r)
		return done(std::move(r));
	done(p_.net.no_lease_needed());
}

void
Takeover::step_announce(Done done)
{
	p_.net.announce();
	done({});
}

void
Takeover::steps_over(Result<void> r)
{
	if (!r)
		log::error("takeover failed at {}", r.error().what);
	taken_ = r.has_value();
	if (!taken_) {
		running_ = false;
		report_->finished = true;
	}
	std::weak_ptr<bool> alive = alive_;
	bool go_on = taken_;
	// Not from inside the step table, which this may cancel.
	boost::asio::post(p_.io, [this, alive, r = std::move(r), go_on] {
		if (alive.expired())
			return;
		hooks_.taken(r);
		if (go_on && running_)
			adoptions_.begin(*report_);
	});
}

void
Takeover::cancel()
{
	if (!running_)
		return;
	running_ = false;
	if (runner_ && !taken_)
		runner_->cancel();
	adoptions_.cancel();
	new_timer_.cancel();
	p_.net.end_new(false);
	release_held();
	report_->finished = true;
}

void
Takeover::retire()
{
	cancel();
	adoptions_.cancel();
}

void
Takeover::finished()
{
	running_ = false;
	report_->finished = true;
	let_new();
	// Whoever called may still have work to do.
	std::weak_ptr<bool> alive = alive_;
	boost::asio::post(p_.io, [this, alive] {
		if (!alive.expired())
			hooks_.finished();
	});
}

void
Takeover::forget(const Flow &f)
{
	adoptions_.forget(f);
}

} // namespace jeebs
