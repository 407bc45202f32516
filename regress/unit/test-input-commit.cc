// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <fmt/format.h>

#include "input-commit.hh"

using namespace jeebs;

namespace {

struct Gate {
	std::vector<std::string> did;
	std::vector<uint8_t> shipped;	// the last
	std::optional<InputCommit::Takes> takes;
	int asked = 0;
	InputCommit commit;

	explicit Gate(bool left_over = false)
	    : commit({
		.accept = [this](uint32_t id) { say("accept", id); },
		.drop = [this](uint32_t id) { say("drop", id); },
		.repeat = [this](uint32_t id) { say("repeat", id); },
		.accept_up_to = [this](uint32_t id) { say("up to", id); },
		.ship = [this](const InputFrame &f) {
			did.push_back(fmt::format("ship {} at {}", f.sid,
			    f.offset));
			shipped.assign(f.packet.begin(), f.packet.end());
		},
		.takes = [this](const Flow &) {
			asked++;
			return takes;
		},
		.acks_wait = [this](const Flow &f, bool wait) {
			did.push_back(fmt::format("{} {}'s ACKs",
			    wait ? "queue" : "pass", f.remote_port));
		},
	    }, left_over)
	{
	}
	void say(const char *what, uint32_t id)
	{
		did.push_back(fmt::format("{} {}", what, id));
	}
	// What was done since the last call.
	std::string news()
	{
		auto all = fmt::format("{}", fmt::join(did, ", "));
		did.clear();
		return all;
	}
};

constexpr uint32_t rcv_base = 0xffffff00;

Flow
flow(uint16_t port = 5000)
{
	return {IpAddr::parse("10.0.0.100").value(),
	    IpAddr::parse("10.0.0.9").value(), 22, port};
}

std::vector<uint8_t>
packet(int64_t offset, size_t len, uint16_t port = 5000,
    uint8_t flags = tcp_ack, uint32_t ack = 0)
{
	std::vector<uint8_t> payload(len, 'x');
	SegmentFields f = fields_to_local(flow(port));
	f.seq = Seq32(rcv_base + static_cast<uint32_t>(offset));
	f.flags = flags;
	f.ack = Seq32(ack);
	f.payload = payload;
	return build_segment(f);
}

} // namespace

BOOST_AUTO_TEST_SUITE(input_commit)

BOOST_AUTO_TEST_CASE(what_tcp_would_not_take_the_standby_does_not_get)
{
	Gate g;
	auto with = [](int64_t offset, uint32_t ack, uint8_t flags = tcp_ack) {
		return packet(offset, 10, 5000, flags, ack);
	};
	g.takes = {1000, {Seq32(0xfffffff0), Seq32(500)}, Seq32(0)};
	g.commit.cover(flow());
	g.commit.open(flow(), 7, rcv_base, 100);
	g.commit.packet(1, with(1001, 400));
	g.commit.packet(2, with(100, 501));
	g.commit.packet(3, with(100, 0xffffffef));
	g.commit.packet(4, with(100, 400, tcp_fin));
	BOOST_TEST(g.news() ==
	    "drop 1, drop 2, queue 5000's ACKs, drop 3, drop 4");
	g.asked = 0;
	g.commit.packet(5, with(100, 0xfffffff0));
	g.commit.packet(6, with(1000, 500));
	BOOST_TEST(g.news() == "ship 7 at 100, ship 7 at 1000");
	BOOST_TEST(g.asked == 0);
	// It lets more come, and has written more, since it was asked.
	g.takes = {3000, {Seq32(450), Seq32(900)}, Seq32(460)};
	g.commit.packet(7, with(2999, 500));
	g.commit.packet(8, with(2000, 900));
	g.commit.packet(9, with(2000, 901));
	BOOST_TEST(g.news() == "ship 7 at 2999, ship 7 at 2000, drop 9");
	BOOST_TEST(g.asked == 2);
	// Nobody knows.
	g.takes.reset();
	g.commit.packet(10, with(5000, 1 << 30));
	BOOST_TEST(g.news() == "ship 7 at 5000");
}

