// SPDX-License-Identifier: ISC
#include "packet.hh"

#include <algorithm>

namespace jeebs::audit {

namespace {

using Bytes = std::span<const uint8_t>;

constexpr size_t ethernet = 14;
constexpr uint16_t type_ip4 = 0x0800, type_arp = 0x0806, type_ip6 = 0x86dd;
constexpr uint8_t protocol_tcp = 6, protocol_icmp6 = 58;
constexpr uint8_t neighbor_advertisement = 136;
constexpr uint8_t target_link_layer = 2;

uint16_t
get16(Bytes b, size_t at)
{
	return static_cast<uint16_t>(b[at] << 8 | b[at + 1]);
}

uint32_t
get32(Bytes b, size_t at)
{
	return uint32_t{get16(b, at)} << 16 | get16(b, at + 2);
}

MacAddr
get_mac(Bytes b, size_t at)
{
	MacAddr m;
	std::copy_n(b.begin() + static_cast<ptrdiff_t>(at), 6,
	    m.bytes.begin());
	return m;
}

// RFC 826: whatever the operation, the sender says where it is.
void
parse_arp(Bytes arp, Packet &p)
{
	if (arp.size() < 28 || get16(arp, 2) != type_ip4 || arp[4] != 6 ||
	    arp[5] != 4)
		return;
	p.source = IpAddr::from_bytes(arp.subspan(14, 4));
	// An ARP probe (RFC 5227) has no sender.
	if (get32(arp, 14) == 0)
		return;
	p.claimant = get_mac(arp, 8);
	p.kind = PacketKind::claim;
}

// RFC 4861 4.4; the IP source of an advertisement doesn't matter.
void
parse_advertisement(Bytes icmp, Packet &p)
{
	if (icmp.size() < 24)
		return;
	p.source = IpAddr::from_bytes(icmp.subspan(8, 16));
	p.claimant = p.from;
	for (size_t at = 24; at + 8 <= icmp.size();
	    at += std::max<size_t>(1, icmp[at + 1]) * 8)
		if (icmp[at] == target_link_layer)
			p.claimant = get_mac(icmp, at + 2);
	p.kind = PacketKind::claim;
}

// total: bytes from the TCP header on, on the wire.
void
parse_tcp(Bytes tcp, size_t total, Packet &p)
{
	p.kind = PacketKind::broken;
	if (tcp.size() < 20)
		return;
	size_t header = size_t{tcp[12]} / 16 * 4;
	if (header < 20 || header > total)
		return;
	p.kind = PacketKind::tcp;
	p.source_port = get16(tcp, 0);
	p.destination_port = get16(tcp, 2);
	p.seq = get32(tcp, 4);
	p.ack_number = get32(tcp, 8);
	p.flags = tcp[13];
	p.length = static_cast<uint32_t>(total - header);
	if (header < tcp.size())
		p.payload = tcp.subspan(header,
		    std::min<size_t>(p.length, tcp.size() - header));
}

void
parse_ip4(Bytes ip, Packet &p)
{
	if (ip.size() < 20)
		return;
	p.source = IpAddr::from_bytes(ip.subspan(12, 4));
	p.destination = IpAddr::from_bytes(ip.subspan(16, 4));
	p.kind = PacketKind::broken;
	size_t header = size_t{ip[0] & 0x0fU} * 4, total = get16(ip, 2);
	if (ip[0] >> 4 != 4 || header < 20 || total < header ||
	    header > ip.size())
		return;
	if (ip[9] != protocol_tcp)
		p.kind = PacketKind::ip;
	else if ((get16(ip, 6) & 0x3fff) == 0)
		parse_tcp(ip.subspan(header, std::min(total, ip.size()) -
		    header), total - header, p);
}

void
parse_ip6(Bytes ip, Packet &p)
{
	if (ip.size() < 40)
		return;
	p.source = IpAddr::from_bytes(ip.subspan(8, 16));
	p.destination = IpAddr::from_bytes(ip.subspan(24, 16));
	p.kind = PacketKind::broken;
	size_t total = get16(ip, 4);
	Bytes rest = ip.subspan(40, std::min(total, ip.size() - 40));
	if (ip[0] >> 4 != 6)
		return;
	// None of the hosts sends extension headers before TCP: such a packet
	// stays "broken" only if it is one.
	switch (ip[6]) {
	case protocol_tcp:
		parse_tcp(rest, total, p);
		break;
	case protocol_icmp6:
		p.kind = PacketKind::ip;
		if (!rest.empty() && rest[0] == neighbor_advertisement)
			parse_advertisement(rest, p);
		break;
	case 0:
	case 43:
	case 44:
	case 60:
		break;
	default:
		p.kind = PacketKind::ip;
	}
}

} // namespace

Packet
parse_packet(Stamp time, std::span<const uint8_t> frame)
{
	Packet p;

	p.time = time;
	if (frame.size() < ethernet)
		return p;
	p.from = get_mac(frame, 6);
	Bytes rest = frame.subspan(ethernet);
	switch (get16(frame, 12)) {
	case type_arp:
		parse_arp(rest, p);
		break;
	case type_ip4:
		parse_ip4(rest, p);
		break;
	case type_ip6:
		parse_ip6(rest, p);
		break;
	}
	return p;
}

} // namespace jeebs::audit
