// SPDX-License-Identifier: ISC
#include "segment.hh"

#include <algorithm>
#include <cstring>

#include <netinet/in.h>

namespace jeebs {

namespace {

constexpr size_t ip4_header = 20;
constexpr size_t ip6_header = 40;
constexpr size_t tcp_header = 20;

uint16_t
get16(std::span<const uint8_t> b, size_t at)
{
	return static_cast<uint16_t>(b[at] << 8 | b[at + 1]);
}

uint32_t
get32(std::span<const uint8_t> b, size_t at)
{
	return uint32_t{get16(b, at)} << 16 | get16(b, at + 2);
}

void
put16(std::span<uint8_t> b, size_t at, uint16_t v)
{
	b[at] = static_cast<uint8_t>(v >> 8);
	b[at + 1] = static_cast<uint8_t>(v);
}

void
put32(std::span<uint8_t> b, size_t at, uint32_t v)
{
	put16(b, at, static_cast<uint16_t>(v >> 16));
	put16(b, at + 2, static_cast<uint16_t>(v));
}

uint16_t
fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return static_cast<uint16_t>(sum);
}

/**
 * RFC 1071 sum; data starts at an even offset. It is the same in any byte order,
 * but for the bytes of the result (section 2 B): the host's needs no shifts.
 */
uint64_t
sum16(std::span<const uint8_t> data)
{
	uint64_t sum = 0;
	uint32_t word = 0;
	size_t i = 0;
	for (; i + sizeof(word) <= data.size(); i += sizeof(word)) {
		std::memcpy(&word, data.data() + i, sizeof(word));
		sum += word;
	}
	word = 0;
	if (i < data.size())
		std::memcpy(&word, data.data() + i, data.size() - i);
	uint8_t folded[2];
	const uint16_t in_host_order = fold(sum + word);
	std::memcpy(folded, &in_host_order, sizeof(folded));
	return get16(folded, 0);
}

/** Pseudo header of RFC 9293 3.1 / RFC 8200 8.1. */
uint64_t
pseudo_sum(std::span<const uint8_t> ip, bool v6, size_t tcp)
{
	const size_t length = ip.size() - tcp;
	uint64_t sum = v6 ? sum16(ip.subspan(8, 32)) :
	    sum16(ip.subspan(12, 8));
	return sum + (length >> 16) + (length & 0xffff) + IPPROTO_TCP;
}

/** Where TCP starts behind IPv6 extension headers; 0: nowhere. */
size_t
skip_extensions(std::span<const uint8_t> ip)
{
	uint8_t next = ip[6];
	size_t at = ip6_header;
	while (next != IPPROTO_TCP) {
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING &&
		    next != IPPROTO_DSTOPTS)
			return 0;
		if (at + 8 > ip.size())
			return 0;
		next = ip[at];
		at += 8 + size_t{ip[at + 1]} * 8;
	}
	return at;
}

} // namespace

// length: what the packet had on the wire, or more.
std::optional<Segment>
Segment::parse(std::span<const uint8_t> packet, size_t length)
{
	Segment s;
	if (packet.size() < ip4_header)
		return {};
	switch (packet[0] >> 4) {
	case 4: {
		const size_t header = size_t{packet[0] & 0x0fU} * 4;
		const size_t total = get16(packet, 2);
		const bool fragment = (get16(packet, 6) & 0x3fff) != 0;
		if (header < ip4_header || total < header ||
		    total > length || fragment ||
		    packet[9] != IPPROTO_TCP)
			return {};
		s.ip_ = packet.first(std::min(total, packet.size()));
		s.tcp_ = header;
		break;
	}
	case 6: {
		if (packet.size() < ip6_header)
			return {};
		const size_t total = ip6_header + get16(packet, 4);
		if (total > length)
			return {};
		s.v6_ = true;
		s.ip_ = packet.first(std::min(total, packet.size()));
		s.tcp_ = skip_extensions(s.ip_);
		if (s.tcp_ == 0)
			return {};
		break;
	}
	default:
		return {};
	}
	if (s.tcp_ + tcp_header > s.ip_.size())
		return {};
	const size_t offset = size_t{s.ip_[s.tcp_ + 12]} / 16 * 4;
	s.payload_ = s.tcp_ + offset;
	if (offset < tcp_header || s.payload_ > s.ip_.size())
		return {};
	return s;
}

