// SPDX-License-Identifier: ISC
#include "status-table.hh"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "log.hh"

namespace jeebs {

namespace {

using json = nlohmann::ordered_json;

constexpr int max_depth = 16;

std::string cell(const json &v)
{
	if (v.is_null())
		return "-";
	if (v.is_boolean())
		return v.get<bool>() ? "yes" : "no";
	auto text = v.is_string() ? v.get<std::string>() : v.dump();
	return text.empty() ? "-" : log::printable(text);
}

bool is_rows(const json &v)
{
	return v.is_array() && !v.empty() && std::all_of(v.begin(), v.end(),
	    [](const json &row) { return row.is_object(); });
}

std::string table(const json &rows, const std::string &indent)
{
	std::vector<std::string> columns;
	for (const auto &row : rows)
		for (const auto &[key, value] : row.items())
			if (std::find(columns.begin(), columns.end(), key) ==
			    columns.end())
				columns.push_back(key);

	std::vector<std::vector<std::string>> lines(1);
	for (const auto &c : columns)
		lines[0].push_back(log::printable(c));
	for (const auto &row : rows) {
		auto &line = lines.emplace_back();
		for (const auto &c : columns)
			line.push_back(row.contains(c) ? cell(row[c]) : "-");
	}
	std::vector<size_t> width(columns.size());
	for (const auto &line : lines)
		for (size_t i = 0; i < columns.size(); i++)
			width[i] = std::max(width[i], line[i].size());
	std::string out;
	for (const auto &line : lines) {
		std::string text = indent;
		for (size_t i = 0; i < columns.size(); i++)
			text += fmt::format("{:<{}}  ", line[i], width[i]);
		text.erase(text.find_last_not_of(' ') + 1);
		out += text + "\n";
	}
	return out;
}

std::string section(const json &object, const std::string &indent)
{
	auto is_plain = [](const json &v) { return !is_rows(v) && !v.is_object(); };
	size_t width = 0;
	for (const auto &[key, value] : object.items())
		if (is_plain(value))
			width = std::max(width, log::printable(key).size());
	std::string out;
	for (const auto &[key, value] : object.items())
		if (is_plain(value))
			out += fmt::format("{}{:<{}}  {}\n", indent,
			    log::printable(key), width, cell(value));
	for (const auto &[key, value] : object.items()) {
		if (is_plain(value))
			continue;
		auto deeper = indent + "  ";
		out += fmt::format("{}{}:\n{}", indent, log::printable(key),
		    is_rows(value) ? table(value, deeper) :
		    section(value, deeper));
	}
	return out;
}

} // namespace

Result<json> parse_status(std::string_view text)
{
	bool deep = false;
	auto j = json::parse(text, [&deep](int depth, json::parse_event_t,
	    json &) {
		deep = deep || depth > max_depth;
		return !deep;
	}, false);
	if (deep || j.is_discarded())
		return fail("the answer isn't a status in JSON");
	return j;
}

std::string status_table(const json &status)
{
	return status.is_object() ? section(status, "") : cell(status) + "\n";
}

} // namespace jeebs