// The stream of a forward begins where this host has adopted it.
BOOST_AUTO_TEST_CASE(what_is_sent_again_from_before_the_stream)
{
	Gate g;
	g.takes = {1000, {Seq32(0), Seq32(0)}, Seq32(0)};
	g.commit.cover(flow());
	g.commit.open(flow(), 7, rcv_base, 0);
	g.commit.packet(1, packet(-64, 64));
	g.commit.packet(2, packet(-64, 65));
	BOOST_TEST(g.news() == "accept 1, ship 7 at 0");
	auto s = Segment::parse(g.shipped);
	BOOST_REQUIRE(s.has_value());
	BOOST_TEST(s->payload().size() == 1U);
	BOOST_CHECK(s->seq() == Seq32(rcv_base));
	BOOST_CHECK(s->checksum_state() == ChecksumState::valid);
	g.commit.packet(9, packet(-64, 65, 5000, tcp_ack, 1 << 20));
	BOOST_TEST(g.news() == "drop 9");
	g.commit.packet(3, packet(-64, 65 + 64, 5000, tcp_ack | tcp_fin));
	g.commit.packet(4, packet(-9, 9, 5000, tcp_ack | tcp_fin));
	BOOST_TEST(g.news() == "ship 7 at 0, ship 7 at 0");
	s = Segment::parse(g.shipped);
	BOOST_REQUIRE(s.has_value());
	BOOST_TEST(s->payload().empty());
	BOOST_TEST(s->has(tcp_fin));
	BOOST_TEST(g.commit.committed(3));
	BOOST_TEST(g.news() == "up to 4");
}

BOOST_AUTO_TEST_CASE(what_tcp_has_goes_to_the_standby_without_a_verdict)
{
	Gate g;
	g.commit.copy(flow(), packet(80, 20));
	g.commit.cover(flow());
	g.commit.copy(flow(), packet(80, 20));
	BOOST_TEST(g.news() == "");
	g.commit.open(flow(), 7, rcv_base, 100);
	g.commit.packet(1, packet(100, 10));
	g.commit.copy(flow(), packet(80, 20));
	g.commit.copy(flow(), packet(-1, 20));
	g.commit.copy(flow(), Bytes());
	g.commit.packet(2, packet(110, 10));
	BOOST_TEST(g.news() == "ship 7 at 100, ship 7 at 80, ship 7 at 110");
	BOOST_TEST(g.commit.shipped() == 3U);
	BOOST_TEST(g.commit.committed(2));
	BOOST_TEST(g.news() == "up to 1");
	BOOST_TEST(g.commit.committed(3));
	BOOST_TEST(g.news() == "up to 2");
	BOOST_TEST(g.commit.sent_to(flow(), 80) == 120U);
	BOOST_TEST(g.commit.sent_to(flow(), 79) == 79U);
	// The link's loss is no verdict on it either.
	g.commit.copy(flow(), packet(80, 20));
	g.commit.link_down();
	g.commit.copy(flow(), packet(80, 20));
	BOOST_TEST(g.news() == "ship 7 at 80");
}

BOOST_AUTO_TEST_CASE(holes_have_a_limit)
{
	Gate g;
	g.commit.cover(flow());
	g.commit.open(flow(), 7, rcv_base, 0);
	const auto n = static_cast<int64_t>(InputCommit::max_holes);
	for (int64_t i = 0; i <= n; i++)
		g.commit.packet(1, packet(10 + 2 * i, 1));
	g.news();
	g.commit.packet(2, packet(12 + 2 * n, 1));
	BOOST_TEST(g.news() == "drop 2");
	g.commit.packet(3, packet(0, 10));
	g.commit.packet(4, packet(11, 1));
	BOOST_TEST(g.news() == "ship 7 at 0, ship 7 at 11");
	g.commit.packet(5, packet(14 + 2 * n, 1));
	BOOST_TEST(g.news() == fmt::format("ship 7 at {}", 14 + 2 * n));
}

BOOST_AUTO_TEST_CASE(a_packet_waits_for_the_standby)
{
	Gate g;
	g.commit.cover(flow());
	g.commit.open(flow(), 7, rcv_base, 100);
	g.commit.packet(1, packet(100, 10));
	g.commit.packet(2, packet(110, 10));
	g.commit.packet(3, packet(120, 0, 5000, tcp_ack | tcp_fin));
	BOOST_TEST(g.news() == "ship 7 at 100, ship 7 at 110, ship 7 at 120");
	BOOST_TEST(g.commit.committed(2));
	BOOST_TEST(g.news() == "up to 2");
	BOOST_TEST(g.commit.committed(2));
	BOOST_TEST(g.news() == "");
	BOOST_TEST(g.commit.committed(3));
	BOOST_TEST(g.news() == "up to 3");
}

