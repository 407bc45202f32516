// SPDX-License-Identifier: ISC
// Keys of set elements; what the kernel makes of a change is netns/'s affair.
#include <boost/test/unit_test.hpp>

#include "nft-elements.hh"

using namespace jeebs;

BOOST_AUTO_TEST_SUITE(nft_elements)

BOOST_AUTO_TEST_CASE(an_interface_is_its_name_to_the_end_with_zeros)
{
	const std::vector<uint8_t> want{'e', 't', 'h', '0', 0, 0, 0, 0, 0, 0,
	    0, 0, 0, 0, 0, 0};
	BOOST_TEST(nft_key("eth0") == want);
	BOOST_TEST(nft_key("a-name-of-15-by").size() == 16U);
}

BOOST_AUTO_TEST_CASE(a_flow_is_its_parts_in_registers_local_end_first)
{
	Flow flow{*IpAddr::parse("10.1.2.3"), *IpAddr::parse("10.9.8.7"), 22,
	    0xabcd};
	const std::vector<uint8_t> want{10, 1, 2, 3, 0, 22, 0, 0, 10, 9, 8, 7,
	    0xab, 0xcd, 0, 0};
	BOOST_TEST(nft_key(flow) == want);
	Flow six{*IpAddr::parse("fd00::1"), *IpAddr::parse("fd00::2"), 22, 1};
	const auto key = nft_key(six);
	BOOST_REQUIRE(key.size() == 40U);
	BOOST_TEST(key[15] == 1);
	BOOST_TEST(key[17] == 22);
	BOOST_TEST(key[35] == 2);
	BOOST_TEST(key[37] == 1);
}

BOOST_AUTO_TEST_SUITE_END()
