// SPDX-License-Identifier: ISC
#include "log-file.hh"

#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace jeebs::audit {

Result<LogFile>
LogFile::open(const std::string &path, Kind kind)
{
	LogFile f;

	f.path_ = path;
	f.kind_ = kind;
	f.in_.open(path);
	if (!f.in_)
		return fail_errno(path);
	if (auto ok = f.next(); !ok)
		return tl::unexpected(ok.error());
	return f;
}

// False at the end; a last line without a newline is one that was torn.
bool
LogFile::read(std::string &line)
{
	if (ahead_) {
		line = *std::exchange(ahead_, std::nullopt);
		return true;
	}
	while (std::getline(in_, line)) {
		number_++;
		if (in_.eof()) {
			torn_++;
			return false;
		}
		// Each jeebsd begins with an empty line.
		if (!line.empty())
			return true;
	}
	return false;
}

Result<std::optional<Event>>
LogFile::parse(const std::string &line) const
{
	if (kind_ == Kind::power)
		return parse_power(line);
	auto e = parse_event(line);
	if (!e)
		return tl::unexpected(e.error());
	return std::optional(*e);
}

Result<void>
LogFile::next()
{
	Stamp before = event_ ? event_->time : 0;
	std::string line;

	event_.reset();
	while (!event_ && read(line)) {
		uint64_t number = number_;
		auto e = parse(line);
		if (!e) {
			std::string following;
			if (read(following)) {
				auto f = parse(following);
				if (!f || !*f || (*f)->kind != EventKind::start)
					return fail(fmt::format("{}:{}: {}: "
					    "\"{}\"", path_, number,
					    e.error().what, line));
				ahead_ = following;
			}
			torn_++;
			continue;
		}
		lines_++;
		event_ = *e;
	}
	if (event_ && event_->time < before)
		return fail(fmt::format("{}:{}: the clock went back", path_,
		    number_));
	return {};
}

} // namespace jeebs::audit
