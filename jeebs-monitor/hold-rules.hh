// SPDX-License-Identifier: ISC
// The packet filter's part of holding: packets of certain 4-tuples go to a
// netfilter queue, before conntrack sees them. Picked in the kernel by an nft
// set; with nothing in it they cost a lookup.
// One thread. Needs CAP_NET_ADMIN; fork/exec of iptables in install() and
// remove() where the kernel lacks nft's queue statement.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "flow.hh"
#include "nft.hh"
#include "result.hh"

namespace jeebs {

class HoldRules {
public:
	HoldRules(std::string interface, uint16_t queue_number);

	/** Nothing goes to the queue yet. Replaces an earlier run's rules. */
	[[nodiscard]] Result<void> install();
	/** Removes every rule. Idempotent. */
	[[nodiscard]] Result<void> remove();
	/** Whether packets of these flows go to the queue (SYNs never). */
	[[nodiscard]] Result<void> change(std::span<const Flow>, bool add);
	/** "nft" or "iptables": which way the rules went in. */
	[[nodiscard]] const std::string &backend() const { return backend_; }

private:
	[[nodiscard]] std::string rules(const std::string &statement) const;
	[[nodiscard]] Result<int> iptables(const char *program,
	    const char *verb) const;
	[[nodiscard]] Result<void> add_iptables_rule(const char *program);

	std::string interface_;
	uint16_t queue_number_;
	std::string table_;
	std::string backend_;
	Nft nft_;
};

} // namespace jeebs
