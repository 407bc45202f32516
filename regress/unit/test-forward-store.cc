// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include "forward-store.hh"
#include "segment.hh"

using namespace jeebs;

namespace {

jeebs_tcp_state
state(uint16_t port = 40000)
{
	jeebs_tcp_state t{};
	t.family = AF_INET;
	t.local[0] = t.remote[0] = 10;
	t.remote[3] = 7;
	t.local[3] = 1;
	t.local_port = port;
	t.remote_port = 80;
	t.mss = 1460;
	t.rcv_base = 1000;
	return t;
}

// What the target sends: an IPv4 packet without checksums.
Buffer
packet(uint64_t offset, size_t n, uint16_t port = 40000, uint8_t flags = 0x10)
{
	std::vector<uint8_t> p(40 + n, 0x55);
	auto be16 = [&p](size_t at, uint32_t v) {
		p[at] = static_cast<uint8_t>(v >> 8);
		p[at + 1] = static_cast<uint8_t>(v);
	};
	std::fill(p.begin(), p.begin() + 40, 0);
	p[0] = 0x45;
	be16(2, static_cast<uint32_t>(p.size()));
	p[8] = 64;
	p[9] = 6;
	p[12] = p[16] = 10;
	p[15] = 7;
	p[19] = 1;
	be16(20, 80);
	be16(22, port);
	const uint32_t seq = 1000 + static_cast<uint32_t>(offset);
	be16(24, seq >> 16);
	be16(26, seq & 0xffff);
	p[32] = 0x50;
	p[33] = flags;
	// The checksum of all that, so that it is right.
	uint32_t sum = 6 + static_cast<uint32_t>(p.size() - 20);
	for (size_t i = 12; i < p.size(); i += 2)
		sum += static_cast<uint32_t>(p[i] << 8 |
		    (i + 1 < p.size() ? p[i + 1] : 0));
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	be16(36, ~sum & 0xffff);
	return Buffer(Bytes(p));
}

struct World {
	ForwardStore store{{.forward_bytes = 4000, .forward_packets = 50,
	    .total_bytes = 6000, .session_forwards = 3, .forwards = 5}};
	ForwardStore::SteadyTime now{};

