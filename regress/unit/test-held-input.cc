// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include "held-input.hh"

using namespace jeebs;

namespace {

struct Held : HeldInput {
	bool put(uint64_t begin, uint64_t end)
	{
		std::vector<uint8_t> packet(40 + end - begin);
		return add(begin, end, packet);
	}
};

} // namespace

BOOST_AUTO_TEST_SUITE(held_input)

BOOST_AUTO_TEST_CASE(in_order)
{
	Held h;
	BOOST_TEST(h.contiguous(100) == 100U);
	BOOST_TEST(h.put(100, 110));
	BOOST_TEST(h.put(110, 120));
	BOOST_TEST(h.contiguous(100) == 120U);
	BOOST_TEST(h.contiguous(105) == 120U);
	BOOST_TEST(h.contiguous(99) == 99U);
	BOOST_TEST(h.count() == 2U);
	BOOST_TEST(h.bytes() == 100U);
}

BOOST_AUTO_TEST_CASE(what_is_here_already)
{
	Held h;
	BOOST_TEST(h.put(100, 110));
	BOOST_TEST(h.put(110, 120));
	BOOST_TEST(!h.put(100, 110));
	BOOST_TEST(!h.put(105, 115));
	BOOST_TEST(h.put(105, 121));
	BOOST_TEST(h.count() == 3U);
}

BOOST_AUTO_TEST_CASE(out_of_order)
{
	Held h;
	BOOST_TEST(h.put(120, 130));
	BOOST_TEST(h.put(140, 150));
	BOOST_TEST(h.put(100, 110));
	BOOST_TEST(h.contiguous(100) == 110U);
	BOOST_TEST(!h.put(122, 128));
	BOOST_TEST(h.put(110, 140));	// closes both gaps
	BOOST_TEST(h.contiguous(100) == 150U);
	BOOST_TEST(!h.put(100, 150));
}

BOOST_AUTO_TEST_CASE(what_was_consumed_goes)
{
	Held h;
	h.put(100, 110);
	h.put(120, 130);
	h.put(110, 120);
	h.consumed(105);
	BOOST_TEST(h.count() == 3U);
	BOOST_TEST(h.contiguous(105) == 130U);
	h.consumed(110);
	BOOST_TEST(h.count() == 2U);
	h.consumed(125);
	BOOST_TEST(h.count() == 2U);	// the first of them goes on to 130
	BOOST_TEST(h.contiguous(125) == 130U);
	h.consumed(130);
	BOOST_TEST(h.count() == 0U);
	BOOST_TEST(h.bytes() == 0U);
	BOOST_TEST(h.contiguous(130) == 130U);
}

BOOST_AUTO_TEST_CASE(any_order_gives_the_same)
{
	// Every order of five pieces, two of which overlap.
	const std::pair<uint64_t, uint64_t> piece[] = {{0, 10}, {10, 20},
	    {15, 30}, {30, 31}, {31, 50}};
	std::vector<size_t> order{0, 1, 2, 3, 4};
	do {
		Held h;
		for (size_t i : order)
			BOOST_TEST(h.put(piece[i].first, piece[i].second));
		BOOST_TEST(h.contiguous(0) == 50U);
		BOOST_TEST(!h.put(0, 50));
		h.consumed(50);
		BOOST_TEST(h.count() == 0U);
	} while (std::next_permutation(order.begin(), order.end()));
}

BOOST_AUTO_TEST_SUITE_END()
