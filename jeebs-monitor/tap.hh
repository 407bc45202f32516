// SPDX-License-Identifier: ISC
// Tap: sees the packets of the protected service, both directions, on an
// interface (libpcap, promiscuous, immediate mode). Of those to the clients only
// the headers: what they carry is in the records.
// One io_context thread. Opening needs CAP_NET_RAW.
#pragma once

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

struct TapConfig {
	std::string interface;
	std::vector<IpAddr> vips;
	uint16_t port = 22;
	/** Instead: what comes to the addresses at other ports. */
	bool others = false;
	/**
	 * Kernel ring, bytes; each packet takes 128 KiB of it where the card
	 * aggregates, else little more than the MTU.
	 */
	uint32_t ring_bytes = 64U << 20;
};

/** Packets since start(). */
struct TapStats {
	uint64_t seen = 0;	/* given to the callback */
	uint64_t dropped = 0;	/* lost: the ring was full, or cut short */
};

/** The IP packet in an Ethernet frame, VLAN tags skipped; empty if none. */
[[nodiscard]] std::span<const uint8_t>
strip_link_header(std::span<const uint8_t> frame);

class Tap {
public:
	/**
	 * The packet starts at its IP header (link header and VLAN tags
	 * removed), may be larger than the MTU and have a partial checksum
	 * (segment.hh), or be for a client and cut off behind its headers; it
	 * is valid during the call. The callback may stop() the tap but not
	 * destroy it.
	 */
	using Callback =
	    std::function<void(std::span<const uint8_t> ip_packet)>;

	Tap(asio::io_context &, TapConfig, Callback);
	~Tap();
	Tap(const Tap &) = delete;
	Tap &operator=(const Tap &) = delete;

	[[nodiscard]] Result<void> start();
	void stop();
	/** Runs the callback for all that is in the ring now, without waiting. */
	void drain();
	[[nodiscard]] TapStats stats() const;

private:
	struct Impl;
	std::unique_ptr<Impl> impl_;
};

} // namespace jeebs