// A target that closes with something unread resets right behind its answer.
BOOST_AUTO_TEST_CASE(a_reset_does_not_overtake)
{
	Gate g;
	const uint8_t rst = tcp_rst | tcp_ack;
	g.commit.cover(flow());
	g.commit.open(flow(), 7, rcv_base, 100);
	g.commit.packet(1, packet(100, 0, 5000, rst));
	BOOST_TEST(g.news() == "accept 1");
	g.commit.packet(2, packet(100, 10));
	g.commit.packet(3, packet(110, 10));
	g.commit.packet(4, packet(120, 0, 5000, rst));
	g.commit.packet(5, packet(120, 0, 5000, rst));
	BOOST_TEST(g.news() == "ship 7 at 100, ship 7 at 110, drop 5");
	BOOST_TEST(g.commit.committed(2));
	BOOST_TEST(g.news() == "up to 3, accept 4");
	// That of a flow without a standby waits as its packets do.
	g.commit.cover(flow(5001));
	g.commit.packet(6, packet(0, 10, 5001));
	g.commit.packet(7, packet(10, 0, 5001, rst));
	BOOST_TEST(g.news() == "");
	g.commit.open(flow(5001), 8, rcv_base, 0);
	BOOST_TEST(g.news() == "ship 8 at 0");
	g.commit.link_down();
	BOOST_TEST(g.news() == "repeat 6, repeat 7");
	// Repeated, they come behind what nobody had read.
	g.commit.packet(9, packet(10, 0, 5001, rst));
	g.commit.packet(10, packet(0, 10, 5001));
	g.commit.open(flow(5001), 9, rcv_base, 0);
	BOOST_TEST(g.commit.committed(1));
	BOOST_TEST(g.news() == "ship 9 at 0, accept 10, accept 9");
	g.commit.uncover(flow());
	g.commit.packet(8, packet(120, 0, 5000, rst));
	BOOST_TEST(g.news() == "accept 8");
}

// ACKs that overtake data make TCP drop it (RFC 5961 5.2).
BOOST_AUTO_TEST_CASE(acks_wait_where_they_get_ahead)
{
	Gate g;
	auto data = [&g](uint32_t id, int64_t offset, uint32_t ack,
	    uint16_t port = 5000) {
		g.commit.packet(id, packet(offset, 10, port, tcp_ack, ack));
	};
	auto ack = [&g](uint32_t id, uint16_t port = 5000) {
		g.commit.packet(id, packet(0, 0, port));
	};
	auto acked = [&g](uint32_t n) {
		g.takes = {1 << 20, {Seq32(n - 1000), Seq32(1 << 20)}, Seq32(n)};
	};
	for (uint16_t port : {5000, 5001}) {
		g.commit.cover(flow(port));
		g.commit.open(flow(port), port, rcv_base, 0);
	}
	acked(5000);
	data(1, 0, 5000);
	acked(5250);
	g.news();
	BOOST_TEST(g.commit.committed(1));
	BOOST_TEST(g.news() == "up to 1");
	data(2, 10, 5250);
	acked(5501);
	g.news();
	BOOST_TEST(g.commit.committed(2));
	BOOST_TEST(g.news() == "queue 5000's ACKs, up to 2");

	// In their place, and nothing of another's passes with them.
	data(3, 20, 5501);
	ack(4);
	data(5, 30, 5501);
	ack(6);
	data(7, 0, 5501, 5001);
	ack(8);
	ack(9, 5001);
	g.commit.packet(10, packet(40, 0, 5000, tcp_rst | tcp_ack));
	BOOST_TEST(g.news() ==
	    "ship 5000 at 20, ship 5000 at 30, ship 5001 at 0");
	BOOST_TEST(g.commit.committed(3));
	BOOST_TEST(g.news() == "up to 3, accept 4");
	BOOST_TEST(g.commit.committed(4));
	BOOST_TEST(g.news() == "up to 5, accept 6, accept 8, accept 10");
	ack(11);
	BOOST_TEST(g.news() == "accept 11");
	BOOST_TEST(g.commit.committed(5));
	BOOST_TEST(g.news() == "up to 7, accept 9");

	// The last ones behind one packet.
	data(12, 40, 5501);
	g.commit.packet(13, packet(50, 0, 5000, tcp_rst | tcp_ack));
	for (uint32_t i = 0; i < InputCommit::max_acks; i++)
		ack(14 + i);
	BOOST_TEST(g.news() == "ship 5000 at 40");
	ack(1000);
	BOOST_TEST(g.news() == "accept 14");
	// Without the link all of them wait in the kernel again.
	g.commit.link_down();
	BOOST_TEST(g.did.size() == 2 + InputCommit::max_acks);
	BOOST_TEST(g.did.front() == "repeat 12");
	BOOST_TEST(g.did[1] == "repeat 15");
	BOOST_TEST(g.did[InputCommit::max_acks] == "repeat 1000");
	BOOST_TEST(g.did.back() == "repeat 13");
	g.news();
	ack(1001);
	BOOST_TEST(g.news() == "accept 1001");

	// Until it isn't needed for long.
	for (unsigned i = 2; i < InputCommit::acks_in_order; i++)
		ack(102);
	BOOST_TEST(g.did.size() == InputCommit::acks_in_order - 2);
	g.news();
	ack(103);
	BOOST_TEST(g.news() == "pass 5000's ACKs, accept 103");
	ack(104);
	BOOST_TEST(g.news() == "accept 104");
}

