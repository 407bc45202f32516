// SPDX-License-Identifier: ISC
// Announcer: says on the LAN who has a service address (ARP, RFC 826/5227;
// Neighbor Discovery, RFC 4861), asks who has one, and hears others' claims.
// One io_context thread. open() needs CAP_NET_RAW.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "flow.hh"
#include "result.hh"

namespace jeebs {

namespace asio = boost::asio;

class Announcer {
public:
	/** Somebody with another MAC says that addr is his. */
	using ClaimCallback = std::function<void(const IpAddr &, MacAddr)>;
	/** Who answered, or nothing when the time was over. */
	using AnswerCallback = std::function<void(std::optional<MacAddr>)>;

	Announcer(asio::io_context &, std::string interface);
	~Announcer();
	Announcer(const Announcer &) = delete;
	Announcer &operator=(const Announcer &) = delete;

	/** Opens the packet socket and starts to listen. */
	[[nodiscard]] Result<void> open();
	void close();

	/**
	 * Claims addr for this interface: ARP request and reply, or unsolicited
	 * NA with the override flag to ff02::1. One round; repeat as needed.
	 * The firewall's lease applies: refresh it first.
	 */
	[[nodiscard]] Result<void> announce(const IpAddr &addr);

	/**
	 * Asks three times in `wait` who has addr, with an unspecified sender
	 * (ARP probe, DAD NS: no cache learns anything; any kernel that has
	 * the address answers). The callback runs once, from the io_context:
	 * at the first answer, at another's probe for addr, or at the end.
	 * For a VIP: conflict? For a peer's own address: does its kernel live?
	 */
	[[nodiscard]] Result<void> solicit(const IpAddr &addr,
	    std::chrono::milliseconds wait, AnswerCallback);

	/** Reports each claim to one of addrs by another MAC from now on. */
	void watch(std::vector<IpAddr> addrs, ClaimCallback);

	/** This interface's address. */
	[[nodiscard]] MacAddr mac() const;

private:
	struct Impl;
	std::shared_ptr<Impl> impl_;
};

} // namespace jeebs
