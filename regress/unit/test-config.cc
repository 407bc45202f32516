// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <sys/socket.h>

#include <map>

#include <fmt/format.h>

#include "config.hh"

using namespace jeebs;
using std::chrono::milliseconds;

namespace {

// Line 1 is `host`. Each test replaces or adds one thing.
const char *const good =
	"host = \"alpha\"\n"
	"preferred = true\n"
	"key_file = \"/etc/jeebs/key\"\n"
	"input-commit = \"tap\"\n"
	"[peer]\n"
	"name = \"beta\"\n"
	"address = \"10.77.1.3\"\n"
	"port = 7022\n"
	"public_key = \"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"\n"
	"[[vip]]\n"
	"address = \"10.77.0.100\"\n"
	"interface = \"eth0\"\n"
	"[[vip]]\n"
	"address = \"fd77:0::100\"\n"
	"interface = \"eth0\"\n"
	"[service]\n"
	"port = 22\n"
	"[[heartbeat]]\n"
	"local = \"10.77.0.2\"\n"
	"remote = \"10.77.0.3\"\n"
	"[[heartbeat]]\n"
	"local = \"10.77.1.2\"\n"
	"remote = \"10.77.1.3\"\n"
	"[timing]\n"
	"detect = \"500ms\"\n";

std::string
with(const std::string &from, const std::string &to)
{
	std::string s = good;
	size_t p = s.find(from);
	BOOST_REQUIRE(p != std::string::npos);
	return s.replace(p, from.size(), to);
}

void
refused(const std::string &text, const std::string &line)
{
	auto c = parse_config(text, "f.conf");
	BOOST_REQUIRE_MESSAGE(!c, "accepted, expected: " << line);
	BOOST_TEST(c.error().what == line);
}

// The error starts with line; for texts that a library words.
void
refused_at(const std::string &text, const std::string &line)
{
	auto c = parse_config(text, "f.conf");
	BOOST_REQUIRE_MESSAGE(!c, "accepted, expected: " << line);
	BOOST_TEST(c.error().what.substr(0, line.size()) == line);
	BOOST_TEST(c.error().what.find('\n') == std::string::npos);
}

} // namespace

BOOST_AUTO_TEST_SUITE(config)

BOOST_AUTO_TEST_CASE(a_good_file_with_defaults)
{
	auto c = parse_config(good, "f.conf");
	BOOST_REQUIRE_MESSAGE(c, c.error().what);
	BOOST_TEST(c->host == "alpha");
	BOOST_TEST(c->preferred);
	BOOST_TEST(c->run_dir == "/run/jeebs");
	BOOST_TEST(c->epoch_file() == "/var/lib/jeebs/epoch");
	BOOST_TEST(c->peer.name == "beta");
	BOOST_TEST(c->peer.port == 7022);
	BOOST_TEST(c->vips.size() == 2u);
	BOOST_TEST(c->vips[1].address == "fd77::100");
	BOOST_TEST(c->vips[1].family == AF_INET6);
	BOOST_TEST(c->heartbeats.at(0).port == 7023);
	BOOST_TEST(c->timing.heartbeat.count() == 50);
	BOOST_TEST(c->timing.lease.count() == 500);
	BOOST_TEST(c->timing.alone_after.count() == 2000);
	BOOST_TEST(c->fence.empty());
	BOOST_TEST(c->warnings.empty());
}

BOOST_AUTO_TEST_CASE(lease_follows_detect)
{
	auto c = parse_config(with("\"500ms\"", "\"150ms\""), "f.conf");
	BOOST_REQUIRE_MESSAGE(c, c.error().what);
	BOOST_TEST(c->timing.lease.count() == 150);
	c = parse_config(with("\"500ms\"", "\"3s\""), "f.conf");
	BOOST_REQUIRE_MESSAGE(c, c.error().what);
	BOOST_TEST(c->timing.boot_wait.count() == 3000);
	BOOST_TEST(c->timing.alone_after.count() == 6500);
}

BOOST_AUTO_TEST_CASE(a_lease_beyond_detect_is_told)
{
	auto c = parse_config(with("\"500ms\"", "\"500ms\"\nlease = \"1s\""),
	    "f.conf");
	BOOST_REQUIRE_MESSAGE(c, c.error().what);
	BOOST_REQUIRE(c->warnings.size() == 1u);
	BOOST_TEST(c->warnings[0].find("f.conf:26: timing.lease: longer than "
	    "detect") == 0u);
}

