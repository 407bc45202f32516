// SPDX-License-Identifier: ISC
#include "event.hh"

#include <array>
#include <charconv>
#include <map>

#include <nlohmann/json.hpp>

namespace jeebs::audit {

namespace {

constexpr struct {
	std::string_view word;
	EventKind kind;
} words[] = {
	{"start", EventKind::start}, {"vip", EventKind::vip},
	{"state", EventKind::state}, {"gate", EventKind::gate},
	{"vips", EventKind::vips}, {"open", EventKind::open},
	{"held", EventKind::held}, {"input", EventKind::input},
	{"cover", EventKind::cover}, {"forward", EventKind::forward},
	{"lost", EventKind::lost}, {"void", EventKind::void_all},
	{"session", EventKind::session}, {"offer", EventKind::offer},
	{"protect", EventKind::protect}, {"unprotect", EventKind::unprotect},
	{"retire", EventKind::retire}, {"over", EventKind::over},
	{"adopt", EventKind::adopt}, {"go-on", EventKind::go_on},
	{"reset", EventKind::reset}, {"forget", EventKind::forget},
};

std::string_view
take(std::string_view &line, char until)
{
	auto n = line.find(until);
	auto part = line.substr(0, n);
	line.remove_prefix(n == line.npos ? line.size() : n + 1);
	return part;
}

// The fields of one line; remembers the first that is missing or wrong.
class Fields {
public:
	explicit Fields(std::string_view rest)
	{
		while (!rest.empty()) {
			// The reason goes to the end of the line.
			if (rest.starts_with("why=")) {
				fields_["why"] = rest.substr(4);
				return;
			}
			auto field = take(rest, ' ');
			auto name = take(field, '=');
			fields_[name] = field;
		}
	}

