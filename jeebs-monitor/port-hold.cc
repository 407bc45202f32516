// SPDX-License-Identifier: ISC
#include "port-hold.hh"

#include <cerrno>

#include <sys/socket.h>

#include "tcp-descriptor.hh"

namespace jeebs {

namespace {

/**
 * A port bound by name isn't one that connect(2) would choose
 * (net/ipv4/inet_hashtables.c, __inet_hash_connect: fastreuse); a socket in repair
 * mode may be bound to it all the same, and so may a listener with SO_REUSEADDR: that
 * of a session to which others connect there.
 */
Result<UniqueFd>
bound(const IpAddr &addr, uint16_t port)
{
	sockaddr_storage at;
	const socklen_t length = to_sockaddr(addr, port, at);

	UniqueFd fd(socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (!fd)
		return fail_errno("socket");
	const int on = 1;
	if (setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
		return fail_errno("SO_REUSEADDR");
	if (auto r = set_foreign_source(fd.get(), at.ss_family, 1); !r)
		return tl::unexpected(r.error());
	if (bind(fd.get(), reinterpret_cast<sockaddr *>(&at), length) != 0 &&
	    errno != EADDRINUSE)
		return fail_errno("bind");
	return fd;
}

} // namespace

Result<void>
PortHold::hold(std::span<const Flow> flows)
{
	Result<void> result;

	for (const Flow &f : flows) {
		Flow local;
		local.local = f.local;
		local.local_port = f.local_port;
		auto [it, added] = held_.try_emplace(local);
		if (!added)
			continue;
		auto fd = bound(f.local, f.local_port);
		if (fd) {
			it->second = std::move(*fd);
			continue;
		}
		held_.erase(it);
		if (result)
			result = fail("port " + std::to_string(f.local_port) +
			    " can't be held: " + fd.error().what,
			    fd.error().errnum);
	}
	return result;
}

} // namespace jeebs
