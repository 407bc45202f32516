// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include "spawn.hh"

using namespace jeebs;

BOOST_AUTO_TEST_SUITE(spawn)

BOOST_AUTO_TEST_CASE(exit_status)
{
	BOOST_TEST(run_program({"true"}).value() == 0);
	BOOST_TEST(run_program({"sh", "-c", "exit 7"}).value() == 7);
	BOOST_TEST(run_program({"sh", "-c", "kill -9 $$"}).value() == 137);
	/* Arguments are no shell's business. */
	BOOST_TEST(run_program({"test", "a b; exit 1", "=",
	    "a b; exit 1"}).value() == 0);
	/* There is no input to wait for. */
	BOOST_TEST(run_program({"sh", "-c", "read x"}).value() == 1);
	BOOST_TEST(run_program({"sh", "-c", "echo lost >&2"}, true).value() ==
	    0);
}

BOOST_AUTO_TEST_CASE(missing_program)
{
	const auto r = run_program({"no-such-program-at-all"});
	BOOST_REQUIRE(!r.has_value());
	BOOST_TEST(r.error().errnum == ENOENT);
	BOOST_TEST(r.error().what.find("no-such-program-at-all") !=
	    std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
