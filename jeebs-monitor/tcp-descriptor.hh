// SPDX-License-Identifier: ISC
// What jeebsd does with a copy of a session's TCP descriptor besides reading
// its state (tcp-info.hh). Owner: nobody, functions. Any thread.
#pragma once

#include <linux/jeebs.h>

#include "result.hh"

namespace jeebs {

/**
 * Is fd an established TCP connection with the addresses and ports of the
 * state that came with it?
 */
[[nodiscard]] Result<void> check_tcp_descriptor(int fd,
    const jeebs_tcp_state &);

/** Is fd a TCP socket of this process's network namespace? */
[[nodiscard]] Result<void> check_tcp_socket(int fd);

/**
 * Repair mode on: nothing new leaves the connection, neither data nor the FIN
 * or RST of its last close. Needs CAP_NET_ADMIN.
 */
[[nodiscard]] Result<void> silence_tcp(int fd);

/**
 * Of a connection to a forward's target: the kernel takes some 4 to 8 MB that nobody
 * reads, whatever the limits for users are, and in any case what it has and has
 * promised to take. While a restored one is given what another host had (feeding)
 * it is to be called before each portion, of at most 64 KB. An urgent byte is one of
 * the stream's.
 */
void make_room_for_target(int fd, bool feeding = false);

} // namespace jeebs
