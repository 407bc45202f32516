// SPDX-License-Identifier: ISC
#include "held-input.hh"

namespace jeebs {

bool HeldInput::add(uint64_t begin, uint64_t end, Bytes packet)
{
	if (contiguous(begin) >= end)
		return false;
	ranges_.add(begin, end);
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
	ranges_.trim(offset);
}

void HeldInput::clear()
{
	packets_.clear();
	ranges_.clear();
	bytes_ = 0;
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
