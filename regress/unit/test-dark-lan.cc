// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <sys/socket.h>

#include <fstream>

#include "dark-lan.hh"
#include "scratch.hh"

using namespace jeebs;
using namespace jeebs::test;
using namespace std::chrono_literals;

namespace {

// Two VIPs on two cards, as the kernel tells of them.
struct Cards {
	ScratchDir sys;
	DarkLan lan{{{"192.0.2.1", AF_INET, "one"},
	    {"2001:db8::1", AF_INET6, "two"}}, sys.path()};

	void says(const std::string &card, const char *carrier)
	{
		std::filesystem::create_directory(sys / card);
		std::ofstream(sys / (card + "/carrier")) << carrier;
	}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(dark_lan, Cards)

BOOST_AUTO_TEST_CASE(it_takes_all_cards)
{
	says("one", "0\n");
	says("two", "1\n");
	BOOST_TEST(!lan.is_dark());
	says("two", "0\n");
	BOOST_TEST(lan.is_dark());
	says("one", "1\n");
	BOOST_TEST(!lan.is_dark());
}

BOOST_AUTO_TEST_CASE(a_card_that_is_down_has_none)
{
	says("one", "");
	says("two", "0\n");
	BOOST_TEST(lan.is_dark());
}

BOOST_AUTO_TEST_CASE(a_kernel_that_does_not_say_keeps_nobody_waiting)
{
	says("one", "0\n");
	BOOST_TEST(!lan.is_dark());
}

BOOST_AUTO_TEST_CASE(nobody_asks_on_a_dark_lan)
{
	boost::asio::io_context io;
	int asked = 0;
	says("one", "0\n");
	says("two", "0\n");
	lan.when_lit(io, [&] { asked++; });
	io.run_one_for(30s);
	BOOST_TEST(asked == 0);
	says("two", "1\n");
	io.run_for(30s);
	BOOST_TEST(asked == 1);
	lan.when_lit(io, [&] { asked++; });
	BOOST_TEST(asked == 2);
}

BOOST_AUTO_TEST_SUITE_END()
