// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <thread>

#include "command.hh"

using namespace jeebs;
using namespace std::chrono_literals;

namespace {

struct Fixture {
	boost::asio::io_context io;
	std::optional<Result<int>> result;
	std::unique_ptr<Command> command;

	void start(const std::string &script,
	    std::chrono::milliseconds timeout = 10s)
	{
		auto c = Command::start(io, {"/bin/sh", "-c", script},
		    timeout, [this](Result<int> r) {
			result = std::move(r);
		});
		BOOST_REQUIRE_MESSAGE(c, c.error().what);
		command = std::move(*c);
	}
	void run()
	{
		io.restart();
		auto end = std::chrono::steady_clock::now() + 10s;
		while (!result && std::chrono::steady_clock::now() < end)
			io.run_for(20ms);
		BOOST_REQUIRE(result);
	}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(command, Fixture)

BOOST_AUTO_TEST_CASE(exit_statuses)
{
	start("exit 0");
	run();
	BOOST_REQUIRE(*result);
	BOOST_TEST(**result == 0);
	result.reset();
	start("exit 3");
	run();
	BOOST_TEST(**result == 3);
	result.reset();
	start("kill -TERM $$");
	run();
	BOOST_TEST(**result == 128 + SIGTERM);
}

BOOST_AUTO_TEST_CASE(nothing_to_run)
{
	auto c = Command::start(io, {"/nonexistent/fence"}, 1s,
	    [](Result<int>) {});
	BOOST_REQUIRE(!c);
	BOOST_TEST(c.error().what ==
	    "/nonexistent/fence: No such file or directory");
}

BOOST_AUTO_TEST_CASE(too_slow_and_its_children_go_too)
{
	char name[] = "/tmp/jeebs-command.XXXXXX";
	BOOST_REQUIRE(mkdtemp(name) != nullptr);
	std::string late = std::string(name) + "/late";
	auto begin = std::chrono::steady_clock::now();
	start("(sleep 1; touch " + late + ") & wait", 100ms);
	run();
	BOOST_REQUIRE(!*result);
	BOOST_TEST(result->error().errnum == ETIMEDOUT);
	BOOST_TEST((std::chrono::steady_clock::now() - begin < 900ms));
	// Long enough for the child to show itself if it lived.
	std::this_thread::sleep_until(begin + 1500ms);
	BOOST_TEST(!std::filesystem::exists(late));
	std::filesystem::remove_all(name);
}

BOOST_AUTO_TEST_CASE(given_up)
{
	start("sleep 30");
	command.reset();
	io.run_for(50ms);
	BOOST_TEST(!result);
}

BOOST_AUTO_TEST_SUITE_END()
