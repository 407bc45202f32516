// SPDX-License-Identifier: ISC
// Injector: gives recorded client packets to this host's kernel as if they
// had just arrived, through a TUN device that carries nothing else.
// Synchronous; any one thread.
// prepare() opens /dev/net/tun and may write /proc/sys: call it before
// privileges are dropped. inject() needs nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "result.hh"
#include "seq32.hh"
#include "unique_fd.hh"

namespace jeebs {

struct InjectStats {
	uint64_t injected = 0;	/* packets, after splitting */
	uint64_t refused = 0;	/* not TCP, or a wrong checksum */
};

class Injector {
public:
	/** name: up to 15 bytes; a "%d" in it is numbered by the kernel. */
	explicit Injector(std::string name = "jeebs%d");

	/** Makes the device, up, MTU 65535, no IPv6 autoconfiguration. */
	[[nodiscard]] Result<void> prepare();

	/**
	 * One IP packet from tap or hold. Completes a partial checksum, refuses
	 * a wrong one, splits above 16 KB, and moves the ACK field
	 * into [snd_una, snd_nxt]: the kernel discards a packet that ACKs more
	 * than it sent, or too far below what was ACKed, data and all. Both
	 * equal to the restored offset's number is always right. from, to:
	 * the part of it to give, as split_segment takes it.
	 */
	[[nodiscard]] Result<void> inject(std::span<const uint8_t> ip_packet,
	    Seq32 snd_una, Seq32 snd_nxt, size_t from = 0,
	    size_t to = SIZE_MAX);

	/** The name the kernel gave. */
	[[nodiscard]] const std::string &name() const { return name_; }
	[[nodiscard]] InjectStats stats() const { return stats_; }

private:
	std::string name_;
	UniqueFd fd_;
	InjectStats stats_;
};

} // namespace jeebs
