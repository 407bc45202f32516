// SPDX-License-Identifier: ISC
#include "recovery.hh"

#include <algorithm>

#include <fmt/format.h>

namespace jeebs {

uint64_t
first_window(const jeebs_tcp_state &s)
{
	// Options take up to 40 bytes of each segment.
	const int segment = std::clamp(int{s.mss} - 40, 1, 1200);
	return std::min(10U * static_cast<uint32_t>(segment), s.snd_wnd);
}

AdoptPlan
plan_adoption(const StoredSession &s, const TapFacts *facts,
    const InputPlan &input, SteadyTime now)
{
	AdoptPlan p;
	// A FIN takes a number of its own.
	uint64_t known_to = input.known_to + (input.fin ? 1 : 0);
	auto no = [&p](std::string why) {
		p.reason = std::move(why);
		return p;
	};

	p.sid = s.sid;
	if (!s.adoptable)
		return no("its first record hadn't arrived");
	p.acked = s.acked_off;
	p.in_off = s.in_off;
	if (p.acked < s.first_off)
		return no(fmt::format("{} bytes that the client may lack are "
		    "gone", s.first_off - p.acked));
	// Nobody reads what the client says to a session that has ended.
	if (!s.ended && !s.covered() && facts != nullptr && facts->server_seen &&
	    facts->server_ack > known_to)
		return no(fmt::format("client byte in flight never seen: the "
		    "dead host had ACKed {} more",
		    facts->server_ack - known_to));
	auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(
	    now - s.tcp_at).count();
	p.ts_val = s.tcp.ts_val + static_cast<uint32_t>(elapsed) +
	    ts_margin_ms;
	p.unacked = s.out_end - p.acked;
	// An ACK of more than there is, if it is true, forbids to go on.
	p.probe = p.unacked > first_window(s.tcp) ||
	    (facts != nullptr && facts->client_seen &&
	    facts->client_ack > s.out_end);
	p.possible = true;
	return p;
}

bool
apply_ack(AdoptPlan &p, const StoredSession &s, uint64_t ack)
{
	if (ack > s.out_end) {
		p.possible = false;
		p.reason = fmt::format("the client ACKed {} bytes that never "
		    "arrived here", ack - s.out_end);
		return false;
	}
	p.acked = std::max(p.acked, ack);
	p.unacked = s.out_end - p.acked;
	return true;
}

void
order_plans(std::vector<AdoptPlan> &plans)
{
	std::stable_sort(plans.begin(), plans.end(),
	    [](const AdoptPlan &a, const AdoptPlan &b) {
		return a.unacked < b.unacked;
	});
}

GapWatch::GapWatch(uint64_t in_off, Duration timeout, Time now)
    : in_off_(in_off), timeout_(timeout), started_(now)
{
}

GapWatch::Verdict
GapWatch::look(uint64_t received, std::optional<uint64_t> client_next,
    std::optional<uint64_t> lowest, Time now)
{
	uint64_t want = in_off_ + received;
	bool missing = client_next && *client_next > want;

	// Bytes that arrive fill the gap, or are another one; a client that
	// sends the byte we want doesn't believe it delivered.
	if (!missing || received != last_received_ ||
	    (lowest && *lowest <= want))
		missing_since_.reset();
	last_received_ = received;
	if (missing) {
		if (!missing_since_)
			missing_since_ = now;
		return now - *missing_since_ >= timeout_ ? Verdict::hole :
		    Verdict::watch;
	}
	// Nothing missing for that long, or nothing heard at all.
	return now - started_ >= timeout_ ? Verdict::clean : Verdict::watch;
}

StepTime &
TakeoverReport::begin(const std::string &name, Time now)
{
	steps.push_back({name, now, now, false, true});
	return steps.back();
}

void
TakeoverReport::end(const std::string &name, Time now, bool ok)
{
	for (auto it = steps.rbegin(); it != steps.rend(); ++it) {
		if (it->name != name || it->done)
			continue;
		it->end = now;
		it->done = true;
		it->ok = ok;
		return;
	}
}

void
TakeoverReport::span(const std::string &name, Time start, Time end)
{
	for (StepTime &s : steps) {
		if (s.name != name)
			continue;
		s.start = std::min(s.start, start);
		s.end = std::max(s.end, end);
		return;
	}
	steps.push_back({name, start, end, true, true});
}

StepRunner::StepRunner(std::vector<Step> steps, TakeoverReport &report,
    Clock clock, std::function<void(Result<void>)> finished)
    : steps_(std::move(steps)), report_(report), clock_(std::move(clock)),
      finished_(std::move(finished))
{
}

void
StepRunner::start()
{
	next();
}

void
StepRunner::next()
{
	if (at_ == steps_.size()) {
		over_ = true;
		finished_({});
		return;
	}
	size_t index = at_;
	report_.begin(steps_[index].name, clock_());
	std::weak_ptr<bool> alive = alive_;
	steps_[index].run([this, alive, index](Result<void> r) {
		if (!alive.expired())
			step_done(index, std::move(r));
	});
}

void
StepRunner::step_done(size_t index, Result<void> r)
{
	if (over_ || index != at_)
		return;
	report_.end(steps_[index].name, clock_(), r.has_value());
	if (r) {
		at_++;
		next();
		return;
	}
	over_ = true;
	undo();
	finished_(fail(steps_[index].name + ": " + r.error().what,
	    r.error().errnum));
}

void
StepRunner::cancel()
{
	if (over_)
		return;
	over_ = true;
	undo();
}

void
StepRunner::undo()
{
	for (size_t i = std::min(at_ + 1, steps_.size()); i-- > 0;)
		if (steps_[i].undo)
			steps_[i].undo();
	at_ = 0;
}

} // namespace jeebs
