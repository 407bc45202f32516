// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include "heartbeat-order.hh"

using namespace jeebs;

BOOST_AUTO_TEST_SUITE(heartbeat_order)

BOOST_AUTO_TEST_CASE(the_newest_of_all_paths)
{
	HeartbeatOrder o;
	BOOST_TEST(o.is_news(7, 1));
	BOOST_TEST(o.is_news(7, 2));
	BOOST_TEST(!o.is_news(7, 2));
	BOOST_TEST(!o.is_news(7, 1));
	BOOST_TEST(o.is_news(7, 90));
	BOOST_TEST(!o.is_news(7, 89));
}

BOOST_AUTO_TEST_CASE(an_instance_that_is_over)
{
	HeartbeatOrder o;
	BOOST_TEST(o.is_news(7, 500));
	BOOST_TEST(o.is_news(8, 1));
	BOOST_TEST(!o.is_news(7, 501));
	BOOST_TEST(!o.is_news(8, 1));
	BOOST_TEST(o.is_news(8, 2));
	for (uint64_t i = 9; i < 16; i++)
		BOOST_TEST(o.is_news(i, 1));
	BOOST_TEST(!o.is_news(7, 502));
	BOOST_TEST(!o.is_news(14, 502));
}

BOOST_AUTO_TEST_SUITE_END()
