// SPDX-License-Identifier: ISC
#include "config.hh"

#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>

#include <fmt/format.h>

#include "config-section.hh"
#include "config-toml.hh"
#include "key.hh"

namespace jeebs {
namespace {

constexpr size_t max_config = 1024 * 1024;

PeerConfig
read_peer(const std::string &name, Section &root)
{
	const toml::table *t = root.table("peer");
	if (t == nullptr)
		root.bad("peer", "missing, add [peer]");
	Section s(name, *t, "peer.");
	PeerConfig p;
	p.name = s.label("name");
	p.address = s.address("address", p.family);
	p.port = s.port("port", 7022);
	const toml::node &pin = s.need("public_key");
	p.public_key = s.str("public_key", pin);
	if (!is_pin(p.public_key))
		s.bad(pin, "public_key", "must be the 44 characters that "
		    "jeebsctl keygen printed on the peer");
	s.done();
	return p;
}

VipConfig
read_vip(const std::string &name, const toml::table &t)
{
	Section s(name, t, "vip.");
	VipConfig v;
	v.address = s.address("address", v.family);
	const toml::node &n = s.need("interface");
	v.interface = s.str("interface", n);
	if (v.interface.size() >= IFNAMSIZ ||
	    v.interface.find_first_of("/ \t\n\"") != std::string::npos)
		s.bad(n, "interface", "not the name of a network interface");
	s.done();
	return v;
}

HeartbeatPath
read_heartbeat(const std::string &name, const toml::table &t)
{
	Section s(name, t, "heartbeat.");
	HeartbeatPath h;
	int family;
	h.local = s.address("local", h.family);
	h.remote = s.address("remote", family);
	h.port = s.port("port", 7023);
	if (family != h.family)
		s.bad("remote", "must be of the same family as local");
	if (h.local == h.remote)
		s.bad("remote", "must differ from local, it is the peer's "
		    "address");
	s.done();
	return h;
}

std::chrono::milliseconds
least_alone_after(const Timing &t)
{
	return t.lease + std::max(t.detect, t.lease) +
	    std::chrono::milliseconds(500);
}

void
check_timing(Section &s, Config &c)
{
	const Timing &t = c.timing;
	auto bad = [&](const char *key, const std::string &what) {
		s.bad(key, what);
	};

	if (t.heartbeat.count() < 5)
		bad("heartbeat", "must be at least 5ms");
	if (t.suspect < 2 * t.heartbeat)
		bad("suspect", fmt::format("must be at least two heartbeats, "
		    "{}ms", 2 * t.heartbeat.count()));
	if (t.detect < t.suspect)
		bad("detect", fmt::format("must be at least suspect, {}ms",
		    t.suspect.count()));
	if (t.lease < 2 * t.heartbeat)
		bad("lease", fmt::format("must be at least two heartbeats, "
		    "{}ms: the primary would stall whenever one is lost",
		    2 * t.heartbeat.count()));
	// lease.hh: what is left of it is the standby's time to take over.
	if (t.alone_after < least_alone_after(t))
		bad("alone-after", fmt::format("must be at least {}ms with "
		    "these detect and lease: the standby needs that long to "
		    "take over, and a primary that went on alone earlier "
		    "could meet it", least_alone_after(t).count()));
	if (t.boot_wait < t.detect)
		bad("boot-wait", fmt::format("must be at least detect, {}ms",
		    t.detect.count()));
	if (t.lease > t.detect)
		c.warnings.push_back(s.note("lease", fmt::format("longer than "
		    "detect: each takeover waits until the lease has run out, "
		    "{}ms after the last heartbeat instead of {}ms",
		    t.lease.count(), t.detect.count())));
}

void
read_timing(const std::string &name, Section &root, Config &c)
{
	static const toml::table none;
	const toml::table *t = root.table("timing");
	Section s(name, t != nullptr ? *t : none, "timing.");
	Timing &v = c.timing;

	s.duration("heartbeat", v.heartbeat);
	s.duration("suspect", v.suspect);
	s.duration("detect", v.detect);
	v.lease = v.detect;
	s.duration("lease", v.lease);
	v.boot_wait = std::max(v.boot_wait, v.detect);
	s.duration("boot-wait", v.boot_wait);
	v.alone_after = std::max(v.alone_after, least_alone_after(v));
	s.duration("alone-after", v.alone_after);
	s.duration("gap-timeout", v.gap_timeout);
	s.duration("adopt-timeout", v.adopt_timeout);
	check_timing(s, c);
	s.done();
}

void
check_addresses(Section &s, const Config &c)
{
	for (size_t i = 0; i < c.vips.size(); i++) {
		const VipConfig &v = c.vips[i];
		for (size_t j = 0; j < i; j++)
			if (c.vips[j].address == v.address)
				s.bad("vip", fmt::format("{} is there twice, "
				    "remove one", v.address));
		if (v.address == c.peer.address)
			s.bad("vip", fmt::format("{} is the peer's own "
			    "address too, a VIP needs one of its own",
			    v.address));
		for (const HeartbeatPath &h : c.heartbeats)
			if (v.address == h.local || v.address == h.remote)
				s.bad("vip", fmt::format("{} carries a "
				    "heartbeat too, a VIP needs an address of "
				    "its own", v.address));
	}
	for (size_t i = 0; i < c.heartbeats.size(); i++)
		for (size_t j = 0; j < i; j++)
			if (c.heartbeats[i] == c.heartbeats[j])
				s.bad("heartbeat", fmt::format("{} to {} is "
				    "there twice, remove one",
				    c.heartbeats[i].local,
				    c.heartbeats[i].remote));
}

// A primary that goes on alone by what the LAN tells must not be one that only
// lost sight of the other host.
void
check_single_path(Section &s, Config &c)
{
	std::set<std::string> ours, theirs;

	for (const HeartbeatPath &h : c.heartbeats) {
		ours.insert(h.local);
		theirs.insert(h.remote);
	}
	bool single = ours.size() < 2 || theirs.size() < 2;
	if (single && c.fence.empty() && !c.unsafe_single_path)
		s.bad("heartbeat", "the hosts hear each other on one path "
		    "only: when it breaks both could serve; add one that "
		    "shares nothing with it, or `fence`, or say "
		    "unsafe-single-path = true");
	if (!single && c.unsafe_single_path)
		c.warnings.push_back(s.note("unsafe-single-path", "there is "
		    "more than one path, remove it"));
}

Config
read_root(const toml::table &t, const std::string &name)
{
	Config c;
	Section s(name, t, "");

	c.file = name;
	c.host = s.label("host");
	s.opt_path("run_dir", c.run_dir);
	s.opt_path("state_dir", c.state_dir);
	s.opt_path("key_file", c.key_file);
	s.opt("user", c.user);
	c.preferred = s.opt_bool("preferred", false);
	if (const toml::node *n = s.find("input-commit")) {
		std::string v = s.str("input-commit", *n);
		if (v != "hold" && v != "tap")
			s.bad(*n, "input-commit", "must be \"hold\" or "
			    "\"tap\"");
		c.input_commit = v == "hold" ? InputMode::hold :
		    InputMode::tap;
	}
	c.peer = read_peer(name, s);
	if (c.peer.name == c.host)
		s.bad("peer", "name is this host's own, put the other host's "
		    "there");
	for (const toml::table *v : s.tables("vip"))
		c.vips.push_back(read_vip(name, *v));
	if (const toml::table *v = s.table("service")) {
		Section service(name, *v, "service.");
		c.service_port = service.port("port", c.service_port);
		service.done();
	}
	for (const toml::table *v : s.tables("heartbeat"))
		c.heartbeats.push_back(read_heartbeat(name, *v));
	c.unsafe_single_path = s.opt_bool("unsafe-single-path", false);
	c.fence = s.argv("fence");
	if (!c.fence.empty() && (c.fence[0] == "/bin/true" ||
	    c.fence[0] == "/usr/bin/true"))
		s.bad("fence", "always succeeds, and so would say that a host "
		    "is off which serves; put the command there that turns it "
		    "off");
	s.duration("fence-timeout", c.fence_timeout);
	if (const toml::table *v = s.table("audit")) {
		Section audit(name, *v, "audit.");
		audit.opt_path("commit-log", c.commit_log);
		audit.done();
	}
	read_timing(name, s, c);
	s.done();
	check_addresses(s, c);
	check_single_path(s, c);
	return c;
}

// Errors quote what the file says.
std::string
one_line(std::string s)
{
	for (char &c : s)
		if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
			c = ' ';
	return s;
}

} // namespace

Result<Config>
parse_config(std::string_view text, const std::string &name)
{
	std::string ascii;

	try {
		ascii = only_ascii(text, name);
		return read_root(toml::parse(ascii, name), name);
	} catch (const toml::parse_error &e) {
		return tl::unexpected(Error{one_line(fmt::format("{}:{}: "
		    "syntax: {}", name, e.source().begin.line,
		    e.description()))});
	} catch (const ParserConfused &) {
		return tl::unexpected(Error{fmt::format("{}:{}: syntax: this "
		    "isn't TOML, see jeebsd.conf(5)", name,
		    confusing_line(ascii))});
	} catch (const BadConfig &e) {
		return tl::unexpected(Error{one_line(e.what())});
	}
}

Result<void>
check_paths(const Config &c, const std::map<std::string, std::string> &on)
{
	std::string lan;

	if (c.unsafe_single_path || !c.fence.empty())
		return {};
	for (const HeartbeatPath &h : c.heartbeats) {
		auto it = on.find(h.local);
		if (it == on.end() || std::none_of(c.vips.begin(),
		    c.vips.end(), [&](const VipConfig &v) {
			return v.interface == it->second;
		}))
			return {};
		lan = it->second;
	}
	return fail(fmt::format("{}: heartbeat: all paths go by {}, as the "
	    "VIPs do: when that LAN splits both hosts could serve; add one "
	    "beside it, or `fence`, or say unsafe-single-path = true", c.file,
	    lan));
}

Result<Config>
load_config(const std::string &file)
{
	std::ifstream in(file, std::ios::binary);
	std::string text;

	if (!in)
		return tl::unexpected(Error{fmt::format("{}: {}, create it "
		    "or name another with -f", file, strerror(errno)), errno});
	char buf[4096];
	while (in.read(buf, sizeof(buf)) || in.gcount() > 0) {
		text.append(buf, static_cast<size_t>(in.gcount()));
		if (text.size() > max_config)
			return tl::unexpected(Error{fmt::format("{}: larger "
			    "than 1 MiB, that is no jeebsd.conf", file)});
	}
	if (in.bad())
		return tl::unexpected(Error{fmt::format("{}: can't be read",
		    file), EIO});
	return parse_config(text, file);
}

} // namespace jeebs
