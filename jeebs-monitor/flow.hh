// SPDX-License-Identifier: ISC
// IpAddr, MacAddr and Flow: values that name the ends of a connection.
// Seen from the server: local is the VIP, remote the client. Any thread.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include <sys/socket.h>

#include <linux/jeebs.h>

#include "result.hh"

namespace jeebs {

/** An IPv4 or IPv6 address, without a scope. Default: 0.0.0.0. */
class IpAddr {
public:
	IpAddr() = default;
	/** From 4 or 16 bytes in network order; other sizes give 0.0.0.0. */
	[[nodiscard]] static IpAddr from_bytes(std::span<const uint8_t>);
	/** From the form of a jeebs_tcp_state: family and 16 bytes. */
	[[nodiscard]] static IpAddr from_state(int family,
	    const uint8_t (&bytes)[16]);
	/** Text form, no prefix length, no scope. */
	[[nodiscard]] static Result<IpAddr> parse(std::string_view);

	/** AF_INET or AF_INET6. */
	[[nodiscard]] int family() const { return v6_ ? AF_INET6 : AF_INET; }
	[[nodiscard]] bool is_v6() const { return v6_; }
	/** 4 or 16 bytes in network order; valid as long as this object. */
	[[nodiscard]] std::span<const uint8_t>
	bytes() const
	{
		return {bytes_.data(), v6_ ? size_t{16} : size_t{4}};
	}
	[[nodiscard]] std::string to_string() const;

	friend auto operator<=>(const IpAddr &, const IpAddr &) = default;

private:
	bool v6_ = false;
	std::array<uint8_t, 16> bytes_{};
};

/** An Ethernet address. */
struct MacAddr {
	std::array<uint8_t, 6> bytes{};

	[[nodiscard]] std::string to_string() const;
	friend auto operator<=>(const MacAddr &, const MacAddr &) = default;
};

/** A 4-tuple; ports in host byte order. */
struct Flow {
	IpAddr local;
	IpAddr remote;
	uint16_t local_port = 0;
	uint16_t remote_port = 0;

	[[nodiscard]] static Flow from_state(const jeebs_tcp_state &);
	/** "10.0.0.9:5000 > 10.0.0.1:22", "[fd00::9]:5000 > [fd00::1]:22". */
	[[nodiscard]] std::string to_string() const;
	/** "10.0.0.9:5000", "[fd00::9]:5000". */
	[[nodiscard]] std::string remote_name() const;
	friend auto operator<=>(const Flow &, const Flow &) = default;
};

/** Fills a sockaddr_in or sockaddr_in6; returns its length. */
socklen_t to_sockaddr(const IpAddr &, uint16_t port, sockaddr_storage &);

} // namespace jeebs

template <> struct std::hash<jeebs::IpAddr> {
	size_t operator()(const jeebs::IpAddr &) const noexcept;
};
template <> struct std::hash<jeebs::Flow> {
	size_t operator()(const jeebs::Flow &) const noexcept;
};
