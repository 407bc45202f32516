// SPDX-License-Identifier: ISC
#include "tcp-info.hh"

#include <algorithm>
#include <cstddef>
#include <cstdio>

#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <linux/tcp.h>

namespace jeebs {

namespace {

constexpr uint8_t state_established = 1;	/* net/tcp_states.h */
constexpr uint8_t state_close_wait = 8;
constexpr uint32_t largest_window = 65535U << 14;	/* RFC 7323 2.3 */

/** struct tcp_info as Linux 6.2 extended it. */
struct TcpInfo {
	tcp_info base;
	uint32_t rcv_wnd;
	uint32_t rehash;
};
static_assert(offsetof(TcpInfo, rcv_wnd) ==
    offsetof(tcp_info, tcpi_snd_wnd) + sizeof(uint32_t));

} // namespace

Result<void>
refresh_tcp_state(int fd, jeebs_tcp_state &state)
{
	TcpInfo info{};
	socklen_t length = sizeof(info);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0)
		return fail_errno("cannot read TCP_INFO");
	if (info.base.tcpi_state != state_established &&
	    info.base.tcpi_state != state_close_wait)
		return fail("the TCP connection is in state " +
		    std::to_string(info.base.tcpi_state), ENOTCONN);
	if (length < offsetof(TcpInfo, rcv_wnd))
		return fail("this kernel's TCP_INFO has no tcpi_snd_wnd: "
		    "Linux 5.4 or later is needed", ENOTSUP);

	uint32_t clock = 0;
	if (state.options & JEEBS_TCP_OPT_TS) {
		socklen_t size = sizeof(clock);
		if (getsockopt(fd, IPPROTO_TCP, TCP_TIMESTAMP, &clock,
		    &size) != 0)
			return fail_errno("cannot read TCP_TIMESTAMP");
	}

	state.ts_val = clock & ~1U;
	state.snd_wnd = std::min(info.base.tcpi_snd_wnd, largest_window);
	state.max_window = std::max(state.max_window, state.snd_wnd);
	if (length >= offsetof(TcpInfo, rehash))
		state.rcv_wnd = std::min(info.rcv_wnd, largest_window);
	return {};
}

/* What came out of order has a place in the window and in SO_MEMINFO. */
Result<uint64_t>
received_at_most(int fd)
{
	uint32_t memory[SK_MEMINFO_VARS] = {};
	TcpInfo info{};
	socklen_t mlen = sizeof(memory), length = sizeof(info);

	/* In this order: what comes in between isn't in the first. */
	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &mlen) != 0)
		return fail_errno("cannot read SO_MEMINFO");
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0)
		return fail_errno("cannot read TCP_INFO");
	const uint64_t received = info.base.tcpi_bytes_received;
	if (memory[SK_MEMINFO_RMEM_ALLOC] == 0 ||
	    info.base.tcpi_rcv_ooopack == 0)
		return received;
	return received + (length >= offsetof(TcpInfo, rehash) ?
	    info.rcv_wnd : largest_window);
}

Result<TcpBounds>
tcp_bounds(int fd, uint32_t promised)
{
	TcpInfo info{};
	socklen_t length = sizeof(info);

	/* In this order: what is ACKed in between is counted twice, not lost. */
	const auto unacked = unacked_bytes(fd);
	if (!unacked)
		return tl::unexpected(unacked.error());
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0)
		return fail_errno("cannot read TCP_INFO");
	/* Kernels before 6.2 tell the limit of a window only, before rounding. */
	const uint32_t window = length >= offsetof(TcpInfo, rehash) ?
	    info.rcv_wnd : std::max(promised, info.base.tcpi_rcv_ssthresh +
	    (1U << info.base.tcpi_rcv_wscale));
	return TcpBounds{info.base.tcpi_bytes_received + window,
	    info.base.tcpi_bytes_acked, info.base.tcpi_bytes_acked + *unacked,
	    info.base.tcpi_snd_wnd};
}

Result<uint32_t>
receive_window(int fd)
{
	TcpInfo info{};
	socklen_t length = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0)
		return fail_errno("cannot read TCP_INFO");
	/* Kernels before 6.2 don't tell; no restored socket has less. */
	return length >= offsetof(TcpInfo, rehash) ? info.rcv_wnd : 65535;
}

Result<uint32_t>
unacked_bytes(int fd)
{
	int bytes = 0;
	if (ioctl(fd, SIOCOUTQ, &bytes) != 0)
		return fail_errno("cannot read SIOCOUTQ");
	return static_cast<uint32_t>(std::max(bytes, 0));
}

} // namespace jeebs
