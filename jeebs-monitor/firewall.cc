// SPDX-License-Identifier: ISC
#include "firewall.hh"

#include <map>

#include <linux/netfilter.h>

#include "jeebs-testing.h"
#include "log.hh"
#include "nft-elements.hh"
#include "nft.hh"
#include "rtnl.hh"

namespace jeebs {

namespace {

/** An IPv6 address as one number, for nft's raw payload match. */
std::string
hex_number(const IpAddr &addr)
{
	static const char digits[] = "0123456789abcdef";
	std::string text = "0x";
	for (const uint8_t byte : addr.bytes()) {
		text += digits[byte >> 4];
		text += digits[byte & 15];
	}
	return text;
}

/**
 * To an interface that nobody has (net/netfilter/nf_dup_netdev.c): it is gone, and TCP
 * takes it for sent.
 */
constexpr const char *swallow = "fwd to 2147483647";

/** nft 1.0.6 has no name for the target address of an NA. */
constexpr const char *na_target = "@th,64,128";

std::string
set_of(const Flow &flow)
{
	return flow.local.is_v6() ? "protected6" : "protected4";
}

/** Of those whose FIN may pass. */
std::string
ending_set_of(const Flow &flow)
{
	return flow.local.is_v6() ? "ending6" : "ending4";
}

/** Deleting what isn't there is an error: add it first. */
void
remove(NftChange &c, const std::string &set, const Flow &flow)
{
	c.add(set, nft_key(flow)).remove(set, nft_key(flow));
}

} // namespace

struct Firewall::Impl {
	explicit Impl(FirewallConfig c) : config(std::move(c)),
	    name("jeebs_" + nft_identifier(config.interface)),
	    table("netdev " + name) {}

	[[nodiscard]] std::string lease_rules() const;
	[[nodiscard]] std::string protected_sets() const;
	[[nodiscard]] std::string protected_rules() const;
	[[nodiscard]] std::string silence() const;
	[[nodiscard]] std::string chains(bool enforced) const;
	[[nodiscard]] Result<void> make(const std::string &begin, bool enforced);
	[[nodiscard]] NftChange change() const
	{
		return NftChange(NFPROTO_NETDEV, name);
	}
	[[nodiscard]] Result<void> set_lease(
	    std::optional<std::chrono::milliseconds>);
	[[nodiscard]] Result<void> protect(std::span<const Flow>, bool ending);

