// SPDX-License-Identifier: ISC
#include "flow.hh"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace jeebs {

IpAddr
IpAddr::from_bytes(std::span<const uint8_t> bytes)
{
	IpAddr addr;
	if (bytes.size() != 4 && bytes.size() != 16)
		return addr;
	addr.v6_ = bytes.size() == 16;
	std::copy(bytes.begin(), bytes.end(), addr.bytes_.begin());
	return addr;
}

IpAddr
IpAddr::from_state(int family, const uint8_t (&bytes)[16])
{
	return from_bytes(std::span<const uint8_t>(bytes,
	    family == AF_INET6 ? 16 : 4));
}

Result<IpAddr>
IpAddr::parse(std::string_view text)
{
	const std::string copy(text);
	IpAddr addr;
	addr.v6_ = copy.find(':') != std::string::npos;
	if (copy.find('\0') != std::string::npos ||
	    inet_pton(addr.family(), copy.c_str(), addr.bytes_.data()) != 1)
		return fail("\"" + copy + "\" is not an IPv4 or IPv6 address");
	return addr;
}

std::string
IpAddr::to_string() const
{
	char text[INET6_ADDRSTRLEN];
	inet_ntop(family(), bytes_.data(), text, sizeof(text));
	return text;
}

std::string
MacAddr::to_string() const
{
	char text[18];
	std::snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x",
	    bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]);
	return text;
}

Flow
Flow::from_state(const jeebs_tcp_state &state)
{
	return {IpAddr::from_state(state.family, state.local),
	    IpAddr::from_state(state.family, state.remote),
	    state.local_port, state.remote_port};
}

static std::string
endpoint(const IpAddr &addr, uint16_t port)
{
	const std::string text = addr.to_string();
	return (addr.is_v6() ? "[" + text + "]" : text) + ":" +
	    std::to_string(port);
}

std::string
Flow::to_string() const
{
	return endpoint(remote, remote_port) + " > " +
	    endpoint(local, local_port);
}

std::string
Flow::remote_name() const
{
	return endpoint(remote, remote_port);
}

socklen_t
to_sockaddr(const IpAddr &addr, uint16_t port, sockaddr_storage &storage)
{
	storage = {};
	if (addr.is_v6()) {
		sockaddr_in6 sin6{};
		sin6.sin6_family = AF_INET6;
		sin6.sin6_port = htons(port);
		std::memcpy(&sin6.sin6_addr, addr.bytes().data(), 16);
		std::memcpy(&storage, &sin6, sizeof(sin6));
		return sizeof(sin6);
	}
	sockaddr_in sin{};
	sin.sin_family = AF_INET;
	sin.sin_port = htons(port);
	std::memcpy(&sin.sin_addr, addr.bytes().data(), 4);
	std::memcpy(&storage, &sin, sizeof(sin));
	return sizeof(sin);
}

} // namespace jeebs

size_t
std::hash<jeebs::IpAddr>::operator()(const jeebs::IpAddr &addr) const noexcept
{
	const auto bytes = addr.bytes();
	return std::hash<std::string_view>()(std::string_view(
	    reinterpret_cast<const char *>(bytes.data()), bytes.size()));
}

size_t
std::hash<jeebs::Flow>::operator()(const jeebs::Flow &flow) const noexcept
{
	const std::hash<jeebs::IpAddr> of_addr;
	const size_t ports = size_t{flow.local_port} << 16 | flow.remote_port;
	return (of_addr(flow.local) * 31 + of_addr(flow.remote)) * 31 + ports;
}
