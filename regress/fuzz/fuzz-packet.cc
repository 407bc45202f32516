// SPDX-License-Identifier: ISC
// Any bytes as a client's packet off the wire: views stay inside
// it, edits leave a packet that parses the same.
// fuzzes: segment.cc flow.cc
#include <cstdint>
#include <cstdlib>

#include "segment.hh"
#include "target.hh"

using namespace jeebs;

namespace {

// One in 65536 that are valid looks like one whose checksum is the pseudo header's
// alone, so the state doesn't tell.
bool
is_complete(const std::vector<uint8_t> &packet)
{
	auto again = packet;
	return complete_checksums(again) && again == packet;
}

void
check_split(const Segment &s, size_t from, size_t to)
{
	const auto whole = s.payload();
	const size_t end = std::min(to, whole.size());
	const size_t begin = std::min(from, end);
	Seq32 next = s.seq() + static_cast<uint32_t>(begin);
	const auto parts = split_segment(s, 536, from, to);
	std::vector<uint8_t> joined;
	for (const auto &part : parts) {
		const auto p = Segment::parse(part);
		must(p && p->seq() == next && p->payload().size() <= 536 &&
		    p->checksum_state() != ChecksumState::wrong &&
		    is_complete(part) && p->flow_to_local() == s.flow_to_local());
		must(p->has(tcp_fin) == (s.has(tcp_fin) && &part == &parts.back() &&
		    to > whole.size()));
		next += static_cast<uint32_t>(p->payload().size());
		joined.insert(joined.end(), p->payload().begin(),
		    p->payload().end());
	}
	const auto part = whole.subspan(begin, end - begin);
	must(std::equal(joined.begin(), joined.end(), part.begin(), part.end()));
}

// They are there whenever the packet is, and say the same without what follows them.
void
check_headers(std::span<const uint8_t> packet, const std::optional<Segment> &whole)
{
	const auto h = Segment::parse_headers(packet);
	must(h || !whole);
	if (!h)
		return;
	must(h->bytes().size() <= packet.size() && h->payload().empty() &&
	    h->payload_offset() == h->bytes().size());
	(void)h->timestamps();
	const auto cut = Segment::parse_headers(h->bytes());
	must(cut && cut->seq() == h->seq() && cut->ack() == h->ack() &&
	    cut->flags() == h->flags() &&
	    cut->flow_from_local() == h->flow_from_local());
	if (whole)
		must(h->seq() == whole->seq() && h->ack() == whole->ack() &&
		    h->payload_offset() == whole->payload_offset() &&
		    h->flow_from_local() == whole->flow_from_local());
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	std::vector<uint8_t> packet(data, data + len);
	const auto s = Segment::parse(packet);
	check_headers(packet, s);
	if (!s) {
		must(!rewrite_ack(packet, Seq32(1)));
		must(std::equal(packet.begin(), packet.end(), data));
		return 0;
	}
	must(s->bytes().size() <= len && s->payload_offset() <=
	    s->bytes().size());
	const auto timestamps = s->timestamps();
	check_split(*s, 0, SIZE_MAX);
	check_split(*s, s->source_port() % 2048, s->destination_port() % 2048);
	const Flow flow = s->flow_to_local();
	const Seq32 end = s->end_seq();
	must(rewrite_ack(packet, Seq32(0x01020304)));
	const auto again = Segment::parse(packet);
	must(again && again->ack() == Seq32(0x01020304) &&
	    again->checksum_state() != ChecksumState::wrong &&
	    is_complete(packet) && again->flow_to_local() == flow && again->end_seq() == end &&
	    again->timestamps().has_value() == timestamps.has_value());
	return 0;
}
