// SPDX-License-Identifier: ISC
// What a client sent to a dead host, on its way into the restored socket: as much
// as the window takes, again if it got lost, until TCP has all of it. The client
// can't send again what the dead host had acknowledged.
// Pure, single-threaded. Offsets are those of the client's stream.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "buffer.hh"
#include "clock.hh"

namespace jeebs {

struct InputPiece {
	uint64_t begin = 0, end = 0;	// a FIN counts as one
	Buffer packet;			// IP packet
};

// What to give of a packet: its payload from one offset to the other, and its FIN
// if `to` counts it.
struct InputPart {
	Bytes packet;
	size_t from = 0, to = 0;
};

class InputFeed {
public:
	// What was given and not taken is given again after this long, and after
	// twice as long each time that nothing of it is taken: whoever reads may
	// have had enough, and the kernel answers each of them to the client.
	static constexpr std::chrono::milliseconds again_after{20};
	static constexpr std::chrono::milliseconds again_at_most{1280};

	// pieces: in any order, of two that have a byte the first one gives it;
	// what none has is for the client to send.
	explicit InputFeed(std::deque<InputPiece> pieces);

	// The socket has all before `has` and room for `window` bytes more: what
	// to give it now, valid until the next call.
	std::vector<InputPart> due(uint64_t has, uint64_t window, Time now);
	// Nothing is left to give.
	bool done() const { return parts_.empty(); }
	// Or nothing but what lies behind a gap; as of the last due().
	bool whole() const { return done() || parts_.front().begin > has_; }
	// All that is left, valid until the next call.
	std::vector<InputPart> rest() const;
	// The stream's offset behind the last byte that is here.
	uint64_t end() const { return end_; }

private:
	struct Part {
		uint64_t begin, end;
		uint64_t offset;	// of its packet
		std::shared_ptr<const Buffer> packet;
	};
	std::deque<Part> parts_;	// ascending, none overlaps
	uint64_t end_ = 0;
	uint64_t has_ = 0, given_ = 0, ever_ = 0, window_ = 0;
	Time moved_{};
	std::chrono::milliseconds pause_{again_after};
};

} // namespace jeebs
