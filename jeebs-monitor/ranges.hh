// SPDX-License-Identifier: ISC
// A set of stream offsets, as disjoint ranges. A value; pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>

namespace jeebs {

class Ranges {
public:
	void add(uint64_t begin, uint64_t end)
	{
		auto it = ranges_.upper_bound(begin);
		if (it != ranges_.begin() && std::prev(it)->second >= begin)
			--it;
		while (it != ranges_.end() && it->first <= end) {
			begin = std::min(begin, it->first);
			end = std::max(end, it->second);
			it = ranges_.erase(it);
		}
		ranges_.emplace(begin, end);
	}

	// All offsets from `from` to here are in it.
	uint64_t contiguous(uint64_t from) const
	{
		auto it = ranges_.upper_bound(from);
		return it == ranges_.begin() ? from :
		    std::max(from, std::prev(it)->second);
	}

	// Offsets before this one aren't in it any more.
	void trim(uint64_t offset)
	{
		while (!ranges_.empty() && ranges_.begin()->first < offset) {
			auto range = ranges_.extract(ranges_.begin());
			if (range.mapped() > offset)
				ranges_.emplace(offset, range.mapped());
		}
	}

	void clear() { ranges_.clear(); }
	size_t size() const { return ranges_.size(); }

private:
	std::map<uint64_t, uint64_t> ranges_;	// begin to end
};

} // namespace jeebs
