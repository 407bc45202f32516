// SPDX-License-Identifier: ISC
#include "tcp-progress.hh"

#include <algorithm>

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>
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
	TcpProgress p{info.tcpi_bytes_received, info.tcpi_bytes_acked,
	    info.tcpi_bytes_acked, info.tcpi_state != state_close};
	// In this order sent isn't too large, whatever happens in between.
	// (tcpi_bytes_sent counts again what the device had no place for.)
	int unacked = 0, unsent = 0;
	if (!p.open || ioctl(fd, SIOCOUTQ, &unacked) == -1 ||
	    ioctl(fd, SIOCOUTQNSD, &unsent) == -1)
		return p;
	p.sent += static_cast<uint64_t>(std::max(unacked - unsent, 0));
	return p;
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
