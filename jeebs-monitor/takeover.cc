// SPDX-License-Identifier: ISC
#include "takeover.hh"

#include <algorithm>

#include <boost/asio/post.hpp>

#include "log.hh"
#include "tcp-progress.hh"

namespace jeebs {

using boost::system::error_code;
using std::chrono::milliseconds;

namespace {

// Asking the LAN whether somebody else has the VIP: three questions.
constexpr milliseconds conflict_wait(12);
// Clients whose ACK matters have this long to say it.
constexpr milliseconds ack_wait(100);
constexpr milliseconds ack_poll(5);
// Sessions at sshd-adopt at one time: enough to keep every core busy.
constexpr size_t max_in_flight = 64;
constexpr milliseconds retry_pause(2);
constexpr milliseconds watch_period(100);
// What is left of the time to take over when the fence command is given up.
constexpr milliseconds fence_reserve(200);

std::string
client_name(const Flow &f)
{
	return f.remote.is_v6() ?
	    fmt::format("[{}]:{}", f.remote.to_string(), f.remote_port) :
	    fmt::format("{}:{}", f.remote.to_string(), f.remote_port);
}

} // namespace

// One session on its way.
struct Takeover::Run {
	StoredSession s;
	AdoptPlan plan;
	Hold::Packets held;	// taken from the queue, not injected yet
	UniqueFd tcp;
	std::unique_ptr<AdoptClient::Job> job;
	Time adopt_start{};
	bool over = false;
};

// An adopted session whose client could have a hole in its stream.
struct Takeover::Watch {
	Flow flow;
	std::string user;
	UniqueFd tcp;
	GapWatch gap;
};

Takeover::Takeover(Parts parts, Hooks hooks)
    : p_(parts), hooks_(std::move(hooks)), fence_timer_(parts.io),
      ask_timer_(parts.io), retry_timer_(parts.io), watch_timer_(parts.io)
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
	std::vector<Flow> flows;

	for (const auto &s : p_.store.sessions())
		flows.push_back(s.flow);
	if (auto r = p_.net.hold(flows); !r) {
		log::error("hold: {}", r.error().what);
		return;
	}
	held_ = std::move(flows);
}

void
Takeover::unprepare()
{
	if (running_)
		return;
	p_.net.release(held_);
	held_.clear();
}

