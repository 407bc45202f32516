// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include "lost-acks.hh"
#include "records.hh"
#include "segment.hh"

using namespace jeebs;
using namespace jeebs::test;

BOOST_AUTO_TEST_SUITE(lost_acks)

BOOST_AUTO_TEST_CASE(the_right_edge_of_the_window_stays)
{
	jeebs_tcp_state s = make_tcp();
	s.snd_base = 0xffffff00;
	s.rcv_base = 7000;
	s.snd_wscale = 7;
	TapFacts facts;
	facts.client_seen = true;
	facts.client_ack = 100000;

	const auto window = [&](uint16_t own, uint64_t sent) {
		facts.client_window = own;
		const auto packet = ack_of(s, facts, 50, sent);
		const auto p = Segment::parse(packet);
		BOOST_REQUIRE(p.has_value());
		BOOST_TEST((p->flow_to_local() == Flow::from_state(s)));
		BOOST_TEST((p->seq() == Seq32(7050)));
		BOOST_TEST((p->ack() == seq_of_offset(s.snd_base, sent)));
		BOOST_TEST(p->payload().empty());
		BOOST_TEST((p->checksum_state() == ChecksumState::valid));
		return unsigned{p->window()};
	};
	BOOST_TEST(window(10, 100000 - 128) == 11U);
	BOOST_TEST(window(10, 100000 - 129) == 12U);
	// It reads nothing, and has all that is still to be sent.
	BOOST_TEST(window(0, 100000 - 1280) == 10U);
	BOOST_TEST(window(0, 99999) == 1U);
	BOOST_TEST(window(65535, 0) == 65535U);
}

BOOST_AUTO_TEST_SUITE_END()
