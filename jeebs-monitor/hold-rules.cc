// SPDX-License-Identifier: ISC
#include "hold-rules.hh"

#include "spawn.hh"

namespace jeebs {

namespace {

/** Upper half of the mark of a packet for the queue whose number is below. */
constexpr uint32_t mark_prefix = 0x4a650000;

/** As the nft sets have it: the client's end first. */
std::string
element(const Flow &flow)
{
	return "{ " + flow.remote.to_string() + " . " +
	    std::to_string(flow.remote_port) + " . " +
	    flow.local.to_string() + " . " +
	    std::to_string(flow.local_port) + " }\n";
}

} // namespace

HoldRules::HoldRules(std::string interface, uint16_t queue_number)
	: interface_(std::move(interface)), queue_number_(queue_number),
	  table_("inet jeebs_hold_" + std::to_string(queue_number)) {}

std::string
HoldRules::rules(const std::string &statement) const
{
	const std::string rule = "add rule " + table_ +
	    " prerouting iifname \"" + interface_ + "\" ";
	const std::string rest = " tcp flags & (syn | ack) != syn " +
	    statement + "\n";
	return "add table " + table_ + "\n"
	    "delete table " + table_ + "\n"
	    "add table " + table_ + "\n"
	    "add set " + table_ + " held4 { type ipv4_addr . inet_service . "
	    "ipv4_addr . inet_service; }\n"
	    "add set " + table_ + " held6 { type ipv6_addr . inet_service . "
	    "ipv6_addr . inet_service; }\n"
	    /* Ahead of raw (-300), where iptables' rule is, and conntrack. */
	    "add chain " + table_ + " prerouting "
	    "{ type filter hook prerouting priority -310; policy accept; }\n" +
	    rule + "ip saddr . tcp sport . ip daddr . tcp dport @held4" +
	    rest +
	    rule + "ip6 saddr . tcp sport . ip6 daddr . tcp dport @held6" +
	    rest;
}

Result<int>
HoldRules::iptables(const char *program, const char *verb) const
{
	const std::string queue = std::to_string(queue_number_);
	const std::string mark =
	    std::to_string(mark_prefix | queue_number_);
	return run_program({program, "-w", "-t", "raw", verb, "PREROUTING",
	    "-m", "mark", "--mark", mark, "-j", "NFQUEUE", "--queue-num",
	    queue}, verb[1] != 'A');
}

Result<void>
HoldRules::add_iptables_rule(const char *program)
{
	auto status = iptables(program, "-C");
	if (status && *status != 0)
		status = iptables(program, "-A");
	if (!status)
		return tl::unexpected(status.error());
	if (*status != 0)
		return fail(std::string(program) + " cannot add an NFQUEUE rule"
		    " (exit status " + std::to_string(*status) + ")");
	return {};
}

/**
 * nft's queue statement; else nft marks the packet, and one static rule of
 * iptables sends what is marked to the queue.
 */
Result<void>
HoldRules::install()
{
	if (!is_interface_name(interface_))
		return fail("\"" + interface_ +
		    "\" is not an interface name", EINVAL);
	if (nft_.run(rules("queue num " +
	    std::to_string(queue_number_)))) {
		backend_ = "nft";
		return {};
	}
	backend_ = "iptables";
	return add_iptables_rule("iptables")
	    .and_then([&] { return add_iptables_rule("ip6tables"); })
	    .and_then([&] {
		return nft_.run(rules("meta mark set " +
		    std::to_string(mark_prefix | queue_number_))); });
}

Result<void>
HoldRules::remove()
{
	auto result = nft_.run("add table " + table_ + "\n"
	    "delete table " + table_ + "\n");
	if (backend_ != "nft") {
		for (const char *program : {"iptables", "ip6tables"}) {
			auto status = iptables(program, "-D");
			if (!status && result)
				result = tl::unexpected(status.error());
		}
	}
	backend_.clear();
	return result;
}

Result<void>
HoldRules::change(std::span<const Flow> flows, bool add)
{
	std::string text;
	for (const Flow &flow : flows) {
		const std::string set = table_ + " held" +
		    (flow.local.is_v6() ? "6 " : "4 ");
		/* Deleting what isn't there is an error: add it first. */
		text += "add element " + set + element(flow);
		if (!add)
			text += "delete element " + set + element(flow);
	}
	if (text.empty())
		return {};
	return nft_.run(text);
}

} // namespace jeebs
