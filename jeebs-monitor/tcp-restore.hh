// SPDX-License-Identifier: ISC
// TcpRestorer: an established TCP socket out of a session record.
// Backends: TCP_REPAIR (tcp-restore-repair.cc), a kernel module.
// Synchronous, about 20 us a socket; any one thread. Needs CAP_NET_ADMIN, and
// CAP_NET_BIND_SERVICE for a port below 1024.
#pragma once

#include <cstdint>
#include <memory>

#include <linux/jeebs.h>

#include "flow.hh"
#include "result.hh"
#include "unique_fd.hh"

namespace jeebs {

/**
 * Where a connection is to go on. snd_off is what the peer has ACKed (what
 * follows is written after release), rcv_off what the application consumed; the
 * peer believes `held` bytes more delivered, so that its window ends farther out:
 * from beyond the window the kernel takes no ACK (net/ipv4/tcp_input.c,
 * tcp_sequence).
 * ts_val replaces state.ts_val: the timestamp clock (ms) at this moment,
 * beyond anything that the old host can have sent (RFC 7323 5.3, PAWS).
 */
struct RestoreRequest {
	jeebs_tcp_state state;
	uint64_t snd_off;
	uint64_t rcv_off;
	uint32_t ts_val;
	uint64_t held = 0;
};

class TcpRestorer {
public:
	virtual ~TcpRestorer() = default;

	/**
	 * An ESTABLISHED socket, O_NONBLOCK and close-on-exec, in repair mode,
	 * but without the right to force ports or addresses to be its own.
	 * Nothing is sent. The local address needn't be up; a listener on the
	 * port may be. Packets must be held until release: in repair mode the
	 * kernel takes and ACKs data.
	 */
	[[nodiscard]] virtual Result<UniqueFd>
	restore(const RestoreRequest &) = 0;

	/**
	 * Leaves repair mode without a window probe, and sets what sshd's
	 * listener would have handed down: SO_REUSEADDR, SO_KEEPALIVE,
	 * TCP_NODELAY. With an error, as when fd isn't this connection any
	 * more, it is ended.
	 */
	[[nodiscard]] virtual Result<void> release(int fd, const Flow &) = 0;
};

[[nodiscard]] std::unique_ptr<TcpRestorer> make_repair_restorer();

} // namespace jeebs
