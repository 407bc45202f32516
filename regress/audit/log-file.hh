// SPDX-License-Identifier: ISC
// A host's commit log, or the lab's record of power cuts, line by line.
// A line that a crash tore is skipped: it is the last one, or the next is that
// of a starting jeebsd. Any other bad line is an error.
#pragma once

#include <fstream>
#include <optional>
#include <string>

#include "event.hh"

namespace jeebs::audit {

class LogFile {
public:
	enum class Kind { commits, power };
	[[nodiscard]] static Result<LogFile> open(const std::string &path, Kind);

	// The next event, null at the end, or what is wrong. Valid until next().
	const std::optional<Event> &event() const { return event_; }
	[[nodiscard]] Result<void> next();

	uint64_t lines() const { return lines_; }
	uint64_t torn() const { return torn_; }

private:
	bool read(std::string &line);
	Result<std::optional<Event>> parse(const std::string &line) const;

	std::string path_;
	Kind kind_ = Kind::commits;
	std::ifstream in_;
	std::optional<std::string> ahead_;	// read already
	std::optional<Event> event_;
	uint64_t lines_ = 0, torn_ = 0, number_ = 0;
};

} // namespace jeebs::audit
