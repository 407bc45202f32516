// SPDX-License-Identifier: ISC
#include "neighbor.hh"

#include <algorithm>
#include <array>

#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

namespace jeebs {

namespace {

using Frame = std::vector<uint8_t>;
using Bytes = std::span<const uint8_t>;

constexpr size_t ether_header = 14;
constexpr size_t arp_length = 28;
constexpr size_t ip6_header = 40;
constexpr size_t neighbor_length = 24;	/* NS and NA without options */
constexpr MacAddr broadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
constexpr uint8_t option_target_mac = 2;

void
put(Frame &f, Bytes bytes)
{
	f.insert(f.end(), bytes.begin(), bytes.end());
}

void
put16(Frame &f, unsigned v)
{
	f.push_back(static_cast<uint8_t>(v >> 8));
	f.push_back(static_cast<uint8_t>(v));
}

MacAddr
mac_at(Bytes frame, size_t at)
{
	MacAddr mac;
	std::copy_n(frame.begin() + static_cast<ptrdiff_t>(at), 6,
	    mac.bytes.begin());
	return mac;
}

Frame
ethernet(const MacAddr &to, const MacAddr &from, uint16_t type)
{
	Frame f;
	put(f, to.bytes);
	put(f, from.bytes);
	put16(f, type);
	return f;
}

Frame
arp(uint16_t op, const MacAddr &mac, const IpAddr &sender,
    const MacAddr &target_mac, const IpAddr &target)
{
	Frame f = ethernet(broadcast, mac, ETHERTYPE_ARP);
	put16(f, 1);
	put16(f, ETHERTYPE_IP);
	f.push_back(6);
	f.push_back(4);
	put16(f, op);
	put(f, mac.bytes);
	put(f, sender.bytes());
	put(f, target_mac.bytes);
	put(f, target.bytes());
	return f;
}

/** Completes the checksum of the ICMPv6 message behind the IPv6 header. */
void
finish_icmp6(Frame &f)
{
	const size_t length = f.size() - ether_header - ip6_header;
	f[ether_header + 4] = static_cast<uint8_t>(length >> 8);
	f[ether_header + 5] = static_cast<uint8_t>(length);
	uint32_t sum = static_cast<uint32_t>(length) + IPPROTO_ICMPV6;
	for (size_t i = ether_header + 8; i + 1 < f.size(); i += 2)
		sum += f[i] * 256U + f[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	f[ether_header + ip6_header + 2] = static_cast<uint8_t>(~sum >> 8);
	f[ether_header + ip6_header + 3] = static_cast<uint8_t>(~sum);
}

/** Ethernet, IPv6 and NS/NA up to the target; to is a multicast address. */
Frame
neighbor_message(uint8_t type, uint8_t flags, const MacAddr &mac,
    const IpAddr &from, const IpAddr &to, const IpAddr &target)
{
	MacAddr to_mac{{0x33, 0x33}};
	std::copy_n(to.bytes().begin() + 12, 4, to_mac.bytes.begin() + 2);
	Frame f = ethernet(to_mac, mac, ETHERTYPE_IPV6);
	put(f, std::array<uint8_t, 8>{0x60, 0, 0, 0, 0, 0, IPPROTO_ICMPV6,
	    255});
	put(f, from.bytes());
	put(f, to.bytes());
	put(f, std::array<uint8_t, 8>{type, 0, 0, 0, flags, 0, 0, 0});
	put(f, target.bytes());
	return f;
}

IpAddr
all_nodes()
{
	return IpAddr::from_bytes(std::array<uint8_t, 16>{0xff, 2, 0, 0, 0, 0,
	    0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
}

IpAddr
solicited_node(const IpAddr &addr)
{
	const auto a = addr.bytes();
	return IpAddr::from_bytes(std::array<uint8_t, 16>{0xff, 2, 0, 0, 0, 0,
	    0, 0, 0, 0, 0, 1, 0xff, a[13], a[14], a[15]});
}

IpAddr
unspecified6()
{
	return IpAddr::from_bytes(std::array<uint8_t, 16>{});
}

std::optional<NeighborFact>
parse_arp(Bytes frame)
{
	static constexpr std::array<uint8_t, 7> head{0, 1, 8, 0, 6, 4, 0};
	if (frame.size() < ether_header + arp_length)
		return {};
	const Bytes p = frame.subspan(ether_header, arp_length);
	if (!std::equal(head.begin(), head.end(), p.begin()) ||
	    (p[7] != 1 && p[7] != 2))
		return {};
	const IpAddr sender = IpAddr::from_bytes(p.subspan(14, 4));
	const MacAddr mac = mac_at(p, 8);
	if (sender != IpAddr())
		return NeighborFact{NeighborFact::Kind::claim, sender, mac};
	if (p[7] != 1)
		return {};
	return NeighborFact{NeighborFact::Kind::probe,
	    IpAddr::from_bytes(p.subspan(24, 4)), mac};
}

/** The link-layer address option of an NA; nothing if options are broken. */
std::optional<MacAddr>
target_mac(Bytes options, const MacAddr &otherwise)
{
	MacAddr mac = otherwise;
	while (!options.empty()) {
		const size_t length = options.size() < 2 ? 0 :
		    size_t{options[1]} * 8;
		if (length == 0 || length > options.size())
			return {};
		if (options[0] == option_target_mac && length == 8)
			mac = mac_at(options, 2);
		options = options.subspan(length);
	}
	return mac;
}

std::optional<NeighborFact>
parse_icmp6(Bytes frame)
{
	if (frame.size() < ether_header + ip6_header + neighbor_length)
		return {};
	const Bytes ip = frame.subspan(ether_header);
	const size_t length = ip[4] * 256U + ip[5];
	/* RFC 4861 7.1: hop limit 255, code 0. */
	if (ip[0] >> 4 != 6 || ip[6] != IPPROTO_ICMPV6 || ip[7] != 255 ||
	    length < neighbor_length || ip6_header + length > ip.size())
		return {};
	const IpAddr source = IpAddr::from_bytes(ip.subspan(8, 16));
	const Bytes message = ip.subspan(ip6_header, length);
	if (message[1] != 0)
		return {};
	const IpAddr target = IpAddr::from_bytes(message.subspan(8, 16));
	const MacAddr mac = mac_at(frame, 6);
	if (message[0] == ND_NEIGHBOR_ADVERT) {
		const auto owner = target_mac(
		    message.subspan(neighbor_length), mac);
		if (!owner)
			return {};
		return NeighborFact{NeighborFact::Kind::claim, target,
		    *owner};
	}
	if (message[0] != ND_NEIGHBOR_SOLICIT)
		return {};
	if (source == unspecified6())
		return NeighborFact{NeighborFact::Kind::probe, target, mac};
	return NeighborFact{NeighborFact::Kind::claim, source, mac};
}

} // namespace

std::optional<NeighborFact>
parse_neighbor_frame(Bytes frame)
{
	if (frame.size() < ether_header)
		return {};
	switch (frame[12] * 256U + frame[13]) {
	case ETHERTYPE_ARP:
		return parse_arp(frame);
	case ETHERTYPE_IPV6:
		return parse_icmp6(frame);
	default:
		return {};
	}
}

std::vector<Frame>
announcement_frames(const IpAddr &addr, const MacAddr &mac)
{
	if (!addr.is_v6())
		return {arp(1, mac, addr, MacAddr{}, addr),
		    arp(2, mac, addr, mac, addr)};
	constexpr uint8_t override_flag = 0x20;
	Frame f = neighbor_message(ND_NEIGHBOR_ADVERT, override_flag, mac,
	    addr, all_nodes(), addr);
	f.push_back(option_target_mac);
	f.push_back(1);
	put(f, mac.bytes);
	finish_icmp6(f);
	return {f};
}

Frame
solicitation_frame(const IpAddr &addr, const MacAddr &mac)
{
	if (!addr.is_v6())
		return arp(1, mac, IpAddr(), MacAddr{}, addr);
	Frame f = neighbor_message(ND_NEIGHBOR_SOLICIT, 0, mac,
	    unspecified6(), solicited_node(addr), addr);
	finish_icmp6(f);
	return f;
}

} // namespace jeebs
