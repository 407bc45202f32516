// SPDX-License-Identifier: ISC
// Reads a live connection's state from a copy of its descriptor, without
// repair mode: the owner isn't disturbed. Needs no capability. Any thread.
#pragma once

#include <cstdint>

#include <linux/jeebs.h>

#include "result.hh"

namespace jeebs {

/**
 * Refreshes ts_val (TCP_TIMESTAMP; 0 without the option), snd_wnd, max_window
 * and rcv_wnd (TCP_INFO; rcv_wnd from Linux 6.2 on, else it stays as it was). An error when the connection isn't ESTABLISHED or
 * CLOSE_WAIT; the state is then unchanged.
 */
[[nodiscard]] Result<void> refresh_tcp_state(int fd, jeebs_tcp_state &);

/**
 * A count of bytes (TcpProgress::received) beyond which TCP has got none of the
 * peer's, in order or not.
 */
[[nodiscard]] Result<uint64_t> received_at_most(int fd);

/** Counts of bytes, as in TcpProgress. */
struct TcpBounds {
	uint64_t edge;		/* the peer was never allowed to send more */
	uint64_t acked;
	uint64_t written;	/* at most; a FIN counts as one */
	uint32_t snd_wnd;	/* that the peer offers */
};
/** promised: the window that was restored, or an earlier one (rcv_wnd). */
[[nodiscard]] Result<TcpBounds> tcp_bounds(int fd, uint32_t promised);

/** What the peer may send beyond what came in order, bytes. */
[[nodiscard]] Result<uint32_t> receive_window(int fd);

/** Bytes written that the peer hasn't ACKed, sent or not (SIOCOUTQ). */
[[nodiscard]] Result<uint32_t> unacked_bytes(int fd);

} // namespace jeebs
