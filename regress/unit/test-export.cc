// SPDX-License-Identifier: ISC
// Sessions, their standby, and what is known of it.
#include <boost/test/unit_test.hpp>

#include "export-primary.hh"

using namespace jeebs;
using namespace jeebs::test;

BOOST_FIXTURE_TEST_SUITE(export_server, ExportPrimary)

BOOST_AUTO_TEST_CASE(a_session_from_hello_to_its_end)
{
	FakeSshd s(path);
	registered(s);
	BOOST_TEST(only().user == "ann");
	BOOST_TEST(!only().is_protected);
	BOOST_TEST((only().flow == Flow::from_state(s.tcp.state())));
	server->standby_up("recovery key", 7);
	auto sid = opened(s, 1);
	BOOST_TEST(s.key == "recovery key");
	BOOST_TEST(!only().is_protected);

	BOOST_REQUIRE(s.write(JEEBS_REC_CHECKPOINT, 100));
	auto f = frame();
	auto rec = get_record(f.payload.bytes());
	BOOST_REQUIRE(rec.has_value());
	BOOST_TEST(same_bytes(rec->record, make_record({
	    .type = JEEBS_REC_CHECKPOINT, .seq = 1, .stream_len = 100,
	    .sealed_len = 30}).bytes()));
	BOOST_TEST(s.committed() == 0U);
	BOOST_TEST(!s.woken());
	BOOST_REQUIRE(commit(sid, 1, 100).has_value());
	BOOST_TEST(s.committed() == 100U);
	BOOST_TEST(s.woken());
	BOOST_TEST(only().is_protected);
	BOOST_TEST(only().committed == 100U);

	s.channel.reset();
	s.tcp.server.reset();
	f = frame();
	BOOST_TEST((f.type == FrameType::close));
	BOOST_TEST(get_close(f.payload.bytes())->sid == sid);
	// The standby may still adopt: no FIN yet.
	BOOST_TEST(server->sessions().empty());
	BOOST_TEST(!has_fin(s));
	BOOST_REQUIRE(closed(sid).has_value());
	BOOST_TEST(fin_comes(s));
	BOOST_TEST((events == std::vector<std::string>{"opened 1", "changed 1",
	    "closed 1"}));
}

BOOST_AUTO_TEST_CASE(sessions_that_come_later_get_an_offer, *boost::unit_test::timeout(20))
{
	server->standby_up("k", 7);
	FakeSshd a(path), b(path);
	registered(a);
	registered(b);
	auto sa = opened(a, 1), sb = opened(b, 2);
	BOOST_TEST(sa != sb);
	checkpointed(a, sa);
	checkpointed(b, sb);
	BOOST_TEST(a.committed() == 100U);
}

BOOST_AUTO_TEST_CASE(sshd_may_refuse)
{
	server->standby_up("k", 7);
	FakeSshd s(path);
	registered(s);
	auto offer = message(s);
	s.refuse("no\nthanks");
	BOOST_REQUIRE(run_until([&] {
		return only().reason.find("refused") != std::string::npos;
	}));
	BOOST_TEST(only().reason.find('\n') == std::string::npos);
	// The next standby's offer is another matter.
	server->link_down();
	server->standby_up("k2", 7);
	auto sid = opened(s, 1);
	checkpointed(s, sid);
	BOOST_TEST(only().is_protected);
}

BOOST_AUTO_TEST_CASE(a_lost_link_stalls)
{
	server->standby_up("k", 7);
	FakeSshd s(path);
	registered(s);
	auto sid = opened(s, 1);
	checkpointed(s, sid);
	BOOST_REQUIRE(s.woken());
	sink.up = false;
	server->link_down();
	BOOST_TEST(only().stalled);
	s.write(JEEBS_REC_PROGRESS, 50);
	settle();
	BOOST_TEST(s.committed() == 100U);
	BOOST_TEST(!s.receive()->has_value());	// no DETACH

	// A new link: the whole state again, as a new incarnation.
	sink.up = true;
	server->standby_up("k", 7);
	s.out_end = 100;
	auto sid2 = opened(s, 2);
	BOOST_TEST(sid2 != sid);
	checkpointed(s, sid2, 70);
	BOOST_TEST(s.committed() == 170U);
	BOOST_TEST(!only().stalled);
	// What is said of the old one means nothing any more.
	BOOST_TEST(commit(sid, 1, 100).has_value());
	BOOST_TEST(closed(sid).has_value());
	BOOST_TEST(only().is_protected);
}

