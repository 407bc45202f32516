// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <nlohmann/json.hpp>

#include "status-table.hh"

using namespace jeebs;
using json = nlohmann::ordered_json;

BOOST_AUTO_TEST_SUITE(status)

BOOST_AUTO_TEST_CASE(plain_members_then_sections_then_tables)
{
	auto j = json::parse(R"({"host": "alpha", "takeover": {"epoch": 3,
	    "steps": [{"name": "hold", "ms": 1.5}, {"name": "vip", "failed":
	    true}]}, "protected": true, "standby": null, "note": "",
	    "none": []})");
	BOOST_TEST(status_table(j) ==
	    "host       alpha\n"
	    "protected  yes\n"
	    "standby    -\n"
	    "note       -\n"
	    "none       []\n"
	    "takeover:\n"
	    "  epoch  3\n"
	    "  steps:\n"
	    "    name  ms   failed\n"
	    "    hold  1.5  -\n"
	    "    vip   -    yes\n");
}

BOOST_AUTO_TEST_CASE(nothing_reaches_the_terminal_raw)
{
	json j{{"user\x1b", "a\x1b[2Jb\n"}, {"rows", {{{"k\x07", "\x7f"}}}}};
	for (char c : status_table(j))
		BOOST_TEST((c == '\n' || (c >= 0x20 && c < 0x7f)));
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_no_status)
{
	BOOST_TEST(parse_status(R"({"a": [{"b": 1}]})").has_value());
	BOOST_TEST(!parse_status("").has_value());
	BOOST_TEST(!parse_status("{} {}").has_value());
	BOOST_TEST(!parse_status("{\"a\": \"\xff\"}").has_value());
	// Deep enough to exhaust the stack of whoever recursed into it.
	std::string deep;
	for (int i = 0; i < 1000000; i++)
		deep += "{\"a\":";
	BOOST_TEST(!parse_status(deep + "1" + std::string(1000000, '}')));
	BOOST_TEST(!parse_status(std::string(1000000, '[')));
}

// Column widths once, not for each line: 20000 sessions are a status, too.
BOOST_AUTO_TEST_CASE(many_rows)
{
	json rows = json::array();
	for (int i = 0; i < 20000; i++)
		rows.push_back({{"id", i}, {"user", "u"}});
	const auto begin = std::chrono::steady_clock::now();
	auto text = status_table({{"sessions", rows}});
	BOOST_TEST(std::count(text.begin(), text.end(), '\n') == 20002);
	BOOST_TEST((std::chrono::steady_clock::now() - begin <
	    std::chrono::seconds(10)));
}

BOOST_AUTO_TEST_CASE(what_is_no_object)
{
	BOOST_TEST(status_table(json("text")) == "text\n");
}

BOOST_AUTO_TEST_SUITE_END()
