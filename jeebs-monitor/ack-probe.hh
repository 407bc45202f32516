// SPDX-License-Identifier: ISC
// AckProbe: makes a client say where it stands, before a socket exists.
// One bare segment just below snd_una is outside its window, so it answers
// with an ACK that carries its own seq and ack (RFC 9293 3.10.7.4).
// Synchronous; any one thread. Opening needs CAP_NET_RAW.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include <linux/jeebs.h>

#include "result.hh"
#include "unique_fd.hh"

namespace jeebs {

// Who doesn't answer is asked again: question or answer may be lost.
inline constexpr std::chrono::milliseconds ask_again(50);

class AckProbe {
public:
	[[nodiscard]] Result<void> open();
	/**
	 * Offsets are the ones to restore at, ts_val as in RestoreRequest. The
	 * VIP needn't be up; the segment leaves by the route to the client,
	 * through the firewall's lease like any other. Linux clients answer
	 * one such segment in 500 ms.
	 */
	[[nodiscard]] Result<void> send(const jeebs_tcp_state &,
	    uint64_t snd_off, uint64_t rcv_off, uint32_t ts_val);
	/** The same; what goes wrong is logged. */
	void ask(const jeebs_tcp_state &, uint64_t snd_off, uint64_t rcv_off,
	    uint32_t ts_val);
	/**
	 * The same later, when so many bytes more were ACKed and received. The
	 * probe must be there then.
	 */
	using Later = std::function<void(uint64_t acked, uint64_t received)>;
	[[nodiscard]] Later ask_later(const jeebs_tcp_state &, uint64_t snd_off,
	    uint64_t rcv_off, uint32_t ts_val);

private:
	UniqueFd v4_;
	UniqueFd v6_;
};

} // namespace jeebs
