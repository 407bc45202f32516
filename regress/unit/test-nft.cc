// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include "nft.hh"

using namespace jeebs;

BOOST_AUTO_TEST_SUITE(nft)

BOOST_AUTO_TEST_CASE(names)
{
	for (const char *good : {"eth0", "enp0s31f6", "eth0.5", "br-lan",
	    "wg_1", "fifteen-bytes-x", "jeebs%d"})
		BOOST_TEST(is_interface_name(good));
	for (const char *bad : {"", ".", "..", "sixteen-bytes-xx", "a b",
	    "a/b", "a\"b", "a\\b", "a:1", "a\nb", "\xc3\xa9"})
		BOOST_TEST(!is_interface_name(bad));
	BOOST_TEST(nft_identifier("br-lan.5") == "br_lan_5");
}

BOOST_AUTO_TEST_CASE(errors_are_one_line_of_nft)
{
	Nft nft;
	const auto r = nft.run("add nonsense\nand more");
	BOOST_REQUIRE(!r.has_value());
	BOOST_TEST(r.error().what.find("syntax error") != std::string::npos);
	BOOST_TEST(r.error().what.find('\n') == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
