// SPDX-License-Identifier: ISC
#include "inject.hh"

#include <algorithm>
#include <array>
#include <cstring>

#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "nft.hh"
#include "rtnl.hh"
#include "segment.hh"

namespace jeebs {

namespace {

constexpr uint32_t tun_mtu = 65535;
// Of many small ones MSG_PEEK walks the queue anew for each (tcp_recvmsg_locked).
constexpr size_t max_payload = 16384;
constexpr uint32_t rp_filter_loose = 2;

using Buffer = std::array<char, 512>;

nlmsghdr *
link_message(Buffer &buffer, unsigned index, unsigned flags)
{
	nlmsghdr *message = mnl_nlmsg_put_header(buffer.data());
	message->nlmsg_type = RTM_NEWLINK;
	auto *ifi = static_cast<ifinfomsg *>(
	    mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg)));
	ifi->ifi_index = static_cast<int>(index);
	ifi->ifi_flags = flags;
	ifi->ifi_change = flags;
	return message;
}

/**
 * MTU, loose reverse path filter, no IPv6 address of its own. Loose and not
 * off: the kernel takes the larger of this and conf/all.
 */
Result<void>
configure_link(unsigned index, bool ipv6)
{
	alignas(nlmsghdr) Buffer buffer;
	nlmsghdr *message = link_message(buffer, index, 0);
	mnl_attr_put_u32(message, IFLA_MTU, tun_mtu);
	nlattr *families = mnl_attr_nest_start(message, IFLA_AF_SPEC);
	nlattr *inet = mnl_attr_nest_start(message, AF_INET);
	nlattr *conf = mnl_attr_nest_start(message, IFLA_INET_CONF);
	mnl_attr_put_u32(message, IPV4_DEVCONF_RP_FILTER, rp_filter_loose);
	mnl_attr_nest_end(message, conf);
	mnl_attr_nest_end(message, inet);
	if (ipv6) {
		nlattr *inet6 = mnl_attr_nest_start(message, AF_INET6);
		mnl_attr_put_u8(message, IFLA_INET6_ADDR_GEN_MODE,
		    IN6_ADDR_GEN_MODE_NONE);
		mnl_attr_nest_end(message, inet6);
	}
	mnl_attr_nest_end(message, families);
	return rtnl_request(message);
}

/** A request of its own: the kernel sets flags before the rest. */
Result<void>
bring_up(unsigned index)
{
	alignas(nlmsghdr) Buffer buffer;
	return rtnl_request(link_message(buffer, index, IFF_UP));
}

/**
 * Loose filtering drops everything on a device without an address
 * (net/ipv4/fib_frontend.c), so it gets the IPv4 dummy address of RFC 7600,
 * of host scope: never anybody's source.
 */
Result<void>
add_dummy_address(unsigned index)
{
	const uint8_t dummy[4] = {192, 0, 0, 8};
	alignas(nlmsghdr) Buffer buffer;
	nlmsghdr *message = mnl_nlmsg_put_header(buffer.data());
	message->nlmsg_type = RTM_NEWADDR;
	message->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
	auto *ifa = static_cast<ifaddrmsg *>(
	    mnl_nlmsg_put_extra_header(message, sizeof(ifaddrmsg)));
	ifa->ifa_family = AF_INET;
	ifa->ifa_prefixlen = 32;
	ifa->ifa_scope = RT_SCOPE_HOST;
	ifa->ifa_index = index;
	mnl_attr_put(message, IFA_LOCAL, sizeof(dummy), dummy);
	mnl_attr_put(message, IFA_ADDRESS, sizeof(dummy), dummy);
	return rtnl_request(message);
}

/**
 * Only where the administrator's default turns IPv6 off on new devices. False
 * for a kernel without IPv6.
 */
Result<bool>
enable_ipv6(const std::string &name)
{
	const std::string path = "/proc/sys/net/ipv6/conf/" + name +
	    "/disable_ipv6";
	UniqueFd fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
	if (!fd) {
		if (errno == ENOENT)
			return false;
		fd.reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
	}
	char value = '1';
	if (!fd || pread(fd.get(), &value, 1, 0) != 1)
		return fail_errno(path);
	if (value != '0' && pwrite(fd.get(), "0", 1, 0) != 1)
		return fail_errno(path);
	return true;
}

} // namespace

Injector::Injector(std::string name) : name_(std::move(name)) {}

Result<void>
Injector::prepare()
{
	if (!is_interface_name(name_))
		return fail("\"" + name_ + "\" is not an interface name",
		    EINVAL);
	UniqueFd fd(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
	if (!fd)
		return fail_errno("/dev/net/tun");
	ifreq request{};
	std::memcpy(request.ifr_name, name_.data(), name_.size());
	request.ifr_flags = IFF_TUN | IFF_NO_PI;
	if (ioctl(fd.get(), TUNSETIFF, &request) != 0)
		return fail_errno("cannot make the TUN device " + name_);
	name_ = request.ifr_name;

	const auto index = interface_index(name_);
	if (!index)
		return tl::unexpected(index.error());
	auto r = enable_ipv6(name_)
	    .and_then([&](bool ipv6) {
		return configure_link(*index, ipv6); })
	    .and_then([&] { return bring_up(*index); })
	    .and_then([&] { return add_dummy_address(*index); });
	if (!r)
		return fail("cannot set up the TUN device " + name_ + ": " +
		    r.error().what, r.error().errnum);
	fd_ = std::move(fd);
	return {};
}

Result<void>
Injector::inject(std::span<const uint8_t> ip_packet, Seq32 snd_una,
    Seq32 snd_nxt, size_t from, size_t to)
{
	const auto segment = Segment::parse(ip_packet);
	if (!segment || segment->checksum_state() == ChecksumState::wrong) {
		stats_.refused++;
		return fail("not an intact TCP packet", EBADMSG);
	}
	const bool has_ack = segment->has(tcp_ack);
	const Seq32 ack = segment->ack() > snd_nxt ? snd_nxt :
	    segment->ack() < snd_una ? snd_una : segment->ack();
	for (auto &packet : split_segment(*segment, max_payload, from, to)) {
		if (has_ack)
			rewrite_ack(packet, ack);
		// They come in order, not as they were sent: behind one that had
		// to be sent again, TCP would take those that had not for old
		// (RFC 7323, 5.3). Without any it asks nothing of them
		// (net/ipv4/tcp_input.c, tcp_validate_incoming).
		blank_timestamps(packet);
		if (write(fd_.get(), packet.data(), packet.size()) < 0)
			return fail_errno("cannot inject through " + name_);
		stats_.injected++;
	}
	return {};
}

} // namespace jeebs