BOOST_AUTO_TEST_CASE(unknown_keys)
{
	refused(with("preferred", "prefered"), "f.conf:2: prefered: unknown "
	    "key, remove it or see jeebsd.conf(5)");
	refused(with("port = 7022", "prot = 7022"), "f.conf:8: peer.prot: "
	    "unknown key, remove it or see jeebsd.conf(5)");
	refused(with("detect", "detects"), "f.conf:25: timing.detects: "
	    "unknown key, remove it or see jeebsd.conf(5)");
	refused(with("[service]", "[services]"), "f.conf:16: services: "
	    "unknown key, remove it or see jeebsd.conf(5)");
}

BOOST_AUTO_TEST_CASE(missing_keys)
{
	refused_at(with("host = \"alpha\"", ""), "f.conf:");
	refused(with("name = \"beta\"", ""),
	    "f.conf:5: peer.name: missing, add it");
	refused_at("host = \"alpha\"\n", "f.conf:1: peer: missing");
	refused_at(with("[[heartbeat]]", "[x]"), "f.conf:");
}

BOOST_AUTO_TEST_CASE(wrong_types)
{
	refused(with("host = \"alpha\"", "host = 7"),
	    "f.conf:1: host: must be a string in quotes");
	refused(with("true", "\"yes\""),
	    "f.conf:2: preferred: must be true or false");
	refused(with("port = 22\n", "port = 0\n"),
	    "f.conf:17: service.port: must be a port, 1 to 65535");
	refused(with("port = 22\n", "port = 65536\n"),
	    "f.conf:17: service.port: must be a port, 1 to 65535");
	refused(with("[[vip]]\naddress = \"10.77.0.100\"\n"
	    "interface = \"eth0\"\n[[vip]]", "[vip]"),
	    "f.conf:10: vip: must be one to 64 [[vip]] tables");
	refused(with("[peer]", "[[peer]]"),
	    "f.conf:5: peer: must be a table, write [peer]");
	refused(with("/etc/jeebs/key", "key"),
	    "f.conf:3: key_file: must be an absolute path");
	refused(with("\"alpha\"", "\"al pha\""),
	    "f.conf:1: host: use letters, digits, '.', '_' and '-' only");
}

BOOST_AUTO_TEST_CASE(durations)
{
	const char *line = "f.conf:25: timing.detect: must be a string such "
	    "as \"150ms\" or \"2s\", at most one hour";
	for (const char *v : { "500", "\"500\"", "\"ms\"", "\"-5ms\"",
	    "\"0ms\"", "\"5 ms\"", "\"5m\"", "\"1.5s\"", "\"3601s\"",
	    "\"99999999999ms\"" })
		refused(with("\"500ms\"", v), line);
}

BOOST_AUTO_TEST_CASE(addresses)
{
	refused(with("10.77.0.100", "10.77.0.300"), "f.conf:11: vip.address: "
	    "\"10.77.0.300\" is not an IPv4 or IPv6 address, write it as "
	    "numbers without a prefix length");
	refused_at(with("10.77.0.100", "10.77.0.100/24"),
	    "f.conf:11: vip.address: ");
	refused_at(with("10.77.0.100", "224.0.0.1"),
	    "f.conf:11: vip.address: not an address of one host");
	refused_at(with("fd77:0::100", "fe80::1"),
	    "f.conf:14: vip.address: link-local");
	refused(with("10.77.0.3\"\n[[", "fd77::3\"\n[["),
	    "f.conf:20: heartbeat.remote: must be of the same family as "
	    "local");
	refused(with("\"fd77:0::100\"", "\"10.77.0.100\""), "f.conf:10: vip: "
	    "10.77.0.100 is there twice, remove one");
}

BOOST_AUTO_TEST_CASE(what_could_double_a_connection)
{
	refused_at(with("10.77.0.100", "10.77.1.3"), "f.conf:10: vip: "
	    "10.77.1.3 is the peer's own address");
	refused_at(with("10.77.0.100", "10.77.0.2"), "f.conf:10: vip: "
	    "10.77.0.2 carries a heartbeat too");
	refused_at(with("\"beta\"", "\"alpha\""), "f.conf:5: peer: name is "
	    "this host's own");
	refused_at(with("\"500ms\"", "\"500ms\"\nalone-after = \"1s\""),
	    "f.conf:26: timing.alone-after: must be at least");
	refused_at(with("\"500ms\"", "\"500ms\"\nlease = \"60ms\""),
	    "f.conf:26: timing.lease: must be at least two heartbeats");
	refused_at(with("\"500ms\"", "\"120ms\""),
	    "f.conf:25: timing.detect: must be at least suspect");
}

