// SPDX-License-Identifier: ISC
// Nothing of a session is left at the standby when it ends or goes on alone, and
// nothing of another one ends with it.
#include <boost/test/unit_test.hpp>

#include <sys/resource.h>

#include "export-primary.hh"
#include "replica.hh"

using namespace jeebs;
using namespace jeebs::test;

namespace {

struct Flapping : ExportPrimary {
	Store store;
	FakeSink answers;
	Replica standby{store, answers};

	void link_down()
	{
		sink.up = false;
		sink.sent.clear();
		server->link_down();
		standby.link_down();
	}
	void link_up()
	{
		sink.up = true;
		server->standby_up("k", 7);
	}
	// All that was sent gets there, and is answered.
	void get_there()
	{
		settle();
		for (auto f = sink.take(); f.type != FrameType{}; f = sink.take())
			BOOST_REQUIRE(standby.frame({f.type,
			    f.payload.bytes()}).has_value());
		standby.flush();
	}
	void answered()
	{
		for (auto f = answers.take(); f.type != FrameType{};
		    f = answers.take())
			BOOST_REQUIRE(server->frame({f.type,
			    f.payload.bytes()}).has_value());
	}
	void accepted(FakeSshd &s, uint8_t id)
	{
		auto offer = message(s);
		BOOST_REQUIRE(offer.type == JEEBS_MSG_OFFER);
		s.accept(offer, id);
		BOOST_REQUIRE(run_until([&] { return !sink.sent.empty(); }));
	}
	void is_held(FakeSshd &s, uint8_t id)
	{
		accepted(s, id);
		BOOST_REQUIRE(s.write(JEEBS_REC_CHECKPOINT, 100));
		BOOST_REQUIRE(run_until([&] {
			get_there();
			answered();
			return only().is_protected;
		}));
		BOOST_TEST(store.sessions().size() == 1U);
	}
	void protect(FakeSshd &s)
	{
		link_up();
		registered(s);
		is_held(s, 1);
	}
	void flap()
	{
		link_down();
		link_up();
	}
	// Another incarnation, of which the standby never hears.
	void lost(FakeSshd &s, uint8_t id)
	{
		flap();
		accepted(s, id);
	}
	void gone(FakeSshd &s)
	{
		s.channel.reset();
		BOOST_REQUIRE(run_until([&] {
			return server->sessions().empty();
		}));
	}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(export_ends, Flapping)

BOOST_AUTO_TEST_CASE(an_end_reaches_the_incarnation_that_is_held)
{
	FakeSshd s(path);
	protect(s);
	lost(s, 2);
	link_down();
	lost(s, 3);
	link_down();
	s.tcp.server.reset();
	gone(s);
	link_up();
	get_there();
	BOOST_TEST(store.sessions().empty());
	BOOST_TEST(!has_fin(s));
	answered();
	BOOST_TEST(fin_comes(s));
}

BOOST_AUTO_TEST_CASE(an_end_waits_for_all_of_them)
{
	FakeSshd s(path);
	protect(s);
	lost(s, 2);
	sink.sent.clear();
	s.tcp.server.reset();
	gone(s);
	auto first = get_close(frame().payload.bytes());
	auto second = get_close(frame().payload.bytes());
	BOOST_REQUIRE((first && second));
	BOOST_REQUIRE(closed(first->sid).has_value());
	settle();
	BOOST_TEST(!has_fin(s));
	BOOST_REQUIRE(closed(second->sid).has_value());
	BOOST_TEST(fin_comes(s));
}

BOOST_AUTO_TEST_CASE(giving_up_reaches_the_incarnation_that_is_held)
{
	FakeSshd s(path);
	protect(s);
	lost(s, 2);
	s.seq += 5;
	BOOST_REQUIRE(s.write(JEEBS_REC_CHECKPOINT, 100));
	BOOST_REQUIRE(run_until([&] { return only().state == "dropping"; }));
	flap();
	get_there();
	BOOST_TEST(store.sessions().empty());
	BOOST_TEST(!s.receive()->has_value());
	answered();
	BOOST_TEST(message(s).type == JEEBS_MSG_DETACH);
}

BOOST_AUTO_TEST_CASE(one_commit_is_enough)
{
	FakeSshd s(path);
	protect(s);
	flap();
	s.out_end = 100;
	is_held(s, 2);
	gone(s);
	BOOST_TEST((frame().type == FrameType::close));
	BOOST_TEST(sink.sent.empty());
}

BOOST_AUTO_TEST_CASE(a_refusal_while_it_is_held_ends_protection)
{
	FakeSshd s(path);
	protect(s);
	flap();
	auto offer = message(s);
	s.refuse("no more");
	BOOST_REQUIRE(run_until([&] { return only().state == "dropping"; }));
	get_there();
	BOOST_TEST(store.sessions().empty());
	answered();
	auto m = message(s);
	BOOST_TEST(m.type == JEEBS_MSG_DETACH);
	BOOST_TEST(reason(m).find("no more") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_refusal_of_a_new_key_does_not)
{
	FakeSshd s(path);
	protect(s);
	server->standby_up("k2", 7);
	auto offer = message(s);
	s.refuse("no");
	settle();
	BOOST_TEST(only().is_protected);
	BOOST_TEST(sink.sent.empty());
}

BOOST_AUTO_TEST_CASE(without_descriptors_protection_ends_after_a_while)
{
	FakeSshd s(path);
	protect(s);
	link_down();
	rlimit before{};
	BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
	const rlimit none{0, before.rlim_max};
	BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
	link_up();
	const bool stalled = only().stalled;
	const bool dropping = run_until([&] {
		return only().state == "dropping";
	});
	BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
	BOOST_TEST(stalled);
	BOOST_REQUIRE(dropping);
	get_there();
	BOOST_TEST(store.sessions().empty());
	answered();
	BOOST_TEST(message(s).type == JEEBS_MSG_DETACH);
}

BOOST_AUTO_TEST_CASE(an_older_end_leaves_a_newer_session_its_rules)
{
	FakeSshd s(path), again(path);
	protect(s);
	link_down();
	gone(s);
	BOOST_REQUIRE(again.hello(s.tcp.state(), s.tcp.server.get())
	    .has_value());
	BOOST_REQUIRE(run_until([&] {
		return server->sessions().size() == 1;
	}));
	link_up();
	get_there();
	BOOST_TEST(store.sessions().empty());
	answered();
	BOOST_TEST(events.back() == "closed 1, reused");
	BOOST_TEST(only().id == 2U);
	settle();
	BOOST_TEST(!has_fin(s));
}

BOOST_AUTO_TEST_CASE(what_leaves_by_another_interface_is_not_protected)
{
	leaves_by_vip = false;
	server->standby_up("k", 7);
	FakeSshd s(path), attached(path);
	BOOST_REQUIRE(s.hello().has_value());
	auto m = message(s);
	BOOST_TEST(m.type == JEEBS_MSG_DETACH);
	BOOST_TEST(reason(m).find("interface") != std::string::npos);
	BOOST_TEST(server->sessions().empty());
	// A standby may hold something of this one.
	attached.attached = true;
	registered(attached);
	BOOST_TEST(message(attached).type == JEEBS_MSG_OFFER);
}

BOOST_AUTO_TEST_SUITE_END()
