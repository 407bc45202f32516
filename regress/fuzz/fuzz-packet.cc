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
check_split(const Segment &s)
{
	Seq32 next = s.seq();
	const auto parts = split_segment(s, 536);
	std::vector<uint8_t> joined;
	for (const auto &part : parts) {
		const auto p = Segment::parse(part);
		must(p && p->seq() == next && p->payload().size() <= 536 &&
		    p->checksum_state() != ChecksumState::wrong &&
		    is_complete(part) && p->flow_to_local() == s.flow_to_local());
		next += static_cast<uint32_t>(p->payload().size());
		joined.insert(joined.end(), p->payload().begin(),
		    p->payload().end());
	}
	must(std::equal(joined.begin(), joined.end(), s.payload().begin(),
	    s.payload().end()));
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	std::vector<uint8_t> packet(data, data + len);
	const auto s = Segment::parse(packet);
	if (!s) {
		must(!rewrite_ack(packet, Seq32(1)));
		must(std::equal(packet.begin(), packet.end(), data));
		return 0;
	}
	must(s->bytes().size() <= len && s->payload_offset() <=
	    s->bytes().size());
	const auto timestamps = s->timestamps();
	check_split(*s);
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
