// SPDX-License-Identifier: ISC
#include "adoptions.hh"

#include <algorithm>
#include <cerrno>
#include <unordered_map>
#include <utility>

#include <boost/asio/post.hpp>

#include "jeebs-testing.h"
#include "log.hh"

namespace jeebs {

using boost::system::error_code;
using std::chrono::milliseconds;

namespace {

// Clients whose ACK matters have this long to say it: two answers of Linux.
constexpr milliseconds ack_wait(700);
constexpr milliseconds ack_poll(5);
// Sessions at sshd-adopt at one time: enough to keep every core busy.
constexpr size_t max_in_flight = 64;
constexpr milliseconds retry_pause(2);

} // namespace

Adoptions::Adoptions(Parts parts, Hooks hooks)
    : p_(parts), hooks_(std::move(hooks)), ask_timer_(parts.io),
      far_timer_(parts.io), retry_timer_(parts.io),
      feeder_(parts.io, parts.injector,
      [net = &parts.net](std::span<const Flow> fed) {
		net->pass_resets(fed);
      }),
      lost_acks_(parts.io, parts.tap, parts.injector, {
	  .drain = [net = &parts.net] { net->tap_drain(); },
	  .idle = [net = &parts.net] { net->tap_targets(false); },
      }),
      far_({parts.net, parts.store, parts.tap, parts.restorer,
      parts.ack_probe, feeder_, lost_acks_}),
      watcher_(parts.io, parts.net, parts.tap,
      parts.config.timing.gap_timeout, [this](const Flow &flow,
      const std::string &user, const char *reason) {
		report_->failed.push_back({user, flow.remote_name(), reason});
		report_->adopted--;
      })
{
}

Adoptions::~Adoptions() = default;

// Repair mode is still on: these sockets close without a word.
void
Adoptions::cancel()
{
	running_ = paused_ = false;
	waiting_.clear();
	asking_.clear();
	// The answer that one waits for has it as well.
	for (const RunPtr &r : std::exchange(in_flight_, {})) {
		r->over = true;
		r->job.reset();
		r->tcp.reset();
	}
	for (const auto &some : {far_asked_, ready_})
		for (const RunPtr &r : some)
			far_.drop(r->far);
	far_asked_.clear();
	far_timer_.cancel();
	ready_.clear();
	left_ = 0;
	ports_.clear();
	ask_timer_.cancel();
	retry_timer_.cancel();
	feeder_.clear();
	far_.clear();
	watcher_.clear();
	lost_acks_.clear();
}

void
Adoptions::forget(const Flow &flow)
{
	feeder_.forget(flow);
	watcher_.forget(flow);
	lost_acks_.forget(flow);
	far_.forget(flow);
}

void
Adoptions::take_held(Run &r)
{
	for (auto &packet : p_.net.take_held(r.s.flow)) {
		auto seg = Segment::parse(packet);
		if (seg && p_.tap.client(*seg))
			r.held.push_back(std::move(packet));
	}
}

// Valid until the store or the run changes.
std::vector<std::span<const uint8_t>>
Adoptions::packets(Run &r)
{
	auto all = p_.store.inputs(r.s.sid);
	all.insert(all.end(), r.held.begin(), r.held.end());
	return all;
}

void
Adoptions::begin(TakeoverReport &report)
{
	running_ = true;
	report_ = &report;
	std::vector<AdoptPlan> plans;
	std::unordered_map<uint64_t, RunPtr> by_sid;
	auto now = std::chrono::steady_clock::now();

	p_.net.tap_drain();
	p_.net.drain_hold();
	// Sessions that go on connect anew while others wait.
	if (auto ok = ports_.hold(p_.store.forwards().flows()); !ok)
		log::warning("forwards: {}", ok.error().what);
	for (auto &s : p_.store.sessions()) {
		auto r = std::make_shared<Run>();
		r->s = std::move(s);
		p_.tap.edges(r->s.flow, {r->s.acked_off, r->s.out_end,
		    r->s.in_off});
		take_held(*r);
		auto input = plan_input(r->s.flow, r->s.tcp.rcv_base,
		    r->s.in_off, packets(*r), r->s.held_packets,
		    client_acks(r->s));
		plans.push_back(plan_adoption(r->s,
		    p_.tap.facts(r->s.flow), input, now));
		by_sid.emplace(r->s.sid, std::move(r));
	}
	report_->sessions = static_cast<unsigned>(plans.size());
	left_ = plans.size();
	order_plans(plans);
	for (auto &plan : plans) {
		RunPtr r = by_sid.at(plan.sid);
		r->plan = std::move(plan);
		(r->plan.possible && r->plan.probe ? asking_ : waiting_)
		    .push_back(r);
	}
	// Taken from the end.
	std::reverse(waiting_.begin(), waiting_.end());
	if (!asking_.empty())
		ask_clients();
	start_more();
	maybe_finish();
}

void
Adoptions::ask(const Run &r)
{
	p_.ack_probe.ask(r.s.tcp, r.plan.acked, r.plan.in_off, r.plan.ts_val);
}

void
Adoptions::ask_clients()
{
	for (const RunPtr &r : asking_) {
		p_.tap.ask(r->s.flow);
		ask(*r);
	}
	asked_ = BootClock::now();
	ask_until_ = asked_ + ack_wait;
	collect_acks();
}

void
Adoptions::collect_acks()
{
	const Time now = BootClock::now();
	bool late = now >= ask_until_;

	p_.net.drain_hold();
	std::erase_if(asking_, [this, late](const RunPtr &r) {
		take_held(*r);
		const TapFacts *f = p_.tap.facts(r->s.flow);
		bool answered = f != nullptr && f->answer;
		if (!answered && !late)
			return false;
		if (answered)
			apply_ack(r->plan, r->s, *f->answer);
		else if (f != nullptr && f->client_seen)
			apply_ack(r->plan, r->s, f->client_ack);
		waiting_.insert(waiting_.begin(), r);
		return true;
	});
	start_more();
	if (asking_.empty())
		return;
	if (now - asked_ >= ask_again) {
		asked_ = now;
		for (const RunPtr &r : asking_)
			ask(*r);
	}
	ask_timer_.expires_after(ack_poll);
	ask_timer_.async_wait([this](error_code ec) {
		if (!ec && running_)
			collect_acks();
	});
}

void
Adoptions::start_more()
{
	while (running_ && !paused_ && in_flight_.size() < max_in_flight &&
	    !waiting_.empty()) {
		RunPtr r = waiting_.back();
		waiting_.pop_back();
		start_session(r);
	}
}

void
Adoptions::start_session(const RunPtr &r)
{
	if (!r->plan.possible)
		return reset(r, r->plan.reason);
	if (r->adopt_start == Time{})
		r->adopt_start = BootClock::now();
	if (auto ok = restore(*r); !ok) {
		if (!postpone(r, ok.error()))
			reset(r, "TCP: " + ok.error().what);
		return;
	}
	hand_over(r);
}

// Descriptors are short, or sshd-adopt is behind or being started again: all
// who wait do so a little longer, but not for ever.
bool
Adoptions::postpone(const RunPtr &r, const Error &e)
{
	bool full = e.errnum == EAGAIN;
	bool passes = e.errnum == EMFILE || e.errnum == ENFILE ||
	    e.errnum == ENOTCONN || e.errnum == EPIPE;
	if (!full && !(passes && BootClock::now() - r->adopt_start <
	    p_.config.timing.adopt_timeout))
		return false;
	// Its 4-tuple is needed again.
	r->tcp.close_unshared();
	waiting_.insert(waiting_.begin(), r);
	if (std::exchange(paused_, true))
		return true;
	std::weak_ptr<bool> alive = alive_;
	retry_timer_.expires_after(retry_pause);
	retry_timer_.async_wait([this, alive](error_code ec) {
		if (ec || alive.expired() || !running_)
			return;
		paused_ = false;
		start_more();
	});
	return true;
}

Result<void>
Adoptions::restore(Run &r)
{
	Time start = BootClock::now();
	auto fd = p_.restorer.restore({r.s.tcp, r.plan.acked, r.plan.in_off,
	    r.plan.ts_val});
	report_->span("TCP restored", start, BootClock::now());
	if (!fd)
		return tl::unexpected(fd.error());
	r.tcp = SharedFd(std::move(*fd), r.s.user);
	return {};
}

void
Adoptions::hand_over(const RunPtr &r)
{
	auto records = p_.store.adoption_file(r->s.sid);
	if (!records) {
		if (!postpone(r, records.error()))
			reset(r, records.error().what);
		return;
	}
	AdoptRequest q;
	q.job = next_job_++;
	q.acked = r->plan.acked;
	q.in_off = r->plan.in_off;
	q.from = report_->from;
	q.to = p_.config.host;
	q.user = r->s.user;
	q.failed_at = static_cast<uint64_t>(
	    std::chrono::duration_cast<std::chrono::seconds>(
	    std::chrono::system_clock::now().time_since_epoch() -
	    (BootClock::now() - report_->last_heard)).count());
	q.tcp = r->tcp.get();
	q.records = records->get();
	std::weak_ptr<bool> alive = alive_;
	auto job = p_.adopt.adopt(q, p_.config.timing.adopt_timeout,
	    [this, alive, r](Result<AdoptReady> ready) {
		if (!alive.expired() && running_ && !r->over)
			answered(r, std::move(ready));
	});
	if (job) {
		r->job = std::move(*job);
		in_flight_.push_back(r);
	} else if (!postpone(r, job.error())) {
		reset(r, job.error().what);
	}
}

void
Adoptions::answered(const RunPtr &r, Result<AdoptReady> answer)
{
	std::erase(in_flight_, r);
	report_->span("adopted", r->adopt_start, BootClock::now());
	if (!answer)
		return reset(r, answer.error().what);
	if (answer->out_end != r->s.out_end && !jeebs_testing("nonce-reused"))
		return reset(r, fmt::format("sshd-adopt read {} bytes of the "
		    "stream, {} are stored", answer->out_end, r->s.out_end));
	r->far = far_.find(r->s, *answer, BootClock::now());
	if (jeebs_testing("go-late"))
		log::info("testing: {} waits for GO",
		    r->s.flow.remote_name());
	far_asked_.push_back(r);
	if (far_asked_.size() == 1)
		collect_far();
	start_more();
}

void
Adoptions::collect_far()
{
	const Time now = BootClock::now();
	std::vector<RunPtr> done;

	p_.net.drain_hold();
	std::erase_if(far_asked_, [&](const RunPtr &r) {
		const bool settled = far_.settled(r->far, now) &&
		    !jeebs_testing("go-late");
		if (settled)
			done.push_back(r);
		return settled;
	});
	for (const RunPtr &r : done)
		ready(r);
	if (far_asked_.empty())
		return;
	far_timer_.expires_after(ack_poll);
	far_timer_.async_wait([this](error_code ec) {
		if (!ec && running_)
			collect_far();
	});
}

void
Adoptions::ready(const RunPtr &r)
{
	far_.hand_over(r->far, *r->job, report_->epoch);
	ready_.push_back(r);
	if (!go_posted_) {
		// Those that are ready together go together: one change of
		// the packet filter for all.
		go_posted_ = true;
		std::weak_ptr<bool> alive = alive_;
		boost::asio::post(p_.io, [this, alive] {
			if (alive.expired())
				return;
			go_posted_ = false;
			if (running_)
				go_all();
		});
	}
	start_more();
}

} // namespace jeebs