BOOST_AUTO_TEST_CASE(evidence_sets_sessions_free)
{
	server->standby_up("k", 7);
	FakeSshd s(path), waits(path);
	registered(s);
	auto sid = opened(s, 1);
	checkpointed(s, sid);
	registered(waits);
	auto offer = message(waits);
	sink.up = false;
	server->link_down();
	server->standby_lost_with_evidence("resigned");
	auto m = message(s);
	BOOST_TEST(m.type == JEEBS_MSG_DETACH);
	BOOST_TEST(reason(m) == "resigned");
	BOOST_TEST(!server->sessions()[0].is_protected);
	BOOST_TEST((events.back() == "changed 1"));
	BOOST_TEST(message(waits).type == JEEBS_MSG_DETACH);
	// Its answer crosses with that: its PA is told to go on again.
	waits.accept(offer, 9);
	BOOST_TEST(message(waits).type == JEEBS_MSG_DETACH);
	BOOST_TEST(sink.sent.empty());
	// PA may have been stalled by a jeebsd before this one.
	FakeSshd later(path);
	registered(later);
	BOOST_TEST(message(later).type == JEEBS_MSG_DETACH);
	sink.up = true;
	server->standby_up("k2", 7);
	checkpointed(later, opened(later, 3));
}

BOOST_AUTO_TEST_CASE(an_answer_to_a_void_offer_is_not_taken_for_the_next)
{
	server->standby_up("k1", 7);
	FakeSshd s(path);
	registered(s);
	auto first = message(s);
	server->link_down();
	server->standby_up("k2", 7);
	s.accept(first, 1);
	settle();
	BOOST_TEST(sink.sent.empty());
	auto sid = opened(s, 2);
	BOOST_TEST(s.key == "k2");
	checkpointed(s, sid);
	BOOST_TEST(only().is_protected);
}

BOOST_AUTO_TEST_CASE(a_new_key_over_the_same_link)
{
	server->standby_up("k1", 7);
	FakeSshd s(path);
	registered(s);
	auto old = opened(s, 1);
	checkpointed(s, old);
	server->standby_up("k2", 7);
	// The old incarnation serves until sshd has answered.
	BOOST_REQUIRE(s.write(JEEBS_REC_PROGRESS, 5));
	BOOST_TEST((frame().type == FrameType::record));
	BOOST_REQUIRE(commit(old, 2, 105).has_value());
	BOOST_TEST(s.committed() == 105U);
	auto sid = opened(s, 2);
	// What the standby holds of the old one is good until then.
	BOOST_TEST(only().is_protected);
	checkpointed(s, sid, 5);
	BOOST_TEST(s.committed() == 110U);
	BOOST_TEST(only().sid == sid);
	BOOST_TEST(only().is_protected);
}

BOOST_AUTO_TEST_CASE(a_drop_that_crosses_with_the_next_incarnation)
{
	server->standby_up("k1", 7);
	FakeSshd s(path);
	registered(s);
	auto old = opened(s, 1);
	checkpointed(s, old);
	server->standby_up("k2", 7);
	auto sid = opened(s, 2);
	Buffer d;
	put_drop(d, old, "too much");
	BOOST_REQUIRE(feed(d).has_value());
	// Its OPEN came to a standby that held nothing.
	BOOST_TEST(!only().is_protected);
	BOOST_TEST(!s.receive()->has_value());
	checkpointed(s, sid, 5);
	BOOST_TEST(only().is_protected);
}

BOOST_AUTO_TEST_CASE(a_drop_voids_the_offer_that_is_out)
{
	server->standby_up("k1", 7);
	FakeSshd s(path);
	registered(s);
	auto old = opened(s, 1);
	checkpointed(s, old);
	server->standby_up("k2", 7);
	auto offer = message(s);
	Buffer d;
	put_drop(d, old, "another key");
	BOOST_REQUIRE(feed(d).has_value());
	BOOST_TEST(message(s).type == JEEBS_MSG_DETACH);
	s.accept(offer, 2);
	// That answer is void, and there is a key for another.
	auto sid = opened(s, 3);
	BOOST_TEST(s.key == "k2");
	checkpointed(s, sid);
	BOOST_TEST(only().is_protected);
}

BOOST_AUTO_TEST_CASE(the_standby_drops_one_session)
{
	server->standby_up("k", 7);
	FakeSshd a(path), b(path);
	registered(a);
	auto sa = opened(a, 1);
	checkpointed(a, sa);
	registered(b);
	auto sb = opened(b, 2);
	checkpointed(b, sb);
	Buffer d;
	put_drop(d, sa, "too much");
	BOOST_REQUIRE(feed(d).has_value());
	auto m = message(a);
	BOOST_TEST(m.type == JEEBS_MSG_DETACH);
	BOOST_TEST(reason(m).find("too much") != std::string::npos);
	BOOST_TEST(!b.receive()->has_value());
	checkpointed(b, sb);
}

BOOST_AUTO_TEST_CASE(an_end_while_the_link_is_down)
{
	server->standby_up("k", 7);
	FakeSshd s(path);
	registered(s);
	auto sid = opened(s, 1);
	checkpointed(s, sid);
	sink.up = false;
	server->link_down();
	s.channel.reset();
	s.tcp.server.reset();
	BOOST_REQUIRE(run_until([&] { return server->sessions().empty(); }));
	settle();
	BOOST_TEST(!has_fin(s));
	sink.up = true;
	server->standby_up("k", 7);
	auto f = frame();
	BOOST_TEST((f.type == FrameType::close));
	BOOST_TEST(!has_fin(s));
	BOOST_REQUIRE(closed(sid).has_value());
	BOOST_TEST(fin_comes(s));
}

