// SPDX-License-Identifier: ISC
#include "content.hh"

#include <algorithm>

namespace jeebs::audit {

void
MemoryStorage::write(uint64_t off, std::span<const uint8_t> b)
{
	bytes_.resize(std::max<size_t>(bytes_.size(), off + b.size()));
	std::copy(b.begin(), b.end(),
	    bytes_.begin() + static_cast<ptrdiff_t>(off));
}

void
MemoryStorage::read(uint64_t off, std::span<uint8_t> b)
{
	std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(off), b.size(),
	    b.begin());
}

void
Content::compare(uint64_t off, std::span<const uint8_t> b, const Piece &p,
    Seen &seen)
{
	std::vector<uint8_t> was(b.size());

	seen.again += b.size();
	storage_->read(off, was);
	auto [x, y] = std::mismatch(was.begin(), was.end(), b.begin());
	if (x != was.end() && !seen.clash)
		seen.clash = Clash{off + static_cast<uint64_t>(x -
		    was.begin()), *x, *y, p.time, p.host};
}

Content::Seen
Content::emit(uint64_t off, std::span<const uint8_t> b, Stamp time, size_t host)
{
	Seen seen;

	while (!b.empty()) {
		auto next = pieces_.upper_bound(off);
		size_t n = b.size();
		if (next != pieces_.begin() && std::prev(next)->second.end > off) {
			const Piece &p = std::prev(next)->second;
			n = std::min<uint64_t>(n, p.end - off);
			compare(off, b.first(n), p, seen);
		} else {
			if (next != pieces_.end())
				n = std::min<uint64_t>(n, next->first - off);
			storage_->write(off, b.first(n));
			pieces_.emplace(off, Piece{off + n, time, host});
			seen.fresh += n;
		}
		off += n;
		b = b.subspan(n);
	}
	return seen;
}

uint64_t
Content::end() const
{
	return pieces_.empty() ? 0 : std::prev(pieces_.end())->second.end;
}

uint64_t
Content::missing(uint64_t upto) const
{
	uint64_t at = 0, gaps = 0;

	for (const auto &[start, p] : pieces_) {
		if (start >= upto)
			break;
		gaps += start - at;
		at = p.end;
	}
	return gaps + (at < upto ? upto - at : 0);
}

} // namespace jeebs::audit
