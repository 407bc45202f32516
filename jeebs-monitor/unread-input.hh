// SPDX-License-Identifier: ISC
// What TCP has of a connection's peer and nobody has read yet, from a copy of its
// descriptor, without taking any of it. Its reader must have SO_OOBINLINE, or
// urgent data would not be counted. Offsets are those of TcpProgress::received.
// Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <linux/jeebs.h>

#include "result.hh"

namespace jeebs {

// Of one moment.
struct InputPlace {
	uint64_t read = 0;
	uint64_t received = 0;	// in order; a FIN counts as one
	bool fin = false;	// received, and nobody has seen it
	bool may_have_gap = false;	// is something there out of order?
};
// EAGAIN: more came meanwhile. Any other error: there is no connection any more.
[[nodiscard]] Result<InputPlace> input_place(int fd);

struct UnreadInput {
	uint64_t offset = 0;
	std::vector<uint8_t> bytes;
	bool fin = false;	// behind the bytes

	static constexpr size_t max_payload = 32768;
	// As IP packets of the peer. Their window is what it was: TCP believes it.
	std::vector<std::vector<uint8_t>> packets(const jeebs_tcp_state &) const;
};
// From an offset between read and received, at most so many bytes, up to an urgent
// one. EAGAIN: somebody read meanwhile; ENODATA: there is an urgent one before it.
[[nodiscard]] Result<UnreadInput> unread_input(int fd, const InputPlace &,
    uint64_t from, size_t limit);

} // namespace jeebs
