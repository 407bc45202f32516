// SPDX-License-Identifier: ISC
#include "tcp-descriptor.hh"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/post.hpp>

#include <linux/sock_diag.h>

#include "flow.hh"
#include "jeebs-tcp.h"
#include "log.hh"
#include "tcp-info.hh"
#include "tcp-progress.hh"
#include "unique_fd.hh"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace jeebs {

namespace {

// The standby has a limit for it, too (ForwardStore).
constexpr int target_room = 4 << 20, max_target_room = 64 << 20;
constexpr uint64_t feed_room = 128 << 10;
// What its target lacks is in the session's records, which have a limit.
constexpr int target_unacked = 384 << 10;

} // namespace

Result<void> set_foreign_source(int fd, int family, int on)
{
	const bool v6 = family == AF_INET6;
	const int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;

	if (::setsockopt(fd, level, v6 ? IPV6_FREEBIND : IP_FREEBIND, &on,
	    sizeof(on)) != 0)
		return fail_errno(v6 ? "TCP socket: IPV6_FREEBIND" :
		    "TCP socket: IP_FREEBIND");
	if (::setsockopt(fd, level, v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, &on,
	    sizeof(on)) != 0)
		return fail_errno(v6 ? "TCP socket: IPV6_TRANSPARENT" :
		    "TCP socket: IP_TRANSPARENT");
	return {};
}

void make_room_for_target(int fd, bool feeding)
{
	uint32_t memory[SK_MEMINFO_VARS] = {};
	socklen_t len = sizeof(memory);
	const int on = 1;

	(void)getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &len);
	// What it promised and then had no place for its target would send again
	// less and less often. But what it is given was promised long ago, and
	// with free space beside that it would promise more each time.
	const uint64_t more = feeding ? feed_room :
	    receive_window(fd).value_or(0);
	// The kernel takes twice the size, for what packets need beside bytes.
	const int size = static_cast<int>(std::clamp<uint64_t>(
	    memory[SK_MEMINFO_RMEM_ALLOC] / 2 + more, target_room,
	    max_target_room));

	(void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
}

void limit_unacked_of_target(int fd)
{
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &target_unacked,
	    sizeof(target_unacked));
}

Result<void> check_tcp_descriptor(int fd, const jeebs_tcp_state &st)
{
	auto side = [fd](auto get, const char *name) -> Result<std::string> {
		sockaddr_storage sa{};
		socklen_t len = sizeof(sa);
		if (get(fd, reinterpret_cast<sockaddr *>(&sa), &len) == -1)
			return fail_errno(name);
		return std::string(reinterpret_cast<char *>(&sa), len);
	};
	auto want = [](const IpAddr &a, uint16_t port) {
		sockaddr_storage sa{};
		auto len = to_sockaddr(a, port, sa);
		return std::string(reinterpret_cast<char *>(&sa), len);
	};
	// A scope id is this host's affair, and no part of the state.
	auto plain = [](std::string s) {
		if (s.size() == sizeof(sockaddr_in6)) {
			auto *a = reinterpret_cast<sockaddr_in6 *>(s.data());
			a->sin6_scope_id = 0;
			a->sin6_flowinfo = 0;
		}
		return s;
	};
	tcp_info info{};
	socklen_t len = sizeof(info);
	int protocol = 0;
	socklen_t plen = sizeof(protocol);
	if (::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &plen) == -1 ||
	    protocol != IPPROTO_TCP ||
	    ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1)
		return fail("the descriptor isn't a TCP socket");
	if (info.tcpi_state != TCP_ESTABLISHED)
		return fail("the connection isn't established");
	auto flow = Flow::from_state(st);
	auto local = side(::getsockname, "getsockname");
	auto remote = side(::getpeername, "getpeername");
	if (!local || !remote ||
	    plain(*local) != want(flow.local, flow.local_port) ||
	    plain(*remote) != want(flow.remote, flow.remote_port))
		return fail("the TCP state isn't the descriptor's");
	return {};
}

Result<void> check_tcp_socket(int fd)
{
	int protocol = 0;
	socklen_t len = sizeof(protocol);
	if (::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == -1 ||
	    protocol != IPPROTO_TCP)
		return fail("not a TCP socket");
	// In a namespace of his own a user can make up any connection.
	UniqueFd own(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	uint64_t here = 0, there = 0;
	len = sizeof(here);
	if (!own || ::getsockopt(own.get(), SOL_SOCKET, SO_NETNS_COOKIE,
	    &here, &len) == -1)
		return fail_errno("SO_NETNS_COOKIE (Linux 5.14)");
	len = sizeof(there);
	if (::getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &there, &len) == -1 ||
	    here != there)
		return fail("a socket of another network namespace");
	return {};
}

bool is_of_flow(int fd, const Flow &flow)
{
	jeebs_tcp_state now{};
	return jeebs_tcp_addrs(fd, &now) == 0 && Flow::from_state(now) == flow;
}

Result<void> silence_tcp(int fd, const Flow &flow)
{
	const int on = TCP_REPAIR_ON;
	int reuse = 0;
	socklen_t len = sizeof(reuse);
	if (!is_of_flow(fd, flow))
		return {};
	if (::getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, &len) == -1 ||
	    ::setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) == -1)
		return fail_errno("TCP_REPAIR");
	// With it came the right to take others' ports (net/ipv4/tcp.c).
	if (::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse,
	    sizeof(reuse)) == -1)
		return fail_errno("SO_REUSEADDR");
	// Who has the descriptor, too, was faster.
	if (!is_of_flow(fd, flow))
		end_silenced(fd);
	return {};
}

void end_silenced(int fd)
{
	int reuse = 0, repair = 0;
	socklen_t len = sizeof(reuse), rlen = sizeof(repair);
	if (::getsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &repair, &rlen) == -1 ||
	    repair == 0 ||
	    ::getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, &len) == -1)
		return;
	// In repair mode no RST leaves (tcp_disconnect() there).
	(void)abort_connection(fd);
	(void)jeebs_tcp_repair_off(fd, reuse);
	if (::getsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &repair, &rlen) == -1 ||
	    repair != 0)
		log::error("a user's socket can't be taken out of repair mode");
}

void end_silenced_later(boost::asio::io_context &io, SharedFd fd)
{
	boost::asio::post(io, [shared = std::make_shared<SharedFd>(
	    std::move(fd))] { end_silenced(shared->get()); });
}

} // namespace jeebs
