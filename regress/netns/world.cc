// SPDX-License-Identifier: ISC
#include "world.hh"

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/ioctl.h>

#include <linux/sockios.h>

#include "announce.hh"
#include "tcp-info.hh"

namespace jeebs::test {

namespace {

void
check(bool ok, const std::string &what)
{
	if (!ok)
		throw std::runtime_error(what + ": " + std::strerror(errno));
}

UniqueFd
current_namespace()
{
	UniqueFd fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
	check(bool(fd), "/proc/thread-self/ns/net");
	return fd;
}

int
option(int fd, int name)
{
	int value = 0;
	socklen_t length = sizeof(value);
	check(getsockopt(fd, IPPROTO_TCP, name, &value, &length) == 0,
	    "getsockopt");
	return value;
}

} // namespace

void
must(const Result<void> &result)
{
	if (!result)
		throw std::runtime_error(result.error().what);
}

void
sh(const std::string &command)
{
	if (std::system(command.c_str()) != 0)
		throw std::runtime_error("failed: " + command);
}

std::string
output_of(const std::string &command)
{
	FILE *pipe = popen(command.c_str(), "r");
	check(pipe != nullptr, command);
	std::string text;
	char buffer[4096];
	while (const size_t n = fread(buffer, 1, sizeof(buffer), pipe))
		text.append(buffer, n);
	pclose(pipe);
	return text;
}

Host::Host()
{
	const UniqueFd before = current_namespace();
	check(unshare(CLONE_NEWNET) == 0, "unshare (are you root?)");
	fd_ = current_namespace();
	test::sh("ip link set lo up");
	check(setns(before.get(), CLONE_NEWNET) == 0, "setns");
}

Host::Stay::Stay(const Host &host) : before(current_namespace())
{
	check(setns(host.fd(), CLONE_NEWNET) == 0, "setns");
}

Host::Stay::~Stay()
{
	if (setns(before.get(), CLONE_NEWNET) != 0)
		std::abort();
}

void
Host::sh(const std::string &command) const
{
	in([&] { test::sh(command); });
}

std::string
Host::output_of(const std::string &command) const
{
	return in([&] { return test::output_of(command); });
}

World::World()
{
	net.sh("ip link add br0 type bridge ageing_time 0 mcast_snooping 0 && "
	    "ip link set br0 up");
	int number = 0;
	for (Host *host : {&client, &alpha, &beta}) {
		const std::string n = std::to_string(++number);
		net.sh("ip link add " + port_of(*host) +
		    " type veth peer name eth0 netns /proc/" +
		    std::to_string(getpid()) + "/fd/" +
		    std::to_string(host->fd()) +
		    " && ip link set " + port_of(*host) + " master br0 up");
		/* No wait of 1 s before link-local addresses are of use. */
		host->sh("sysctl -qw net.ipv6.conf.eth0.accept_dad=0 && "
		    "ip link set eth0 up && ip addr add 10.9.0." + n +
		    "/24 dev eth0 && ip addr add fd09::" + n +
		    "/64 dev eth0 nodad");
	}
}

IpAddr
World::vip(bool v6)
{
	return *IpAddr::parse(v6 ? "fd09::100" : "10.9.0.100");
}

Vip
World::vip_on_eth0(bool v6)
{
	return {vip(v6), static_cast<uint8_t>(v6 ? 128 : 32), "eth0"};
}

std::string
World::port_of(const Host &host) const
{
	return "port" + std::to_string(&host == &client ? 1 :
	    &host == &alpha ? 2 : 3);
}

void
World::move_vip_to(const Host &host, bool v6)
{
	host.in([&] {
		must(vip_add(vip_on_eth0(v6)));
		Announcer announcer(io, "eth0");
		must(announcer.open());
		must(announcer.announce(vip(v6)));
	});
}

UniqueFd
World::listen_on(const Host &host, bool v6)
{
	return host.in([&] {
		UniqueFd fd(socket(v6 ? AF_INET6 : AF_INET,
		    SOCK_STREAM | SOCK_CLOEXEC, 0));
		const int on = 1;
		setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on,
		    sizeof(on));
		sockaddr_storage address;
		const socklen_t length = to_sockaddr(vip(v6), port, address);
		check(bind(fd.get(), reinterpret_cast<sockaddr *>(&address),
		    length) == 0, "bind");
		check(listen(fd.get(), 10) == 0, "listen");
		return fd;
	});
}

