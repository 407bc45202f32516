// SPDX-License-Identifier: ISC
#include "detector.hh"

#include <algorithm>

namespace jeebs {

const char *
to_string(PeerHealth h)
{
	switch (h) {
	case PeerHealth::unheard: return "unheard";
	case PeerHealth::alive: return "alive";
	case PeerHealth::suspected: return "suspected";
	case PeerHealth::process_failed: return "process-failed";
	case PeerHealth::isolated: return "isolated";
	case PeerHealth::dead: return "dead";
	}
	return "?";
}

Detector::Detector(const Timing &t, size_t paths)
    : heartbeat_(t.heartbeat), suspect_(t.suspect), detect_(t.detect),
      paths_(paths)
{
}

void
Detector::heard(size_t path, Time now)
{
	if (path >= paths_.size())
		return;
	paths_[path].last_heard = std::max(paths_[path].last_heard, now);
	paths_[path].heard = true;
	paths_[path].carrier = true;
	// A packet that was under way when the link closed proves nothing.
	if (was_closed_ && now > link_closed_ + heartbeat_)
		was_closed_ = false;
}

void
Detector::carrier(size_t path, bool up)
{
	if (path < paths_.size())
		paths_[path].carrier = up;
}

void
Detector::link_closed(Time now)
{
	link_closed_ = now;
	was_closed_ = true;
}

void
Detector::service_answered(Time now)
{
	service_ = now;
	has_answered_ = true;
}

void
Detector::clock_gap(Time now)
{
	for (Path &p : paths_)
		if (p.heard)
			p.last_heard = std::max(p.last_heard, now);
}

Detector::Silence
Detector::silence() const
{
	Silence s;

	for (const Path &p : paths_) {
		if (p.carrier)
			s.all_dark = false;
		else
			s.some_dark = true;
		if (p.heard)
			s.any_heard = true;
		// The last word on a dark path is no sign of life: the
		// carrier went after it.
		if (p.heard && p.carrier)
			s.last = std::max(s.last, p.last_heard);
	}
	return s;
}

// A lost carrier is half the proof: the other paths need be silent only for
// as long as makes a suspicion.
Duration
Detector::needed(const Silence &s) const
{
	return s.some_dark ? suspect_ : detect_;
}

bool
Detector::process_only(Time now) const
{
	return was_closed_ && has_answered_ && service_ >= link_closed_ &&
	    now - service_ < service_ttl;
}

PeerHealth
Detector::health(Time now) const
{
	Silence s = silence();

	if (!s.any_heard)
		return PeerHealth::unheard;
	if (s.all_dark)
		return PeerHealth::isolated;
	if (now - s.last < suspect_ && !was_closed_)
		return PeerHealth::alive;
	if (now - s.last < needed(s))
		return PeerHealth::suspected;
	return process_only(now) ? PeerHealth::process_failed :
	    PeerHealth::dead;
}

Time
Detector::next(Time now) const
{
	Silence s = silence();
	Time out = time_never;
	auto soonest = [&](Time t) {
		if (t > now)
			out = std::min(out, t);
	};

	if (!s.any_heard || s.all_dark)
		return time_never;
	soonest(s.last + suspect_);
	soonest(s.last + needed(s));
	if (process_only(now))
		soonest(service_ + service_ttl);
	return out;
}

Time
Detector::last_heard() const
{
	Time last = time_never;

	for (const Path &p : paths_)
		if (p.heard && (last == time_never || p.last_heard > last))
			last = p.last_heard;
	return last;
}

} // namespace jeebs