// Hosts that stop hearing each other while both reach clients, and a primary
// that goes on alone by what the LAN tells.
BOOST_AUTO_TEST_CASE(one_path_is_refused_unless_it_says_so)
{
	const std::string line = "f.conf:18: heartbeat: the hosts hear each "
	    "other on one path only: when it breaks both could serve; add one "
	    "that shares nothing with it, or `fence`, or say "
	    "unsafe-single-path = true";
	auto one = with("[[heartbeat]]\nlocal = \"10.77.1.2\"\n"
	    "remote = \"10.77.1.3\"\n", "");
	refused(one, line);
	// Twice the same address is no second path.
	refused(with("local = \"10.77.1.2\"", "local = \"10.77.0.2\""), line);
	refused(with("remote = \"10.77.1.3\"", "remote = \"10.77.0.3\""), line);
	refused("unsafe-single-path = false\n" + one, "f.conf:19" +
	    line.substr(9));
	refused("unsafe-single-path = 1\n" + one,
	    "f.conf:1: unsafe-single-path: must be true or false");
	auto c = parse_config("unsafe-single-path = true\n" + one, "f.conf");
	BOOST_REQUIRE_MESSAGE(c, c.error().what);
	BOOST_TEST(c->unsafe_single_path);
	BOOST_TEST(c->warnings.empty());
	c = parse_config("fence = [\"/sbin/fence\"]\n" + one, "f.conf");
	BOOST_REQUIRE_MESSAGE(c, c.error().what);
	BOOST_TEST(!c->unsafe_single_path);
	// Nothing to excuse.
	c = parse_config("unsafe-single-path = true\n" + std::string(good),
	    "f.conf");
	BOOST_REQUIRE_MESSAGE(c, c.error().what);
	BOOST_REQUIRE(c->warnings.size() == 1u);
	BOOST_TEST(c->warnings[0] == "f.conf:1: unsafe-single-path: there is "
	    "more than one path, remove it");
}

BOOST_AUTO_TEST_CASE(paths_beside_the_service_lan)
{
	auto c = parse_config(good, "f.conf");
	BOOST_REQUIRE_MESSAGE(c, c.error().what);
	const std::map<std::string, std::string> apart =
	    {{"10.77.0.2", "eth0"}, {"10.77.1.2", "eth1"}};
	const std::map<std::string, std::string> together =
	    {{"10.77.0.2", "eth0"}, {"10.77.1.2", "eth0"}};
	BOOST_TEST(check_paths(*c, apart).has_value());
	// An address that isn't there is another error.
	BOOST_TEST(check_paths(*c, {}).has_value());
	auto r = check_paths(*c, together);
	BOOST_REQUIRE(!r);
	BOOST_TEST(r.error().what == "f.conf: heartbeat: all paths go by eth0, "
	    "as the VIPs do: when that LAN splits both hosts could serve; add "
	    "one beside it, or `fence`, or say unsafe-single-path = true");
	c->unsafe_single_path = true;
	BOOST_TEST(check_paths(*c, together).has_value());
	c->unsafe_single_path = false;
	c->fence = {"/sbin/fence"};
	BOOST_TEST(check_paths(*c, together).has_value());
}

BOOST_AUTO_TEST_CASE(a_fence_that_proves_nothing)
{
	for (const char *f : { "/bin/true", "/usr/bin/true" })
		refused(fmt::format("fence = [\"{}\"]\n", f) + good,
		    "f.conf:1: fence: always succeeds, and so would say that a "
		    "host is off which serves; put the command there that "
		    "turns it off");
}

BOOST_AUTO_TEST_CASE(a_key_that_is_none)
{
	refused(with("47DEQpj8", "jeebs-key"), "f.conf:9: peer.public_key: "
	    "must be the 44 characters that jeebsctl keygen printed on the "
	    "peer");
}

