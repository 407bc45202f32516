// SPDX-License-Identifier: ISC
#include "tapinput.hh"

#include <algorithm>
#include <utility>

#include "seq32.hh"

namespace jeebs {

namespace {

// Is a sequence number one of those from offset low - tap_behind to high + ahead?
// Not by offsets: those before 0 are all one.
bool
is_near(Seq32 seq, uint32_t base, uint64_t low, uint64_t high, uint32_t ahead)
{
	int64_t distance = seq - seq_of_offset(base, low);
	return distance >= -int64_t{tap_behind} &&
	    distance <= static_cast<int64_t>(high - low) + ahead;
}

} // namespace

StreamEdges
StreamEdges::after(uint64_t received, uint64_t acked_more) const
{
	return {acked + acked_more, std::max(out_end, acked + acked_more +
	    tap_sends), in_off + received};
}

void
TapInput::add(const Flow &flow, uint32_t snd_base, uint32_t rcv_base,
    const StreamEdges &edges)
{
	auto [it, fresh] = flows_.try_emplace(flow, Entry{});
	Entry &e = it->second;

	// The same connection again, under a new incarnation: what was seen
	// of it stays true. With other ISNs it is another connection.
	if (!fresh && (e.snd_base != snd_base || e.rcv_base != rcv_base))
		e.facts = {};
	e.snd_base = snd_base;
	e.rcv_base = rcv_base;
	e.edges = edges;
}

void
TapInput::edges(const Flow &flow, const StreamEdges &edges)
{
	if (auto it = flows_.find(flow); it != flows_.end())
		it->second.edges = edges;
}

void
TapInput::remove(const Flow &flow)
{
	flows_.erase(flow);
}

bool
TapInput::client(const Segment &s)
{
	auto it = flows_.find(s.flow_to_local());
	if (it == flows_.end() || !s.has(tcp_ack) || s.has(tcp_syn) ||
	    s.has(tcp_rst))
		return false;
	Entry &e = it->second;
	const StreamEdges &at = e.edges;
	if (!is_near(s.seq(), e.rcv_base, at.in_off, at.in_off, tap_window) ||
	    !is_near(s.ack(), e.snd_base, at.acked, at.out_end, tap_beyond) ||
	    s.checksum_state() == ChecksumState::wrong)
		return false;
	uint64_t begin = offset_of_seq(e.rcv_base, s.seq(), at.in_off);
	uint64_t next = offset_of_seq(e.rcv_base, s.end_seq(), at.in_off);
	uint64_t ack = offset_of_seq(e.snd_base, s.ack(), at.out_end);
	e.facts.client_seen = true;
	e.facts.client_next = next;
	if (!s.payload().empty())
		e.lowest = std::min(e.lowest.value_or(begin), begin);
	e.facts.client_ack = ack;
	e.facts.client_window = s.window();
	e.facts.answer = std::min(e.facts.answer.value_or(ack), ack);
	return true;
}

void
TapInput::server(const Segment &s)
{
	auto it = flows_.find(s.flow_from_local());
	if (it == flows_.end() || !s.has(tcp_ack) || s.has(tcp_syn) ||
	    s.has(tcp_rst))
		return;
	Entry &e = it->second;
	const StreamEdges &at = e.edges;
	if (!is_near(s.seq(), e.snd_base, at.acked, at.out_end, 0) ||
	    !is_near(s.ack(), e.rcv_base, at.in_off, at.in_off, tap_window))
		return;
	uint64_t ack = offset_of_seq(e.rcv_base, s.ack(), at.in_off);
	// Most of a download's segments say nothing new.
	if ((e.facts.server_seen && ack <= e.facts.server_ack) ||
	    s.checksum_state() == ChecksumState::wrong)
		return;
	e.facts.server_seen = true;
	e.facts.server_ack = std::max(e.facts.server_ack, ack);
}

void
TapInput::ask(const Flow &flow)
{
	if (auto it = flows_.find(flow); it != flows_.end())
		it->second.facts.answer.reset();
}

const TapFacts *
TapInput::facts(const Flow &flow) const
{
	auto it = flows_.find(flow);
	return it == flows_.end() ? nullptr : &it->second.facts;
}

std::optional<uint64_t>
TapInput::take_lowest(const Flow &flow)
{
	auto it = flows_.find(flow);
	if (it == flows_.end())
		return std::nullopt;
	return std::exchange(it->second.lowest, std::nullopt);
}

namespace {

struct Found : InputPlan::Piece {
	bool fin;
	bool holds_more_than(uint64_t to, bool have_fin) const
	{
		return end > to || (fin && end == to && !have_fin);
	}
};

// The next byte first, without those that hold nothing new.
void
choose(std::vector<Found> pieces, uint64_t to, std::vector<Found> &chosen)
{
	bool have_fin = false;

	// Of two that begin alike the longer makes the other one needless.
	std::stable_sort(pieces.begin(), pieces.end(),
	    [](const Found &a, const Found &b) {
		return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
	});
	for (const Found &p : pieces) {
		if (!p.holds_more_than(to, have_fin))
			continue;
		chosen.push_back(p);
		to = std::max(to, p.end);
		have_fin = p.fin;
	}
}

} // namespace

InputPlan
plan_input(const Flow &flow, uint32_t rcv_base, uint64_t in_off,
    std::span<const std::span<const uint8_t>> packets, size_t trusted,
    const AckRange &acks)
{
	std::vector<Found> sure, unsure, chosen;
	InputPlan plan;

	plan.known_to = plan.highest = in_off;
	for (size_t i = 0; i < packets.size(); i++) {
		auto s = Segment::parse(packets[i]);
		if (!s || s->flow_to_local() != flow || s->has(tcp_syn) ||
		    s->has(tcp_rst) ||
		    s->checksum_state() == ChecksumState::wrong ||
		    (i >= trusted && !(s->has(tcp_ack) && acks.has(s->ack()))))
			continue;
		uint64_t begin = offset_of_seq(rcv_base, s->seq(), in_off);
		// It begins before the stream does: it will be sent again.
		if (seq_of_offset(rcv_base, begin) != s->seq())
			continue;
		uint64_t end = begin + s->payload().size();
		bool fin = s->has(tcp_fin);
		plan.highest = std::max(plan.highest, end);
		if ((end > in_off && end > begin) || (fin && end >= in_off))
			(i < trusted ? sure : unsure).push_back(
			    {{begin, end, i}, fin});
	}
	choose(std::move(sure), in_off, chosen);
	choose(std::move(unsure), in_off, chosen);
	for (Found p : chosen)
		plan.order.push_back({p.begin, p.end + (p.fin ? 1 : 0),
		    p.index});
	std::stable_sort(chosen.begin(), chosen.end(),
	    [](const Found &a, const Found &b) { return a.begin < b.begin; });
	for (const Found &p : chosen) {
		if (p.begin > plan.known_to)
			break;
		if (p.holds_more_than(plan.known_to, plan.fin))
			plan.fin = p.fin;
		plan.known_to = std::max(plan.known_to, p.end);
	}
	return plan;
}

} // namespace jeebs
