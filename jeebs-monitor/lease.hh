// SPDX-License-Identifier: ISC
// The arithmetic by which two hosts never serve at the same time.
//
//   primary  |--hb(t)--------- lease --------->| silent (kernel)
//   standby     |--echo(hb t)-- lease + drift --->| may take over ...
//               |------------ window --------------------->| ... until here
//   primary  |--------------- alone-after --------------------->| may go alone
//
// Pure, single-threaded; each end reads its own clock only.
#pragma once

#include <algorithm>
#include <optional>

#include "clock.hh"

namespace jeebs {

// How much longer than the primary's a duration is on the standby's clock at
// most: 1% is a hundred times what a clock may be off, and 12 ms covers the
// granularity of the kernel's timers (HZ >= 100).
inline Duration with_drift(Duration d)
{
	return d + d / 100 + std::chrono::milliseconds(12);
}

// The primary's end.
class PrimaryLease {
public:
	explicit PrimaryLease(Duration lease) : lease_(lease) {}

	// The standby heard what was sent at `sent` (our clock): whatever it
	// does, it does nothing before sent + lease. A time in the future is
	// a mistake and is ignored.
	void granted(Time sent, Time now)
	{
		if (sent <= now && (!last_ || sent > *last_))
			last_ = sent;
	}
	// Never below zero.
	Duration remaining(Time now) const
	{
		if (!last_ || now >= *last_ + lease_)
			return Duration::zero();
		return *last_ + lease_ - now;
	}
	Time until() const { return last_ ? *last_ + lease_ : Time{}; }
	// When the sending of the newest granted heartbeat was.
	std::optional<Time> last() const { return last_; }
	void forget() { last_.reset(); }

private:
	Duration lease_;
	std::optional<Time> last_;
};

// The standby's end.
class StandbyPromise {
public:
	// A heartbeat that arrived at `received` has been echoed with a grant,
	// and the primary said how long its lease is.
	void granted(Time received, Duration lease)
	{
		silent_ = std::max(silent_, received + with_drift(lease));
	}
	// The primary said that it is under our lease. `echoed` is when we
	// sent what that heartbeat echoes: it was sent later than that, however
	// long it was under way or waited here while we were frozen.
	void protected_heard(Time echoed, Duration lease, Duration alone)
	{
		Duration window = alone - with_drift(lease);
		take_by_ = std::max(take_by_,
		    echoed + std::max(window, Duration::zero()));
	}
	void forget_window() { take_by_ = Time{}; }

	// From here on the primary's kernel is silent.
	Time silent_after() const { return silent_; }
	// The VIP must be ours by then, or never: afterwards the primary may
	// go on alone.
	Time take_by() const { return take_by_; }

private:
	Time silent_{};
	Time take_by_{};
};

} // namespace jeebs
