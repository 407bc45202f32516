// SPDX-License-Identifier: ISC
// ptyclient: runs a command (a stock ssh client) on a pty of its own and plays
// a person at it. Reads one command a line from stdin, answers each with one
// line of JSON on stdout. Single-threaded. See usage() for the commands.
//
// Times: "ms" are differences of CLOCK_MONOTONIC; "at" is CLOCK_REALTIME in
// seconds, which processes of different time namespaces share.
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <optional>
#include <random>
#include <regex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr size_t keep_output = 64 * 1024;	// newest bytes; std::regex recurses

void usage(std::FILE *out)
{
	std::fputs(
	    "usage: ptyclient [-r ROWS] [-c COLUMNS] [-l LOG] -- COMMAND...\n"
	    "commands on stdin (TEXT knows \\n \\r \\t \\e \\\\ \\xNN):\n"
	    "  send TEXT           type TEXT at once\n"
	    "  expect MS REGEX     wait for output that matches; consumes it\n"
	    "  type MS TEXT        type each character after the one before was\n"
	    "                      echoed; how long each echo took\n"
	    "  key MS TEXT         as type, and when it was sent and echoed\n"
	    "  stream N GAP MS     N random letters, one each GAP ms, echoed or\n"
	    "                      not; how long each echo took\n"
	    "  output              what wasn't consumed yet; consumes it\n"
	    "  resize ROWS COLUMNS\n"
	    "  signal NUMBER       to the command\n"
	    "  sleep MS            let MS go by\n"
	    "  stamp NAME          the time\n"
	    "  alive               does the command run\n"
	    "  wait MS             for its end\n"
	    "  quit                hang up, as the end of stdin does\n", out);
}

double now_real()
{
	timespec ts{};
	clock_gettime(CLOCK_REALTIME, &ts);
	return static_cast<double>(ts.tv_sec) + ts.tv_nsec / 1e9;
}

double ms_since(Clock::time_point t)
{
	const auto us = std::chrono::duration_cast<std::chrono::microseconds>(
	    Clock::now() - t);
	return static_cast<double>(us.count()) / 1000;
}

[[noreturn]] void bad(const std::string &why)
{
	throw std::runtime_error(why);
}

[[noreturn]] void bad_errno(const std::string &what)
{
	bad(what + ": " + std::strerror(errno));
}

int to_number(std::string_view s)
{
	int n = 0;
	const auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), n);
	if (ec != std::errc{} || end != s.data() + s.size() || n < 0)
		bad("\"" + std::string(s) + "\" is not a number");
	return n;
}

// Splits the first word off rest.
std::string_view word(std::string_view &rest)
{
	const auto n = std::min(rest.find(' '), rest.size());
	const auto w = rest.substr(0, n);
	rest.remove_prefix(std::min(n + 1, rest.size()));
	return w;
}

std::string unescape(std::string_view in)
{
	std::string out;
	for (size_t i = 0; i < in.size(); i++) {
		if (in[i] != '\\') {
			out += in[i];
			continue;
		}
		if (++i == in.size())
			bad("a lone \\ at the end");
		switch (in[i]) {
		case 'n': out += '\n'; break;
		case 'r': out += '\r'; break;
		case 't': out += '\t'; break;
		case 'e': out += '\x1b'; break;
		case '\\': out += '\\'; break;
		case 'x': {
			int n = 0;
			if (i + 2 >= in.size() ||
			    std::from_chars(&in[i + 1], &in[i + 3], n, 16).ptr !=
			    &in[i + 3])
				bad("\\x needs two hexadecimal digits");
			out += static_cast<char>(n);
			i += 2;
			break;
		}
		default:
			bad(std::string("unknown escape \\") + in[i]);
		}
	}
	return out;
}

