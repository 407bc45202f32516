// SPDX-License-Identifier: ISC
// Which heartbeats are news. A path may be slower than another, or wait a second
// for an answer to ARP: what comes by it then isn't so any more.
// Pure, single-threaded.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace jeebs {

class HeartbeatOrder {
public:
	// Counters are those of an instance on all its paths together, from 1. An
	// instance that another one came after is over.
	[[nodiscard]] bool is_news(uint64_t instance, uint64_t counter)
	{
		if (std::find(past_.begin(), past_.end(), instance) !=
		    past_.end())
			return false;
		if (instance != instance_) {
			if (counter_ != 0)
				supersede();
			instance_ = instance;
			counter_ = 0;
		}
		if (counter <= counter_)
			return false;
		counter_ = counter;
		return true;
	}

private:
	static constexpr size_t max_past = 8;

	void supersede()
	{
		if (past_.size() == max_past)
			past_.erase(past_.begin());
		past_.push_back(instance_);
	}

	uint64_t instance_ = 0, counter_ = 0;
	std::vector<uint64_t> past_;	// the latest few
};

} // namespace jeebs
