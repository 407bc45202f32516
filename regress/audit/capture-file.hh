// SPDX-License-Identifier: ISC
// A pcap file, in order of time: the kernel stamps frames on each CPU before it
// puts them into one row, so that neighbours may be the wrong way round.
#pragma once

#include <memory>
#include <queue>
#include <vector>

#include "packet.hh"
#include "result.hh"

struct pcap;

namespace jeebs::audit {

class CaptureFile {
public:
	[[nodiscard]] static Result<CaptureFile> open(const std::string &path);

	struct Frame {
		Stamp time = 0;
		uint64_t number = 0;	// from 1, in the file
		std::vector<uint8_t> bytes;
	};
	// The next frame, null at the end. Valid until next().
	const Frame *frame() const
	{
		return row_.empty() ? nullptr : &row_.top();
	}
	// An error once, when the file is broken or cut short; what was read
	// before can still be taken.
	[[nodiscard]] Result<void> next();

private:
	struct Later {
		bool operator()(const Frame &a, const Frame &b) const
		{
			return a.time != b.time ? a.time > b.time :
			    a.number > b.number;
		}
	};
	struct Close {
		void operator()(pcap *) const;
	};
	Result<void> fill();

	std::string path_;
	std::unique_ptr<pcap, Close> pcap_;	// null at the file's end
	std::priority_queue<Frame, std::vector<Frame>, Later> row_;
	uint64_t count_ = 0;
};

} // namespace jeebs::audit
