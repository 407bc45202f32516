// SPDX-License-Identifier: ISC
// Who serves when: hosts that start, crash, freeze, go deaf and come back.
#include <boost/test/unit_test.hpp>

#include "role-world.hh"

using namespace jeebs;
using namespace jeebs::test;

BOOST_FIXTURE_TEST_SUITE(role, RoleWorld)

BOOST_AUTO_TEST_CASE(both_start_and_the_preferred_one_serves_at_once)
{
	boot(a);
	boot(b);
	advance(100ms);
	BOOST_TEST(a.role->serving());
	advance(400ms);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
	BOOST_TEST(a.role->epoch() == 2u);
	BOOST_TEST(b.role->epoch() == 2u);
	BOOST_TEST(did(a, ActionKind::protect));
	BOOST_TEST(did(b, ActionKind::join));
}

BOOST_AUTO_TEST_CASE(without_a_preference_the_first_name_serves)
{
	a.config.preferred = b.config.preferred = false;
	boot(b);
	boot(a);
	advance(500ms);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
	b.config.preferred = a.config.preferred = true;
	crash(a);
	crash(b);
	boot(a);
	boot(b);
	advance(500ms);
	STATE(a, primary_protected);
}

BOOST_AUTO_TEST_CASE(a_primary_that_starts_first_serves_after_a_probe)
{
	boot(a);
	advance(1950ms);
	STATE(a, starting);
	advance(100ms);
	STATE(a, probing);
	advance(250ms);
	STATE(a, primary_alone);
	boot(b);
	advance(200ms);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
}

BOOST_AUTO_TEST_CASE(a_standby_that_starts_first_serves_and_keeps_it)
{
	boot(b);
	advance(3s);
	STATE(b, primary_alone);
	boot(a);
	advance(500ms);
	STATE(b, primary_protected);
	STATE(a, standby_ready);
}

BOOST_AUTO_TEST_CASE(an_answered_probe_keeps_a_host_from_serving)
{
	boot(a);
	advance(3s);
	STATE(a, primary_alone);
	boot(b);
	cut_ba = cut_ab = false;
	loss = 100;	// heartbeats only: the probe gets through
	link = false;
	advance(10s);
	STATE(b, probing);
	BOOST_TEST(!b.vip);
	int said = 0;
	for (auto &l : b.log)
		said += l.find("somebody answers") != std::string::npos;
	BOOST_TEST(said == 1);
	loss = 0;
	link = true;
	advance(500ms);
	STATE(b, standby_ready);
}

BOOST_AUTO_TEST_CASE(crash_and_takeover)
{
	protect();
	crash(a);
	advance(100ms);
	STATE(b, standby_ready);
	advance(150ms);
	STATE(b, standby_suspecting);
	BOOST_TEST(did(b, ActionKind::prepare));
	advance(350ms);
	STATE(b, primary_alone);
	BOOST_TEST(b.role->epoch() == 5u);
	BOOST_TEST(b.stored_epoch == 5u);
	boot(a);
	advance(500ms);
	STATE(a, standby_ready);
	STATE(b, primary_protected);
	crash(b);
	advance(600ms);
	STATE(a, primary_alone);
	BOOST_TEST(a.role->epoch() == 6u);
}

BOOST_AUTO_TEST_CASE(a_hiccup_is_no_failure)
{
	protect();
	cut_ab = cut_ba = true;
	advance(300ms);
	STATE(b, standby_suspecting);
	cut_ab = cut_ba = false;
	advance(100ms);
	STATE(b, standby_ready);
	STATE(a, primary_protected);
	BOOST_TEST(did(b, ActionKind::unprepare));
	BOOST_TEST(a.role->epoch() == 2u);
}

BOOST_AUTO_TEST_CASE(a_frozen_primary_finds_itself_retired)
{
	protect();
	freeze(a);
	advance(600ms);
	STATE(b, primary_alone);
	advance(10s);
	thaw(a);
	advance(20ms);
	BOOST_TEST(!audible(a));
	advance(500ms);
	STATE(a, standby_ready);
	STATE(b, primary_protected);
	BOOST_TEST(did(a, ActionKind::retire));
	BOOST_TEST(!a.vip);
}

BOOST_AUTO_TEST_CASE(a_short_freeze_costs_nothing)
{
	protect();
	freeze(a);
	advance(400ms);
	thaw(a);
	advance(200ms);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
}

BOOST_AUTO_TEST_CASE(a_standby_that_resigns)
{
	protect();
	kill(b);
	perform(a, a.role->resigned(at(a)));
	STATE(a, primary_alone);
	BOOST_TEST(audible(a));
	BOOST_TEST(a.role->epoch() == 4u);
}

BOOST_AUTO_TEST_CASE(a_standby_whose_jeebsd_started_anew)
{
	protect();
	kill(b);
	boot(b);
	advance(100ms);
	BOOST_TEST(a.role->epoch() == 4u);
	advance(200ms);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
	BOOST_TEST(did(a, ActionKind::detach));
}