// Each stream is looked at, whoever's packet is the first of a commit; and what is too
// old already when it comes.
BOOST_AUTO_TEST_CASE(each_streams_acks_are_looked_at)
{
	Gate g;
	for (uint16_t port : {5000, 5001, 5002}) {
		g.commit.cover(flow(port));
		g.commit.open(flow(port), port, rcv_base, 0);
	}
	g.takes = {1000, {Seq32(0), Seq32(900)}, Seq32(100)};
	for (uint32_t id : {1, 2})
		g.commit.packet(id, packet(0, 10, 5000, tcp_ack, 100));
	g.commit.packet(3, packet(0, 10, 5001, tcp_ack, 1));
	g.asked = 0;
	g.news();
	BOOST_TEST(g.commit.committed(3));
	BOOST_TEST(g.news() == "queue 5001's ACKs, up to 3");
	BOOST_TEST(g.asked == 2);
	g.takes = {1000, {Seq32(100), Seq32(900)}, Seq32(400)};
	g.commit.packet(4, packet(0, 10, 5002, tcp_ack, 99));
	BOOST_TEST(g.news() == "queue 5002's ACKs, drop 4");
}

BOOST_AUTO_TEST_CASE(acks_pass_again_with_the_stream)
{
	for (bool refused : {false, true}) {
		Gate g;
		g.commit.cover(flow());
		g.commit.open(flow(), 7, rcv_base, 0);
		g.takes = {1000, {Seq32(0), Seq32(900)}, Seq32(400)};
		g.commit.packet(1, packet(0, 10));
		BOOST_TEST(g.commit.committed(1));
		BOOST_TEST(g.news() ==
		    "ship 7 at 0, queue 5000's ACKs, up to 1");
		g.commit.packet(2, packet(10, 10));
		g.commit.packet(3, packet(20, 0));
		g.news();
		if (refused)
			g.commit.refuse(flow());
		else
			g.commit.uncover(flow());
		BOOST_TEST(g.news() == (refused ?
		    "drop 2, drop 3, pass 5000's ACKs" :
		    "accept 2, accept 3, pass 5000's ACKs"));
		g.commit.packet(4, packet(20, 0));
		BOOST_TEST(g.news() == (refused ? "drop 4" : "accept 4"));
	}
}

// What was shipped under another name may have been forgotten with it.
BOOST_AUTO_TEST_CASE(a_new_name_has_a_floor)
{
	Gate g;
	BOOST_TEST(g.commit.floor(flow()) == 0U);
	g.commit.cover(flow());
	g.commit.open(flow(), 7, rcv_base, 100);
	BOOST_TEST(g.commit.floor(flow()) == 0U);
	g.commit.packet(1, packet(100, 10));
	g.commit.packet(2, packet(130, 5));
	g.commit.cover(flow());
	g.commit.open(flow(), 8, rcv_base, 100);
	BOOST_TEST(g.commit.floor(flow()) == 135U);
	g.commit.link_down();
	BOOST_TEST(g.commit.floor(flow()) == 0U);
}

