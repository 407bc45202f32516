// SPDX-License-Identifier: ISC
#include "vip.hh"

#include <algorithm>
#include <array>

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "rtnl.hh"

namespace jeebs {

namespace {

using Buffer = std::array<char, 512>;

nlmsghdr *
address_message(Buffer &buffer, uint16_t type, const Vip &vip, unsigned index)
{
	nlmsghdr *message = mnl_nlmsg_put_header(buffer.data());
	message->nlmsg_type = type;
	auto *ifa = static_cast<ifaddrmsg *>(
	    mnl_nlmsg_put_extra_header(message, sizeof(ifaddrmsg)));
	ifa->ifa_family = static_cast<uint8_t>(vip.addr.family());
	ifa->ifa_prefixlen = vip.prefix_len;
	ifa->ifa_scope = RT_SCOPE_UNIVERSE;
	ifa->ifa_index = index;
	const auto bytes = vip.addr.bytes();
	mnl_attr_put(message, IFA_LOCAL, bytes.size(), bytes.data());
	mnl_attr_put(message, IFA_ADDRESS, bytes.size(), bytes.data());
	return message;
}

std::string
vip_name(const Vip &vip)
{
	return vip.addr.to_string() + "/" + std::to_string(vip.prefix_len) +
	    " on " + vip.interface;
}

Result<unsigned>
checked_index(const Vip &vip)
{
	if (vip.prefix_len > vip.addr.bytes().size() * 8)
		return fail("prefix length of " + vip_name(vip), EINVAL);
	return interface_index(vip.interface);
}

/** What is looked for in a RTM_NEWADDR message. */
struct Wanted {
	uint16_t attribute;
	std::span<const uint8_t> bytes;
	bool found = false;
};

int
compare_attribute(const nlattr *attr, void *data)
{
	auto *wanted = static_cast<Wanted *>(data);
	const auto *have = static_cast<const uint8_t *>(
	    mnl_attr_get_payload(attr));
	if (mnl_attr_get_type(attr) == wanted->attribute &&
	    mnl_attr_get_payload_len(attr) == wanted->bytes.size() &&
	    std::equal(wanted->bytes.begin(), wanted->bytes.end(), have))
		wanted->found = true;
	return MNL_CB_OK;
}

bool
is_address(const nlmsghdr *message, unsigned index, const IpAddr &addr)
{
	if (message->nlmsg_type != RTM_NEWADDR)
		return false;
	const auto *ifa = static_cast<const ifaddrmsg *>(
	    mnl_nlmsg_get_payload(message));
	if (ifa->ifa_index != index || ifa->ifa_family != addr.family())
		return false;
	/* IFA_ADDRESS of IPv4 is the other end on a point-to-point link. */
	Wanted wanted{static_cast<uint16_t>(addr.is_v6() ? IFA_ADDRESS :
	    IFA_LOCAL), addr.bytes()};
	mnl_attr_parse(message, sizeof(ifaddrmsg), compare_attribute, &wanted);
	return wanted.found;
}

} // namespace

Result<void>
vip_add(const Vip &vip)
{
	const auto index = checked_index(vip);
	if (!index)
		return tl::unexpected(index.error());
	alignas(nlmsghdr) Buffer buffer;
	nlmsghdr *message = address_message(buffer, RTM_NEWADDR, vip, *index);
	message->nlmsg_flags |= NLM_F_CREATE | NLM_F_REPLACE;
	if (vip.addr.is_v6()) {
		ifa_cacheinfo lifetime{};
		lifetime.ifa_valid = UINT32_MAX;
		lifetime.ifa_prefered = 0;
		mnl_attr_put_u32(message, IFA_FLAGS, IFA_F_NODAD);
		mnl_attr_put(message, IFA_CACHEINFO, sizeof(lifetime),
		    &lifetime);
	}
	if (auto r = rtnl_request(message); !r && r.error().errnum != EEXIST)
		return fail("cannot add " + vip_name(vip) + ": " +
		    r.error().what, r.error().errnum);
	return {};
}

Result<void>
vip_del(const Vip &vip)
{
	const auto index = checked_index(vip);
	if (!index)
		return tl::unexpected(index.error());
	alignas(nlmsghdr) Buffer buffer;
	nlmsghdr *message = address_message(buffer, RTM_DELADDR, vip, *index);
	if (auto r = rtnl_request(message);
	    !r && r.error().errnum != EADDRNOTAVAIL)
		return fail("cannot remove " + vip_name(vip) + ": " +
		    r.error().what, r.error().errnum);
	return {};
}

Result<bool>
vip_present(const Vip &vip)
{
	const auto index = interface_index(vip.interface);
	if (!index)
		return tl::unexpected(index.error());
	alignas(nlmsghdr) Buffer buffer;
	nlmsghdr *message = mnl_nlmsg_put_header(buffer.data());
	message->nlmsg_type = RTM_GETADDR;
	auto *ifa = static_cast<ifaddrmsg *>(
	    mnl_nlmsg_put_extra_header(message, sizeof(ifaddrmsg)));
	ifa->ifa_family = static_cast<uint8_t>(vip.addr.family());
	bool present = false;
	if (auto r = rtnl_dump(message, [&](const nlmsghdr *m) {
		present = present || is_address(m, *index, vip.addr);
	    }); !r)
		return fail("cannot list addresses: " + r.error().what,
		    r.error().errnum);
	return present;
}

} // namespace jeebs