BOOST_AUTO_TEST_CASE(input_is_held_unless_told_otherwise)
{
	auto mode = [](const std::string &text) {
		auto c = parse_config(text, "f.conf");
		BOOST_REQUIRE_MESSAGE(c.has_value(), c.error().what);
		return c->input_commit;
	};
	BOOST_TEST((mode(good) == InputMode::tap));
	BOOST_TEST((mode(with("\"tap\"", "\"hold\"")) == InputMode::hold));
	BOOST_TEST((mode(with("input-commit = \"tap\"\n", "")) ==
	    InputMode::hold));
	refused(with("\"tap\"", "\"none\""), "f.conf:4: input-commit: "
	    "must be \"hold\" or \"tap\"");
}

BOOST_AUTO_TEST_CASE(fence_commands)
{
	auto c = parse_config("fence = [\"/sbin/fence\", \"beta\"]\n"
	    "fence-timeout = \"3s\"\n" + std::string(good), "f.conf");
	BOOST_REQUIRE_MESSAGE(c, c.error().what);
	BOOST_TEST(c->fence.size() == 2u);
	BOOST_TEST(c->fence_timeout.count() == 3000);
	refused("fence = [\"fence\"]\n" + std::string(good),
	    "f.conf:1: fence: must be an absolute path");
	refused_at("fence = []\n" + std::string(good), "f.conf:1: fence: ");
	refused_at("fence = \"/sbin/fence\"\n" + std::string(good),
	    "f.conf:1: fence: must be a list");
}

BOOST_AUTO_TEST_CASE(the_commit_log)
{
	auto c = parse_config(good, "f.conf");
	BOOST_REQUIRE(c);
	BOOST_TEST(c->commit_log.empty());
	c = parse_config(std::string(good) + "[audit]\n"
	    "commit-log = \"/var/log/commits\"\n", "f.conf");
	BOOST_REQUIRE_MESSAGE(c, c.error().what);
	BOOST_TEST(c->commit_log == "/var/log/commits");
	auto bad = parse_config(std::string(good) + "[audit]\n"
	    "commit-log = \"commits\"\n", "f.conf");
	BOOST_REQUIRE(!bad);
	BOOST_TEST(bad.error().what.ends_with("audit.commit-log: must be an "
	    "absolute path"), bad.error().what);
}

BOOST_AUTO_TEST_CASE(syntax_errors_name_the_line)
{
	refused_at(with("preferred = true", "preferred ="),
	    "f.conf:2: syntax: ");
	refused_at(with("[peer]", "[peer"), "f.conf:5: syntax: ");
	refused_at(std::string(good) + "detect = \"1s\"\n",
	    "f.conf:26: syntax: ");
}

BOOST_AUTO_TEST_CASE(what_the_parser_asserts)
{
	refused("# a\n  [= [r\nr\n", "f.conf:2: syntax: this isn't TOML, see "
	    "jeebsd.conf(5)");
}

BOOST_AUTO_TEST_CASE(beyond_ascii)
{
	refused(with("/etc/jeebs/key", "/etc/j\u00e9ebs/key"), "f.conf:3: "
	    "syntax: a character that isn't ASCII, use them in comments only");
	auto c = parse_config(with("true", "true # \u00fcber \"all\""),
	    "f.conf");
	BOOST_REQUIRE_MESSAGE(c, c.error().what);
	refused(with("\"/etc/jeebs/key\"", "\"/etc/#\u00e9\""), "f.conf:3: "
	    "syntax: a character that isn't ASCII, use them in comments only");
}

BOOST_AUTO_TEST_CASE(the_sample)
{
	auto c = load_config("jeebs-monitor/jeebsd.conf.sample");
	BOOST_REQUIRE_MESSAGE(c, c.error().what);
	BOOST_TEST(c->warnings.empty());
	// Its defaults in comments are the defaults.
	BOOST_TEST(c->key_file == "/etc/jeebs/key");
	BOOST_TEST(c->user == "_jeebs");
}

BOOST_AUTO_TEST_CASE(a_missing_file)
{
	auto c = load_config("/nonexistent/jeebsd.conf");
	BOOST_REQUIRE(!c);
	BOOST_TEST(c.error().what == "/nonexistent/jeebsd.conf: No such file "
	    "or directory, create it or name another with -f");
}

BOOST_AUTO_TEST_SUITE_END()