BOOST_AUTO_TEST_CASE(an_end_and_then_evidence)
{
	server->standby_up("k", 7);
	FakeSshd s(path);
	registered(s);
	checkpointed(s, opened(s, 1));
	sink.up = false;
	server->link_down();
	s.channel.reset();
	s.tcp.server.reset();
	BOOST_REQUIRE(run_until([&] { return server->sessions().empty(); }));
	BOOST_TEST(!has_fin(s));
	server->standby_lost_with_evidence("fenced");
	BOOST_TEST(fin_comes(s));
	BOOST_TEST(events.back() == "closed 1");
}

BOOST_AUTO_TEST_CASE(commits_of_what_was_never_sent)
{
	server->standby_up("k", 7);
	FakeSshd s(path);
	registered(s);
	auto sid = opened(s, 1);
	checkpointed(s, sid);
	BOOST_TEST(!commit(sid, 2, 100).has_value());
	BOOST_TEST(!commit(sid, 1, 101).has_value());
	BOOST_TEST(!commit(sid, 0, 0).has_value());
	BOOST_TEST(!closed(sid).has_value());
	BOOST_TEST(commit(sid + 1, 5, 5000).has_value());
	BOOST_TEST(s.committed() == 100U);
}

BOOST_AUTO_TEST_CASE(a_record_larger_than_the_ring_gets_through)
{
	server->standby_up("k", 7);
	FakeSshd s(path);
	registered(s);
	auto sid = opened(s, 1);
	BOOST_TEST(!s.write(JEEBS_REC_CHECKPOINT, JEEBS_MAX_STREAM));
	// PA writes on only when it is woken.
	BOOST_REQUIRE(run_until([&] { return s.woken() && s.flush_ring(); }));
	auto f = frame();
	BOOST_REQUIRE((f.type == FrameType::record));
	auto rec = get_record(f.payload.bytes());
	BOOST_TEST(rec->sid == sid);
	BOOST_TEST(same_bytes(rec->record, make_record({
	    .type = JEEBS_REC_CHECKPOINT, .seq = 1,
	    .stream_len = JEEBS_MAX_STREAM, .sealed_len = 30}).bytes()));
}

BOOST_AUTO_TEST_CASE(the_tcp_state_is_refreshed)
{
	server->standby_up("k", 7);
	FakeSshd s(path);
	registered(s);
	auto sid = opened(s, 1);
	sink.refreshes = true;
	auto f = frame();	// within a second or so
	BOOST_REQUIRE((f.type == FrameType::tcp));
	auto t = get_tcp(f.payload.bytes());
	BOOST_TEST(t->sid == sid);
	BOOST_TEST(t->tcp.remote_port == s.tcp.state().remote_port);
	BOOST_TEST(t->tcp.snd_wnd > 0U);
}

BOOST_AUTO_TEST_CASE(retiring_is_silent)
{
	if (::geteuid() != 0) {
		BOOST_TEST_MESSAGE("needs CAP_NET_ADMIN");
		return;
	}
	server->standby_up("k", 7);
	FakeSshd s(path), ends(path);
	registered(s);
	checkpointed(s, opened(s, 1));
	registered(ends);
	checkpointed(ends, opened(ends, 2));
	ends.channel.reset();
	ends.tcp.server.reset();
	BOOST_TEST((frame().type == FrameType::close));
	server->retire();
	BOOST_TEST(message(s).type == JEEBS_MSG_RETIRE);
	BOOST_TEST(events.back() == "closed 2");
	// What is learnt of a standby means nothing to it any more.
	server->standby_lost_with_evidence("gone");
	server->standby_up("k", 8);
	server->link_down();
	BOOST_TEST(!s.receive()->has_value());
	s.channel.reset();
	s.tcp.server.reset();
	BOOST_REQUIRE(run_until([&] { return server->sessions().empty(); }));
	// Neither of the two said goodbye, nor answers any more.
	io.run_for(50ms);
	for (auto *one : {&s, &ends}) {
		char c;
		BOOST_TEST(::recv(one->tcp.client.get(), &c, 1,
		    MSG_DONTWAIT) == -1);
		BOOST_TEST(errno == EAGAIN);
	}
	BOOST_TEST(sink.sent.empty());
	// Sessions of a later time are welcome.
	FakeSshd later(path);
	registered(later);
	BOOST_TEST(!later.receive()->has_value());
}

BOOST_AUTO_TEST_CASE(a_second_server_at_the_path)
{
	ExportServer other(io, path, sink, nullptr, {}, places);
	BOOST_TEST(!other.start().has_value());
	server.reset();
	BOOST_TEST(other.start().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
