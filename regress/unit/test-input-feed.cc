// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include "input-feed.hh"

using namespace jeebs;
using std::chrono::milliseconds;

namespace {

// A packet whose only byte says which one it is.
InputPiece
piece(uint64_t begin, uint64_t end, uint8_t name)
{
	return {begin, end, Buffer(Bytes(&name, 1))};
}

struct Feed {
	InputFeed feed;
	Time now{milliseconds(1000)};

	explicit Feed(std::deque<InputPiece> p) : feed(std::move(p)) {}
	std::string due(uint64_t has, uint64_t window)
	{
		std::string names;
		for (Bytes b : feed.due(has, window, now))
			names += static_cast<char>(b[0]);
		return names;
	}
	static Feed abc()
	{
		std::deque<InputPiece> p;
		p.push_back(piece(100, 110, 'a'));
		p.push_back(piece(110, 120, 'b'));
		p.push_back(piece(120, 130, 'c'));
		return Feed(std::move(p));
	}
};

} // namespace

BOOST_AUTO_TEST_SUITE(input_feed)

BOOST_AUTO_TEST_CASE(all_at_once_if_it_fits)
{
	auto f = Feed::abc();
	BOOST_TEST(f.feed.end() == 130U);
	BOOST_TEST(f.due(100, 1000) == "abc");
	BOOST_TEST(!f.feed.done());
	BOOST_TEST(f.due(120, 1000) == "");
	BOOST_TEST(f.due(130, 1000) == "");
	BOOST_TEST(f.feed.done());
}

BOOST_AUTO_TEST_CASE(as_much_as_the_window_takes)
{
	auto f = Feed::abc();
	BOOST_TEST(f.due(100, 20) == "ab");
	BOOST_TEST(f.due(110, 10) == "");
	BOOST_TEST(f.due(110, 0) == "");
	BOOST_TEST(f.due(115, 15) == "c");
}

BOOST_AUTO_TEST_CASE(a_closed_window_gets_nothing)
{
	auto f = Feed::abc();
	BOOST_TEST(f.due(100, 0) == "");
	f.now += milliseconds(1000);
	BOOST_TEST(f.due(100, 0) == "");
	BOOST_TEST(f.due(100, 10) == "a");
}

BOOST_AUTO_TEST_CASE(what_got_lost_is_given_again)
{
	auto f = Feed::abc();
	BOOST_TEST(f.due(100, 1000) == "abc");
	f.now += InputFeed::again_after - milliseconds(1);
	BOOST_TEST(f.due(110, 1000) == "");
	f.now += InputFeed::again_after - milliseconds(1);
	BOOST_TEST(f.due(110, 1000) == "");
	f.now += milliseconds(1);
	BOOST_TEST(f.due(110, 1000) == "bc");
}

BOOST_AUTO_TEST_CASE(behind_a_gap_once)
{
	std::deque<InputPiece> p;
	p.push_back(piece(100, 110, 'a'));
	p.push_back(piece(115, 120, 'c'));
	Feed f(std::move(p));
	BOOST_TEST(f.due(100, 1000) == "ac");
	f.now += InputFeed::again_after;
	BOOST_TEST(f.due(100, 1000) == "a");
	f.now += InputFeed::again_after;
	BOOST_TEST(f.due(110, 1000) == "");
	// The client filled it.
	BOOST_TEST(f.due(120, 1000) == "");
	BOOST_TEST(f.feed.done());
}

BOOST_AUTO_TEST_CASE(nothing_to_give)
{
	Feed f({});
	BOOST_TEST(f.due(5, 10) == "");
	BOOST_TEST(f.feed.done());
}

BOOST_AUTO_TEST_SUITE_END()