std::optional<Segment>
Segment::parse(std::span<const uint8_t> packet)
{
	return parse(packet, packet.size());
}

std::optional<Segment>
Segment::parse_headers(std::span<const uint8_t> packet)
{
	auto s = parse(packet, SIZE_MAX);
	if (s) {
		s->ip_ = s->ip_.first(s->payload_);
		s->headers_only_ = true;
	}
	return s;
}

IpAddr
Segment::source() const
{
	return IpAddr::from_bytes(v6_ ? ip_.subspan(8, 16) :
	    ip_.subspan(12, 4));
}

IpAddr
Segment::destination() const
{
	return IpAddr::from_bytes(v6_ ? ip_.subspan(24, 16) :
	    ip_.subspan(16, 4));
}

uint16_t Segment::source_port() const { return get16(ip_, tcp_); }
uint16_t Segment::destination_port() const { return get16(ip_, tcp_ + 2); }
Seq32 Segment::seq() const { return Seq32(get32(ip_, tcp_ + 4)); }
Seq32 Segment::ack() const { return Seq32(get32(ip_, tcp_ + 8)); }
uint8_t Segment::flags() const { return ip_[tcp_ + 13]; }
uint16_t Segment::window() const { return get16(ip_, tcp_ + 14); }

Flow
Segment::flow_to_local() const
{
	return {destination(), source(), destination_port(), source_port()};
}

Flow
Segment::flow_from_local() const
{
	return {source(), destination(), source_port(), destination_port()};
}

std::span<const uint8_t>
Segment::payload() const
{
	return ip_.subspan(payload_);
}

Seq32
Segment::end_seq() const
{
	return seq() + static_cast<uint32_t>(payload().size()) +
	    (has(tcp_syn) ? 1U : 0U) + (has(tcp_fin) ? 1U : 0U);
}

namespace {

/** Where the timestamps option begins in the options, if it is there. */
std::optional<size_t>
find_timestamps(std::span<const uint8_t> options)
{
	for (size_t at = 0; at < options.size();) {
		const uint8_t kind = options[at];
		if (kind == 0)
			return {};
		if (kind == 1) {
			at++;
			continue;
		}
		if (at + 2 > options.size() || options[at + 1] < 2 ||
		    at + options[at + 1] > options.size())
			return {};
		if (kind == 8 && options[at + 1] == 10)
			return at;
		at += options[at + 1];
	}
	return {};
}

} // namespace

std::optional<TcpTimestamps>
Segment::timestamps() const
{
	const auto options = ip_.subspan(tcp_ + tcp_header,
	    payload_ - tcp_ - tcp_header);
	const auto at = find_timestamps(options);
	if (!at)
		return {};
	return TcpTimestamps{get32(options, *at + 2), get32(options, *at + 6)};
}

bool
blank_timestamps(std::span<uint8_t> packet)
{
	const auto segment = Segment::parse(packet);
	if (!segment)
		return false;
	const size_t tcp = segment->tcp_offset();
	const auto options = packet.subspan(tcp + tcp_header,
	    segment->payload_offset() - tcp - tcp_header);
	const auto at = find_timestamps(options);
	if (at)
		std::fill_n(options.begin() + static_cast<ptrdiff_t>(*at), 10,
		    uint8_t{1});
	return complete_checksums(packet);
}

ChecksumState
Segment::checksum_state() const
{
	if (headers_only_)
		return ChecksumState::unknown;
	const uint64_t pseudo = pseudo_sum(ip_, v6_, tcp_);
	// First what doesn't take a look at every byte.
	if (get16(ip_, tcp_ + 16) == fold(pseudo))
		return ChecksumState::partial;
	if (fold(pseudo + sum16(ip_.subspan(tcp_))) == 0xffff)
		return ChecksumState::valid;
	return ChecksumState::wrong;
}

bool
complete_checksums(std::span<uint8_t> packet)
{
	const auto segment = Segment::parse(packet);
	if (!segment)
		return false;
	const bool v6 = packet[0] >> 4 == 6;
	const size_t tcp = segment->tcp_offset();
	const auto ip = packet.first(segment->bytes().size());
	if (!v6) {
		put16(ip, 10, 0);
		put16(ip, 10, static_cast<uint16_t>(~fold(
		    sum16(ip.first(tcp)))));
	}
	put16(ip, tcp + 16, 0);
	put16(ip, tcp + 16, static_cast<uint16_t>(~fold(
	    pseudo_sum(ip, v6, tcp) + sum16(ip.subspan(tcp)))));
	return true;
}

