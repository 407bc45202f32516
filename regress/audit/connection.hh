// SPDX-License-Identifier: ISC
// One TCP connection to a VIP, from its SYN on, with what the logs say about its
// session. Owner: the Auditor. Pure but for the Content's storage.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "content.hh"
#include "flow.hh"
#include "ranges.hh"

namespace jeebs::audit {

constexpr size_t nobody = SIZE_MAX;	// as the index of a host

struct Connection {
	Connection(const Flow &f, std::unique_ptr<Storage> s)
	    : flow(f), content(std::move(s)) {}

	Flow flow;
	std::optional<uint32_t> client_isn;
	std::optional<uint32_t> base, rcv;	// of offset 0, both ways
	bool handshake = false;		// seen from its first byte on
	size_t owner = nobody;		// accepted or adopted it
	Content content;
	uint64_t acked = 0;		// by the client
	std::map<uint64_t, size_t> emitters;	// by epoch

	// What sshd may send has been held by a standby: from the protect line
	// on, but for bytes before free_to.
	bool gated = false, ever_gated = false;
	uint64_t free_to = 0;
	uint64_t held = 0, held_in = 0;
	// What the client sent is acknowledged only when it is held: from the
	// cover line on, but for bytes before this one.
	std::optional<uint64_t> covered_from;
	Ranges input;			// held
	uint64_t acknowledged = 0;	// of the peer's bytes
	Stamp held_at = 0;
	size_t holder = nobody;		// could adopt it
	bool stranded = false;		// its owner lost power
	bool named = true;		// since its owner's jeebsd started
	std::string ended;		// the log's line that it is over

	// Offset of a sequence number near what was sent last; may be < 0.
	int64_t offset(uint32_t seq) const
	{
		return offset_near(*base, seq, content.end());
	}
	// Of a number of the peer's, near what was acknowledged last.
	int64_t input_offset(uint32_t seq) const
	{
		return offset_near(*rcv, seq, acknowledged);
	}
	static int64_t offset_near(uint32_t base, uint32_t seq, uint64_t near)
	{
		return static_cast<int64_t>(near) + static_cast<int32_t>(seq -
		    (base + static_cast<uint32_t>(near)));
	}
	// Does the number belong here rather than to another connection of
	// the same ports?
	bool plausible(uint32_t seq) const
	{
		if (!base)
			return false;
		int64_t off = offset(seq);
		return off >= -1 &&
		    off <= static_cast<int64_t>(content.end()) + 1;
	}
	uint64_t may_send_to() const { return std::max(free_to, held); }
	uint64_t may_acknowledge_to() const
	{
		return input.contiguous(std::max(covered_from.value_or(0),
		    held_in));
	}
	void loses_input()
	{
		held_in = may_acknowledge_to();
		input.clear();
	}
};

} // namespace jeebs::audit
