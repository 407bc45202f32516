// SPDX-License-Identifier: ISC
// What TCP has of a connection's peer and nobody has read yet, from a copy of its
// descriptor, without taking any of it. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "flow.hh"
#include "result.hh"

namespace jeebs {

struct UnreadInput {
	uint64_t offset = 0;	// of the first byte: TcpProgress::received counts
	std::vector<uint8_t> bytes;
	bool fin = false;	// and nothing more, ever

	uint64_t end() const { return offset + bytes.size() + (fin ? 1 : 0); }

	// As IP packets of the peer, where rcv_base is the sequence number of
	// offset 0.
	static constexpr size_t max_payload = 32768;
	std::vector<std::vector<uint8_t>> packets(const Flow &,
	    uint32_t rcv_base) const;
};
// EAGAIN: somebody read meanwhile.
[[nodiscard]] Result<UnreadInput> unread_input(int fd);

} // namespace jeebs