// The command on its pty. Output is collected whenever somebody waits.
class Terminal {
public:
	Terminal(unsigned short rows, unsigned short cols, const std::string &log,
	    char **argv)
	{
		winsize ws{rows, cols, 0, 0};
		pid_ = forkpty(&fd_, nullptr, nullptr, &ws);
		if (pid_ == -1)
			bad_errno("forkpty");
		if (pid_ == 0) {
			execvp(argv[0], argv);
			std::fprintf(stderr, "%s: %s\r\n", argv[0],
			    std::strerror(errno));
			_exit(127);
		}
		if (fcntl(fd_, F_SETFL, O_NONBLOCK) == -1)
			bad_errno("fcntl");
		if (!log.empty()) {
			log_.open(log, std::ios::binary | std::ios::trunc);
			if (!log_)
				bad_errno(log);
		}
	}

	~Terminal()
	{
		if (!reap(false))
			kill(pid_, SIGHUP);
		for (int i = 0; i < 200 && !reap(false); i++)
			usleep(10000);
		if (!reap(false)) {
			kill(pid_, SIGKILL);
			reap(true);
		}
		close(fd_);
	}

	Terminal(const Terminal &) = delete;
	Terminal &operator=(const Terminal &) = delete;

	pid_t pid() const { return pid_; }
	int fd() const { return eof_ ? -1 : fd_; }

	// Wait status once the command has ended.
	std::optional<int> ended()
	{
		reap(false);
		return status_;
	}

	void type(std::string_view s)
	{
		while (!s.empty() && !eof_) {
			const auto n = write(fd_, s.data(), s.size());
			if (n > 0) {
				s.remove_prefix(static_cast<size_t>(n));
			} else if (errno == EAGAIN) {
				pollfd p{fd_, POLLOUT, 0};
				poll(&p, 1, -1);
			} else if (errno != EINTR) {
				eof_ = true;
			}
		}
	}

	// Takes what is there; returns the new bytes.
	std::string drain()
	{
		std::string got;
		char buf[16384];
		while (!eof_) {
			const auto n = read(fd_, buf, sizeof(buf));
			if (n > 0)
				got.append(buf, static_cast<size_t>(n));
			else if (n == -1 && errno == EAGAIN)
				break;
			else if (n == -1 && errno == EINTR)
				continue;
			else
				eof_ = true;	// EIO: nobody has the other end
		}
		if (!got.empty() && log_.is_open())
			log_ << got << std::flush;
		pending += got;
		if (pending.size() > keep_output)
			pending.erase(0, pending.size() - keep_output);
		return got;
	}

	// Waits until there is output, the end, or the deadline.
	std::string more(Clock::time_point deadline)
	{
		const auto left = std::chrono::ceil<milliseconds>(
		    deadline - Clock::now()).count();
		pollfd p{fd_, POLLIN, 0};
		if (!eof_ && left > 0)
			poll(&p, 1, static_cast<int>(left));
		return drain();
	}

	bool eof() const { return eof_; }

	void resize(int rows, int cols)
	{
		winsize ws{static_cast<unsigned short>(rows),
		    static_cast<unsigned short>(cols), 0, 0};
		if (ioctl(fd_, TIOCSWINSZ, &ws) == -1)
			bad_errno("TIOCSWINSZ");
	}

	std::string pending;	// not consumed by expect or output

private:
	bool reap(bool block)
	{
		int st = 0;
		if (!status_ && waitpid(pid_, &st, block ? 0 : WNOHANG) == pid_)
			status_ = st;
		return status_.has_value();
	}

	int fd_ = -1;
	pid_t pid_ = -1;
	bool eof_ = false;
	std::optional<int> status_;
	std::ofstream log_;
};

json exit_json(int status)
{
	if (WIFSIGNALED(status))
		return {{"signal", WTERMSIG(status)}};
	return {{"status", WEXITSTATUS(status)}};
}

json failed(Terminal &t, const std::string &why)
{
	json j{{"ok", false}, {"reason", t.eof() ? "the command ended" : why}};
	const auto n = std::min<size_t>(t.pending.size(), 400);
	j["tail"] = t.pending.substr(t.pending.size() - n);
	if (const auto st = t.ended())
		j["exit"] = exit_json(*st);
	return j;
}

