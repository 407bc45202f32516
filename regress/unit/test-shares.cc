// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <vector>

#include "shares.hh"

using jeebs::Shares;

BOOST_AUTO_TEST_SUITE(shares)

BOOST_AUTO_TEST_CASE(one_user_gets_half_and_the_next_half_of_the_rest)
{
	Shares s(100);
	std::vector<Shares::Place> held;
	auto grab = [&](const char *user) {
		size_t n = 0;
		while (auto p = s.take(user)) {
			held.push_back(std::move(p));
			n++;
		}
		return n;
	};
	BOOST_TEST(grab("ann") == 50U);
	BOOST_TEST(grab("bob") == 25U);
	BOOST_TEST(grab("ann") == 0U);
	BOOST_TEST(bool(s.take("eve")));
	BOOST_TEST(s.taken() == 75U);
	held.erase(held.begin(), held.begin() + 50);	// ann's
	BOOST_TEST(s.taken() == 25U);
	BOOST_TEST(grab("bob") == 25U);
	BOOST_TEST(grab("ann") == 25U);
}

BOOST_AUTO_TEST_CASE(users_who_want_all_at_once_get_as_much_each)
{
	Shares s(100);
	std::vector<Shares::Place> held;
	for (bool more = true; more;) {
		more = false;
		for (const char *user : {"a", "b", "c"})
			if (auto p = s.take(user)) {
				held.push_back(std::move(p));
				more = true;
			}
	}
	BOOST_TEST(s.taken() == 75U);
}

BOOST_AUTO_TEST_CASE(a_place_moves_and_outlives)
{
	Shares::Place kept;
	{
		Shares s(1);
		auto a = s.take("ann");
		BOOST_TEST(bool(a));
		BOOST_TEST(!s.take("bob"));
		auto more = s.take_anyway("bob");
		BOOST_TEST(s.taken() == 2U);
		kept = std::move(a);
		BOOST_TEST(s.taken() == 2U);
		kept = std::move(more);
		BOOST_TEST(s.taken() == 1U);
		BOOST_TEST(!s.take("ann"));
	}
	BOOST_TEST(bool(kept));
}

BOOST_AUTO_TEST_SUITE_END()
