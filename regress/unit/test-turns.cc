// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include "turns.hh"

using namespace jeebs;
using Order = std::vector<size_t>;

BOOST_AUTO_TEST_SUITE(turns)

BOOST_AUTO_TEST_CASE(many_sessions_of_a_user_wait_for_one_of_another)
{
	std::vector<Turn> all(5, Turn{"eve", 0});
	all.push_back({"ann", 7});	// served later than eve ever was
	BOOST_TEST(fair_order(all) == (Order{0, 5, 1, 2, 3, 4}),
	    boost::test_tools::per_element());
	all[4].served = 9;
	BOOST_TEST(fair_order(all) == (Order{5, 0, 1, 2, 3, 4}),
	    boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_users_sessions_take_turns)
{
	BOOST_TEST(fair_order({}).empty());
	std::vector<Turn> all{{"ann", 3}, {"ann", 1}, {"bob", 2}, {"bob", 0}};
	BOOST_TEST(fair_order(all) == (Order{3, 1, 2, 0}),
	    boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
