// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <sys/wait.h>

#include <boost/asio/io_context.hpp>

#include "export.hh"
#include "fake-sshd.hh"
#include "scratch.hh"

using namespace jeebs;
using namespace jeebs::test;
using namespace std::chrono_literals;

namespace {

struct Primary {
	ScratchDir dir;
	std::string path = dir / "export.sock";
	boost::asio::io_context io;
	FakeSink sink;
	std::vector<std::string> events;
	bool wanted = true;
	static constexpr size_t places = 100;
	std::unique_ptr<ExportServer> server;

	Primary()
	{
		auto log = [this](const char *what) {
			return [this, what](const SessionInfo &i) {
				events.push_back(std::string(what) + " " +
				    std::to_string(i.id));
			};
		};
		server = std::make_unique<ExportServer>(io, path, sink, nullptr,
		    ExportServer::Handlers{
		    .wanted = [this](const Flow &) { return wanted; },
		    .opened = log("opened"), .changed = log("changed"),
		    .closed = log("closed"), .can_move = {}, .may_end = {},
		    .may_fin = {}, .delivered = {}, .fed = {}}, places);
		auto ok = server->start();
		BOOST_REQUIRE_MESSAGE(ok.has_value(), ok.error().what);
	}

	template <class Done> bool run_until(Done done)
	{
		auto end = std::chrono::steady_clock::now() + 3s;
		while (!done()) {
			if (std::chrono::steady_clock::now() > end)
				return false;
			io.restart();
			io.run_one_for(10ms);
		}
		return true;
	}
	// Runs all that is ready now.
	void settle()
	{
		io.restart();
		io.poll();
	}
	// Three records each, for a link that is full until all have theirs;
	// then it has room for one at a time.
	void queue_three(const std::vector<std::unique_ptr<FakeSshd>> &all)
	{
		sink.full = true;
		for (auto &s : all)
			for (int i = 0; i < 3; i++)
				BOOST_REQUIRE(s->write(JEEBS_REC_PROGRESS, 10));
		settle();
		io.run_for(20ms);
		BOOST_TEST(sink.sent.empty());
		sink.full = false;
		sink.room = 1;
	}
	HostMessage message(FakeSshd &s)
	{
		std::optional<HostMessage> got;
		BOOST_REQUIRE(run_until([&] {
			auto m = s.receive();
			BOOST_REQUIRE_MESSAGE(m.has_value(), m.error().what);
			got = std::move(*m);
			return got.has_value();
		}));
		return std::move(*got);
	}
	bool hung_up(FakeSshd &s)
	{
		return run_until([&] {
			auto m = s.receive();
			return !m && m.error().errnum == EPIPE;
		});
	}
	FakeSink::Taken frame()
	{
		BOOST_REQUIRE(run_until([&] { return !sink.sent.empty(); }));
		return sink.take();
	}
	SessionInfo only()
	{
		auto all = server->sessions();
		BOOST_REQUIRE(all.size() == 1U);
		return all[0];
	}
	void registered(FakeSshd &s)
	{
		auto n = server->sessions().size();
		BOOST_REQUIRE(s.hello().has_value());
		BOOST_REQUIRE(run_until([&] {
			return server->sessions().size() == n + 1;
		}));
	}
	// From OFFER to OPEN; returns the sid.
	uint64_t opened(FakeSshd &s, uint8_t id)
	{
		auto offer = message(s);
		BOOST_REQUIRE(offer.type == JEEBS_MSG_OFFER);
		s.accept(offer, id);
		auto f = frame();
		BOOST_REQUIRE((f.type == FrameType::open));
		auto o = get_open(f.payload.bytes());
		BOOST_REQUIRE(o.has_value());
		BOOST_TEST(same_bytes(o->root, make_root(id).bytes()));
		return o->sid;
	}
	void checkpointed(FakeSshd &s, uint64_t sid, uint32_t bytes = 100)
	{
		BOOST_REQUIRE(s.write(JEEBS_REC_CHECKPOINT, bytes));
		auto f = frame();
		BOOST_REQUIRE((f.type == FrameType::record));
		BOOST_TEST(get_record(f.payload.bytes())->sid == sid);
		BOOST_REQUIRE(commit(sid, s.seq, s.out_end).has_value());
	}
	Result<void> commit(uint64_t sid, uint64_t seq, uint64_t out_end)
	{
		Buffer b;
		CommitEntry e{sid, seq, out_end};
		put_commit(b, std::span(&e, 1));
		return feed(b);
	}
	Result<void> feed(const Buffer &b)
	{
		FrameView f;
		BOOST_REQUIRE(*next_frame(b.bytes(), f) == b.size());
		return server->frame(f);
	}
	Result<void> closed(uint64_t sid)
	{
		Buffer b;
		put_closed(b, sid);
		return feed(b);
	}
	bool has_fin(FakeSshd &s)
	{
		char c;
		return ::recv(s.tcp.client.get(), &c, 1, MSG_DONTWAIT) == 0;
	}