	bool open(uint64_t sid, uint64_t id, uint16_t port = 40000,
	    const std::string &user = "u")
	{
		return store.open({sid, id, state(port)}, user, now)
		    .has_value();
	}
	bool input(uint64_t id, uint64_t offset, size_t n,
	    uint16_t port = 40000)
	{
		auto p = packet(offset, n, port);
		return store.input({id, offset, p.bytes()}).has_value();
	}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(forward_store, World)

BOOST_AUTO_TEST_CASE(whole_only_when_covered_and_held)
{
	BOOST_TEST(open(1, 2));
	BOOST_TEST(!store.whole(2, 0));
	store.cover({2, 300});
	BOOST_TEST(!store.whole(2, 0));
	BOOST_TEST(store.whole(2, 300));
	BOOST_TEST(input(2, 100, 100));
	BOOST_TEST(!store.whole(2, 100));
	BOOST_TEST(input(2, 200, 100));
	BOOST_TEST(store.whole(2, 100));
	BOOST_TEST(!store.whole(2, 99));
	BOOST_TEST(store.inputs(2).size() == 2U);
	BOOST_TEST(store.held_to(2, 100) == 300U);
	BOOST_TEST(store.held_to(2, 99) == 99U);
	BOOST_TEST(!store.whole(3, 300));
}

BOOST_AUTO_TEST_CASE(what_was_taken_is_forgotten)
{
	BOOST_TEST(open(1, 2));
	BOOST_TEST(input(2, 0, 100));
	BOOST_TEST(input(2, 100, 100));
	store.taken({2, 150});
	BOOST_TEST(store.inputs(2).size() == 1U);
	BOOST_TEST(store.bytes() == 140U);
	store.taken({2, 200});
	BOOST_TEST(store.bytes() == 0U);
	store.taken({9, 200});
}

// A new incarnation of the session: until it has a record the old one counts.
BOOST_AUTO_TEST_CASE(incarnations_of_a_connection_share_its_packets)
{
	BOOST_TEST(open(1, 2));
	store.cover({2, 100});
	BOOST_TEST(input(2, 0, 100));
	BOOST_TEST(open(5, 6));
	BOOST_TEST(input(6, 100, 100));
	BOOST_TEST(store.flows().size() == 1U);
	BOOST_TEST(store.inputs(2).size() == 2U);
	BOOST_TEST(store.whole(2, 0));
	BOOST_TEST(!store.whole(6, 0));
	store.cover({6, 100});
	store.close_session(1);
	BOOST_TEST(store.whole(6, 0));
	BOOST_TEST(store.inputs(6).size() == 2U);
	store.close(6);
	BOOST_TEST(store.bytes() == 0U);
	BOOST_TEST(store.flows().empty());
}

BOOST_AUTO_TEST_CASE(what_breaks_one_breaks_the_incarnation_before)
{
	BOOST_TEST(open(1, 2));
	store.cover({2, 0});
	BOOST_TEST(open(5, 6));
	auto p = packet(0, 10);
	BOOST_TEST(!store.input({6, 1, p.bytes()}).has_value());
	BOOST_TEST(store.has(2));
	BOOST_TEST(!store.whole(2, 0));
	// Another one between the same ports.
	auto t = state();
	t.rcv_base = 77;
	BOOST_TEST(store.open({7, 8, t}, "u", now).has_value());
	BOOST_TEST(store.inputs(8).empty());
	store.cover({8, 0});
	BOOST_TEST(store.whole(8, 0));
}

BOOST_AUTO_TEST_CASE(who_has_the_ports_now)
{
	BOOST_TEST(open(1, 2));
	auto other = state();
	other.rcv_base = 5000;
	BOOST_TEST(store.open({3, 4, other}, "v", now).has_value());
	// Nothing is to be done to that one in the name of the first.
	BOOST_TEST(store.of_session(1).empty());
	BOOST_TEST(!store.whole(2, 0));
	BOOST_TEST(store.of_session(3).size() == 1U);
	store.close(4);
	BOOST_TEST(store.of_session(1).empty());
	BOOST_TEST(store.of_session(3).empty());
	BOOST_TEST(store.flows().empty());
	store.close(2);
	BOOST_TEST(store.size() == 0U);
}

BOOST_AUTO_TEST_CASE(packets_of_another_connection)
{
	BOOST_TEST(open(1, 2));
	BOOST_TEST(!input(2, 0, 10, 40001));
	BOOST_TEST(!store.has(2));
	BOOST_TEST(open(1, 3));
	auto p = packet(0, 10);
	BOOST_TEST(!store.input({3, 1, p.bytes()}).has_value());
	BOOST_TEST(open(1, 4));
	auto syn = packet(0, 10, 40000, 0x02);
	BOOST_TEST(!store.input({4, 0, syn.bytes()}).has_value());
	// Crosses with DROP.
	BOOST_TEST(input(4, 0, 10));
	BOOST_TEST(store.bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(one_takes_too_much)
{
	BOOST_TEST(open(1, 2));
	uint64_t at = 0;
	while (input(2, at, 960))
		at += 960;
	BOOST_TEST(at == 4 * 960U);
	BOOST_TEST(!store.has(2));
	BOOST_TEST(store.bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(one_user_takes_too_much)
{
	BOOST_TEST(open(1, 2, 1, "a"));
	BOOST_TEST(open(1, 3, 2, "a"));
	BOOST_TEST(open(4, 5, 3, "b"));
	BOOST_TEST(input(5, 0, 100, 3));
	for (uint64_t at = 0; at < 2880; at += 960)
		BOOST_TEST(input(2, at, 960, 1));
	uint64_t at = 0;
	while (input(3, at, 960, 2))
		at += 960;
	BOOST_TEST(!store.has(3));
	BOOST_TEST(store.has(5));
	BOOST_TEST(input(5, 100, 100, 3));
}

BOOST_AUTO_TEST_CASE(places_of_a_session)
{
	BOOST_TEST(open(1, 2));
	BOOST_TEST(!open(1, 2));
	BOOST_TEST(!open(1, 0));
	BOOST_TEST(open(1, 3));
	BOOST_TEST(open(1, 4));
	BOOST_TEST(!open(1, 5));
	BOOST_TEST(open(2, 5));
	BOOST_TEST(open(2, 6));
	BOOST_TEST(!open(2, 7));
	store.close(6);
	store.close_session(1);
	BOOST_TEST(store.size() == 1U);
	BOOST_TEST(store.of_session(2).size() == 1U);
	BOOST_TEST(store.of_session(1).empty());
	BOOST_TEST(open(1, 6));
	store.clear();
	BOOST_TEST(store.flows().empty());
}

BOOST_AUTO_TEST_CASE(the_tcp_state_of_another_connection)
{
	BOOST_TEST(open(1, 2));
	auto t = state();
	t.snd_wnd = t.max_window = 77;
	store.tcp({2, t}, now);
	BOOST_TEST(store.find(2)->tcp.snd_wnd == 77U);
	auto other = state(7);
	store.tcp({2, other}, now);
	BOOST_TEST(store.find(2)->tcp.snd_wnd == 77U);
	store.tcp({3, t}, now);
	BOOST_TEST(!store.find(3));
}

BOOST_AUTO_TEST_SUITE_END()
