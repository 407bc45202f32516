// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <random>

#include "lease.hh"

using namespace jeebs;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(lease)

BOOST_AUTO_TEST_CASE(runs_from_the_sending)
{
	FakeClock c;
	PrimaryLease l(500ms);
	BOOST_CHECK(l.remaining(c.now()) == 0ms);
	Time sent = c.now();
	c.advance(100ms);
	l.granted(sent, c.now());
	BOOST_CHECK(l.remaining(c.now()) == 400ms);
	c.advance(400ms);
	BOOST_CHECK(l.remaining(c.now()) == 0ms);
	// The echo of something old doesn't help after a pause.
	l.granted(sent, c.now());
	BOOST_CHECK(l.remaining(c.now()) == 0ms);
	l.granted(c.now() - 1ms, c.now());
	BOOST_CHECK(l.remaining(c.now()) == 499ms);
}

BOOST_AUTO_TEST_CASE(never_shortened_by_reordering_nor_from_the_future)
{
	FakeClock c;
	PrimaryLease l(500ms);
	l.granted(c.now(), c.now());
	l.granted(c.now() - 200ms, c.now());
	BOOST_CHECK(l.remaining(c.now()) == 500ms);
	l.granted(c.now() + 1ns, c.now());
	BOOST_CHECK(l.remaining(c.now()) == 500ms);
	l.forget();
	BOOST_CHECK(l.remaining(c.now()) == 0ms);
}

BOOST_AUTO_TEST_CASE(the_standby_waits_longer_than_the_primary_serves)
{
	FakeClock c;
	StandbyPromise p;
	BOOST_CHECK(p.silent_after() < c.now());
	p.granted(c.now(), 500ms);
	BOOST_CHECK(p.silent_after() == c.now() + 517ms);
	p.granted(c.now() - 100ms, 500ms);
	BOOST_CHECK(p.silent_after() == c.now() + 517ms);
}

BOOST_AUTO_TEST_CASE(the_window_ends_before_the_primary_may_go_alone)
{
	FakeClock c;
	StandbyPromise p;
	BOOST_CHECK(p.take_by() < c.now());
	p.protected_heard(c.now(), 500ms, 2000ms);
	BOOST_CHECK(p.take_by() == c.now() + 1483ms);
	p.protected_heard(c.now() - 1ms, 500ms, 2000ms);
	BOOST_CHECK(p.take_by() == c.now() + 1483ms);
	p.forget_window();
	BOOST_CHECK(p.take_by() < c.now());
	// Settings that leave no time leave none.
	p.protected_heard(c.now(), 500ms, 500ms);
	BOOST_CHECK(p.take_by() == c.now());
}

// Random losses and delays (also of half a minute, as after a freeze), clocks
// off by 0.5% either way: at no moment does the primary hold a lease while the
// standby may take the VIP, and it never goes alone before the standby's
// window is over.
BOOST_AUTO_TEST_CASE(never_both)
{
	std::mt19937 rng(20260101);
	auto pick = [&](int lo, int hi) {
		return std::uniform_int_distribution(lo, hi)(rng);
	};
	int checked = 0;
	for (int run = 0; run < 2000; run++) {
		double rate_p = 1 + pick(-50, 50) / 1e4;
		double rate_s = 1 + pick(-50, 50) / 1e4;
		auto on = [](double us, double rate) {
			return Time(std::chrono::nanoseconds(
			    static_cast<int64_t>(us * 1000 * rate)));
		};
		auto real = [](Time at, double rate) {
			return static_cast<double>(
			    at.time_since_epoch().count()) / 1000 / rate;
		};
		const Duration lease_time = 150ms, alone = 1000ms;
		PrimaryLease lease(lease_time);
		StandbyPromise promise;
		double t = 1e6, heard_by_primary = -1;
		for (int i = 0; i < 40; i++) {
			t += pick(1000, 90000);
			if (pick(0, 3) == 0)
				continue;	// lost on the way there
			double arrive = t + pick(10, 60000) +
			    (pick(0, 9) == 0 ? 30e6 : 0);
			promise.granted(on(arrive, rate_s), lease_time);
			if (heard_by_primary >= 0 &&
			    lease.remaining(on(t, rate_p)) > 0ms)
				promise.protected_heard(
				    on(heard_by_primary, rate_s), lease_time,
				    alone);
			if (pick(0, 3) == 0)
				continue;	// lost on the way back
			double back = arrive + pick(10, 60000);
			lease.granted(on(t, rate_p), on(back, rate_p));
			if (back < t + 90000)
				heard_by_primary = arrive;
		}
		if (!lease.last() || promise.take_by() == Time{})
			continue;
		checked++;
		BOOST_TEST(real(promise.silent_after(), rate_s) >
		    real(lease.until(), rate_p));
		BOOST_TEST(real(promise.take_by(), rate_s) <
		    real(*lease.last() + alone, rate_p));
	}
	BOOST_TEST(checked > 1000);
}

BOOST_AUTO_TEST_SUITE_END()
