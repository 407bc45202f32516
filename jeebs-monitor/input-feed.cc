// SPDX-License-Identifier: ISC
#include "input-feed.hh"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace jeebs {

namespace {

constexpr uint64_t whole_part = 1400;

} // namespace

InputFeed::InputFeed(std::deque<InputPiece> pieces)
{
	std::map<uint64_t, Part> all;	// by begin

	for (InputPiece &p : pieces) {
		const auto packet =
		    std::make_shared<const Buffer>(std::move(p.packet));
		auto it = all.upper_bound(p.begin);
		uint64_t at = it == all.begin() ? p.begin :
		    std::max(p.begin, std::prev(it)->second.end);
		while (at < p.end) {
			const uint64_t to = it == all.end() ? p.end :
			    std::min(p.end, it->first);
			if (at < to)
				all.emplace_hint(it, at,
				    Part{at, to, p.begin, packet});
			if (it == all.end())
				break;
			at = std::max(at, it++->second.end);
		}
		end_ = std::max(end_, p.end);
	}
	for (auto &[begin, part] : all)
		parts_.push_back(std::move(part));
}

std::vector<InputPart>
InputFeed::due(uint64_t has, uint64_t window, Time now)
{
	std::vector<InputPart> parts;
	const uint64_t limit = has + window;
	const bool opened = window > window_;

	while (!parts_.empty() && parts_.front().end <= has)
		parts_.pop_front();
	if (has != has_ || opened || now - moved_ >= pause_) {
		if (has != has_ || opened)
			pause_ = again_after;
		else
			pause_ = std::min(pause_ * 2, again_at_most);
		if (has == has_)
			given_ = has;
		has_ = has;
		moved_ = now;
	}
	window_ = window;
	uint64_t next = has;
	for (const Part &p : parts_) {
		if (p.begin >= limit)
			break;
		// What lies behind a gap TCP keeps, and answers each time.
		uint64_t &given = p.begin > next ? ever_ : given_;
		const uint64_t from = std::max({p.begin, has, given});
		const uint64_t to = std::min(p.end, limit);
		// A small rest of the window waits for more (RFC 9293 3.8.6.2.1).
		if (to < p.end && from > has && from + whole_part > to)
			break;
		if (from < to)
			parts.push_back({p.packet->bytes(), from - p.offset,
			    to - p.offset});
		if (p.begin <= next)
			next = p.end;
		given = std::max(given, to);
	}
	ever_ = std::max(ever_, given_);
	return parts;
}

std::vector<InputPart>
InputFeed::rest() const
{
	std::vector<InputPart> parts;
	for (const Part &p : parts_)
		parts.push_back({p.packet->bytes(), p.begin - p.offset,
		    p.end - p.offset});
	return parts;
}

} // namespace jeebs
