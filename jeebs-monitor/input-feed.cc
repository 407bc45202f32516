// SPDX-License-Identifier: ISC
#include "input-feed.hh"

#include <algorithm>

namespace jeebs {

namespace {

constexpr uint64_t whole_part = 1400;

} // namespace

InputFeed::InputFeed(std::deque<InputPiece> pieces)
    : pieces_(std::move(pieces))
{
	for (const InputPiece &p : pieces_)
		end_ = std::max(end_, p.end);
}

std::vector<InputPart>
InputFeed::due(uint64_t has, uint64_t window, Time now)
{
	std::vector<InputPart> parts;
	const uint64_t limit = has + window;
	const bool opened = window > window_;

	std::erase_if(pieces_, [has](const InputPiece &p) {
		return p.end <= has;
	});
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
	for (const InputPiece &p : pieces_) {
		if (p.begin >= limit)
			break;
		// What lies behind a gap TCP keeps, and answers each time.
		const uint64_t from = std::max({p.begin, has,
		    p.begin > next ? ever_ : given_});
		const uint64_t to = std::min(p.end, limit);
		// A small rest of the window waits for more (RFC 9293 3.8.6.2.1).
		if (to < p.end && from > has && from + whole_part > to)
			break;
		if (from < to)
			parts.push_back({p.packet.bytes(), from - p.begin,
			    to - p.begin});
		if (p.begin <= next)
			next = std::max(next, p.end);
		given_ = std::max(given_, to);
	}
	ever_ = std::max(ever_, given_);
	return parts;
}

} // namespace jeebs
