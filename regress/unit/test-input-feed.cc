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
	// The names of the packets, and what to give of those that aren't
	// given whole (ten bytes).
	std::string due(uint64_t has, uint64_t window)
	{
		std::string names;
		for (const InputPart &p : feed.due(has, window, now)) {
			names += static_cast<char>(p.packet[0]);
			if (p.from != 0 || (p.to != 10 && p.to != 5000))
				names += '(' + std::to_string(p.from) + '-' +
				    std::to_string(p.to) + ')';
		}
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

BOOST_AUTO_TEST_CASE(the_rest_is_what_tcp_lacks)
{
	auto f = Feed::abc();
	BOOST_TEST(f.feed.rest().size() == 3U);
	f.due(115, 1000);
	const auto rest = f.feed.rest();
	BOOST_TEST(rest.size() == 2U);
	BOOST_TEST(rest[0].packet[0] == 'b');
	BOOST_TEST((rest[0].from == 0 && rest[0].to == 10));
	f.due(130, 1000);
	BOOST_TEST(f.feed.rest().empty());
}

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

// A client that doesn't read stays so for hours: each packet is answered to it.
BOOST_AUTO_TEST_CASE(what_is_not_taken_is_given_again_less_and_less)
{
	auto f = Feed::abc();
	BOOST_TEST(f.due(100, 10) == "a");
	auto pause = InputFeed::again_after;
	for (int i = 0; i < 10; i++) {
		f.now += pause - milliseconds(1);
		BOOST_TEST(f.due(100, 10) == "");
		f.now += milliseconds(1);
		BOOST_TEST(f.due(100, 10) == "a");
		pause = std::min(2 * pause, InputFeed::again_at_most);
	}
	// It moves: as quick as before.
	BOOST_TEST(f.due(110, 10) == "b");
	f.now += InputFeed::again_after;
	BOOST_TEST(f.due(110, 10) == "b");
}

// What came while the window was full TCP may have dropped.
BOOST_AUTO_TEST_CASE(a_window_that_opens_gets_it_at_once)
{
	auto f = Feed::abc();
	BOOST_TEST(f.due(100, 10) == "a");
	BOOST_TEST(f.due(100, 0) == "");
	BOOST_TEST(f.due(100, 25) == "ab");
}

// Of a packet as large as GRO makes it.
BOOST_AUTO_TEST_CASE(neither_what_it_has_nor_more_than_it_takes)
{
	std::deque<InputPiece> p;
	p.push_back(piece(1000, 6000, 'a'));
	p.push_back(piece(6000, 6010, 'b'));
	Feed f(std::move(p));
	BOOST_TEST(f.due(1200, 3000) == "a(200-3200)");
	BOOST_TEST(f.due(2600, 1600) == "");
	// Less than a segment waits, but not for ever.
	BOOST_TEST(f.due(4200, 1000) == "a(3200-4200)");
	BOOST_TEST(f.due(5200, 800) == "a(4200-5000)");
	BOOST_TEST(f.due(5200, 810) == "a(4200-5000)b");
	f.now += InputFeed::again_after;
	BOOST_TEST(f.due(5500, 510) == "");
	BOOST_TEST(f.due(6010, 510) == "");
	BOOST_TEST(f.feed.done());
}

BOOST_AUTO_TEST_CASE(behind_a_gap_once)
{
	std::deque<InputPiece> p;
	p.push_back(piece(100, 110, 'a'));
	p.push_back(piece(115, 125, 'c'));
	Feed f(std::move(p));
	BOOST_TEST(f.due(100, 1000) == "ac");
	f.now += InputFeed::again_after;
	BOOST_TEST(f.due(100, 1000) == "a");
	BOOST_TEST(!f.feed.whole());
	f.now += InputFeed::again_after;
	BOOST_TEST(f.due(110, 1000) == "");
	BOOST_TEST(f.feed.whole());
	BOOST_TEST(!f.feed.done());
	// The client filled it.
	BOOST_TEST(f.due(125, 1000) == "");
	BOOST_TEST(f.feed.done());
}

// As plan_input gives them: what came to the dead host's TCP goes before what was
// overheard, and that before nothing.
BOOST_AUTO_TEST_CASE(who_comes_first_gives_what_others_have_too)
{
	std::deque<InputPiece> p;
	p.push_back(piece(100, 110, 'a'));
	p.push_back(piece(120, 130, 'b'));
	p.push_back(piece(90, 135, 'c'));
	p.push_back(piece(130, 140, 'd'));
	p.push_back(piece(100, 140, 'e'));
	p.push_back(piece(85, 95, 'f'));
	Feed f(std::move(p));
	BOOST_TEST(f.due(90, 1000) == "cac(20-30)bc(40-45)d(5-10)");
	f.now += InputFeed::again_after;
	BOOST_TEST(f.due(105, 1000) == "");
	f.now += InputFeed::again_after;
	BOOST_TEST(f.due(105, 20) == "a(5-10)c(20-30)");
	BOOST_TEST(f.due(140, 20) == "");
	BOOST_TEST(f.feed.done());
}

// [100,110) [120,130): the rest comes behind, and everything reaches TCP.
BOOST_AUTO_TEST_CASE(a_gap_that_a_later_piece_fills)
{
	for (const uint64_t window : {7U, 10U, 15U, 1000U}) {
		std::deque<InputPiece> p;
		p.push_back(piece(100, 110, 'a'));
		p.push_back(piece(120, 130, 'b'));
		p.push_back(piece(100, 125, 'c'));
		InputFeed feed(std::move(p));
		Time now{milliseconds(1000)};
		uint64_t has = 100;
		for (int i = 0; i < 50 && !feed.done(); i++) {
			for (const InputPart &part : feed.due(has, window,
			    now)) {
				const uint64_t begin =
				    part.packet[0] == 'b' ? 120 : 100;
				if (begin + part.from <= has)
					has = std::max(has, begin + part.to);
			}
			now += InputFeed::again_at_most;
		}
		BOOST_TEST(has == 130U);
	}
}

BOOST_AUTO_TEST_CASE(nothing_to_give)
{
	Feed f({});
	BOOST_TEST(f.due(5, 10) == "");
	BOOST_TEST(f.feed.done());
}

BOOST_AUTO_TEST_SUITE_END()
