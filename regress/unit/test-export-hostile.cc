// SPDX-License-Identifier: ISC
// What sshd's processes may not do, the one that a user owns above all.
#include <boost/test/unit_test.hpp>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "export-primary.hh"

using namespace jeebs;
using namespace jeebs::test;

BOOST_FIXTURE_TEST_SUITE(export_hostile, ExportPrimary)

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

BOOST_AUTO_TEST_CASE(no_offer_without_the_firewalls_rule)
{
	ruled = false;
	server->standby_up("k", 7);
	FakeSshd s(path);
	registered(s);
	BOOST_REQUIRE(server->sessions().size() == 1U);
	BOOST_TEST(server->sessions()[0].reason ==
	    "the firewall's rule isn't there");
	BOOST_TEST(!server->sessions()[0].is_protected);
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

BOOST_AUTO_TEST_CASE(a_channel_without_a_hello)
{
	FakeSshd s(path);
	settle();
	BOOST_TEST(server->sessions().empty());
	s.channel.reset();
	settle();
	BOOST_TEST(events.empty());
}

BOOST_AUTO_TEST_SUITE_END()
