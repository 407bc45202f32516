// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include "tapinput.hh"

using namespace jeebs;

namespace {

constexpr uint32_t snd_base = 0xfffff000, rcv_base = 0xffffff00;

struct Fixture {
	Flow flow;
	TapInput tap;
	std::vector<std::vector<uint8_t>> kept;

	Fixture()
	{
		flow.local = *IpAddr::parse("10.0.0.100");
		flow.remote = *IpAddr::parse("10.0.0.1");
		flow.local_port = 22;
		flow.remote_port = 5000;
		tap.add(flow, snd_base, rcv_base, {0, 1 << 20, 0});
	}

	// The client's packet: its bytes [begin, end), acknowledging ours
	// before ack.
	std::vector<uint8_t> client(uint64_t begin, uint64_t end,
	    uint64_t ack = 0, uint8_t flags = tcp_ack)
	{
		std::vector<uint8_t> payload(end - begin, 'x');
		SegmentFields f = fields_to_local(flow);
		f.seq = seq_of_offset(rcv_base, begin);
		f.ack = seq_of_offset(snd_base, ack);
		f.flags = flags;
		f.payload = payload;
		return build_segment(f);
	}
	std::vector<uint8_t> server(uint64_t begin, uint64_t ack)
	{
		SegmentFields f = fields_from_local(flow);
		f.seq = seq_of_offset(snd_base, begin);
		f.ack = seq_of_offset(rcv_base, ack);
		return build_segment(f);
	}
	bool see(const std::vector<uint8_t> &p)
	{
		auto s = Segment::parse(p);
		BOOST_REQUIRE(s);
		return tap.client(*s);
	}
	void see_server(const std::vector<uint8_t> &p)
	{
		auto s = Segment::parse(p);
		BOOST_REQUIRE(s);
		tap.server(*s);
	}
	void keep(std::vector<uint8_t> p) { kept.push_back(std::move(p)); }
	const AckRange acks = ack_range(snd_base, 0, 1000, 65536);
	InputPlan plan(uint64_t in_off)
	{
		std::vector<std::span<const uint8_t>> spans(kept.begin(),
		    kept.end());
		return plan_input(flow, rcv_base, in_off, spans, 0, acks);
	}
};

using Order = std::vector<size_t>;

Order
order(const InputPlan &p)
{
	Order o;
	for (const auto &piece : p.order)
		o.push_back(piece.index);
	return o;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(tapinput, Fixture)

BOOST_AUTO_TEST_CASE(the_newest_ack_and_the_end_of_its_stream)
{
	BOOST_TEST(see(client(0, 100, 500)));
	BOOST_TEST(see(client(100, 150, 600)));
	BOOST_TEST(see(client(50, 110, 400)));
	const TapFacts *f = tap.facts(flow);
	BOOST_REQUIRE(f != nullptr);
	BOOST_TEST(f->client_seen);
	BOOST_TEST(f->client_ack == 400u);
	BOOST_TEST(f->client_next == 110u);
	BOOST_TEST(!f->server_seen);
	see_server(server(500, 120));
	see_server(server(400, 80));
	BOOST_TEST(f->server_seen);
	BOOST_TEST(f->server_ack == 120u);
}

BOOST_AUTO_TEST_CASE(what_a_server_says_counts_if_its_checksum_may_be_right)
{
	auto damaged = server(0, 50);
	damaged[20 + 16] ^= 1;	// TCP's checksum
	see_server(damaged);
	BOOST_TEST(!tap.facts(flow)->server_seen);
	see_server(server(0, 20));
	see_server(damaged);
	BOOST_TEST(tap.facts(flow)->server_ack == 20u);
	const auto cut = Segment::parse_headers(damaged);
	BOOST_REQUIRE(cut);
	tap.server(*cut);
	BOOST_TEST(tap.facts(flow)->server_ack == 50u);
}

BOOST_AUTO_TEST_CASE(the_lowest_answer_counts)
{
	see(client(0, 0, 300));
	tap.ask(flow);
	BOOST_CHECK(!tap.facts(flow)->answer);
	see(client(0, 0, 900));
	see(client(0, 0, 500));
	see(client(0, 0, 700));
	BOOST_CHECK(tap.facts(flow)->answer == 500u);
}

BOOST_AUTO_TEST_CASE(offsets_pass_the_wrap_of_sequence_numbers)
{
	// The two bases are close below 2^32: all of this is beyond it.
	BOOST_TEST(see(client(0x1000, 0x2000, 0x8000)));
	for (uint64_t i = 1; i < 30; i++) {
		uint64_t at = i << 28;
		tap.edges(flow, {at, at, at});
		BOOST_TEST(see(client(at, at + 1, at)));
	}
	BOOST_TEST(tap.facts(flow)->client_next == (29ULL << 28) + 1);
	BOOST_TEST(tap.facts(flow)->client_ack == 29ULL << 28);
}

// What a host that guesses, or that didn't look, could send.
BOOST_AUTO_TEST_CASE(what_lies_outside_of_the_windows_proves_nothing)
{
	for (uint64_t at : {uint64_t{100}, uint64_t{1} << 33}) {
		const uint64_t far = tap_window, end = at + 100;
		const uint64_t beyond = end + tap_beyond;
		tap.add(flow, snd_base, rcv_base, {at, end, at});
		BOOST_TEST(!see(client(at + far + 1, at + far + 2, at)));
		BOOST_TEST(!see(client(at, at + 1, beyond + 1)));
		// As 32 bits those before the first byte, too.
		BOOST_TEST(!see(client(at - tap_behind - 1,
		    at - tap_behind, at)));
		BOOST_TEST(!see(client(at, at + 1, at - tap_behind - 1)));
		BOOST_TEST(!see(client(at - (1 << 30), at - (1 << 30), at)));
		BOOST_TEST(!see(client(at, at, at, tcp_psh)));	// no ACK
		auto damaged = client(at, at + 10, at);
		damaged.back() ^= 1;
		BOOST_TEST(!see(damaged));
		see_server(server(end + 1, at));
		see_server(server(at - tap_behind - 1, at));
		see_server(server(at, at + far + 1));
		see_server(server(at, at - tap_behind - 1));
		BOOST_TEST(!tap.facts(flow)->client_seen);
		BOOST_TEST(!tap.facts(flow)->server_seen);
		BOOST_TEST(see(client(at + far, at + far + 1, beyond)));
		see_server(server(end, at + far));
		BOOST_TEST(tap.facts(flow)->server_seen);
		tap.remove(flow);
	}
}

BOOST_AUTO_TEST_CASE(strangers_and_resets_prove_nothing)
{
	see(client(0, 10, 77, tcp_rst | tcp_ack));
	see(client(0, 10, 77, tcp_syn | tcp_ack));
	BOOST_TEST(!tap.facts(flow)->client_seen);
	flow.remote_port++;
	see(client(0, 10, 77));
	BOOST_CHECK(tap.facts(flow) == nullptr);
}

BOOST_AUTO_TEST_CASE(a_fin_counts_one)
{
	see(client(0, 10, 0, tcp_ack | tcp_fin));
	BOOST_TEST(tap.facts(flow)->client_next == 11u);
}

BOOST_AUTO_TEST_CASE(a_new_incarnation_keeps_what_was_seen)
{
	see(client(0, 10, 5));
	tap.add(flow, snd_base, rcv_base, {5, 5, 10});
	BOOST_TEST(tap.facts(flow)->client_seen);
	tap.add(flow, snd_base + 1, rcv_base, {});
	BOOST_TEST(!tap.facts(flow)->client_seen);
	tap.remove(flow);
	BOOST_CHECK(tap.facts(flow) == nullptr);
}

BOOST_AUTO_TEST_CASE(the_lowest_byte_since)
{
	BOOST_CHECK(!tap.take_lowest(flow));
	see(client(100, 120));
	see(client(50, 60));
	see(client(120, 120));
	BOOST_CHECK(tap.take_lowest(flow) == 50u);
	BOOST_CHECK(!tap.take_lowest(flow));
}

BOOST_AUTO_TEST_CASE(nothing_kept)
{
	auto p = plan(42);
	BOOST_TEST(p.order.empty());
	BOOST_TEST(p.known_to == 42u);
	BOOST_TEST(!p.gap());
}

BOOST_AUTO_TEST_CASE(in_order_with_doubles_and_old_bytes)
{
	keep(client(100, 200));
	keep(client(300, 400));
	keep(client(100, 200));
	keep(client(0, 50));
	keep(client(200, 300));
	keep(client(40, 100));
	auto p = plan(50);
	BOOST_CHECK((order(p) == Order{5, 0, 4, 1}));
	BOOST_TEST(p.known_to == 400u);
	BOOST_TEST(p.highest == 400u);
}

BOOST_AUTO_TEST_CASE(the_longer_of_two)
{
	keep(client(10, 20));
	keep(client(10, 30));
	keep(client(15, 25));
	BOOST_CHECK((order(plan(10)) == Order{1}));
}

BOOST_AUTO_TEST_CASE(a_longer_one_from_the_lan_comes_behind)
{
	keep(client(10, 20));
	keep(client(30, 40));
	keep(client(10, 35));	// not what TCP had, perhaps
	std::vector<std::span<const uint8_t>> packets(kept.begin(), kept.end());
	auto p = plan_input(flow, rcv_base, 10, packets, 2, acks);
	BOOST_CHECK((order(p) == Order{0, 1, 2}));
	BOOST_TEST(p.known_to == 40u);
	p = plan_input(flow, rcv_base, 10, packets, 0, acks);
	BOOST_CHECK((order(p) == Order{2, 1}));
}

BOOST_AUTO_TEST_CASE(what_begins_before_the_stream)
{
	std::vector<uint8_t> payload(30, 'x');
	SegmentFields f = fields_to_local(flow);
	f.ack = seq_of_offset(snd_base, 0);
	f.flags = tcp_ack | tcp_fin;
	f.payload = payload;
	for (uint32_t before : {10U, 30U, 40U}) {
		f.seq = seq_of_offset(rcv_base, 0) - before;
		keep(build_segment(f));
		const auto p = plan(0);
		BOOST_TEST(p.order.empty());
		BOOST_TEST(p.known_to == 0u);
		BOOST_TEST(p.highest == 0u);
		BOOST_TEST(!p.fin);
	}
	keep(client(0, 20));
	BOOST_TEST(plan(0).known_to == 20u);
}

BOOST_AUTO_TEST_CASE(what_acknowledges_what_was_never_sent)
{
	keep(client(10, 20, 1002));
	keep(client(10, 30, 1001));
	keep(client(30, 40, 0, 0));
	std::vector<std::span<const uint8_t>> packets(kept.begin(), kept.end());
	BOOST_CHECK((order(plan(10)) == Order{1}));
	BOOST_CHECK((order(plan_input(flow, rcv_base, 10, packets, 1, acks)) ==
	    Order{0, 1}));
}

BOOST_AUTO_TEST_CASE(a_gap_and_what_lies_beyond)
{
	keep(client(10, 20));
	keep(client(30, 40));
	auto p = plan(10);
	BOOST_CHECK((order(p) == Order{0, 1}));
	BOOST_TEST(p.known_to == 20u);
	BOOST_TEST(p.highest == 40u);
	BOOST_TEST(p.gap());
	// A pure ACK with a sequence number beyond says it as well.
	kept.clear();
	keep(client(15, 15));
	p = plan(10);
	BOOST_TEST(p.order.empty());
	BOOST_TEST(p.gap());
	// An old one doesn't.
	kept.clear();
	keep(client(5, 5));
	BOOST_TEST(!plan(10).gap());
}

BOOST_AUTO_TEST_CASE(the_end_of_the_client)
{
	keep(client(10, 20, 0, tcp_ack | tcp_fin));
	auto p = plan(10);
	BOOST_CHECK((order(p) == Order{0}));
	BOOST_TEST(p.fin);
	BOOST_TEST(p.known_to == 20u);
	kept.clear();
	keep(client(10, 10, 0, tcp_ack | tcp_fin));
	keep(client(10, 10, 0, tcp_ack | tcp_fin));
	p = plan(10);
	BOOST_CHECK((order(p) == Order{0}));
	BOOST_TEST(p.fin);
	// Behind a gap it isn't the end yet.
	kept.clear();
	keep(client(20, 20, 0, tcp_ack | tcp_fin));
	p = plan(10);
	BOOST_TEST(!p.fin);
	BOOST_TEST(p.gap());
}

BOOST_AUTO_TEST_CASE(damaged_and_foreign_packets)
{
	keep(client(10, 20));
	kept[0].back() ^= 1;
	keep({});
	keep({0x45, 0});
	flow.remote_port++;
	keep(client(10, 20));
	flow.remote_port--;
	auto p = plan(10);
	BOOST_TEST(p.order.empty());
	BOOST_TEST(!p.gap());
}

BOOST_AUTO_TEST_SUITE_END()