bool
rewrite_ack(std::span<uint8_t> packet, Seq32 ack)
{
	const auto segment = Segment::parse(packet);
	if (!segment)
		return false;
	put32(packet, segment->tcp_offset() + 8, ack.value());
	return complete_checksums(packet);
}

std::vector<std::vector<uint8_t>>
split_segment(const Segment &segment, size_t max_payload, size_t from,
    size_t to)
{
	const auto whole = segment.bytes();
	const auto payload = segment.payload();
	const size_t headers = segment.payload_offset();
	const size_t tcp = segment.tcp_offset();
	const bool v6 = whole[0] >> 4 == 6;
	std::vector<std::vector<uint8_t>> packets;

	const size_t end = std::min(to, payload.size());
	size_t at = std::min(from, end);
	do {
		const size_t n = std::min(max_payload, end - at);
		std::vector<uint8_t> p(whole.begin(),
		    whole.begin() + static_cast<ptrdiff_t>(headers));
		p.insert(p.end(), payload.begin() + static_cast<ptrdiff_t>(at),
		    payload.begin() + static_cast<ptrdiff_t>(at + n));
		if (v6)
			put16(p, 4, static_cast<uint16_t>(p.size() -
			    ip6_header));
		else
			put16(p, 2, static_cast<uint16_t>(p.size()));
		put32(p, tcp + 4,
		    (segment.seq() + static_cast<uint32_t>(at)).value());
		if (at + n < payload.size())
			p[tcp + 13] &= static_cast<uint8_t>(~tcp_psh);
		if (at + n < payload.size() || to <= payload.size())
			p[tcp + 13] &= static_cast<uint8_t>(~tcp_fin);
		complete_checksums(p);
		packets.push_back(std::move(p));
		at += n;
	} while (at < end);
	return packets;
}

SegmentFields
fields_to_local(const Flow &flow)
{
	SegmentFields f;
	f.source = flow.remote;
	f.destination = flow.local;
	f.source_port = flow.remote_port;
	f.destination_port = flow.local_port;
	return f;
}

SegmentFields
fields_from_local(const Flow &flow)
{
	return fields_to_local({flow.remote, flow.local, flow.remote_port,
	    flow.local_port});
}

std::vector<uint8_t>
build_segment(const SegmentFields &f)
{
	const bool v6 = f.source.is_v6();
	const size_t tcp = v6 ? ip6_header : ip4_header;
	const size_t options = f.timestamps ? 12 : 0;
	const size_t length = tcp_header + options + f.payload.size();
	std::vector<uint8_t> p(tcp + length);

	if (v6) {
		p[0] = 0x60;
		put16(p, 4, static_cast<uint16_t>(length));
		p[6] = IPPROTO_TCP;
		p[7] = 64;
	} else {
		p[0] = 0x45;
		put16(p, 2, static_cast<uint16_t>(p.size()));
		put16(p, 6, 0x4000);
		p[8] = 64;
		p[9] = IPPROTO_TCP;
	}
	const auto source = f.source.bytes();
	const auto destination = f.destination.bytes();
	auto at = p.begin() + (v6 ? 8 : 12);
	at = std::copy(source.begin(), source.end(), at);
	std::copy(destination.begin(), destination.end(), at);

	put16(p, tcp, f.source_port);
	put16(p, tcp + 2, f.destination_port);
	put32(p, tcp + 4, f.seq.value());
	put32(p, tcp + 8, f.ack.value());
	p[tcp + 12] = static_cast<uint8_t>((tcp_header + options) / 4 << 4);
	p[tcp + 13] = f.flags;
	put16(p, tcp + 14, f.window);
	if (f.timestamps) {
		put32(p, tcp + 20, 0x0101080a);
		put32(p, tcp + 24, f.timestamps->value);
		put32(p, tcp + 28, f.timestamps->echo);
	}
	std::copy(f.payload.begin(), f.payload.end(), p.end() -
	    static_cast<ptrdiff_t>(f.payload.size()));
	complete_checksums(p);
	return p;
}

} // namespace jeebs
