// SPDX-License-Identifier: ISC
// Two things to do with a copy of a connection's descriptor: see how far it
// has come, and end it with a reset. Any thread.
#pragma once

#include <cstdint>

#include "result.hh"

namespace jeebs {

// Bytes since the socket was made or restored (TCP_INFO).
struct TcpProgress {
	uint64_t received = 0;	// in order
	uint64_t acked = 0;	// of those that were sent
	uint64_t sent = 0;	// at least: snd_nxt, a FIN counts as one
	bool open = false;	// not reset, timed out or closed by both
};
[[nodiscard]] Result<TcpProgress> tcp_progress(int fd);

// Sends a reset now, whoever else holds a descriptor; they get ECONNRESET.
// Repair mode must be off, or nothing is sent.
[[nodiscard]] Result<void> abort_connection(int fd);

} // namespace jeebs
