// SPDX-License-Identifier: ISC
// Firewall: what may leave the service interface with a service address as its
// source, enforced by the kernel (nft table "netdev jeebs_<interface>", hook
// egress, Linux 5.16) also when this process hangs or dies.
// Synchronous: what changes rules takes a millisecond or more, what changes the
// lease or flows doesn't. Any one thread. Needs CAP_NET_ADMIN.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "flow.hh"
#include "result.hh"

namespace jeebs {

struct FirewallConfig {
	std::string interface;
	std::vector<IpAddr> vips;
};

/**
 * Two parts. The lease: IP packets from a VIP, ARP with a VIP as the sender
 * and NAs for a VIP pass only while it lasts (enforced), or always (not
 * enforced). Protected flows: their FIN and RST never pass, lease or not, until
 * let_fin(): from then on RST.
 */
class Firewall {
public:
	explicit Firewall(FirewallConfig);
	/** Leaves the table as it is: the lease goes on to hold. */
	~Firewall();
	Firewall(const Firewall &) = delete;
	Firewall &operator=(const Firewall &) = delete;

	/**
	 * Makes the table, or in one transaction makes an earlier run's ours:
	 * enforced or not, no lease. The flows that the earlier run protected
	 * stay protected until forget_earlier().
	 */
	[[nodiscard]] Result<void> install(bool enforced);
	/** From here on this run's flows are the only protected ones. */
	[[nodiscard]] Result<void> forget_earlier();
	/** Removes the table. Idempotent. */
	[[nodiscard]] Result<void> remove();

	/** Whether the lease matters. The lease itself stays as it is. */
	[[nodiscard]] Result<void> enforce(bool);
	/** The lease lasts this long from now; <= 0 ends it. */
	[[nodiscard]] Result<void> refresh(std::chrono::milliseconds remaining);
	/** The lease lasts until further notice (serving alone). */
	[[nodiscard]] Result<void> unlimited();
	/** Ownership lost: enforced, and no lease. */
	[[nodiscard]] Result<void> drop_all_from_vip();

	[[nodiscard]] Result<void> protect(std::span<const Flow>);
	[[nodiscard]] Result<void> let_fin(std::span<const Flow>);
	[[nodiscard]] Result<void> unprotect(std::span<const Flow>);

private:
	struct Impl;
	std::unique_ptr<Impl> impl_;
};

} // namespace jeebs
