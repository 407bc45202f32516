// SPDX-License-Identifier: ISC
// Two hosts that both served, or would: whose epoch is it?
#include <boost/test/unit_test.hpp>

#include "role-world.hh"

using namespace jeebs;
using namespace jeebs::test;

BOOST_FIXTURE_TEST_SUITE(role_epochs, RoleWorld)

BOOST_AUTO_TEST_CASE(of_two_primaries_the_one_with_sessions_stays)
{
	cut_ab = cut_ba = true;
	boot(a);
	boot(b);
	advance(5s, false);
	b.role->has_sessions(true);
	cut_ab = cut_ba = false;
	advance(1s, false);
	STATE(b, primary_protected);
	STATE(a, standby_ready);
}

BOOST_AUTO_TEST_CASE(two_primaries_with_equal_epochs)
{
	cut_ab = cut_ba = true;
	boot(a);
	boot(b);
	advance(5s, false);
	STATE(a, primary_alone);
	STATE(b, primary_alone);
	BOOST_TEST(generation(a.role->epoch()) ==
	    generation(b.role->epoch()));
	BOOST_TEST(a.role->epoch() != b.role->epoch());
	cut_ab = cut_ba = false;
	advance(100ms, false);
	BOOST_TEST(a.role->serving());
	BOOST_TEST(!b.role->serving());
	int said = 0;
	for (auto &l : b.log)
		said += l.find("two primaries") != std::string::npos;
	BOOST_TEST(said == 1);
	advance(1s);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
}

BOOST_AUTO_TEST_CASE(two_primaries_the_newer_epoch_stays)
{
	b.stored_epoch = 5;
	cut_ab = cut_ba = true;
	boot(a);
	boot(b);
	advance(5s, false);
	cut_ab = cut_ba = false;
	advance(1s, false);
	STATE(b, primary_protected);
	STATE(a, standby_ready);
	BOOST_TEST(a.role->epoch() == 7u);
}

// alpha doesn't know that beta took over from it, and takes another number.
BOOST_AUTO_TEST_CASE(the_old_primary_returns_while_the_new_one_fails)
{
	protect();
	crash(a);
	advance(1s);
	STATE(b, primary_alone);
	uint64_t theirs = b.role->epoch();
	crash(b);
	boot(a);
	advance(3s);
	STATE(a, primary_alone);
	BOOST_TEST(a.role->epoch() != theirs);
	boot(b);
	advance(1s);
	STATE(a, primary_protected);
	BOOST_TEST(a.role->epoch() > theirs);
}

BOOST_AUTO_TEST_CASE(a_standby_with_a_newer_epoch_is_overtaken)
{
	b.stored_epoch = 9;
	boot(a);
	advance(3s);
	BOOST_TEST(a.role->epoch() == 2u);
	boot(b);
	advance(1s);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
	BOOST_TEST(a.role->epoch() == 10u);
}

BOOST_AUTO_TEST_SUITE_END()
