// SPDX-License-Identifier: ISC
// SYNs that come to addresses of this host before those who listen there are back:
// they wait in the kernel, in a queue of their own, and go on from there as if they
// had just come. The kernel ends that by itself, if nobody else does.
// One io_context thread. Needs CAP_NET_ADMIN; fork/exec of iptables in install()
// and remove() where the kernel lacks nft's queue statement.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include <boost/asio/io_context.hpp>

#include "flow.hh"
#include "packet-queue.hh"
#include "queue-rules.hh"
#include "result.hh"

namespace jeebs {

class NewConnections {
public:
	/** SYNs that wait; beyond them they are dropped. */
	static constexpr uint32_t most = 1024;

	/** Of those by the interface, but not those to service_port. */
	NewConnections(boost::asio::io_context &, const std::string &interface,
	    uint16_t queue_number, uint16_t service_port);
	/** Doesn't remove the rules. */
	~NewConnections() = default;
	NewConnections(const NewConnections &) = delete;
	NewConnections &operator=(const NewConnections &) = delete;

	/** Rules and queue, nothing held. Replaces an earlier run's rules. */
	[[nodiscard]] Result<void> install();
	/** Removes every rule; drops what waits. Idempotent. */
	[[nodiscard]] Result<void> remove();

	/** Those to these addresses wait, for at most queue_new_timeout. */
	[[nodiscard]] Result<void> hold(std::span<const IpAddr>);
	/** From here on they don't; those that do go on, or else are dropped. */
	[[nodiscard]] Result<void> end(bool go_on);

private:
	QueueRules rules_;
	PacketQueue queue_;
	std::optional<uint32_t> newest_;
	bool holding_ = false;
};

} // namespace jeebs
