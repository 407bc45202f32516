// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <boost/asio/io_context.hpp>

#include "ctl.hh"
#include "scratch.hh"
#include "unique_fd.hh"

using namespace jeebs;
using namespace jeebs::test;
using namespace std::chrono_literals;

namespace {

struct Daemon {
	ScratchDir dir;
	std::string path = dir / "ctl.sock";
	boost::asio::io_context io;
	std::vector<std::vector<std::string>> asked;
	std::unique_ptr<CtlServer> server;

	Daemon()
	{
		server = std::make_unique<CtlServer>(io, path,
		    [this](const std::vector<std::string> &w)
		    -> Result<std::string> {
			asked.push_back(w);
			if (w[0] == "fail")
				return fail("no \"such\"\nthing \xff");
			return w[0] == "large" ? std::string(3 << 20, 'x') :
			    R"({"ok": true})";
		});
		auto ok = server->start();
		BOOST_REQUIRE_MESSAGE(ok.has_value(), ok.error().what);
	}
	UniqueFd client()
	{
		sockaddr_un sa{};
		sa.sun_family = AF_UNIX;
		path.copy(sa.sun_path, sizeof(sa.sun_path) - 1);
		UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
		BOOST_REQUIRE(::connect(fd.get(),
		    reinterpret_cast<sockaddr *>(&sa), sizeof(sa)) == 0);
		return fd;
	}
	// All that the server says until it hangs up.
	std::string answer(const UniqueFd &fd)
	{
		std::string all;
		char buf[65536];
		auto end = std::chrono::steady_clock::now() + 8s;
		while (std::chrono::steady_clock::now() < end) {
			io.restart();
			io.run_one_for(5ms);
			auto n = ::recv(fd.get(), buf, sizeof(buf), 0);
			if (n == 0 || (n == -1 && errno == ECONNRESET))
				return all;
			if (n > 0)
				all.append(buf, static_cast<size_t>(n));
		}
		BOOST_ERROR("the server doesn't hang up");
		return all;
	}
	std::string ask(std::string_view line)
	{
		auto fd = client();
		BOOST_REQUIRE(::send(fd.get(), line.data(), line.size(),
		    MSG_NOSIGNAL) == static_cast<ssize_t>(line.size()));
		return answer(fd);
	}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(ctl, Daemon)

BOOST_AUTO_TEST_CASE(a_request_and_its_answer)
{
	BOOST_TEST(ask("status now\n") == "{\"ok\": true}\n");
	BOOST_REQUIRE(asked.size() == 1U);
	BOOST_TEST((asked[0] == std::vector<std::string>{"status", "now"}));
	BOOST_TEST(ask("large\n").size() == (3U << 20) + 1);
}

BOOST_AUTO_TEST_CASE(errors_are_json_too)
{
	BOOST_TEST(ask("fail\n") ==
	    "{\"error\":\"no \\\"such\\\"\\nthing \\ufffd\"}\n");
}

BOOST_AUTO_TEST_CASE(requests_that_are_none)
{
	for (std::string bad : {"\n", " status\n", "status \n", "a  b\n",
	    "a\tb\n", "stat\x1bus\n", "status\nstatus\n"})
		BOOST_TEST(ask(bad).find("{\"error\":") == 0U);
	BOOST_TEST(ask(std::string(max_ctl_line + 5, 'a')).find("too long") !=
	    std::string::npos);
	BOOST_TEST(asked.empty());
}

BOOST_AUTO_TEST_CASE(clients_that_say_nothing_are_left_behind)
{
	std::vector<UniqueFd> idle;
	for (int i = 0; i < 16; i++)
		idle.push_back(client());
	BOOST_TEST(ask("status\n") == "");	// too many
	for (const auto &fd : idle)
		BOOST_TEST(answer(fd) == "");	// after 5 s
	BOOST_TEST(ask("status\n") == "{\"ok\": true}\n");
}

BOOST_AUTO_TEST_CASE(half_a_request_is_none)
{
	auto fd = client();
	BOOST_REQUIRE(::send(fd.get(), "status", 6, 0) == 6);
	BOOST_REQUIRE(::shutdown(fd.get(), SHUT_WR) == 0);
	BOOST_TEST(answer(fd) == "");
	BOOST_TEST(asked.empty());
}

BOOST_AUTO_TEST_CASE(the_mode_is_as_asked_for)
{
	struct stat st{};
	BOOST_REQUIRE(::stat(path.c_str(), &st) == 0);
	BOOST_TEST((st.st_mode & 0777) == 0600U);
}

BOOST_AUTO_TEST_CASE(lines)
{
	auto count = [](const std::string &line) {
		auto w = parse_ctl_line(line);
		return w ? w->size() : 0;
	};
	BOOST_TEST(count("status") == 1U);
	BOOST_TEST(count("a.b_c:d/e-f G 9") == 3U);
	std::string words = "w";
	for (size_t i = 1; i < max_ctl_words; i++)
		words += " w";
	BOOST_TEST(count(words) == max_ctl_words);
	BOOST_TEST(count(words + " w") == 0U);
	BOOST_TEST(count(std::string(max_ctl_line, 'a')) == 1U);
	BOOST_TEST(count(std::string(max_ctl_line + 1, 'a')) == 0U);
	BOOST_TEST(count("") == 0U);
	BOOST_TEST(count(std::string("a\0b", 3)) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
