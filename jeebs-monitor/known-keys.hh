// SPDX-License-Identifier: ISC
// Which recovery keys this host's sshd-adopt has, and so what it could open.
// Formats: PROTOCOL.jeebs, sections 3 and 5.
// Owner: the daemon. Pure, single-threaded.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "buffer.hh"
#include "jeebs-wire.h"
#include "result.hh"

namespace jeebs {

class KnownKeys {
public:
	// sshd-adopt keeps the private halves of so many.
	static constexpr size_t most = 2;

	// A recovery key as sshd-adopt gives it. What isn't one is refused.
	[[nodiscard]] Result<void> add(Bytes key);
	// sshd-adopt is gone, and all of its private halves with it.
	void lose() { ids_.clear(); }
	// Is the root record sealed to one of them? Why not.
	[[nodiscard]] Result<void> opens(Bytes root) const;

private:
	std::deque<std::array<uint8_t, JEEBS_ID_LEN>> ids_;	// the newest last
};

} // namespace jeebs
