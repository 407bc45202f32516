// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include "heartbeat.hh"

using namespace jeebs;

namespace {

HeartbeatKey
key(uint8_t seed)
{
	HeartbeatKey k;
	k.fill(seed);
	return k;
}

Heartbeat
sample(uint64_t counter)
{
	Heartbeat h;
	h.state = RoleState::standby_ready;
	h.flags = hb_grant | hb_preferred;
	h.lease_ms = 150;
	h.alone_ms = 2000;
	h.instance = 0x1122334455667788;
	h.epoch = 7;
	h.counter = counter;
	h.sent = 0xffffffff00000001;
	h.echo_counter = 41;
	h.echo_sent = 99;
	return h;
}

struct Ends {
	HeartbeatCodec a{0, 2}, b{1, 2};
	Ends()
	{
		a.set_key(key(1));
		b.set_key(key(1));
	}
};

void
refused(const Result<Heartbeat> &r, const std::string &why)
{
	BOOST_REQUIRE(!r);
	BOOST_TEST(r.error().what.substr(0, why.size()) == why);
}

} // namespace

BOOST_AUTO_TEST_SUITE(heartbeat)

BOOST_AUTO_TEST_CASE(every_field_comes_through)
{
	Ends e;
	auto p = e.a.encode(sample(1));
	BOOST_REQUIRE(p);
	auto h = e.b.decode(0, *p);
	BOOST_REQUIRE_MESSAGE(h, h.error().what);
	BOOST_CHECK(*h == sample(1));
}

BOOST_AUTO_TEST_CASE(nothing_without_a_key)
{
	HeartbeatCodec c(0, 1);
	BOOST_TEST(!c.encode(sample(1)));
	Ends e;
	refused(c.decode(0, *e.b.encode(sample(1))), "unknown key");
}

BOOST_AUTO_TEST_CASE(replay_is_judged_per_path)
{
	Ends e;
	auto p5 = e.a.encode(sample(5)), p6 = e.a.encode(sample(6));
	BOOST_TEST(bool(e.b.decode(0, *p6)));
	refused(e.b.decode(0, *p6), "replayed");
	refused(e.b.decode(0, *p5), "replayed");
	BOOST_TEST(bool(e.b.decode(1, *p5)));
	refused(e.b.decode(1, *p5), "replayed");
	refused(e.b.decode(2, *p6), "unknown path");
	refused(e.b.decode(0, *e.a.encode(sample(0))), "replayed");
}

BOOST_AUTO_TEST_CASE(reflection)
{
	Ends e;
	refused(e.a.decode(0, *e.a.encode(sample(1))), "reflected");
}

BOOST_AUTO_TEST_CASE(every_changed_bit_is_noticed)
{
	Ends e;
	auto p = *e.a.encode(sample(1));
	for (size_t bit = 0; bit < p.size() * 8; bit++) {
		auto q = p;
		q[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
		BOOST_TEST_CONTEXT("bit " << bit)
			BOOST_TEST(!e.b.decode(0, q));
	}
	BOOST_TEST(bool(e.b.decode(0, p)));
}

BOOST_AUTO_TEST_CASE(length)
{
	Ends e;
	auto p = *e.a.encode(sample(1));
	std::vector<uint8_t> v(p.begin(), p.end());
	for (size_t n = 0; n < v.size(); n++)
		refused(e.b.decode(0, std::span(v).first(n)), "wrong length");
	v.push_back(0);
	refused(e.b.decode(0, v), "wrong length");
}

BOOST_AUTO_TEST_CASE(a_signed_packet_with_impossible_values)
{
	Ends e;
	Heartbeat h = sample(1);
	h.state = static_cast<RoleState>(0);
	refused(e.b.decode(0, *e.a.encode(h)), "unknown state or flag");
	h.state = static_cast<RoleState>(10);
	refused(e.b.decode(0, *e.a.encode(h)), "unknown state or flag");
	h = sample(1);
	h.flags = 0x80;
	refused(e.b.decode(0, *e.a.encode(h)), "unknown state or flag");
}

BOOST_AUTO_TEST_CASE(keys_change_one_end_at_a_time)
{
	Ends e;
	auto old = *e.a.encode(sample(1));
	e.a.set_key(key(2));
	refused(e.b.decode(0, *e.a.encode(sample(2))), "unknown key");
	e.b.set_key(key(2));
	BOOST_TEST(bool(e.b.decode(0, old)));
	BOOST_TEST(bool(e.b.decode(0, *e.a.encode(sample(3)))));
	// A key two changes back is gone, and so is its replay protection.
	e.b.set_key(key(3));
	refused(e.b.decode(0, old), "unknown key");
	BOOST_TEST(bool(e.b.decode(0, *e.a.encode(sample(4)))));
	// Told the same key twice, nothing is forgotten.
	e.b.set_key(key(3));
	refused(e.b.decode(0, *e.a.encode(sample(4))), "replayed");
}

BOOST_AUTO_TEST_SUITE_END()
