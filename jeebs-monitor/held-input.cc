// SPDX-License-Identifier: ISC
#include "held-input.hh"

#include <algorithm>
#include <iterator>

namespace jeebs {

bool HeldInput::add(uint64_t begin, uint64_t end, Bytes packet)
{
	if (contiguous(begin) >= end)
		return false;
	auto it = ranges_.upper_bound(begin);
	if (it != ranges_.begin() && std::prev(it)->second >= begin)
		--it;
	uint64_t from = begin, to = end;
	while (it != ranges_.end() && it->first <= end) {
		from = std::min(from, it->first);
		to = std::max(to, it->second);
		it = ranges_.erase(it);
	}
	ranges_.emplace(from, to);
	packets_.push_back({end, Buffer(packet)});
	bytes_ += packet.size();
	return true;
}

void HeldInput::consumed(uint64_t offset)
{
	while (!packets_.empty() && packets_.front().end <= offset) {
		bytes_ -= packets_.front().data.size();
		packets_.pop_front();
	}
	while (!ranges_.empty() && ranges_.begin()->first < offset) {
		auto range = ranges_.extract(ranges_.begin());
		if (range.mapped() > offset)
			ranges_.emplace(offset, range.mapped());
	}
}

void HeldInput::clear()
{
	packets_.clear();
	ranges_.clear();
	bytes_ = 0;
}

uint64_t HeldInput::contiguous(uint64_t from) const
{
	auto it = ranges_.upper_bound(from);
	if (it == ranges_.begin())
		return from;
	return std::max(from, std::prev(it)->second);
}

std::vector<Bytes> HeldInput::packets() const
{
	std::vector<Bytes> all;
	all.reserve(packets_.size());
	for (const Packet &p : packets_)
		all.push_back(p.data.bytes());
	return all;
}

} // namespace jeebs