json do_expect(Terminal &t, std::string_view rest)
{
	const auto start = Clock::now();
	const auto deadline = start + milliseconds(to_number(word(rest)));
	const std::regex re{std::string(rest)};
	t.drain();
	for (;;) {
		std::smatch m;
		if (std::regex_search(t.pending, m, re)) {
			json j{{"ok", true}, {"ms", ms_since(start)},
			    {"match", m.str()}};
			if (m.size() > 1)
				j["group"] = m.str(1);
			t.pending.erase(0, static_cast<size_t>(
			    m.position() + m.length()));
			return j;
		}
		if (t.eof() || Clock::now() >= deadline)
			return failed(t, "no match in time");
		t.more(deadline);
	}
}

// One character and its echo. Output that came before it was typed, whoever
// caused it, is not its echo.
json one_key(Terminal &t, char c, milliseconds limit)
{
	t.drain();
	const double at = now_real();
	const auto start = Clock::now();
	t.type({&c, 1});
	std::optional<double> first;
	while (!t.eof() && Clock::now() < start + limit) {
		const auto got = t.more(start + limit);
		if (!got.empty() && !first)
			first = ms_since(start);
		if (got.find(c) != std::string::npos)
			return {{"ok", true}, {"sent_at", at},
			    {"first_ms", *first}, {"ms", ms_since(start)},
			    {"echo_at", now_real()}};
	}
	return failed(t, "no echo in time");
}

json do_type(Terminal &t, std::string_view rest)
{
	const milliseconds limit{to_number(word(rest))};
	json all = json::array();
	double worst = 0;
	for (const char c : unescape(rest)) {
		const auto j = one_key(t, c, limit);
		if (!j.at("ok"))
			return j;
		all.push_back(j.at("ms"));
		worst = std::max(worst, j.at("ms").get<double>());
	}
	return {{"ok", true}, {"ms", all}, {"worst_ms", worst}};
}

json do_key(Terminal &t, std::string_view rest)
{
	const milliseconds limit{to_number(word(rest))};
	const auto text = unescape(rest);
	if (text.size() != 1)
		bad("key needs one character");
	return one_key(t, text[0], limit);
}

// Letters in flight without waiting for echoes, as a person types on during
// an outage. The echoes must be these letters, in this order, and no others.
json do_stream(Terminal &t, std::string_view rest)
{
	const auto count = static_cast<size_t>(to_number(word(rest)));
	const milliseconds gap{to_number(word(rest))};
	const milliseconds limit{to_number(word(rest))};
	std::random_device rd;
	std::uniform_int_distribution<int> letter('a', 'z');
	std::string text, echo;
	std::vector<Clock::time_point> sent;
	json lat = json::array();
	double worst = 0;
	t.drain();
	auto next = Clock::now();
	while (echo.size() < count && !t.eof()) {
		const auto now = Clock::now();
		if (sent.size() < count && now >= next) {
			const char c = static_cast<char>(letter(rd));
			text += c;
			sent.push_back(now);
			t.type({&c, 1});
			next += gap;
		}
		const auto deadline = sent.size() < count ? next :
		    sent.back() + limit;
		for (const char c : t.more(deadline)) {
			if (echo.size() == sent.size() || c != text[echo.size()]) {
				auto j = failed(t, "an echo that is not the letter");
				j["typed"] = text;
				j["echoed"] = echo;
				return j;
			}
			const auto ms = ms_since(sent[echo.size()]);
			echo += c;
			lat.push_back(ms);
			worst = std::max(worst, ms);
		}
		if (sent.size() == count && Clock::now() >= sent.back() + limit &&
		    echo.size() < count)
			break;
	}
	if (echo.size() < count) {
		auto j = failed(t, "not every letter was echoed in time");
		j["typed"] = text;
		j["echoed"] = echo;
		return j;
	}
	return {{"ok", true}, {"text", text}, {"ms", lat}, {"worst_ms", worst}};
}

