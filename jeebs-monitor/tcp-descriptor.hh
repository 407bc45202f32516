// SPDX-License-Identifier: ISC
// What jeebsd does with a copy of a session's TCP descriptor besides reading
// its state (tcp-info.hh). Owner: nobody, functions. Any thread.
#pragma once

#include <boost/asio/io_context.hpp>

#include <linux/jeebs.h>

#include "flow.hh"
#include "result.hh"
#include "shared-fd.hh"

namespace jeebs {

/**
 * Is fd an established TCP connection with the addresses and ports of the
 * state that came with it?
 */
[[nodiscard]] Result<void> check_tcp_descriptor(int fd,
    const jeebs_tcp_state &);

/** Is fd this connection's, or what is left of it? */
[[nodiscard]] bool is_of_flow(int fd, const Flow &);

/**
 * bind(2) and connect(2) take a source address that isn't up (yet), or not any more.
 * Needs CAP_NET_ADMIN.
 */
[[nodiscard]] Result<void> set_foreign_source(int fd, int family, int on);

/** Is fd a TCP socket of this process's network namespace? */
[[nodiscard]] Result<void> check_tcp_socket(int fd);

/**
 * Repair mode on: nothing new leaves the connection, neither data nor the FIN
 * or RST of its last close. A descriptor that is another connection's by now is
 * left alone. Needs CAP_NET_ADMIN.
 */
[[nodiscard]] Result<void> silence_tcp(int fd, const Flow &);

/**
 * The end of a connection that silence_tcp() silenced: nothing leaves it, and who
 * else has the descriptor has one without repair mode. Its packets must not come
 * here any more: the kernel would answer them.
 */
void end_silenced(int fd);
/** Behind whatever is going on now. */
void end_silenced_later(boost::asio::io_context &, SharedFd);

/**
 * Of a connection to a forward's target: the kernel takes some 4 to 8 MB that nobody
 * reads, whatever the limits for users are, and in any case what it has and has
 * promised to take. While a restored one is given what another host had (feeding)
 * it is to be called before each portion, of at most 64 KB. An urgent byte is one of
 * the stream's.
 */
void make_room_for_target(int fd, bool feeding = false);
/** Of what is written to it the kernel takes less than 1 MB that its target lacks. */
void limit_unacked_of_target(int fd);

} // namespace jeebs
