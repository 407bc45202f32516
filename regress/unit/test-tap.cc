// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include "tap.hh"

using namespace jeebs;

BOOST_AUTO_TEST_SUITE(tap)

BOOST_AUTO_TEST_CASE(link_headers)
{
	const std::vector<uint8_t> macs(12, 0xaa);
	const auto strip = [&](std::vector<uint8_t> rest) {
		rest.insert(rest.begin(), macs.begin(), macs.end());
		const auto ip = strip_link_header(rest);
		return std::vector<uint8_t>(ip.begin(), ip.end());
	};
	const std::vector<uint8_t> four{0x45, 1}, six{0x60, 2}, none;
	BOOST_TEST(strip({0x08, 0x00, 0x45, 1}) == four);
	BOOST_TEST(strip({0x86, 0xdd, 0x60, 2}) == six);
	BOOST_TEST(strip({0x81, 0x00, 0, 5, 0x08, 0x00, 0x45, 1}) == four);
	BOOST_TEST(strip({0x88, 0xa8, 0, 5, 0x81, 0x00, 0, 6, 0x86, 0xdd,
	    0x60, 2}) == six);
	BOOST_TEST(strip({0x81, 0, 0, 5, 0x81, 0, 0, 5, 0x81, 0, 0, 5, 0x08,
	    0x00, 0x45}) == none);
	BOOST_TEST(strip({0x08, 0x06, 0, 1}) == none);
	BOOST_TEST(strip({0x81, 0x00, 0, 5}) == none);
	BOOST_TEST(strip({}) == none);
	BOOST_TEST(strip_link_header({}).empty());
}

BOOST_AUTO_TEST_SUITE_END()