json do_wait(Terminal &t, std::string_view rest)
{
	const auto start = Clock::now();
	const auto deadline = start + milliseconds(to_number(word(rest)));
	for (;;) {
		if (const auto st = t.ended()) {
			t.drain();
			json j{{"ok", true}, {"ms", ms_since(start)}};
			j.update(exit_json(*st));
			return j;
		}
		if (Clock::now() >= deadline)
			return failed(t, "it still runs");
		if (t.eof())
			usleep(1000);
		else
			t.more(std::min(deadline, Clock::now() + milliseconds(50)));
	}
}

json run(Terminal &t, std::string_view line)
{
	const auto command = word(line);
	if (command == "send") {
		t.type(unescape(line));
		return {{"ok", !t.eof()}, {"at", now_real()}};
	}
	if (command == "expect")
		return do_expect(t, line);
	if (command == "type")
		return do_type(t, line);
	if (command == "key")
		return do_key(t, line);
	if (command == "stream")
		return do_stream(t, line);
	if (command == "wait")
		return do_wait(t, line);
	if (command == "output") {
		t.drain();
		json j{{"ok", true}, {"text", t.pending}};
		t.pending.clear();
		return j;
	}
	if (command == "resize") {
		const auto rows = to_number(word(line));
		t.resize(rows, to_number(word(line)));
		return {{"ok", true}};
	}
	if (command == "signal")
		return {{"ok", kill(t.pid(), to_number(line)) == 0}};
	if (command == "sleep") {
		const auto until = Clock::now() + milliseconds(to_number(line));
		while (!t.eof() && Clock::now() < until)
			t.more(until);
		return {{"ok", true}};
	}
	if (command == "stamp")
		return {{"ok", true}, {"name", line}, {"at", now_real()}};
	if (command == "alive") {
		const bool alive = !t.ended();
		return {{"ok", alive}, {"pid", t.pid()}};
	}
	bad("unknown command \"" + std::string(command) + "\"");
}

void answer(const json &j)
{
	// A terminal's bytes need not be UTF-8.
	std::cout << j.dump(-1, ' ', false, json::error_handler_t::replace)
	    << std::endl;
}

int serve(Terminal &t)
{
	answer({{"ok", true}, {"pid", t.pid()}, {"at", now_real()}});
	std::string in;
	bool all_ok = true;
	for (;;) {
		for (auto nl = in.find('\n'); nl != std::string::npos;
		    nl = in.find('\n')) {
			const auto line = in.substr(0, nl);
			in.erase(0, nl + 1);
			if (line.empty() || line[0] == '#')
				continue;
			if (line == "quit")
				return all_ok ? 0 : 1;
			auto j = run(t, line);
			j["cmd"] = line.substr(0, line.find(' '));
			all_ok = all_ok && j.at("ok").get<bool>();
			answer(j);
		}
		pollfd p[2]{{STDIN_FILENO, POLLIN, 0}, {t.fd(), POLLIN, 0}};
		if (poll(p, 2, -1) == -1 && errno != EINTR)
			bad_errno("poll");
		if (p[1].revents)
			t.drain();
		if (p[0].revents) {
			char buf[4096];
			const auto n = read(STDIN_FILENO, buf, sizeof(buf));
			if (n <= 0)
				return all_ok ? 0 : 1;
			in.append(buf, static_cast<size_t>(n));
		}
	}
}

} // namespace

int main(int argc, char **argv)
{
	int rows = 24, cols = 80, c;
	std::string log;
	try {
		while ((c = getopt(argc, argv, "+r:c:l:h")) != -1) {
			switch (c) {
			case 'r': rows = to_number(optarg); break;
			case 'c': cols = to_number(optarg); break;
			case 'l': log = optarg; break;
			case 'h': usage(stdout); return 0;
			default: usage(stderr); return 2;
			}
		}
		if (optind == argc) {
			usage(stderr);
			return 2;
		}
		std::signal(SIGPIPE, SIG_IGN);
		Terminal t(static_cast<unsigned short>(rows),
		    static_cast<unsigned short>(cols), log, argv + optind);
		return serve(t);
	} catch (const std::exception &e) {
		std::cerr << "ptyclient: " << e.what() << std::endl;
		return 2;
	}
}
