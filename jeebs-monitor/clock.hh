// SPDX-License-Identifier: ISC
// The clock of all deadlines: CLOCK_BOOTTIME, which goes on while the host
// sleeps, so that a lease can't outlive a suspend. Decision logic gets the
// time as an argument; only I/O asks the clock. Any thread.
#pragma once

#include <time.h>

#include <chrono>

namespace jeebs {

using Duration = std::chrono::nanoseconds;

struct BootClock {
	using duration = Duration;
	using rep = duration::rep;
	using period = duration::period;
	using time_point = std::chrono::time_point<BootClock>;
	static constexpr bool is_steady = true;

	static time_point now() noexcept
	{
		timespec ts;
		clock_gettime(CLOCK_BOOTTIME, &ts);
		return time_point(std::chrono::seconds(ts.tv_sec) +
		    std::chrono::nanoseconds(ts.tv_nsec));
	}
};

using Time = BootClock::time_point;

// Never reached: "no deadline".
inline constexpr Time time_never = Time::max();

inline double to_ms(Duration d)
{
	return std::chrono::duration<double, std::milli>(d).count();
}

// The clock of tests: moves when told.
class FakeClock {
public:
	Time now() const { return now_; }
	Time advance(Duration d) { return now_ += d; }

private:
	Time now_{std::chrono::hours(1)};
};

} // namespace jeebs
