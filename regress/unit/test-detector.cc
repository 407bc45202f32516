// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include "detector.hh"

using namespace jeebs;
using namespace std::chrono_literals;

namespace {

struct Fixture {
	FakeClock clock;
	Timing timing;
	Detector d{timing, 2};

	PeerHealth health() { return d.health(clock.now()); }
	void heard(size_t path) { d.heard(path, clock.now()); }
};

} // namespace

#define HEALTH(h) BOOST_CHECK_EQUAL(to_string(health()), \
	to_string(PeerHealth::h))

BOOST_FIXTURE_TEST_SUITE(detector, Fixture)

BOOST_AUTO_TEST_CASE(nobody_heard_yet)
{
	HEALTH(unheard);
	clock.advance(1h);
	HEALTH(unheard);
	BOOST_CHECK(d.next(clock.now()) == time_never);
	BOOST_CHECK(d.last_heard() == time_never);
}

BOOST_AUTO_TEST_CASE(suspicion_then_detection)
{
	heard(0);
	HEALTH(alive);
	Time t0 = clock.now();
	BOOST_CHECK(d.next(clock.now()) == t0 + 150ms);
	clock.advance(149ms);
	HEALTH(alive);
	clock.advance(1ms);
	HEALTH(suspected);
	BOOST_CHECK(d.next(clock.now()) == t0 + 500ms);
	clock.advance(349ms);
	HEALTH(suspected);
	clock.advance(1ms);
	HEALTH(dead);
	heard(1);
	HEALTH(alive);
}

BOOST_AUTO_TEST_CASE(one_path_is_enough)
{
	heard(0);
	for (int i = 0; i < 100; i++) {
		clock.advance(50ms);
		heard(1);
		HEALTH(alive);
	}
	BOOST_CHECK(d.last_heard() == clock.now());
}

BOOST_AUTO_TEST_CASE(detect_of_150_ms)
{
	timing.detect = 150ms;
	Detector fast(timing, 1);
	fast.heard(0, clock.now());
	clock.advance(150ms);
	BOOST_CHECK(fast.health(clock.now()) == PeerHealth::dead);
}

BOOST_AUTO_TEST_CASE(a_lost_carrier_shortens_the_wait)
{
	heard(0);
	heard(1);
	d.carrier(0, false);
	HEALTH(alive);
	clock.advance(149ms);
	HEALTH(alive);
	clock.advance(1ms);
	HEALTH(dead);
}

BOOST_AUTO_TEST_CASE(a_pulled_cable_alone_is_no_failure)
{
	heard(0);
	heard(1);
	d.carrier(0, false);
	for (int i = 0; i < 20; i++) {
		clock.advance(50ms);
		heard(1);
		HEALTH(alive);
	}
	d.carrier(0, true);
	clock.advance(200ms);
	HEALTH(suspected);
}

BOOST_AUTO_TEST_CASE(no_carrier_at_all_is_our_own_fault)
{
	heard(0);
	heard(1);
	d.carrier(0, false);
	d.carrier(1, false);
	clock.advance(10s);
	HEALTH(isolated);
	d.carrier(1, true);
	HEALTH(dead);
}

BOOST_AUTO_TEST_CASE(jeebsd_died_and_sshd_answers)
{
	heard(0);
	clock.advance(10ms);
	d.link_closed(clock.now());
	HEALTH(suspected);
	clock.advance(20ms);
	d.service_answered(clock.now());
	clock.advance(470ms);
	HEALTH(process_failed);
	clock.advance(500ms);
	d.service_answered(clock.now());
	clock.advance(999ms);
	HEALTH(process_failed);
	BOOST_CHECK(d.next(clock.now()) == clock.now() + 1ms);
	clock.advance(1ms);
	HEALTH(dead);
	heard(0);
	HEALTH(alive);
}

BOOST_AUTO_TEST_CASE(jeebsd_died_and_nobody_answers)
{
	heard(0);
	// An answer from before the link closed says nothing about now.
	d.service_answered(clock.now());
	clock.advance(10ms);
	d.link_closed(clock.now());
	clock.advance(490ms);
	HEALTH(dead);
}

BOOST_AUTO_TEST_CASE(a_frozen_host_whose_kernel_lives_is_dead)
{
	heard(0);
	clock.advance(300ms);
	d.service_answered(clock.now());
	clock.advance(200ms);
	HEALTH(dead);
}

BOOST_AUTO_TEST_CASE(a_packet_under_way_when_the_link_closed)
{
	heard(0);
	d.link_closed(clock.now());
	clock.advance(10ms);
	heard(0);
	HEALTH(suspected);
	clock.advance(60ms);
	heard(0);
	HEALTH(alive);
}

BOOST_AUTO_TEST_CASE(we_were_away_not_the_peer)
{
	heard(0);
	clock.advance(10s);
	d.clock_gap(clock.now());
	HEALTH(alive);
	clock.advance(500ms);
	HEALTH(dead);
}

BOOST_AUTO_TEST_CASE(stale_and_impossible_events)
{
	Time t0 = clock.now();
	clock.advance(1s);
	heard(0);
	d.heard(0, t0);
	HEALTH(alive);
	d.heard(2, clock.now());
	d.carrier(2, false);
	HEALTH(alive);
}

BOOST_AUTO_TEST_SUITE_END()
