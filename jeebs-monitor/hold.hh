// SPDX-License-Identifier: ISC
// Hold: keeps client packets of known 4-tuples away from a kernel that has no
// socket for them yet. Only packets of held flows enter the queue (an nft set
// picks them in the kernel, before conntrack); each is copied and dropped. So
// install() once, ahead of time: with no held flow it costs a set lookup.
// One io_context thread. Needs CAP_NET_ADMIN; fork/exec of iptables in
// install() and remove() where the kernel lacks nft's queue statement.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "flow.hh"
#include "result.hh"

namespace jeebs {

namespace asio = boost::asio;

struct HoldConfig {
	std::string interface;
	uint16_t queue_number = 74;
	/** Packets that wait in the kernel; beyond it they are dropped. */
	uint32_t queue_length = 16384;
	/** Bounds of what is kept; beyond them packets are dropped. */
	size_t bytes_per_flow = 4U << 20;
	size_t bytes_total = 256U << 20;
};

struct HoldStats {
	uint64_t held = 0;	/* packets copied */
	uint64_t dropped = 0;	/* beyond the bounds, or not TCP */
	uint64_t accepted = 0;	/* of flows let go while they were queued */
	uint64_t overruns = 0;	/* netlink buffer overflows: packets lost */
};

class Hold {
public:
	using Packets = std::vector<std::vector<uint8_t>>;
	/** Called for each packet that was kept; valid during the call. */
	using Callback =
	    std::function<void(std::span<const uint8_t> ip_packet)>;

	/** callback may be empty; it mustn't destroy the Hold. */
	Hold(asio::io_context &, HoldConfig, Callback = {});
	/** Doesn't remove the rules: without a reader they drop. */
	~Hold();
	Hold(const Hold &) = delete;
	Hold &operator=(const Hold &) = delete;

	/** Rules and queue, no flow held. Replaces an earlier run's rules. */
	[[nodiscard]] Result<void> install();
	/** Removes every rule; drops what is kept. Idempotent. */
	[[nodiscard]] Result<void> remove();

	/** From here on packets of these flows are kept, and SYNs dropped. */
	[[nodiscard]] Result<void> hold(std::span<const Flow>);
	/**
	 * From here on they reach the kernel. Take what was kept, and inject
	 * it, first: later packets must not overtake it.
	 */
	[[nodiscard]] Result<void> release(std::span<const Flow>);
	/**
	 * The same, and resets are dropped until pass_resets(): a socket that is
	 * still given what its peer had sent would lose it.
	 */
	void pass_but_resets(std::span<const Flow>);
	/** At once; that they no longer enter the queue comes later. */
	void pass_resets(std::span<const Flow>);
	/** Reads what is in the queue now, without waiting. */
	void drain();
	/** Kept packets of a flow in order of arrival; forgets them. */
	[[nodiscard]] Packets take(const Flow &);

	[[nodiscard]] HoldStats stats() const;
	/** "nft" or "iptables": which way the rules went in. */
	[[nodiscard]] std::string backend() const;

private:
	struct Impl;
	std::unique_ptr<Impl> impl_;
};

} // namespace jeebs
