// SPDX-License-Identifier: ISC
#include "config-section.hh"

#include <arpa/inet.h>

#include <cctype>
#include <charconv>
#include <cstring>
#include <string_view>

#include <fmt/format.h>

namespace jeebs {

namespace {

constexpr size_t max_entries = 64;

} // namespace

std::string
Section::at(const toml::node &n, const std::string &key,
    const std::string &what) const
{
	return fmt::format("{}:{}: {}: {}", name_, n.source().begin.line,
	    prefix_ + key, what);
}

void
Section::bad(const toml::node &n, const std::string &key,
    const std::string &what) const
{
	throw BadConfig(at(n, key, what));
}

void
Section::bad(const std::string &key, const std::string &what) const
{
	const toml::node *n = table_.get(key);
	bad(n != nullptr ? *n : table_, key, what);
}

std::string
Section::note(const std::string &key, const std::string &what) const
{
	const toml::node *n = table_.get(key);
	return at(n != nullptr ? *n : table_, key, what);
}

const toml::node *
Section::find(const std::string &key)
{
	known_.insert(key);
	return table_.get(key);
}

const toml::node &
Section::need(const std::string &key)
{
	const toml::node *n = find(key);
	if (n == nullptr)
		bad(key, "missing, add it");
	return *n;
}

std::string
Section::str(const std::string &key, const toml::node &n) const
{
	auto v = n.value_exact<std::string>();
	if (!v)
		bad(n, key, "must be a string in quotes");
	if (v->empty())
		bad(n, key, "must not be empty");
	if (v->find('\0') != std::string::npos || v->size() > 4096)
		bad(n, key, "too long, or holds a NUL");
	return *v;
}

void
Section::opt(const std::string &key, std::string &out)
{
	if (const toml::node *n = find(key))
		out = str(key, *n);
}

std::string
Section::path(const std::string &key, const toml::node &n) const
{
	std::string v = str(key, n);
	if (v[0] != '/')
		bad(n, key, "must be an absolute path");
	return v;
}

void
Section::opt_path(const std::string &key, std::string &out)
{
	if (const toml::node *n = find(key))
		out = path(key, *n);
}

std::string
Section::label(const std::string &key)
{
	const toml::node &n = need(key);
	std::string v = str(key, n);
	for (char c : v)
		if (!isalnum(static_cast<unsigned char>(c)) &&
		    strchr("._-", c) == nullptr)
			bad(n, key, "use letters, digits, '.', '_' and "
			    "'-' only");
	if (v.size() > 64)
		bad(n, key, "at most 64 characters");
	return v;
}

uint16_t
Section::port(const std::string &key, uint16_t dflt)
{
	const toml::node *n = find(key);
	if (n == nullptr)
		return dflt;
	auto v = n->value_exact<int64_t>();
	if (!v || *v < 1 || *v > 65535)
		bad(*n, key, "must be a port, 1 to 65535");
	return static_cast<uint16_t>(*v);
}

bool
Section::opt_bool(const std::string &key, bool dflt)
{
	const toml::node *n = find(key);
	if (n == nullptr)
		return dflt;
	auto v = n->value_exact<bool>();
	if (!v)
		bad(*n, key, "must be true or false");
	return *v;
}

std::string
Section::address(const std::string &key, int &family)
{
	const toml::node &n = need(key);
	std::string v = str(key, n);
	unsigned char a[16];
	char text[INET6_ADDRSTRLEN];

	if (inet_pton(AF_INET, v.c_str(), a) == 1) {
		family = AF_INET;
		if (a[0] == 0 || a[0] >= 224)
			bad(n, key, "not an address of one host");
	} else if (inet_pton(AF_INET6, v.c_str(), a) == 1) {
		family = AF_INET6;
		if (a[0] == 0xff || IN6_IS_ADDR_UNSPECIFIED(
		    reinterpret_cast<in6_addr *>(a)))
			bad(n, key, "not an address of one host");
		if (a[0] == 0xfe && (a[1] & 0xc0) == 0x80)
			bad(n, key, "link-local addresses aren't supported, "
			    "use a global or unique local one");
	} else
		bad(n, key, fmt::format("\"{}\" is not an IPv4 or IPv6 "
		    "address, write it as numbers without a prefix length",
		    v));
	inet_ntop(family, a, text, sizeof(text));
	return text;
}

void
Section::duration(const std::string &key, std::chrono::milliseconds &out)
{
	const toml::node *n = find(key);
	if (n == nullptr)
		return;
	auto s = n->value_exact<std::string>();
	const char *how = "must be a string such as \"150ms\" or \"2s\", "
	    "at most one hour";
	if (!s)
		bad(*n, key, how);
	uint32_t v = 0;
	const char *end = s->data() + s->size();
	auto [p, ec] = std::from_chars(s->data(), end, v);
	std::string_view unit(p, static_cast<size_t>(end - p));
	uint64_t scale = unit == "ms" ? 1 : unit == "s" ? 1000 : 0;
	if (ec != std::errc() || scale == 0 || v == 0 ||
	    v * scale > 3600 * 1000)
		bad(*n, key, how);
	out = std::chrono::milliseconds(v * scale);
}

std::vector<std::string>
Section::argv(const std::string &key)
{
	std::vector<std::string> out;
	const toml::node *n = find(key);
	if (n == nullptr)
		return out;
	const toml::array *a = n->as_array();
	if (a == nullptr || a->empty() || a->size() > max_entries)
		bad(*n, key, "must be a list such as "
		    "[\"/usr/local/sbin/fence\", \"other-host\"]");
	for (const toml::node &e : *a)
		out.push_back(out.empty() ? path(key, e) : str(key, e));
	return out;
}

const toml::table *
Section::table(const std::string &key)
{
	const toml::node *n = find(key);
	if (n == nullptr)
		return nullptr;
	if (n->as_table() == nullptr)
		bad(*n, key, fmt::format("must be a table, write [{}]", key));
	return n->as_table();
}

std::vector<const toml::table *>
Section::tables(const std::string &key)
{
	const toml::node *n = find(key);
	std::vector<const toml::table *> out;
	if (n == nullptr)
		bad(key, fmt::format("missing, add at least one [[{}]]", key));
	const toml::array *a = n->as_array();
	if (a == nullptr || a->empty() || a->size() > max_entries)
		bad(*n, key, fmt::format("must be one to {} [[{}]] tables",
		    max_entries, key));
	for (const toml::node &e : *a) {
		if (e.as_table() == nullptr)
			bad(e, key, fmt::format("must be a table, write "
			    "[[{}]]", key));
		out.push_back(e.as_table());
	}
	return out;
}

void
Section::done() const
{
	for (auto &&[k, v] : table_) {
		std::string key(k.str());
		if (known_.count(key) == 0) {
			if (key.size() > 64)
				key = key.substr(0, 64) + "…";
			bad(v, key, "unknown key, remove it or see "
			    "jeebsd.conf(5)");
		}
	}
}

} // namespace jeebs
