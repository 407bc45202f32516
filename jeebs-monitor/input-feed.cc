// SPDX-License-Identifier: ISC
#include "input-feed.hh"

#include <algorithm>

namespace jeebs {

InputFeed::InputFeed(std::deque<InputPiece> pieces)
    : pieces_(std::move(pieces))
{
	for (const InputPiece &p : pieces_)
		end_ = std::max(end_, p.end);
}

std::vector<Bytes>
InputFeed::due(uint64_t has, uint64_t window, Time now)
{
	std::vector<Bytes> packets;

	std::erase_if(pieces_, [has](const InputPiece &p) {
		return p.end <= has;
	});
	if (has != has_ || now - moved_ >= again_after) {
		if (has == has_)
			given_ = has;
		has_ = has;
		moved_ = now;
	}
	uint64_t next = has;
	for (const InputPiece &p : pieces_) {
		if (window == 0 || (p.begin > has && p.end > has + window))
			break;
		// What lies behind a gap TCP keeps, and answers each time.
		if (p.end > (p.begin > next ? ever_ : given_))
			packets.push_back(p.packet.bytes());
		if (p.begin <= next)
			next = std::max(next, p.end);
		given_ = std::max(given_, p.end);
	}
	ever_ = std::max(ever_, given_);
	return packets;
}

} // namespace jeebs