Connection
World::connect(int listener, bool v6)
{
	Connection c;
	c.client = client.in([&] {
		UniqueFd fd(socket(v6 ? AF_INET6 : AF_INET,
		    SOCK_STREAM | SOCK_CLOEXEC, 0));
		sockaddr_storage address;
		const socklen_t length = to_sockaddr(vip(v6), port, address);
		check(::connect(fd.get(),
		    reinterpret_cast<sockaddr *>(&address), length) == 0,
		    "connect");
		return fd;
	});
	c.server.reset(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
	check(bool(c.server), "accept");
	const int on = 1;
	for (const int fd : {c.client.get(), c.server.get()})
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return c;
}

void
World::cut(const Host &host)
{
	net.sh("ip link set " + port_of(host) + " nomaster");
}

bool
reaches(const Host &from, const IpAddr &addr,
    std::chrono::milliseconds patience)
{
	const UniqueFd fd = from.in([&] {
		return UniqueFd(socket(addr.family(), SOCK_STREAM |
		    SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); });
	sockaddr_storage address;
	const socklen_t length = to_sockaddr(addr, 9, address);
	::connect(fd.get(), reinterpret_cast<sockaddr *>(&address), length);
	pollfd p{fd.get(), POLLOUT, 0};
	if (poll(&p, 1, static_cast<int>(patience.count())) != 1)
		return false;
	int error = 0;
	socklen_t size = sizeof(error);
	getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
	return error == 0 || error == ECONNREFUSED;
}

jeebs_tcp_state
capture(int fd)
{
	jeebs_tcp_state state{};
	const auto endpoint = [&](auto name, uint8_t (&bytes)[16],
	    uint16_t &port) {
		sockaddr_storage address{};
		socklen_t length = sizeof(address);
		check(name(fd, reinterpret_cast<sockaddr *>(&address),
		    &length) == 0, "address");
		state.family = address.ss_family;
		if (address.ss_family == AF_INET6) {
			const auto *sin6 =
			    reinterpret_cast<sockaddr_in6 *>(&address);
			std::memcpy(bytes, &sin6->sin6_addr, 16);
			port = ntohs(sin6->sin6_port);
		} else {
			const auto *sin =
			    reinterpret_cast<sockaddr_in *>(&address);
			std::memcpy(bytes, &sin->sin_addr, 4);
			port = ntohs(sin->sin_port);
		}
	};
	endpoint(getsockname, state.local, state.local_port);
	endpoint(getpeername, state.remote, state.remote_port);

	tcp_info info{};
	socklen_t length = sizeof(info);
	check(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0,
	    "TCP_INFO");
	if (info.tcpi_options & TCPI_OPT_TIMESTAMPS)
		state.options |= JEEBS_TCP_OPT_TS;
	if (info.tcpi_options & TCPI_OPT_SACK)
		state.options |= JEEBS_TCP_OPT_SACK;
	if (info.tcpi_options & TCPI_OPT_WSCALE) {
		state.options |= JEEBS_TCP_OPT_WSCALE;
		state.snd_wscale = info.tcpi_snd_wscale;
		state.rcv_wscale = info.tcpi_rcv_wscale;
	}
	int queued = 0;
	check(ioctl(fd, SIOCOUTQ, &queued) == 0 && queued == 0, "SIOCOUTQ");
	const int on = 1, off = -1 /* without a window probe */;
	check(setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) == 0,
	    "TCP_REPAIR");
	for (const int queue : {TCP_SEND_QUEUE, TCP_RECV_QUEUE}) {
		check(setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue,
		    sizeof(queue)) == 0, "TCP_REPAIR_QUEUE");
		(queue == TCP_SEND_QUEUE ? state.snd_base : state.rcv_base) =
		    static_cast<uint32_t>(option(fd, TCP_QUEUE_SEQ));
	}
	/* In repair mode this is the clamp, otherwise the current size. */
	state.mss = static_cast<uint16_t>(option(fd, TCP_MAXSEG));
	check(setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off)) == 0,
	    "TCP_REPAIR off");
	/* Leaving repair mode clears it. */
	check(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0,
	    "SO_REUSEADDR");
	must(refresh_tcp_state(fd, state));
	return state;
}

Bytes
pattern(uint64_t from, size_t n)
{
	Bytes bytes(n);
	for (size_t i = 0; i < n; i++)
		bytes[i] = static_cast<uint8_t>((from + i) * 2654435761U >> 13);
	return bytes;
}

void
put(int fd, const Bytes &bytes)
{
	for (size_t at = 0; at < bytes.size();) {
		pollfd p{fd, POLLOUT, 0};
		check(poll(&p, 1, 5000) == 1, "cannot write");
		const ssize_t n = send(fd, bytes.data() + at,
		    bytes.size() - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		check(n > 0, "send");
		at += static_cast<size_t>(n);
	}
}

Bytes
get(int fd, size_t n, std::chrono::milliseconds patience)
{
	Bytes bytes(n);
	size_t have = 0;
	while (have < n) {
		pollfd p{fd, POLLIN, 0};
		if (poll(&p, 1, static_cast<int>(patience.count())) != 1)
			break;
		const ssize_t r = recv(fd, bytes.data() + have, n - have,
		    MSG_DONTWAIT);
		check(r >= 0, "recv");
		if (r == 0)
			break;
		have += static_cast<size_t>(r);
	}
	bytes.resize(have);
	return bytes;
}

bool
run_until(boost::asio::io_context &io, const std::function<bool()> &done,
    std::chrono::milliseconds limit)
{
	const auto end = std::chrono::steady_clock::now() + limit;
	while (!done() && std::chrono::steady_clock::now() < end) {
		io.restart();
		io.run_for(5ms);
	}
	return done();
}

} // namespace jeebs::test