BOOST_AUTO_TEST_CASE(a_frozen_standby_comes_too_late)
{
	protect();
	freeze(b);
	b.store = true;
	advance(2500ms);
	STATE(a, primary_alone);
	crash(a);
	advance(1s);
	thaw(b);
	advance(1s);
	BOOST_TEST(!did(b, ActionKind::take_over));
	BOOST_TEST(!b.store);
	advance(3s);
	STATE(b, primary_alone);
}

BOOST_AUTO_TEST_CASE(a_frozen_standby_reads_old_heartbeats)
{
	protect();
	freeze(b);
	b.store = true;
	// Its socket keeps the heartbeats of the protected primary only: the
	// later ones found no room.
	advance(400ms);
	auto kept = b.inbox;
	advance(10s);
	b.inbox = kept;
	crash(a);
	thaw(b);
	advance(5s);
	BOOST_TEST(!did(b, ActionKind::take_over));
	BOOST_TEST(!b.store);
}

BOOST_AUTO_TEST_CASE(what_was_is_heard_late_on_another_path)
{
	protect();
	link = false;
	slow = 1s;
	advance(2300ms);
	STATE(a, primary_alone);
	link = true;
	slow = {};
	advance(300ms);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
	b.done.clear();
	advance(2s);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
	BOOST_TEST(!did(b, ActionKind::clear_store));
}

BOOST_AUTO_TEST_CASE(an_earlier_jeebsd_is_heard_late)
{
	protect();
	slow = 2s;
	advance(300ms);
	slow = {};
	kill(b);
	boot(b);
	advance(1s);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
	a.done.clear();
	advance(3s);
	STATE(a, primary_protected);
	BOOST_TEST(!did(a, ActionKind::serve_alone));
}

BOOST_AUTO_TEST_CASE(a_dead_link_with_live_heartbeats)
{
	protect();
	link = false;
	advance(1900ms);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
	advance(400ms);
	STATE(a, primary_alone);
	STATE(b, standby_joining);
	BOOST_TEST(a.role->epoch() == 4u);
	link = true;
	advance(300ms);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
}

BOOST_AUTO_TEST_CASE(the_standby_is_deaf)
{
	protect();
	cut_ab = true;	// beta hears nothing, alpha hears beta
	advance(700ms);
	STATE(b, primary_alone);
	advance(100ms);
	STATE(a, standby_joining);
	BOOST_TEST(!a.vip);
}

BOOST_AUTO_TEST_CASE(the_primary_is_deaf)
{
	protect();
	cut_ba = true;	// beta hears alpha, alpha nothing
	advance(1900ms);
	STATE(a, primary_stalled);
	BOOST_TEST(!did(b, ActionKind::take_over));
	advance(1s);
	STATE(a, primary_alone);
	BOOST_TEST(!b.vip);
	cut_ba = false;
	advance(1s);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
}

BOOST_AUTO_TEST_CASE(jeebsd_of_the_primary_starts_anew_on_a_live_host)
{
	protect();
	kill(a);
	advance(200ms);
	boot(a);
	advance(100ms);
	STATE(a, primary_protected);
	BOOST_TEST(a.role->epoch() == 4u);
	STATE(b, standby_ready);
	BOOST_TEST(!did(b, ActionKind::take_over));
}

BOOST_AUTO_TEST_CASE(jeebsd_of_the_primary_stays_dead)
{
	protect();
	kill(a);
	b.detector->link_closed(at(b));
	for (int i = 0; i < 9; i++) {
		b.detector->service_answered(at(b));
		advance(100ms);
	}
	STATE(b, standby_suspecting);
	for (int i = 0; i < 6; i++) {
		b.detector->service_answered(at(b));
		advance(100ms);
	}
	STATE(b, primary_alone);
	BOOST_TEST(!audible(a));
	boot(a);
	advance(500ms);
	STATE(a, standby_ready);
	BOOST_TEST(did(a, ActionKind::retire));
}

BOOST_AUTO_TEST_CASE(a_primary_that_rebooted_faster_than_detection)
{
	protect();
	crash(a);
	advance(200ms);
	boot(a);
	advance(600ms);
	STATE(b, primary_protected);
	STATE(a, standby_ready);
}

BOOST_AUTO_TEST_CASE(a_primary_that_stops_on_purpose)
{
	protect();
	// Its host serves on, without a lease.
	kill(a);
	a.enforced = false;
	perform(b, b.role->resigned(at(b)));
	STATE(b, starting);
	BOOST_TEST(!b.store);
	advance(10s);
	BOOST_TEST(!b.vip);
	STATE(b, probing);
	crash(a);
	advance(2s);
	STATE(b, primary_alone);
}

BOOST_AUTO_TEST_CASE(a_failed_takeover)
{
	protect();
	crash(a);
	advance(500ms);
	// Before the VIP was taken: back, and again.
	b.taking_over = false;
	if (b.role->state() == RoleState::taking_over) {
		perform(b, b.role->took_over(false, at(b)));
		STATE(b, standby_suspecting);
	}
	advance(100ms);
	STATE(b, primary_alone);
}

BOOST_AUTO_TEST_SUITE_END()
