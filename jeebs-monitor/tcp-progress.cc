// SPDX-License-Identifier: ISC
#include "tcp-progress.hh"

#include <sys/socket.h>

#include <linux/tcp.h>
#include <netinet/in.h>

namespace jeebs {

namespace {

constexpr uint8_t state_close = 7;	/* net/tcp_states.h */

} // namespace

Result<TcpProgress>
tcp_progress(int fd)
{
	tcp_info info{};
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1)
		return fail_errno("TCP_INFO");
	return TcpProgress{info.tcpi_bytes_received, info.tcpi_bytes_acked,
	    info.tcpi_bytes_sent - info.tcpi_bytes_retrans,
	    info.tcpi_state != state_close};
}

Result<void>
abort_connection(int fd)
{
	// tcp_disconnect() of net/ipv4/tcp.c.
	sockaddr none{};
	none.sa_family = AF_UNSPEC;
	if (connect(fd, &none, sizeof(none)) == -1)
		return fail_errno("disconnect");
	return {};
}

} // namespace jeebs
