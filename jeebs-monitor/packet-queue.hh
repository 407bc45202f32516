// SPDX-License-Identifier: ISC
// A netfilter queue: packets in, verdicts out.
// One io_context thread. Needs CAP_NET_ADMIN.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include <boost/asio/io_context.hpp>

#include "result.hh"
#include "unique_fd.hh"

namespace jeebs {

class PacketQueue {
public:
	/** The packet starts at its IP header; valid during the call. */
	using Callback = std::function<void(uint32_t id,
	    std::span<const uint8_t> ip_packet)>;

	/**
	 * Neither may destroy the queue; close() is fine.
	 * turn_end: after the packets of one turn of the event loop.
	 */
	PacketQueue(boost::asio::io_context &, uint16_t number,
	    Callback packet, std::function<void()> turn_end);
	~PacketQueue();
	PacketQueue(const PacketQueue &) = delete;
	PacketQueue &operator=(const PacketQueue &) = delete;

	/**
	 * length: packets that wait in the kernel; beyond it they are
	 * dropped. Large segments come cut, their checksums complete, or whole
	 * and with partial checksums.
	 * earlier: fd() of a process before this one; whatever it had no verdict
	 * for comes anew. If it isn't that queue's it is closed.
	 */
	[[nodiscard]] Result<void> open(uint32_t length, bool whole = false,
	    UniqueFd earlier = {});
	/** Packets wait as long as it is open somewhere; -1 if closed. */
	[[nodiscard]] int fd() const;
	void close();
	/** Leaves packets in the kernel until this is taken back. */
	void pause(bool);
	/** Reads up to limit packets that are there, without waiting. */
	void read(size_t limit);
	void accept(uint32_t id);
	/** Accepts this packet and all before it that have no verdict yet. */
	void accept_up_to(uint32_t id);
	void drop(uint32_t id);
	/** Drops this packet and all before it that have no verdict yet. */
	void drop_up_to(uint32_t id);
	/** It comes anew, behind those that wait, with another id. */
	void repeat(uint32_t id);
	/** Netlink buffer overflows: packets lost. */
	[[nodiscard]] uint64_t overruns() const;

private:
	struct Impl;
	std::unique_ptr<Impl> impl_;
};

} // namespace jeebs