BOOST_AUTO_TEST_CASE(a_commit_of_what_was_never_sent)
{
	Gate g;
	BOOST_TEST(!g.commit.committed(1));
	g.commit.cover(flow());
	g.commit.open(flow(), 7, rcv_base, 0);
	g.commit.packet(1, packet(0, 10));
	BOOST_TEST(!g.commit.committed(2));
	BOOST_TEST(g.commit.committed(1));
	BOOST_TEST(!g.commit.committed(0));
}

BOOST_AUTO_TEST_CASE(what_tcp_has_needs_no_standby)
{
	Gate g;
	g.commit.cover(flow());
	g.commit.open(flow(), 7, rcv_base, 100);
	g.commit.packet(1, packet(80, 20));
	BOOST_TEST(g.news() == "accept 1");
	g.commit.packet(2, packet(80, 21));
	BOOST_TEST(g.news() == "ship 7 at 80");
	g.commit.had(flow(), 200);
	g.commit.had(flow(), 150);	// never back
	g.commit.packet(3, packet(150, 50));
	BOOST_TEST(g.news() == "accept 3");
}

BOOST_AUTO_TEST_CASE(what_lies_far_ahead_is_for_later)
{
	Gate g;
	g.commit.cover(flow());
	g.commit.open(flow(), 7, rcv_base, 0);
	auto far = static_cast<int64_t>(InputCommit::reach);
	g.commit.packet(1, packet(far - 10, 10));
	BOOST_TEST(g.news() == fmt::format("ship 7 at {}", far - 10));
	g.commit.packet(2, packet(far - 9, 10));
	BOOST_TEST(g.news() == "drop 2");
}

BOOST_AUTO_TEST_CASE(offsets_across_the_wrap)
{
	Gate g;
	const uint64_t at = (uint64_t{3} << 32) + 50;
	g.commit.cover(flow());
	g.commit.open(flow(), 7, rcv_base, at);
	g.commit.packet(1, packet(static_cast<int64_t>(at), 10));
	BOOST_TEST(g.news() == fmt::format("ship 7 at {}", at));
}

BOOST_AUTO_TEST_CASE(damaged_and_other_packets)
{
	Gate g;
	g.commit.cover(flow());
	g.commit.open(flow(), 7, rcv_base, 0);
	auto bad = packet(0, 10);
	bad.back() ^= 1;
	g.commit.packet(1, bad);
	g.commit.packet(2, std::vector<uint8_t>{0x45, 0});
	g.commit.packet(3, packet(0, 10, 5000, tcp_syn));
	g.commit.packet(4, packet(0, 10, 5000, tcp_ack | tcp_rst));
	g.commit.packet(5, packet(0, 10, 5999));	// not covered
	BOOST_TEST(g.news() == "drop 1, drop 2, accept 3, accept 4, accept 5");
}

BOOST_AUTO_TEST_CASE(without_a_standby_it_is_kept)
{
	Gate g;
	g.commit.cover(flow());
	g.commit.packet(1, packet(0, 10));
	g.commit.packet(2, packet(10, 10));
	BOOST_TEST(g.news() == "");
	BOOST_TEST(g.commit.kept_bytes() > 0U);
	g.commit.open(flow(), 9, rcv_base, 0);
	BOOST_TEST(g.news() == "ship 9 at 0, ship 9 at 10");
	BOOST_TEST(g.commit.kept_bytes() == 0U);
	// Not "up to": others may have older numbers.
	BOOST_TEST(g.commit.committed(2));
	BOOST_TEST(g.news() == "accept 1, accept 2");
	g.commit.packet(3, packet(20, 10));
	BOOST_TEST(g.commit.committed(3));
	BOOST_TEST(g.news() == "ship 9 at 20, up to 3");
}

