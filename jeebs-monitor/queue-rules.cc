// SPDX-License-Identifier: ISC
#include "queue-rules.hh"

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

std::string
set_name(Queued which, bool v6)
{
	return std::string(which == Queued::all ? "all" : "held") +
	    (v6 ? "6 " : "4 ");
}

} // namespace

QueueSpec
hold_spec(const std::string &interface, uint16_t queue_number)
{
	return {.queue_number = queue_number,
	    .table = "inet jeebs_hold_" + std::to_string(queue_number),
	    .hook = "prerouting",
	    /* Ahead of raw (-300), where iptables' rule is, and conntrack. */
	    .priority = -310, .iptables_table = "raw",
	    .iptables_chain = "PREROUTING",
	    .before = "iifname \"" + interface + "\" ",
	    .behind = {""}};
}

QueueSpec
new_spec(const std::string &interface, uint16_t queue_number,
    uint16_t service_port)
{
	QueueSpec spec = hold_spec(interface, queue_number);
	spec.table = "inet jeebs_new_" + std::to_string(queue_number);
	spec.new_but = service_port;
	return spec;
}

QueueSpec
gate_spec(uint16_t queue_number)
{
	return {.queue_number = queue_number,
	    .table = "inet jeebs_input", .hook = "input",
	    /* Behind filter (0), ahead of security (50), the last of iptables. */
	    .priority = 40, .iptables_table = "security",
	    .iptables_chain = "INPUT", .before = "",
	    /* One byte behind the TCP header is enough to be a payload. */
	    .behind = {"@ih,0,8 >= 0", "tcp flags & (fin | rst) != 0"},
	    .all = true};
}

QueueRules::QueueRules(QueueSpec spec) : spec_(std::move(spec)) {}

/**
 * Of a flood the kernel sends on as much as a reader takes, and drops the rest:
 * nobody listens there yet.
 */
std::string
QueueRules::new_rules(const std::string &statement, Earlier earlier) const
{
	const std::string &table = spec_.table;
	const std::string chain = table + " " + spec_.hook;
	std::string text = "add table " + table + "\n", rules;
	if (earlier == Earlier::remove)
		text += "delete table " + table + "\nadd table " + table + "\n";
	for (const bool v6 : {false, true}) {
		const std::string set = v6 ? "new6" : "new4";
		const std::string syn = "add rule " + chain + " " +
		    spec_.before + (v6 ? "ip6" : "ip") + " daddr @" + set +
		    " tcp flags & (syn | ack | rst) == syn tcp dport != " +
		    std::to_string(spec_.new_but) + " ";
		text += "add set " + table + " " + set + " { type " +
		    (v6 ? "ipv6_addr" : "ipv4_addr") + "; flags timeout; }\n"
		    "flush set " + table + " " + set + "\n";
		rules += syn + "limit rate over 2000/second burst 1024 packets "
		    "drop\n" + syn + statement + "\n";
	}
	return text + "add chain " + chain + " { type filter hook " +
	    spec_.hook + " priority " + std::to_string(spec_.priority) +
	    "; policy accept; }\nflush chain " + chain + "\n" + rules;
}

