// SPDX-License-Identifier: ISC
#include "firewall.hh"

#include <linux/netfilter.h>

#include "jeebs-testing.h"
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

/** nft 1.0.6 has no name for the target address of an NA. */
constexpr const char *na_target = "@th,64,128";

} // namespace

struct Firewall::Impl {
	explicit Impl(FirewallConfig c) : config(std::move(c)),
	    name("jeebs_" + nft_identifier(config.interface)),
	    table("netdev " + name) {}

	[[nodiscard]] std::string lease_rules() const;
	[[nodiscard]] std::string protected_rules() const;
	[[nodiscard]] NftChange change() const
	{
		return NftChange(NFPROTO_NETDEV, name);
	}
	[[nodiscard]] Result<void> set_lease(
	    std::optional<std::chrono::milliseconds>);

	FirewallConfig config;
	std::string name, table;
	Nft nft;
	NftElements elements;
};

/* One lease for all: an element that names the interface itself. */
std::string
Firewall::Impl::lease_rules() const
{
	const std::string rule = "add rule " + table + " lease ";
	const std::string unleased = " meta oifname != @lease drop\n";
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
Firewall::Impl::protected_rules() const
{
	const std::string rule = "add rule " + table + " egress ";
	const std::string closing = " tcp flags & (fin | rst) != 0 drop\n";
	return rule + "ip saddr . tcp sport . ip daddr . tcp dport "
	    "@protected4" + closing +
	    rule + "ip6 saddr . tcp sport . ip6 daddr . tcp dport "
	    "@protected6" + closing;
}

Result<void>
Firewall::Impl::set_lease(std::optional<std::chrono::milliseconds> duration)
{
	NftChange c = change();
	c.flush("lease").add("lease", nft_key(config.interface), duration);
	return elements.run(c);
}

std::string
set_of(const Flow &flow)
{
	return flow.local.is_v6() ? "protected6" : "protected4";
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
	return impl_->nft.run("add table " + table + "\n"
	    "delete table " + table + "\n"
	    "add table " + table + "\n"
	    "add set " + table +
	    " lease { type ifname; flags timeout; }\n"
	    "add set " + table + " protected4 { type ipv4_addr . inet_service"
	    " . ipv4_addr . inet_service; }\n"
	    "add set " + table + " protected6 { type ipv6_addr . inet_service"
	    " . ipv6_addr . inet_service; }\n"
	    "add chain " + table + " lease\n"
	    "add chain " + table + " egress { type filter hook egress device \"" +
	    device + "\" priority 0; policy accept; }\n"
	    "add rule " + table + " egress jump lease\n" +
	    impl_->protected_rules() +
	    (enforced ? impl_->lease_rules() : ""));
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
Firewall::protect(std::span<const Flow> flows)
{
	NftChange c = impl_->change();
	for (const Flow &flow : flows)
		c.add(set_of(flow), nft_key(flow));
	return impl_->elements.run(c);
}

Result<void>
Firewall::unprotect(std::span<const Flow> flows)
{
	NftChange c = impl_->change();
	/* Deleting what isn't there is an error: add it first. */
	for (const Flow &flow : flows)
		c.add(set_of(flow), nft_key(flow))
		    .remove(set_of(flow), nft_key(flow));
	return impl_->elements.run(c);
}

} // namespace jeebs
