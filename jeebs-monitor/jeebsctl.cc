// SPDX-License-Identifier: ISC
// jeebsctl: asks the jeebsd of this host, and makes link keys.
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <iostream>
#include <string>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "key.hh"
#include "log.hh"
#include "result.hh"
#include "status-table.hh"
#include "unique_fd.hh"

#ifndef JEEBS_CONFDIR
#define JEEBS_CONFDIR "/etc/jeebs"
#endif

namespace {

using namespace jeebs;

constexpr size_t max_answer = 64U << 20;

// Sends one request line and returns the answer line.
Result<std::string> ask(const std::string &path, const std::string &request)
{
	sockaddr_un sa{};
	sa.sun_family = AF_UNIX;
	if (path.empty() || path.size() >= sizeof(sa.sun_path))
		return fail(path + ": not a socket's path");
	path.copy(sa.sun_path, path.size());
	UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (!fd)
		return fail_errno("socket");
	timeval patience{.tv_sec = 5, .tv_usec = 0};
	for (int option : {SO_RCVTIMEO, SO_SNDTIMEO})
		if (::setsockopt(fd.get(), SOL_SOCKET, option, &patience,
		    sizeof(patience)) == -1)
			return fail_errno("setsockopt");
	if (::connect(fd.get(), reinterpret_cast<sockaddr *>(&sa),
	    sizeof(sa)) == -1) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			return fail(path + ": jeebsd isn't running here");
		return fail_errno(path);
	}
	auto line = request + "\n";
	if (::send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL) !=
	    static_cast<ssize_t>(line.size()))
		return fail_errno(path);
	std::string answer;
	char buf[65536];
	for (;;) {
		auto n = ::recv(fd.get(), buf, sizeof(buf), 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return fail_errno(path, errno == EAGAIN ? ETIMEDOUT :
			    errno);
		if (n == 0)
			break;
		answer.append(buf, static_cast<size_t>(n));
		if (answer.size() > max_answer)
			return fail(path + ": endless answer");
	}
	if (answer.empty() || answer.back() != '\n')
		return fail(path + ": jeebsd hung up without an answer");
	answer.pop_back();
	return answer;
}

Result<void> status(const std::string &socket, bool as_json)
{
	auto answer = ask(socket, "status");
	if (!answer)
		return tl::unexpected(answer.error());
	auto j = parse_status(*answer);
	if (!j)
		return fail(socket + ": " + j.error().what);
	if (j->is_object() && j->contains("error"))
		return fail("jeebsd: " + log::printable((*j)["error"].dump()));
	std::cout << (as_json ? *answer + "\n" : status_table(*j));
	return {};
}

} // namespace

int main(int argc, char **argv)
{
	CLI::App app{"Asks the jeebsd of this host, and makes link keys.",
	    "jeebsctl"};
	std::string socket = "/run/jeebs/ctl.sock";
	std::string key_file = JEEBS_CONFDIR "/key";
	bool as_json = false;
	app.add_option("-s,--socket", socket, "Control socket of jeebsd")
	    ->capture_default_str();
	app.require_subcommand(1);
	auto *st = app.add_subcommand("status", "What is served and protected");
	st->add_flag("--json", as_json, "As one line of JSON");
	auto *kg = app.add_subcommand("keygen",
	    "Make this host's link key; prints what the peer needs");
	kg->add_option("-f,--file", key_file, "Key file")
	    ->capture_default_str();
	CLI11_PARSE(app, argc, argv);

	Result<void> done;
	if (st->parsed()) {
		done = status(socket, as_json);
	} else {
		auto pin = generate_key(key_file);
		if (pin)
			std::cout << *pin << "\n";
		else
			done = tl::unexpected(pin.error());
	}
	if (done && !std::cout.flush())
		done = fail("standard output can't be written");
	if (!done) {
		std::cerr << "jeebsctl: " << done.error().what << "\n";
		return 1;
	}
	return 0;
}