std::string
QueueRules::rules(const std::string &statement, Earlier earlier) const
{
	if (spec_.new_but != 0)
		return new_rules(statement, earlier);
	const std::string &table = spec_.table;
	const std::string chain = table + " " + spec_.hook;
	const std::string rule = "add rule " + chain + " " + spec_.before;
	std::string sets, all;
	auto queue = [&](Queued which, const std::string &match) {
		all += rule + "ip saddr . tcp sport . ip daddr . tcp dport @" +
		    set_name(which, false) + match + " " + statement + "\n" +
		    rule + "ip6 saddr . tcp sport . ip6 daddr . tcp dport @" +
		    set_name(which, true) + match + " " + statement + "\n";
	};
	for (const std::string &match : spec_.behind)
		queue(Queued::matching, match);
	if (spec_.all)
		queue(Queued::all, "");
	for (Queued which : spec_.all ? std::vector{Queued::matching, Queued::all} :
	    std::vector{Queued::matching})
		for (bool v6 : {false, true}) {
			const std::string type = v6 ? "ipv6_addr" : "ipv4_addr";
			sets += "add set " + table + " " + set_name(which, v6) +
			    "{ type " + type + " . inet_service . " + type +
			    " . inet_service; }\n";
		}
	return "add table " + table + "\n" +
	    (earlier == Earlier::remove ? "delete table " + table + "\n"
	    "add table " + table + "\n" : "") + sets +
	    (spec_.all ? flush_sets(Queued::all) : "") +
	    (earlier == Earlier::flush ? flush_sets(Queued::matching) : "") +
	    "add chain " + chain + " { type filter hook " + spec_.hook +
	    " priority " + std::to_string(spec_.priority) +
	    "; policy accept; }\n"
	    "flush chain " + chain + "\n" + all;
}

std::string
QueueRules::flush_sets(Queued which) const
{
	std::string text;
	for (bool v6 : {false, true})
		text += "flush set " + spec_.table + " " + set_name(which, v6) +
		    "\n";
	return text;
}

std::string
QueueRules::elements(std::span<const Flow> flows, bool add,
    Queued which) const
{
	std::string text;
	for (const Flow &flow : flows) {
		const std::string set = spec_.table + " " +
		    set_name(which, flow.local.is_v6());
		/* Deleting what isn't there is an error: add it first. */
		text += "add element " + set + element(flow);
		if (!add)
			text += "delete element " + set + element(flow);
	}
	return text;
}

Result<int>
QueueRules::iptables(const char *program, const char *verb) const
{
	const std::string queue = std::to_string(spec_.queue_number);
	const std::string mark =
	    std::to_string(mark_prefix | spec_.queue_number);
	return run_program({program, "-w", "-t", spec_.iptables_table, verb,
	    spec_.iptables_chain, "-m", "mark", "--mark", mark, "-j",
	    "NFQUEUE", "--queue-num", queue}, verb[1] != 'A');
}

Result<void>
QueueRules::add_iptables_rule(const char *program)
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
QueueRules::install(Earlier earlier)
{
	if (nft_.run(rules("queue num " +
	    std::to_string(spec_.queue_number), earlier))) {
		backend_ = "nft";
		return {};
	}
	backend_ = "iptables";
	return add_iptables_rule("iptables")
	    .and_then([&] { return add_iptables_rule("ip6tables"); })
	    .and_then([&] {
		return nft_.run(rules("meta mark set " +
		    std::to_string(mark_prefix | spec_.queue_number),
		    earlier)); });
}

Result<void>
QueueRules::install(bool keep)
{
	if (keep)
		return install(Earlier::keep);
	if (auto r = install(Earlier::flush); r)
		return r;
	for (const char *program : {"iptables", "ip6tables"})
		(void)iptables(program, "-D");
	return install(Earlier::remove);
}

Result<void>
QueueRules::remove()
{
	auto result = nft_.run("add table " + spec_.table + "\n"
	    "delete table " + spec_.table + "\n");
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
QueueRules::change(std::span<const Flow> flows, bool add, Queued which)
{
	if (flows.empty())
		return {};
	return nft_.run(elements(flows, add, which));
}

Result<void>
QueueRules::replace(std::span<const Flow> flows)
{
	return nft_.run(flush_sets(Queued::matching) +
	    elements(flows, true, Queued::matching));
}

Result<void>
QueueRules::replace_new(std::span<const IpAddr> addrs)
{
	std::string text = "flush set " + spec_.table + " new4\n"
	    "flush set " + spec_.table + " new6\n";
	for (const IpAddr &a : addrs)
		text += "add element " + spec_.table +
		    (a.is_v6() ? " new6 { " : " new4 { ") + a.to_string() +
		    " timeout " + std::to_string(queue_new_timeout.count()) +
		    "s }\n";
	return nft_.run(text);
}

} // namespace jeebs
