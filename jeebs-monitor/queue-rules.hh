// SPDX-License-Identifier: ISC
// The packet filter's part of holding packets: those of certain 4-tuples go to
// a netfilter queue. Picked in the kernel by nft sets; with nothing in them they
// cost a lookup each.
// One thread. Needs CAP_NET_ADMIN; fork/exec of iptables in install() and
// remove() where the kernel lacks nft's queue statement.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "flow.hh"
#include "nft.hh"
#include "result.hh"

namespace jeebs {

/** Who is to end it may be dead by then. */
constexpr std::chrono::seconds queue_new_timeout(3);

/** Which packets, and where in the kernel they are taken. */
struct QueueSpec {
	uint16_t queue_number;
	std::string table;	/* of family inet, ours alone */
	std::string hook;	/* nft's hook */
	/* Of the nft chain, and of iptables' rule, which must come later. */
	int priority;
	std::string iptables_table, iptables_chain;
	/* nft matches ahead of that of the 4-tuple; behind it, any of these. */
	std::string before;
	std::vector<std::string> behind;
	/* 4-tuples may have all of their packets go there, whatever matches. */
	bool all = false;
	/* Instead, to addresses: SYNs but those to this port; 0: not. */
	uint16_t new_but = 0;
};

/** Which packets of a 4-tuple: those that match the spec, or each. */
enum class Queued { matching, all };

/**
 * For sockets that aren't there yet: ahead of conntrack, whatever comes in by
 * the interface.
 */
[[nodiscard]] QueueSpec hold_spec(const std::string &interface,
    uint16_t queue_number);

/** For connections that begin: where hold_spec has it, SYNs alone. */
[[nodiscard]] QueueSpec new_spec(const std::string &interface,
    uint16_t queue_number, uint16_t service_port);

/**
 * For live sockets: right before TCP, fragments put together and other filters
 * passed, payload and FINs only.
 */
[[nodiscard]] QueueSpec gate_spec(uint16_t queue_number);

class QueueRules {
public:
	explicit QueueRules(QueueSpec);

	/**
	 * Rules with nothing that goes to the queue yet, in the place of an earlier
	 * run's; with keep the 4-tuples that it had go on to the queue, with what
	 * matches. What waits in queues stays there unless rules were of another
	 * kind, which with keep is an error.
	 */
	[[nodiscard]] Result<void> install(bool keep = false);
	/** Removes every rule. Idempotent. */
	[[nodiscard]] Result<void> remove();
	/** Whether packets of these flows go to the queue. */
	[[nodiscard]] Result<void> change(std::span<const Flow>, bool add,
	    Queued which = Queued::matching);
	/** In one transaction: of what matches, these flows' and no others'. */
	[[nodiscard]] Result<void> replace(std::span<const Flow>);
	/**
	 * SYNs to these addresses, and no others, go to the queue, until it is
	 * called again or queue_new_timeout has passed; the spec has new_but.
	 */
	[[nodiscard]] Result<void> replace_new(std::span<const IpAddr>);
	/** "nft" or "iptables": which way the rules went in. */
	[[nodiscard]] const std::string &backend() const { return backend_; }

private:
	enum class Earlier { keep, flush, remove };
	[[nodiscard]] std::string rules(const std::string &statement,
	    Earlier) const;
	[[nodiscard]] std::string new_rules(const std::string &statement,
	    Earlier) const;
	[[nodiscard]] Result<void> install(Earlier);
	[[nodiscard]] std::string elements(std::span<const Flow>, bool add,
	    Queued) const;
	[[nodiscard]] std::string flush_sets(Queued) const;
	[[nodiscard]] Result<int> iptables(const char *program,
	    const char *verb) const;
	[[nodiscard]] Result<void> add_iptables_rule(const char *program);

	QueueSpec spec_;
	std::string backend_;
	Nft nft_;
};

} // namespace jeebs