std::vector<Step>
Takeover::steps()
{
	auto at = [this](void (Takeover::*f)(Done)) {
		return [this, f](Done done) { (this->*f)(std::move(done)); };
	};
	return {
		{"fenced", at(&Takeover::step_fence), [this] {
			fence_timer_.cancel();
			fence_command_.reset();
			fence_done_ = nullptr;
		}},
		{"hold", at(&Takeover::step_hold), [this] {
			p_.net.release(held_);
			held_.clear();
		}},
		{"epoch", at(&Takeover::step_epoch), {}},
		{"vip", at(&Takeover::step_vip), [this] {
			(void)p_.net.block();
			p_.net.vips_down();
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

// Three things at a time: the lease runs out, a fence command if there is
// one, and the LAN says whether the VIP is free.
void
Takeover::step_fence(Done done)
{
	std::weak_ptr<bool> alive = alive_;

	fence_done_ = std::move(done);
	fence_ok_ = fence_again_ = false;
	fence_answer_.reset();
	fence_waits_ = 2;
	auto wait = std::max<Duration>(hooks_.silent_after() -
	    BootClock::now(), Duration::zero());
	fence_timer_.expires_after(wait);
	fence_timer_.async_wait([this, alive](error_code ec) {
		if (!ec && !alive.expired())
			fence_part();
	});
	p_.net.probe(conflict_wait, {}, [this, alive](auto by, bool) {
		if (alive.expired())
			return;
		fence_answer_ = by;
		fence_part();
	});
	if (p_.config.fence.empty())
		return;
	// The lease is proof enough while it is early enough to rely on it.
	auto limit = std::min<Duration>(p_.config.fence_timeout,
	    std::max<Duration>(hooks_.take_by() - BootClock::now() -
	    fence_reserve, milliseconds(1)));
	auto c = Command::start(p_.io, p_.config.fence,
	    std::chrono::duration_cast<milliseconds>(limit), [this](Result<int> status) {
		if (status && *status == 0) {
			fence_ok_ = true;
			log::info("{} is fenced", p_.config.peer.name);
		} else {
			log::warning("the fence command failed ({}): relying "
			    "on the lease", status ? fmt::format("exit status "
			    "{}", *status) : status.error().what);
		}
		fence_part();
	});
	if (!c) {
		log::error("fence: {}: relying on the lease", c.error().what);
		return;
	}
	fence_waits_++;
	fence_command_ = std::move(*c);
}

void
Takeover::fence_part()
{
	if (!fence_done_ || --fence_waits_ > 0)
		return;
	if (!fence_answer_) {
		std::exchange(fence_done_, nullptr)({});
		return;
	}
	if (fence_again_) {
		std::exchange(fence_done_, nullptr)(fail(*fence_answer_ +
		    ": somebody else has the VIP, take it away there"));
		return;
	}
	// That may have been the primary's kernel, under the end of its lease.
	std::weak_ptr<bool> alive = alive_;
	fence_again_ = true;
	fence_waits_ = 1;
	p_.net.probe(conflict_wait, {}, [this, alive](auto by, bool) {
		if (alive.expired())
			return;
		fence_answer_ = by;
		fence_part();
	});
}

void
Takeover::step_hold(Done done)
{
	std::vector<Flow> flows;

	for (const auto &s : p_.store.sessions())
		flows.push_back(s.flow);
	auto r = p_.net.hold(flows);
	held_ = std::move(flows);
	done(std::move(r));
}

void
Takeover::step_epoch(Done done)
{
	auto epoch = hooks_.commit(fence_ok_);
	if (!epoch)
		return done(fail("it is too late, the primary may have gone "
		    "on alone"));
	report_->epoch = *epoch;
	done({});
}

void
Takeover::step_vip(Done done)
{
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
			begin_sessions();
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
	// Repair mode is still on: these sockets close without a word.
	waiting_.clear();
	asking_.clear();
	ready_.clear();
	in_flight_ = left_ = 0;
	ask_timer_.cancel();
	retry_timer_.cancel();
	watch_timer_.cancel();
	watches_.clear();
	watching_ = false;
	p_.net.release(held_);
	held_.clear();
	report_->finished = true;
}

void
Takeover::take_held(Run &r)
{
	for (auto &packet : p_.net.take_held(r.s.flow)) {
		if (auto seg = Segment::parse(packet))
			(void)p_.tap.client(*seg);
		r.held.push_back(std::move(packet));
	}
}

// Valid until the store or the run changes.
std::vector<std::span<const uint8_t>>
Takeover::packets(Run &r)
{
	auto all = p_.store.inputs(r.s.sid);
	all.insert(all.end(), r.held.begin(), r.held.end());
	return all;
}

void
Takeover::begin_sessions()
{
	std::vector<AdoptPlan> plans;
	std::unordered_map<uint64_t, RunPtr> by_sid;
	auto now = std::chrono::steady_clock::now();

	p_.net.tap_drain();
	p_.net.drain_hold();
	for (auto &s : p_.store.sessions()) {
		auto r = std::make_shared<Run>();
		r->s = std::move(s);
		take_held(*r);
		auto input = plan_input(r->s.flow, r->s.tcp.rcv_base,
		    r->s.in_off, packets(*r));
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
Takeover::ask_clients()
{
	for (const RunPtr &r : asking_)
		if (auto ok = p_.ack_probe.send(r->s.tcp, r->plan.acked,
		    r->plan.in_off, r->plan.ts_val); !ok)
			log::warning("asking {}: {}", client_name(r->s.flow),
			    ok.error().what);
	ask_until_ = BootClock::now() + ack_wait;
	collect_acks();
}

void
Takeover::collect_acks()
{
	bool late = BootClock::now() >= ask_until_;

	p_.net.drain_hold();
	std::erase_if(asking_, [this, late](const RunPtr &r) {
		take_held(*r);
		const TapFacts *f = p_.tap.facts(r->s.flow);
		bool heard = f != nullptr && f->client_seen;
		if (!heard && !late)
			return false;
		if (heard)
			apply_ack(r->plan, r->s, f->client_ack);
		waiting_.insert(waiting_.begin(), r);
		return true;
	});
	start_more();
	if (asking_.empty())
		return;
	ask_timer_.expires_after(ack_poll);
	ask_timer_.async_wait([this](error_code ec) {
		if (!ec && running_)
			collect_acks();
	});
}

void
Takeover::start_more()
{
	while (running_ && in_flight_ < max_in_flight && !waiting_.empty()) {
		RunPtr r = waiting_.back();
		waiting_.pop_back();
		start_session(r);
	}
}

void
Takeover::start_session(const RunPtr &r)
{
	if (!r->plan.possible)
		return reset(r, r->plan.reason);
	if (auto ok = restore(*r); !ok)
		return reset(r, "TCP: " + ok.error().what);
	in_flight_++;
	r->adopt_start = BootClock::now();
	hand_over(r);
}

Result<void>
Takeover::restore(Run &r)
{
	Time start = BootClock::now();
	auto fd = p_.restorer.restore({r.s.tcp, r.plan.acked, r.plan.in_off,
	    r.plan.ts_val});
	report_->span("TCP restored", start, BootClock::now());
	if (!fd)
		return tl::unexpected(fd.error());
	r.tcp = std::move(*fd);
	return {};
}

void
Takeover::hand_over(const RunPtr &r)
{
	auto records = p_.store.adoption_file(r->s.sid);
	if (!records) {
		in_flight_--;
		return reset(r, records.error().what);
	}
	AdoptRequest q;
	q.job = next_job_++;
	q.acked = r->plan.acked;
	q.from = report_->from;
	q.to = p_.config.host;
	q.failed_at = static_cast<uint64_t>(
	    std::chrono::duration_cast<std::chrono::seconds>(
	    std::chrono::system_clock::now().time_since_epoch() -
	    (BootClock::now() - report_->last_heard)).count());
	q.tcp = r->tcp.get();
	q.records = records->get();
	std::weak_ptr<bool> alive = alive_;
	auto job = p_.adopt.adopt(q, p_.config.timing.adopt_timeout,
	    [this, alive, r](Result<uint64_t> out_end) {
		if (!alive.expired() && running_ && !r->over)
			answered(r, std::move(out_end));
	});
	if (job) {
		r->job = std::move(*job);
		return;
	}
	in_flight_--;
	bool full = job.error().errnum == EAGAIN;
	bool away = job.error().errnum == ENOTCONN ||
	    job.error().errnum == EPIPE;
	if (!full && !(away && BootClock::now() - r->adopt_start <
	    p_.config.timing.adopt_timeout))
		return reset(r, job.error().what);
	// sshd-adopt is behind, or is being started again.
	retry_timer_.expires_after(retry_pause);
	retry_timer_.async_wait([this, alive](error_code ec) {
		if (!ec && !alive.expired() && running_)
			start_more();
	});
	r->tcp.reset();
	waiting_.insert(waiting_.begin(), r);
}

void
Takeover::answered(const RunPtr &r, Result<uint64_t> out_end)
{
	in_flight_--;
	report_->span("adopted", r->adopt_start, BootClock::now());
	if (!out_end)
		return reset(r, out_end.error().what);
	if (*out_end != r->s.out_end)
		return reset(r, fmt::format("sshd-adopt read {} bytes of the "
		    "stream, {} are stored", *out_end, r->s.out_end));
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

void
Takeover::go_all()
{
	auto batch = std::exchange(ready_, {});
	std::vector<Flow> flows;
	Time start = BootClock::now();

	for (const RunPtr &r : batch)
		go(*r);
	p_.net.tap_drain();
	p_.net.drain_hold();
	for (const RunPtr &r : batch) {
		take_held(*r);
		inject(*r);
		flows.push_back(r->s.flow);
	}
	p_.net.release(flows);
	report_->span("go", start, BootClock::now());
	for (const RunPtr &r : batch) {
		report_->adopted++;
		log::info("session of {} from {} adopted, {} bytes sent again",
		    log::printable(r->s.user), client_name(r->s.flow),
		    r->plan.unacked);
		// A client that is silent says where it stands when asked.
		if (r->plan.unacked == 0)
			(void)p_.ack_probe.send(r->s.tcp, r->plan.acked,
			    r->plan.in_off, r->plan.ts_val);
		watches_.push_back({r->s.flow, r->s.user, std::move(r->tcp),
		    GapWatch(r->s.in_off, p_.config.timing.gap_timeout,
		    BootClock::now())});
		done_with(r);
	}
	if (!watching_)
		watch_later();
	maybe_finish();
}

void
Takeover::go(Run &r)
{
	if (auto ok = p_.restorer.release(r.tcp.get()); !ok)
		log::error("session from {}: {}", client_name(r.s.flow),
		    ok.error().what);
	if (auto ok = r.job->go(); !ok)
		log::error("session from {}: GO: {}", client_name(r.s.flow),
		    ok.error().what);
}

void
Takeover::inject(Run &r)
{
	auto all = packets(r);
	auto plan = plan_input(r.s.flow, r.s.tcp.rcv_base, r.s.in_off, all);
	Seq32 ack = seq_of_offset(r.s.tcp.snd_base, r.plan.acked);

	for (size_t i : plan.order)
		if (auto ok = p_.injector.inject(all[i], ack, ack); !ok)
			log::warning("session from {}: injecting: {}",
			    client_name(r.s.flow), ok.error().what);
	if (!plan.order.empty())
		log::debug("session from {}: {} packets injected, bytes {} to "
		    "{}", client_name(r.s.flow), plan.order.size(),
		    r.s.in_off, plan.known_to);
	r.held.clear();
}

// What can't be saved ends at once.
void
Takeover::reset(const RunPtr &r, const std::string &reason)
{
	log::error("session of {} from {} can't be adopted, reset: {}",
	    log::printable(r->s.user), client_name(r->s.flow), reason);
	report_->failed.push_back({r->s.user, client_name(r->s.flow),
	    reason});
	r->job.reset();
	Result<void> ok;
	if (!r->tcp) {
		r->plan.acked = std::max(r->plan.acked, r->s.acked_off);
		r->plan.in_off = r->s.in_off;
		ok = restore(*r);
	}
	if (ok)
		ok = p_.restorer.release(r->tcp.get());
	if (ok)
		ok = abort_connection(r->tcp.get());
	// Otherwise the kernel, which knows no such connection, resets it at
	// the client's next packet.
	if (!ok)
		log::warning("session from {}: reset: {}",
		    client_name(r->s.flow), ok.error().what);
	p_.net.release({&r->s.flow, 1});
	done_with(r);
	maybe_finish();
}

void
Takeover::done_with(const RunPtr &r)
{
	r->over = true;
	r->tcp.reset();
	r->job.reset();
	left_--;
	std::erase(held_, r->s.flow);
}

void
Takeover::maybe_finish()
{
	if (!running_ || left_ > 0)
		return;
	running_ = false;
	report_->finished = true;
	// Whoever called may still have work to do.
	std::weak_ptr<bool> alive = alive_;
	boost::asio::post(p_.io, [this, alive] {
		if (!alive.expired())
			hooks_.finished();
	});
}

void
Takeover::watch_later()
{
	watching_ = !watches_.empty();
	if (!watching_)
		return;
	watch_timer_.expires_after(watch_period);
	watch_timer_.async_wait([this](error_code ec) {
		if (!ec)
			look_at_watches();
	});
}

void
Takeover::look_at_watches()
{
	Time now = BootClock::now();

	p_.net.tap_drain();
	std::erase_if(watches_, [this, now](Watch &w) {
		auto received = bytes_received(w.tcp.get());
		if (!received)
			return true;
		const TapFacts *f = p_.tap.facts(w.flow);
		auto next = f != nullptr && f->client_seen ?
		    std::optional(f->client_next) : std::nullopt;
		auto verdict = w.gap.look(*received, next,
		    p_.tap.take_lowest(w.flow), now);
		if (verdict == GapWatch::Verdict::watch)
			return false;
		if (verdict == GapWatch::Verdict::clean)
			return true;
		const char *reason = "client byte in flight never seen";
		log::error("session of {} from {} reset: {}",
		    log::printable(w.user), client_name(w.flow), reason);
		report_->failed.push_back({w.user, client_name(w.flow),
		    reason});
		report_->adopted--;
		// Its reset would be taken for that of a dying sshd.
		p_.net.unprotect(w.flow);
		if (auto ok = abort_connection(w.tcp.get()); !ok)
			log::warning("session from {}: reset: {}",
			    client_name(w.flow), ok.error().what);
		return true;
	});
	watch_later();
}

void
Takeover::forget(const Flow &f)
{
	std::erase_if(watches_, [&f](const Watch &w) { return w.flow == f; });
}

} // namespace jeebs