BOOST_AUTO_TEST_CASE(one_verdict_never_lets_anothers_packet_pass)
{
	Gate g;
	for (uint16_t port : {1, 2}) {
		g.commit.cover(flow(port));
	}
	g.commit.open(flow(2), 2, rcv_base, 0);
	g.commit.packet(1, packet(0, 10, 1));		// kept
	g.commit.packet(2, packet(0, 10, 2));
	BOOST_TEST(g.commit.committed(1));
	BOOST_TEST(g.news() == "ship 2 at 0, accept 2");
	g.commit.packet(3, packet(10, 10, 2));
	g.commit.open(flow(1), 1, rcv_base, 0);
	BOOST_TEST(g.news() == "ship 2 at 10, ship 1 at 0");
	BOOST_TEST(g.commit.committed(2));
	BOOST_TEST(g.news() == "accept 3");
	BOOST_TEST(g.commit.committed(3));
	BOOST_TEST(g.news() == "accept 1");
}

BOOST_AUTO_TEST_CASE(what_is_kept_is_bounded)
{
	Gate g;
	g.commit.cover(flow());
	uint32_t id = 0;
	for (size_t n = 0; n <= InputCommit::max_kept; n += 60000)
		g.commit.packet(++id, packet(static_cast<int64_t>(n), 60000));
	BOOST_TEST(g.news() == fmt::format("drop {}", id));
	BOOST_TEST(g.commit.kept_bytes() <= InputCommit::max_kept);
}

BOOST_AUTO_TEST_CASE(the_link_is_lost)
{
	Gate g;
	g.commit.cover(flow());
	g.commit.open(flow(), 7, rcv_base, 0);
	g.commit.packet(1, packet(0, 10));
	g.commit.link_down();
	BOOST_TEST(g.news() == "ship 7 at 0, repeat 1");
	g.commit.packet(2, packet(0, 10));
	BOOST_TEST(g.news() == "");
	g.commit.open(flow(), 8, rcv_base, 0);
	BOOST_TEST(g.commit.committed(1));
	BOOST_TEST(g.news() == "ship 8 at 0, accept 2");
}

BOOST_AUTO_TEST_CASE(going_on_alone)
{
	Gate g;
	g.commit.cover(flow());
	g.commit.open(flow(), 7, rcv_base, 0);
	g.commit.packet(1, packet(0, 10));
	g.commit.uncover(flow());
	BOOST_TEST(g.news() == "ship 7 at 0, accept 1");
	// It was in the queue's socket when the rule went.
	g.commit.packet(2, packet(10, 10));
	BOOST_TEST(g.news() == "accept 2");
	BOOST_TEST(g.commit.committed(1));
	BOOST_TEST(g.news() == "");
}

BOOST_AUTO_TEST_CASE(another_host_has_it)
{
	Gate g;
	g.commit.cover(flow());
	g.commit.open(flow(), 7, rcv_base, 0);
	g.commit.packet(1, packet(0, 10));
	g.commit.refuse(flow());
	g.commit.packet(2, packet(10, 10));
	BOOST_TEST(g.news() == "ship 7 at 0, drop 1, drop 2");
}

BOOST_AUTO_TEST_CASE(sessions_of_a_jeebsd_before_this_one)
{
	Gate g(true);
	g.commit.packet(1, packet(0, 10, 1));
	g.commit.packet(2, packet(0, 10, 2));
	BOOST_TEST(g.news() == "");
	g.commit.cover(flow(1));
	g.commit.open(flow(1), 1, rcv_base, 0);
	g.commit.uncover(flow(3));
	g.commit.packet(3, packet(0, 10, 3));
	g.commit.cover(flow(4));
	g.commit.uncover(flow(4));
	g.commit.packet(4, packet(0, 10, 4));
	BOOST_TEST(g.news() == "ship 1 at 0, accept 4");
	g.commit.forget_left_over();
	BOOST_TEST((g.commit.covered() == std::vector<Flow>{flow(1)}));
	auto passed = g.news();
	BOOST_TEST((passed == "accept 2, accept 3" ||
	    passed == "accept 3, accept 2"));
	g.commit.packet(5, packet(0, 10, 2));
	BOOST_TEST(g.news() == "accept 5");
}

BOOST_AUTO_TEST_CASE(what_another_host_may_own_does_not_pass)
{
	Gate g(true);
	g.commit.packet(1, packet(0, 10, 2));
	g.commit.forget_left_over(false);
	BOOST_TEST(g.news() == "drop 1");
	BOOST_TEST(g.commit.kept_bytes() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
