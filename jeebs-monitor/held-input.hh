// SPDX-License-Identifier: ISC
// What a client sent and sshd hasn't consumed, whole packets as they came. The
// client believes it delivered: nothing of it may be lost, and what holds nothing
// new isn't kept.
// Owner: one entry of the Store. Pure, single-threaded.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "buffer.hh"
#include "ranges.hh"

namespace jeebs {

class HeldInput {
public:
	// A packet with the bytes from begin to end of the client's stream; a
	// FIN counts as one. False if all of them are here already.
	bool add(uint64_t begin, uint64_t end, Bytes packet);
	// sshd has come to this offset: what lies before is forgotten.
	void consumed(uint64_t offset);
	void clear();

	// Every byte from `from` to here is held; `from` if that one isn't.
	uint64_t contiguous(uint64_t from) const
	{
		return ranges_.contiguous(from);
	}
	// In order of arrival; valid until the next change.
	std::vector<Bytes> packets() const;
	size_t count() const { return packets_.size(); }
	size_t bytes() const { return bytes_; }	// of packets

private:
	struct Packet {
		uint64_t end;
		Buffer data;
	};
	std::deque<Packet> packets_;
	Ranges ranges_;
	size_t bytes_ = 0;
};

} // namespace jeebs