	FirewallConfig config;
	std::string name, table;
	Nft nft;
	NftElements elements;
	std::map<Flow, bool> flows;	/* of this run; is it ending? */
};

/* One lease for all: an element that names the interface itself. */
std::string
Firewall::Impl::lease_rules() const
{
	const std::string rule = "add rule " + table + " lease ";
	const std::string unleased = " meta oifname != @lease goto silence\n";
	std::string text;
	for (const IpAddr &vip : config.vips) {
		const std::string addr = vip.to_string();
		if (vip.is_v6()) {
			text += rule + "ip6 saddr " + addr + unleased;
			text += rule + "icmpv6 type nd-neighbor-advert " +
			    na_target + " " + hex_number(vip) + unleased;
		} else {
			text += rule + "ip saddr " + addr + unleased;
			text += rule + "arp saddr ip " + addr + unleased;
		}
	}
	return text;
}

std::string
Firewall::Impl::protected_sets() const
{
	std::string text;
	for (const char *set : {"protected", "ending"}) {
		text += "add set " + table + " " + set + "4 { type ipv4_addr . "
		    "inet_service . ipv4_addr . inet_service; }\n"
		    "add set " + table + " " + set + "6 { type ipv6_addr . "
		    "inet_service . ipv6_addr . inet_service; }\n";
	}
	return text;
}

std::string
Firewall::Impl::protected_rules() const
{
	const std::string rule = "add rule " + table + " egress ";
	const std::string v4 = rule +
	    "ip saddr . tcp sport . ip daddr . tcp dport ";
	const std::string v6 = rule +
	    "ip6 saddr . tcp sport . ip6 daddr . tcp dport ";
	const std::string closing = " tcp flags & (fin | rst) != 0 drop\n";
	const std::string reset = " tcp flags & rst != 0 drop\n";
	return v4 + "@protected4" + closing + v6 + "@protected6" + closing +
	    v4 + "@ending4" + reset + v6 + "@ending6" + reset;
}

/**
 * What doesn't leave for want of a lease. Dropped here it is local congestion to TCP
 * (net/ipv4/tcp_output.c, tcp_send_probe0): good for what is in flight, which is tried
 * each half second and so goes on soonest; but a connection that has none in flight
 * and something to say, or asks a closed window, is gone after tcp_retries2 such
 * tries, 7.5 s. So what has a place in the stream is in flight after its first try,
 * which costs a short stall a retransmission; and what hasn't is never congested.
 */
std::string
Firewall::Impl::silence() const
{
	const std::string rule = "add rule " + table + " silence ";
	std::string text;
	for (const char *ip : {"ip", "ip6"}) {
		const std::string set = std::string("said_") + ip;
		const std::string key = std::string(ip) + " saddr . tcp sport . " +
		    ip + " daddr . tcp dport . tcp sequence";
		text += "add set " + table + " " + set + " { typeof " + key +
		    "; flags dynamic, timeout; timeout 1m; size 65536; }\n";
		/* One byte behind the TCP header is enough to be a payload. */
		for (const std::string what : {"@ih,0,8 >= 0",
		    "tcp flags & (syn | fin) != 0"})
			text += rule + key + " @" + set + " " + what +
			    " update @" + set + " { " + key + " } drop\n" +
			    rule + what + " add @" + set + " { " + key + " } " +
			    swallow + "\n";
	}
	return text + rule + "meta l4proto tcp @ih,0,8 >= 0 drop\n" + rule +
	    "tcp flags & (syn | fin) != 0 drop\n" + rule +
	    "meta l4proto tcp " + swallow + "\n";
}

/** Whatever is in them already; no lease. */
std::string
Firewall::Impl::chains(bool enforced) const
{
	std::string text = "add set " + table +
	    " lease { type ifname; flags timeout; }\n"
	    "flush set " + table + " lease\n"
	    "add chain " + table + " egress { type filter hook egress "
	    "device \"" + config.interface +
	    "\" priority 0; policy accept; }\n";
	for (const char *chain : {"egress", "lease", "silence"})
		text += "add chain " + table + " " + chain + "\n"
		    "flush chain " + table + " " + chain + "\n";
	return text + "add rule " + table + " egress jump lease\n" +
	    protected_rules() + (enforced ? lease_rules() : "");
}

Result<void>
Firewall::Impl::make(const std::string &begin, bool enforced)
{
	const std::string all = begin + protected_sets() + chains(enforced);
	const std::string drop = "add rule " + table + " silence drop\n";
	auto with_silence = nft.run(all + silence() + drop);
	if (with_silence)
		return {};
	auto r = nft.run(all + drop);
	if (r)
		log::warning("{}: what may not leave is dropped at once, and "
		    "connections that aren't protected may end in a stall of 7 s "
		    "and more: {}", config.interface, with_silence.error().what);
	return r;
}

Result<void>
Firewall::Impl::set_lease(std::optional<std::chrono::milliseconds> duration)
{
	NftChange c = change();
	c.flush("lease").add("lease", nft_key(config.interface), duration);
	return elements.run(c);
}

Firewall::Firewall(FirewallConfig config)
	: impl_(std::make_unique<Impl>(std::move(config))) {}
Firewall::~Firewall() = default;

Result<void>
Firewall::install(bool enforced)
{
	const std::string &table = impl_->table;
	const std::string &device = impl_->config.interface;
	if (!is_interface_name(device))
		return fail("\"" + device + "\" is not an interface name",
		    EINVAL);
	/* Newer kernels accept a device that isn't there (yet). */
	if (auto index = interface_index(device); !index)
		return tl::unexpected(index.error());
	impl_->flows.clear();
	const std::string made = "add table " + table + "\n";
	/*
	 * With a base chain the kernel drops what waits in its packet queues
	 * (net/netfilter/core.c, nf_queue_nf_hook_drop): one that is there stays,
	 * unless it is of another kind.
	 */
	if (impl_->make(made, enforced))
		return {};
	return impl_->make(made + "delete table " + table + "\n" + made, enforced);
}

Result<void>
Firewall::forget_earlier()
{
	NftChange c = impl_->change();
	for (const char *set : {"protected4", "protected6", "ending4",
	    "ending6"})
		c.flush(set);
	for (const auto &[flow, ending] : impl_->flows)
		c.add(ending ? ending_set_of(flow) : set_of(flow),
		    nft_key(flow));
	return impl_->elements.run(c);
}

Result<void>
Firewall::remove()
{
	return impl_->nft.run("add table " + impl_->table + "\n"
	    "delete table " + impl_->table + "\n");
}

Result<void>
Firewall::enforce(bool enforced)
{
	return impl_->nft.run("flush chain " + impl_->table + " lease\n" +
	    (enforced ? impl_->lease_rules() : ""));
}

Result<void>
Firewall::refresh(std::chrono::milliseconds remaining)
{
	if (jeebs_testing("lease-ignored"))
		return unlimited();
	if (remaining.count() > 0)
		return impl_->set_lease(remaining);
	return impl_->elements.run(impl_->change().flush("lease"));
}

Result<void>
Firewall::unlimited()
{
	return impl_->set_lease(std::nullopt);
}

Result<void>
Firewall::drop_all_from_vip()
{
	return impl_->nft.run("flush set " + impl_->table + " lease\n"
	    "flush chain " + impl_->table + " lease\n" +
	    impl_->lease_rules());
}

Result<void>
Firewall::Impl::protect(std::span<const Flow> all, bool ending)
{
	NftChange c = change();
	for (const Flow &flow : all) {
		const std::string from = ending ? set_of(flow) :
		    ending_set_of(flow);
		c.add(ending ? ending_set_of(flow) : set_of(flow),
		    nft_key(flow));
		jeebs::remove(c, from, flow);
	}
	auto r = elements.run(c);
	if (r)
		for (const Flow &flow : all)
			flows[flow] = ending;
	return r;
}

Result<void>
Firewall::protect(std::span<const Flow> flows)
{
	return impl_->protect(flows, false);
}

Result<void>
Firewall::let_fin(std::span<const Flow> flows)
{
	return impl_->protect(flows, true);
}

Result<void>
Firewall::unprotect(std::span<const Flow> flows)
{
	NftChange c = impl_->change();
	for (const Flow &flow : flows) {
		jeebs::remove(c, set_of(flow), flow);
		jeebs::remove(c, ending_set_of(flow), flow);
	}
	auto r = impl_->elements.run(c);
	if (r)
		for (const Flow &flow : flows)
			impl_->flows.erase(flow);
	return r;
}

} // namespace jeebs
