// SPDX-License-Identifier: ISC
// When a primary whose standby is silent may go on alone, and a host that looks for
// who serves may begin: by what the LAN and the fence command say.
#include <boost/test/unit_test.hpp>

#include "role-world.hh"

using namespace jeebs;
using namespace jeebs::test;

BOOST_FIXTURE_TEST_SUITE(role_alone, RoleWorld)

BOOST_AUTO_TEST_CASE(a_dead_standby)
{
	protect();
	crash(b);
	advance(350ms);
	BOOST_TEST(audible(a));
	advance(300ms);
	STATE(a, primary_stalled);
	BOOST_TEST(!audible(a));
	advance(1s);
	STATE(a, primary_stalled);
	advance(1100ms);
	STATE(a, primary_alone);
	BOOST_TEST(did(a, ActionKind::detach));
	BOOST_TEST(a.role->epoch() == 4u);
	boot(b);
	advance(500ms);
	STATE(b, standby_ready);
	STATE(a, primary_protected);
}

BOOST_AUTO_TEST_CASE(a_host_that_nobody_hears_doesnt_go_alone)
{
	clients = false;
	protect();
	cut_ab = cut_ba = true;
	advance(60s);
	STATE(b, primary_alone);
	STATE(a, primary_stalled);
	cut_ab = cut_ba = false;
	advance(1s);
	STATE(b, primary_protected);
	STATE(a, standby_ready);
}

BOOST_AUTO_TEST_CASE(others_on_the_lan_are_enough)
{
	clients = false;
	neighbours = true;
	protect();
	crash(b);
	advance(1900ms);
	STATE(a, primary_stalled);
	advance(400ms);
	STATE(a, primary_alone);
}

BOOST_AUTO_TEST_CASE(the_first_client_ends_the_wait)
{
	clients = false;
	protect();
	crash(b);
	advance(1s);
	// What a client did before beta could have taken over says nothing.
	perform(a, a.role->clients(ClientSign::here, at(a)));
	advance(3s);
	STATE(a, primary_stalled);
	perform(a, a.role->clients(ClientSign::here, at(a)));
	advance(250ms);
	STATE(a, primary_alone);
}

BOOST_AUTO_TEST_CASE(somebody_else_speaks_as_the_vip)
{
	overtaken_unheard();
	// A mirroring switch shows what beta says.
	for (int i = 0; i < 20; i++) {
		perform(a, a.role->clients(ClientSign::elsewhere, at(a)));
		advance(500ms);
	}
	BOOST_TEST(!a.role->serving());
	STATE(a, probing);
	BOOST_TEST(did(a, ActionKind::retire));
	cut_ab = cut_ba = false;
	advance(1s);
	STATE(a, standby_ready);
	STATE(b, primary_protected);
}

// A mirroring switch shows that clients address the VIP to somebody else's MAC:
// in vain, if that one is dead, but to a host that served it says that it has
// been taken over from.
BOOST_AUTO_TEST_CASE(clients_address_another_mac)
{
	overtaken_unheard();
	perform(a, a.role->clients(ClientSign::away, at(a)));
	advance(2s);
	BOOST_TEST(!a.role->serving());
	BOOST_TEST(did(a, ActionKind::retire));
	// After that it takes one that asks in vain, and not only now and then,
	// to believe in beta's death.
	for (int i = 0; i < 20; i++) {
		perform(a, a.role->clients(ClientSign::here, at(a)));
		perform(a, a.role->clients(ClientSign::away, at(a)));
		advance(500ms);
	}
	STATE(a, probing);
	kill(b);
	b.vip = false;
	perform(a, a.role->clients(ClientSign::here, at(a)));
	advance(2s);
	STATE(a, primary_alone);
}

// It doesn't hinder a host that only looks for who serves.
BOOST_AUTO_TEST_CASE(clients_address_a_dead_mac)
{
	clients = false;
	boot(a);
	for (int i = 0; i < 6; i++) {
		perform(a, a.role->clients(ClientSign::away, at(a)));
		advance(500ms);
	}
	STATE(a, primary_alone);
}

// Clients fall silent after they were seen to address beta: alpha doesn't take
// that for beta's death, nor after it has retired.
BOOST_AUTO_TEST_CASE(idle_clients_in_a_split)
{
	overtaken_unheard();
	perform(a, a.role->clients(ClientSign::away, at(a)));
	clients = false;
	advance(120s);
	BOOST_TEST(!a.role->serving());
	STATE(a, probing);
	STATE(b, primary_alone);
	// Then beta dies, and somebody comes.
	crash(b);
	advance(10s);
	BOOST_TEST(!a.role->serving());
	perform(a, a.role->clients(ClientSign::here, at(a)));
	advance(2s);
	STATE(a, primary_alone);
}

// The same, seen after alone-after began to count and before it was over: the
// sign is older than what a probe takes for news.
BOOST_AUTO_TEST_CASE(a_sign_that_is_old)
{
	config_alone_after(10s);
	overtaken_unheard();
	perform(a, a.role->clients(ClientSign::away, at(a)));
	advance(120s);
	BOOST_TEST(!did(a, ActionKind::detach));
	cut_ab = cut_ba = false;
	advance(1s);
	STATE(b, primary_protected);
	STATE(a, standby_ready);
}

// A client that was seen at another MAC, and then is back: both are stale news
// of a LAN in which nobody else serves.
BOOST_AUTO_TEST_CASE(a_client_that_comes_back)
{
	config_alone_after(10s);
	clients = false;
	neighbours = true;
	protect();
	crash(b);
	advance(2s);
	perform(a, a.role->clients(ClientSign::away, at(a)));
	advance(11s);
	STATE(a, probing);
	BOOST_TEST(!did(a, ActionKind::detach));
	perform(a, a.role->clients(ClientSign::here, at(a)));
	advance(2s);
	STATE(a, primary_alone);
}

BOOST_AUTO_TEST_CASE(a_lone_primary_that_was_away_makes_sure)
{
	boot(a);
	advance(3s);
	STATE(a, primary_alone);
	freeze(a);
	advance(10s);
	thaw(a);
	BOOST_TEST(!audible(a));
	advance(300ms);
	STATE(a, primary_alone);
	BOOST_TEST(a.role->epoch() == 2u);
	BOOST_TEST(audible(a));
}

BOOST_AUTO_TEST_CASE(fencing_decides_where_it_is_configured)
{
	a.config.fence = {"/sbin/fence"};
	protect();
	crash(b);
	advance(2100ms);
	STATE(a, primary_stalled);
	BOOST_TEST(did(a, ActionKind::fence));
	BOOST_TEST(!did(a, ActionKind::probe));
	perform(a, a.role->fenced(false, at(a)));
	STATE(a, primary_stalled);
	advance(1100ms);
	perform(a, a.role->fenced(true, at(a)));
	STATE(a, primary_alone);
}

BOOST_AUTO_TEST_SUITE_END()
