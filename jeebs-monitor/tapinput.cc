// SPDX-License-Identifier: ISC
#include "tapinput.hh"

#include <algorithm>
#include <utility>

#include "seq32.hh"

namespace jeebs {

void
TapInput::add(const Flow &flow, uint32_t snd_base, uint32_t rcv_base,
    uint64_t out_off, uint64_t in_off)
{
	auto [it, fresh] = flows_.try_emplace(flow, Entry{});
	Entry &e = it->second;

	// The same connection again, under a new incarnation: what was seen
	// of it stays true. With other ISNs it is another connection.
	if (!fresh && (e.snd_base != snd_base || e.rcv_base != rcv_base))
		e.facts = {};
	e.snd_base = snd_base;
	e.rcv_base = rcv_base;
	e.out_near = out_off;
	e.in_near = in_off;
}

void
TapInput::remove(const Flow &flow)
{
	flows_.erase(flow);
}

std::optional<uint64_t>
TapInput::client(const Segment &s)
{
	auto it = flows_.find(s.flow_to_local());
	if (it == flows_.end() || s.has(tcp_syn) || s.has(tcp_rst))
		return std::nullopt;
	Entry &e = it->second;
	e.facts.client_seen = true;
	uint64_t next = offset_of_seq(e.rcv_base, s.end_seq(), e.in_near);
	e.facts.client_next = std::max(e.facts.client_next, next);
	if (!s.payload().empty()) {
		uint64_t begin = offset_of_seq(e.rcv_base, s.seq(), e.in_near);
		e.lowest = std::min(e.lowest.value_or(begin), begin);
	}
	e.in_near = std::max(e.in_near, next);
	if (!s.has(tcp_ack))
		return std::nullopt;
	uint64_t ack = offset_of_seq(e.snd_base, s.ack(), e.out_near);
	if (ack <= e.facts.client_ack)
		return std::nullopt;
	e.facts.client_ack = ack;
	e.out_near = std::max(e.out_near, ack);
	return ack;
}

void
TapInput::server(const Segment &s)
{
	auto it = flows_.find(s.flow_from_local());
	if (it == flows_.end() || !s.has(tcp_ack) || s.has(tcp_syn) ||
	    s.has(tcp_rst))
		return;
	Entry &e = it->second;
	uint64_t ack = offset_of_seq(e.rcv_base, s.ack(), e.in_near);
	e.facts.server_seen = true;
	e.facts.server_ack = std::max(e.facts.server_ack, ack);
	e.in_near = std::max(e.in_near, ack);
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

InputPlan
plan_input(const Flow &flow, uint32_t rcv_base, uint64_t in_off,
    std::span<const std::span<const uint8_t>> packets)
{
	struct Piece {
		uint64_t begin, end;
		size_t index;
		bool fin;
	};
	std::vector<Piece> pieces;
	InputPlan plan;

	plan.known_to = plan.highest = in_off;
	for (size_t i = 0; i < packets.size(); i++) {
		auto s = Segment::parse(packets[i]);
		if (!s || s->flow_to_local() != flow || s->has(tcp_syn) ||
		    s->has(tcp_rst) ||
		    s->checksum_state() == ChecksumState::wrong)
			continue;
		uint64_t begin = offset_of_seq(rcv_base, s->seq(), in_off);
		uint64_t end = begin + s->payload().size();
		bool fin = s->has(tcp_fin);
		plan.highest = std::max(plan.highest, end);
		if ((end > in_off && end > begin) || (fin && end >= in_off))
			pieces.push_back({begin, end, i, fin});
	}
	// Of two that begin alike the longer makes the other one needless.
	std::stable_sort(pieces.begin(), pieces.end(),
	    [](const Piece &a, const Piece &b) {
		return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
	});
	uint64_t to = in_off;
	bool whole = true;
	for (const Piece &p : pieces) {
		if (p.end <= to && !(p.fin && p.end == to && !plan.fin))
			continue;
		if (p.begin > to)
			whole = false;
		plan.order.push_back(p.index);
		to = std::max(to, p.end);
		if (whole) {
			plan.known_to = to;
			plan.fin = plan.fin || (p.fin && p.end == to);
		}
	}
	return plan;
}

} // namespace jeebs