	template <class T> void number(std::string_view name, T &out,
	    int base = 10)
	{
		auto v = text(name);
		auto [end, ec] = std::from_chars(v.data(), v.data() + v.size(),
		    out, base);
		if (ec != std::errc() || end != v.data() + v.size())
			bad(name);
	}
	void optional(std::string_view name, std::optional<uint32_t> &out)
	{
		if (fields_.contains(name))
			number(name, out.emplace());
	}
	std::string_view text(std::string_view name)
	{
		auto it = fields_.find(name);
		if (it != fields_.end())
			return it->second;
		bad(name);
		return {};
	}
	bool has(std::string_view name) const { return fields_.contains(name); }
	void bad(std::string_view name)
	{
		if (wrong_.empty())
			wrong_ = name;
	}
	const std::string &wrong() const { return wrong_; }

private:
	std::map<std::string_view, std::string_view> fields_;
	std::string wrong_;
};

// "10.0.0.1:22" or "[fd00::1]:22"
bool
end_point(std::string_view text, IpAddr &addr, uint16_t &port)
{
	auto colon = text.rfind(':');
	if (colon == text.npos)
		return false;
	auto digits = text.substr(colon + 1), host = text.substr(0, colon);
	if (host.size() > 2 && host.front() == '[' && host.back() == ']')
		host = host.substr(1, host.size() - 2);
	auto a = IpAddr::parse(host);
	auto [end, ec] = std::from_chars(digits.data(),
	    digits.data() + digits.size(), port);
	if (!a || ec != std::errc() || end != digits.data() + digits.size())
		return false;
	addr = *a;
	return true;
}

void
get_flow(Fields &f, Event &e)
{
	auto text = f.text("flow");
	auto local = take(text, '/');
	if (!end_point(local, e.flow.local, e.flow.local_port) ||
	    !end_point(text, e.flow.remote, e.flow.remote_port))
		f.bad("flow");
	f.optional("base", e.base);
	f.optional("rcv", e.rcv);
}

void
get_mac(Fields &f, MacAddr &out)
{
	auto text = f.text("mac");
	for (uint8_t &b : out.bytes) {
		auto part = take(text, ':');
		auto [end, ec] = std::from_chars(part.data(),
		    part.data() + part.size(), b, 16);
		if (ec != std::errc() || part.empty() ||
		    end != part.data() + part.size())
			f.bad("mac");
	}
}

void
get_gate(Fields &f, Event &e)
{
	if (f.has("lease")) {
		e.gate = Gate::leased;
		f.number("lease", e.lease);
	} else if (f.has("open")) {
		e.gate = Gate::open;
	} else if (!f.has("closed")) {
		f.bad("gate");
	}
}

void
get_fields(Fields &f, Event &e)
{
	switch (e.kind) {
	case EventKind::start:
		e.text = f.text("host");
		f.number("lease", e.lease);
		f.number("port", e.port);
		f.number("epoch", e.epoch);
		break;
	case EventKind::vip: {
		auto a = IpAddr::parse(f.text("addr"));
		if (a)
			e.address = *a;
		else
			f.bad("addr");
		get_mac(f, e.mac);
		break;
	}
	case EventKind::state:
		e.text = f.text("name");
		f.number("epoch", e.epoch);
		break;
	case EventKind::gate:
		get_gate(f, e);
		break;
	case EventKind::vips:
		e.up = f.has("up");
		if (e.up == f.has("down"))
			f.bad("up");
		break;
	case EventKind::open:
	case EventKind::offer:
		f.number("sid", e.sid, 16);
		get_flow(f, e);
		break;
	case EventKind::forward:
		f.number("sid", e.sid, 16);
		get_flow(f, e);
		if (!e.rcv)
			f.bad("rcv");
		break;
	case EventKind::held:
		f.number("sid", e.sid, 16);
		f.number("out", e.out);
		f.number("in", e.in);
		break;
	case EventKind::input:
		f.number("sid", e.sid, 16);
		f.number("from", e.in);
		f.number("to", e.out);
		break;
	case EventKind::cover:
		f.number("sid", e.sid, 16);
		f.number("from", e.in);
		break;
	case EventKind::lost:
		f.number("sid", e.sid, 16);
		e.text = f.text("why");
		break;
	case EventKind::protect:
		f.number("sid", e.sid, 16);
		f.number("from", e.out);
		break;
	case EventKind::void_all:
		e.text = f.text("why");
		break;
	case EventKind::forget:
		break;
	case EventKind::session:
	case EventKind::retire:
		get_flow(f, e);
		break;
	case EventKind::unprotect:
	case EventKind::over:
	case EventKind::reset:
		get_flow(f, e);
		e.text = f.text("why");
		break;
	case EventKind::adopt:
		get_flow(f, e);
		f.number("epoch", e.epoch);
		f.number("out", e.out);
		break;
	case EventKind::go_on:
		get_flow(f, e);
		f.number("epoch", e.epoch);
		f.number("end", e.end);
		break;
	case EventKind::dark:
		break;
	}
}

} // namespace

Result<Event>
parse_event(std::string_view line)
{
	Event e;
	auto rest = line;
	auto time = take(rest, ' '), word = take(rest, ' ');
	auto [end, ec] = std::from_chars(time.data(),
	    time.data() + time.size(), e.time);

	if (ec != std::errc() || end != time.data() + time.size())
		return fail("no time");
	auto w = std::find_if(std::begin(words), std::end(words),
	    [word](const auto &x) { return x.word == word; });
	if (w == std::end(words))
		return fail("unknown event");
	e.kind = w->kind;
	Fields f(rest);
	get_fields(f, e);
	if (!f.wrong().empty())
		return fail(f.wrong() + " is missing or wrong");
	return e;
}

Result<std::optional<Event>>
parse_power(std::string_view line)
{
	auto j = nlohmann::json::parse(line, nullptr, false);
	if (!j.is_object() || !j.contains("event") || !j.contains("host") ||
	    !j.contains("realtime") || !j["event"].is_string() ||
	    !j["host"].is_string() || !j["realtime"].is_number())
		return fail("not an event of the lab");
	if (j["event"] != "dark")
		return std::optional<Event>();
	Event e;
	e.kind = EventKind::dark;
	e.text = j["host"];
	// Microseconds: more than a double's precision has room for.
	e.time = static_cast<Stamp>(j["realtime"].get<double>() * 1e6) * 1000;
	return std::optional(e);
}

} // namespace jeebs::audit