	// Descriptors are closed by another thread.
	bool fin_comes(FakeSshd &s)
	{
		return run_until([&] { return has_fin(s); });
	}
};

std::string reason(const HostMessage &m)
{
	FieldReader r(m.fields.bytes(), "reason");
	return r.text(JEEBS_MAX_REASON);
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(export_server, Primary)

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

BOOST_AUTO_TEST_CASE(what_a_descriptor_must_be)
{
	auto refused = [&](const jeebs_tcp_state &st, int fd, uint32_t proto) {
		FakeSshd s(path);
		BOOST_REQUIRE(s.hello(st, fd, "ann", proto).has_value());
		BOOST_TEST(hung_up(s));
	};
	TcpPair p, q;
	auto st = p.state();
	refused(st, p.server.get(), JEEBS_PROTO_VERSION + 1);
	refused(st, p.client.get(), JEEBS_PROTO_VERSION);
	refused(st, q.server.get(), JEEBS_PROTO_VERSION);
	UniqueFd udp(::socket(AF_INET, SOCK_DGRAM, 0));
	refused(st, udp.get(), JEEBS_PROTO_VERSION);
	UniqueFd idle(::socket(AF_INET, SOCK_STREAM, 0));
	refused(st, idle.get(), JEEBS_PROTO_VERSION);
	int fds[2];
	BOOST_REQUIRE(::pipe(fds) == 0);
	UniqueFd rd(fds[0]), wr(fds[1]);
	refused(st, rd.get(), JEEBS_PROTO_VERSION);
	p.client.reset();	// CLOSE_WAIT is no beginning
	BOOST_TEST(run_until([&] {
		char c;
		return ::recv(p.server.get(), &c, 1, MSG_DONTWAIT) == 0;
	}));
	refused(st, p.server.get(), JEEBS_PROTO_VERSION);
	BOOST_TEST(events.empty());
	BOOST_TEST(server->sessions().empty());
}

BOOST_AUTO_TEST_CASE(messages_out_of_place)
{
	auto refused = [&](uint8_t type, bool after_hello) {
		FakeSshd s(path);
		if (after_hello)
			registered(s);
		Buffer b;
		FieldWriter(b).text("x", 10);
		BOOST_REQUIRE(send_message(s.channel.get(), type, b.bytes()));
		BOOST_TEST(hung_up(s));
		BOOST_TEST(server->sessions().empty());
	};
	for (uint8_t type : {0, 1, 2, 3, 4, 5, 6, 32, 33, 200}) {
		refused(type, false);
		refused(type, true);
	}
}

BOOST_AUTO_TEST_CASE(only_root_may_export)
{
	if (::geteuid() != 0) {
		BOOST_TEST_MESSAGE("needs root");
		return;
	}
	BOOST_REQUIRE(::chmod(dir.path().c_str(), 0755) == 0);
	BOOST_REQUIRE(::chmod(path.c_str(), 0666) == 0);
	pid_t pid = ::fork();
	if (pid == 0) {
		if (::setresuid(65534, 65534, 65534) == -1)
			::_exit(2);
		FakeSshd s(path);
		// Refused at accept: the channel ends before any message.
		pollfd p{s.channel.get(), POLLIN, 0};
		char c;
		::_exit(::poll(&p, 1, 3000) == 1 &&
		    ::recv(s.channel.get(), &c, 1, 0) == 0 ? 0 : 1);
	}
	int status = -1;
	BOOST_REQUIRE(run_until([&] {
		return ::waitpid(pid, &status, WNOHANG) == pid;
	}));
	BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(sessions_of_other_addresses)
{
	wanted = false;
	FakeSshd s(path);
	BOOST_REQUIRE(s.hello().has_value());
	auto m = message(s);
	BOOST_TEST(m.type == JEEBS_MSG_DETACH);
	BOOST_TEST(hung_up(s));
	BOOST_TEST(events.empty());
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
	checkpointed(s, sid, 5);
	BOOST_TEST(s.committed() == 110U);
	BOOST_TEST(only().sid == sid);
}

BOOST_AUTO_TEST_CASE(root_of_another_epoch)
{
	server->standby_up("k", 7);
	FakeSshd s(path);
	registered(s);
	auto offer = message(s);
	s.root(1, 8);
	BOOST_TEST(hung_up(s));
	BOOST_TEST(sink.sent.empty());
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

BOOST_AUTO_TEST_CASE(a_hostile_pa_loses_its_own_protection_only)
{
	server->standby_up("k", 7);
	FakeSshd good(path);
	registered(good);
	auto good_sid = opened(good, 1);
	checkpointed(good, good_sid);
	std::vector<std::function<void(FakeSshd &)>> tricks{
	    [](FakeSshd &s) { s.ring()->head = 1ULL << 50; },
	    [](FakeSshd &s) {
		    const uint8_t huge[4] = {0xff, 0xff, 0xff, 0xff};
		    s.write_raw(huge);
	    },
	    [](FakeSshd &s) {
		    Buffer b;
		    FieldWriter(b).string(std::vector<uint8_t>(500, 0));
		    s.write_raw(b.bytes());
	    },
	    [](FakeSshd &s) { s.seq += 5; s.write(JEEBS_REC_PROGRESS, 5); },
	    [](FakeSshd &s) { s.out_end -= 5; s.write(JEEBS_REC_PROGRESS, 5); },
	    [](FakeSshd &s) {
		    Buffer b;
		    FieldWriter(b).string(make_root(2).bytes());
		    s.write_raw(b.bytes());
	    }};
	for (auto &trick : tricks) {
		FakeSshd bad(path);
		registered(bad);
		auto sid = opened(bad, 2);
		checkpointed(bad, sid);
		BOOST_REQUIRE(bad.woken());
		trick(bad);
		bad.kick();
		auto f = frame();
		BOOST_REQUIRE((f.type == FrameType::close));
		BOOST_TEST(get_close(f.payload.bytes())->sid == sid);
		// What sshd sends alone must find no standby that remembers.
		settle();
		BOOST_TEST(!bad.receive()->has_value());
		BOOST_REQUIRE(closed(sid).has_value());
		auto m = message(bad);
		BOOST_TEST(m.type == JEEBS_MSG_DETACH);
		BOOST_TEST(reason(m).find("bad record") != std::string::npos);
		bad.channel.reset();
		BOOST_REQUIRE(run_until([&] {
			return server->sessions().size() == 1;
		}));
		checkpointed(good, good_sid);
	}
}

BOOST_AUTO_TEST_CASE(a_hostile_pa_while_the_link_is_down)
{
	server->standby_up("k", 7);
	FakeSshd s(path);
	registered(s);
	auto sid = opened(s, 1);
	checkpointed(s, sid);
	s.seq += 5;
	s.write(JEEBS_REC_PROGRESS, 5);
	BOOST_TEST((frame().type == FrameType::close));
	sink.up = false;
	server->link_down();
	sink.up = true;
	server->standby_up("k", 7);
	auto f = frame();
	BOOST_TEST((f.type == FrameType::close));
	BOOST_TEST(get_close(f.payload.bytes())->sid == sid);
	BOOST_REQUIRE(closed(sid).has_value());
	BOOST_TEST(message(s).type == JEEBS_MSG_DETACH);
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

BOOST_AUTO_TEST_CASE(a_full_link_holds_the_rings_back)
{
	server->standby_up("k", 7);
	FakeSshd s(path);
	registered(s);
	auto sid = opened(s, 1);
	checkpointed(s, sid);
	sink.full = true;
	BOOST_REQUIRE(s.write(JEEBS_REC_PROGRESS, 10));
	settle();
	io.run_for(20ms);
	BOOST_TEST(sink.sent.empty());
	sink.full = false;
	sink.on_drained();
	BOOST_TEST((frame().type == FrameType::record));
	// The link is lost while a ring waits for it.
	sink.full = true;
	BOOST_REQUIRE(s.write(JEEBS_REC_PROGRESS, 10));
	settle();
	io.run_for(20ms);
	server->link_down();
	sink.full = false;
	server->standby_up("k", 7);
	auto again = opened(s, 2);
	checkpointed(s, again);
	BOOST_TEST(only().is_protected);
}

BOOST_AUTO_TEST_CASE(everybody_has_a_turn_on_a_full_link)
{
	server->standby_up("k", 7);
	std::vector<std::unique_ptr<FakeSshd>> all;
	std::vector<uint64_t> sids, order, want;
	for (uint8_t i = 1; i <= 3; i++) {
		all.push_back(std::make_unique<FakeSshd>(path));
		registered(*all.back());
		sids.push_back(opened(*all.back(), i));
		checkpointed(*all.back(), sids.back());
	}
	queue_three(all);
	for (int i = 0; i < 9; i++) {
		sink.on_drained();
		auto f = sink.take();
		BOOST_REQUIRE((f.type == FrameType::record));
		order.push_back(get_record(f.payload.bytes())->sid);
		want.push_back(sids[static_cast<size_t>(i % 3)]);
	}
	BOOST_TEST(order == want, boost::test_tools::per_element());
}

// Four sessions of one user and one of another: that one is second, at worst.
BOOST_AUTO_TEST_CASE(a_user_of_many_sessions_has_one_turn)
{
	server->standby_up("k", 7);
	std::vector<std::unique_ptr<FakeSshd>> all;
	std::vector<uint64_t> sids;
	for (uint8_t i = 1; i <= 5; i++) {
		all.push_back(std::make_unique<FakeSshd>(path));
		BOOST_REQUIRE(all.back()->hello(i == 5 ? "bob" : "ann")
		    .has_value());
		sids.push_back(opened(*all.back(), i));
		checkpointed(*all.back(), sids.back());
	}
	queue_three(all);
	int bobs = 0;
	for (int i = 0; i < 6; i++) {
		sink.on_drained();
		auto f = sink.take();
		bobs += get_record(f.payload.bytes())->sid == sids[4];
	}
	BOOST_TEST(bobs == 3);
}

BOOST_AUTO_TEST_CASE(one_user_cant_take_all_places)
{
	std::vector<std::unique_ptr<FakeSshd>> all;
	while (all.size() < places / 2) {
		all.push_back(std::make_unique<FakeSshd>(path));
		registered(*all.back());
	}
	FakeSshd more(path);
	BOOST_REQUIRE(more.hello().has_value());
	auto m = message(more);
	BOOST_TEST(m.type == JEEBS_MSG_DETACH);
	BOOST_TEST(reason(m).find("one user") != std::string::npos);
	BOOST_TEST(hung_up(more));
	BOOST_TEST(server->sessions().size() == places / 2);
	// Its output waits for a commit: it had a place and can't go on alone.
	FakeSshd waits(path);
	waits.attached = 1;
	registered(waits);
	FakeSshd other(path);
	BOOST_REQUIRE(other.hello("bob").has_value());
	BOOST_REQUIRE(run_until([&] {
		return server->sessions().size() == places / 2 + 2;
	}));
	// Places come back.
	all.resize(all.size() - 3);
	BOOST_REQUIRE(run_until([&] {
		return server->sessions().size() == places / 2 - 1;
	}));
	FakeSshd again(path);
	registered(again);
}

BOOST_AUTO_TEST_CASE(connections_that_say_nothing_are_few)
{
	std::vector<std::unique_ptr<FakeSshd>> all;
	for (int i = 0; i < 128; i++) {
		all.push_back(std::make_unique<FakeSshd>(path));
		settle();
	}
	FakeSshd more(path);
	BOOST_TEST(hung_up(more));
	all.pop_back();
	settle();
	FakeSshd good(path);
	registered(good);
}

BOOST_AUTO_TEST_CASE(nobody_consumed_what_its_client_hasnt_sent)
{
	server->standby_up("k", 7);
	FakeSshd s(path), adopted(path);
	adopted.received_base = 5ULL << 40;
	adopted.in_off = adopted.received_base;
	uint8_t id = 1;
	for (auto *p : {&s, &adopted}) {
		registered(*p);
		auto sid = opened(*p, id++);
		checkpointed(*p, sid);
		BOOST_REQUIRE(::send(p->tcp.client.get(), "12345", 5, 0) == 5);
		char got[5];
		BOOST_REQUIRE(::recv(p->tcp.server.get(), got, 5,
		    MSG_WAITALL) == 5);
		p->in_off += 5;
		checkpointed(*p, sid, 10);
		BOOST_TEST(p->woken());
		p->in_off++;
		BOOST_REQUIRE(p->write(JEEBS_REC_PROGRESS, 1));
		auto f = frame();
		BOOST_REQUIRE((f.type == FrameType::close));
		auto c = get_close(f.payload.bytes());
		BOOST_TEST(c->sid == sid);
		BOOST_TEST(std::string(c->text).find("its client has sent") !=
		    std::string::npos);
		BOOST_REQUIRE(closed(sid).has_value());
		BOOST_TEST(message(*p).type == JEEBS_MSG_DETACH);
	}
}

BOOST_AUTO_TEST_CASE(one_users_unfinished_records_are_bounded)
{
	server->standby_up("k", 7);
	std::vector<std::unique_ptr<FakeSshd>> all;
	std::vector<uint8_t> part((JEEBS_MAX_RECORD) - 1);
	for (uint8_t i = 1; i <= 7; i++) {
		all.push_back(std::make_unique<FakeSshd>(path));
		BOOST_REQUIRE(all.back()->hello(i == 1 ? "bob" : "ann")
		    .has_value());
		BOOST_REQUIRE(run_until([&] {
			return server->sessions().size() == i;
		}));
		auto offer = message(*all.back());
		all.back()->accept(offer, i);
		BOOST_REQUIRE(run_until([&] {
			return server->sessions().back().state == "open";
		}));
		store_be(part.data(), uint32_t{JEEBS_MAX_RECORD});
		bool done = all.back()->write_raw(part);
		BOOST_REQUIRE(run_until([&] {
			sink.sent.clear();
			return done || (done = all.back()->flush_ring()) ||
			    server->sessions().back().state == "dropping";
		}));
	}
	auto dropped = [&] {
		sink.sent.clear();
		return std::ranges::count_if(server->sessions(), [](auto &s) {
			return s.state == "dropping";
		});
	};
	BOOST_TEST(run_until([&] { return dropped() != 0; }));
	BOOST_TEST(dropped() == 1);
	BOOST_TEST(server->sessions()[0].state == "open");
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

BOOST_AUTO_TEST_CASE(a_channel_without_a_hello)
{
	FakeSshd s(path);
	settle();
	BOOST_TEST(server->sessions().empty());
	s.channel.reset();
	settle();
	BOOST_TEST(events.empty());
}

BOOST_AUTO_TEST_CASE(a_second_server_at_the_path)
{
	ExportServer other(io, path, sink, nullptr, {}, places);
	BOOST_TEST(!other.start().has_value());
	server.reset();
	BOOST_TEST(other.start().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
