// SPDX-License-Identifier: ISC
// One table of jeebsd.conf: hands out values by key and type, and at the end
// refuses the keys that nobody asked for. What is wrong it throws (BadConfig).
// Owner: the reader of that table. Pure, single-threaded.
#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "config-toml.hh"

namespace jeebs {

class Section {
public:
	// name: the file, in errors. prefix: of keys there, "peer.". Name and
	// table must outlive the section.
	Section(const std::string &name, const toml::table &t,
	    std::string prefix)
	    : name_(name), table_(t), prefix_(std::move(prefix)) {}

	// The second: at the key's line, or the table's if it isn't there.
	[[noreturn]] void bad(const toml::node &, const std::string &key,
	    const std::string &what) const;
	[[noreturn]] void bad(const std::string &key,
	    const std::string &what) const;
	// A warning of that form.
	std::string note(const std::string &key, const std::string &what) const;

	// find: nullptr if it isn't there; need throws then.
	const toml::node *find(const std::string &key);
	const toml::node &need(const std::string &key);

	// What is found, as a type. Where nothing is, label and address throw,
	// and opt, opt_path and duration leave out as it is.
	std::string str(const std::string &key, const toml::node &) const;
	void opt(const std::string &key, std::string &out);
	std::string path(const std::string &key, const toml::node &) const;
	void opt_path(const std::string &key, std::string &out);
	// A host's name: short, and nothing that could disturb a log line.
	std::string label(const std::string &key);
	uint16_t port(const std::string &key, uint16_t dflt);
	bool opt_bool(const std::string &key, bool dflt);
	// A numeric unicast address, in the form of inet_ntop(3).
	std::string address(const std::string &key, int &family);
	void duration(const std::string &key, std::chrono::milliseconds &out);
	std::vector<std::string> argv(const std::string &key);
	// A [key] table; nullptr when it isn't there.
	const toml::table *table(const std::string &key);
	// The [[key]] tables, at least one.
	std::vector<const toml::table *> tables(const std::string &key);

	// All were asked for.
	void done() const;

private:
	std::string at(const toml::node &, const std::string &key,
	    const std::string &what) const;

	const std::string &name_;
	const toml::table &table_;
	std::string prefix_;
	std::set<std::string> known_;
};

} // namespace jeebs
