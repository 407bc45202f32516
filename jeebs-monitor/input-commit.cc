// SPDX-License-Identifier: ISC
#include "input-commit.hh"

#include <algorithm>
#include <optional>
#include <utility>

namespace jeebs {

InputCommit::InputCommit(Hands hands, bool left_over)
    : hands_(std::move(hands)), left_over_(left_over)
{
}

void
InputCommit::cover(const Flow &flow)
{
	streams_[flow].fate = Fate::covered;
}

void
InputCommit::open(const Flow &flow, uint64_t sid, uint32_t rcv_base,
    uint64_t had)
{
	Stream &s = streams_[flow];
	s.sid = sid;
	s.rcv_base = rcv_base;
	s.had = had;
	s.floor = s.shipped_to;
	s.sent.clear();
	s.takes.reset();
	std::vector<uint32_t> resets;
	for (const Kept &k : std::exchange(s.kept, {})) {
		const auto segment = *Segment::parse(k.packet.bytes());
		kept_bytes_ -= k.packet.size();
		if (segment.has(tcp_rst))
			resets.push_back(k.id);
		else
			ship(s, k.id, segment);
		mixed_to_ = shipped();
	}
	// What is repeated comes behind what nobody has read yet.
	for (uint32_t id : resets)
		reset(s, id);
}

uint64_t
InputCommit::floor(const Flow &flow) const
{
	auto it = streams_.find(flow);
	return it == streams_.end() ? 0 : it->second.floor;
}

void
InputCommit::had(const Flow &flow, uint64_t offset)
{
	if (auto it = streams_.find(flow); it != streams_.end())
		it->second.had = std::max(it->second.had, offset);
}

void
InputCommit::ship(Stream &s, uint32_t id, const Segment &segment)
{
	const Seq32 next = seq_of_offset(s.rcv_base, s.had);
	const int64_t ahead = segment.end_seq() - next;
	const int64_t begin = static_cast<int64_t>(s.had) +
	    (segment.seq() - next);

	/* TCP had it before. */
	if (ahead <= 0)
		return hands_.accept(id);
	/* The stream may begin in the middle of what a peer sends again. */
	if (begin < 0) {
		const auto rest = split_segment(segment,
		    segment.payload().size(), static_cast<size_t>(-begin));
		return ship(s, id, *Segment::parse(rest.front()));
	}
	if (ahead > static_cast<int64_t>(reach) ||
	    !acceptable(s, static_cast<uint64_t>(begin), segment)) {
		refused_++;
		if (s.takes && static_cast<uint64_t>(begin) <= s.takes->edge &&
		    segment.ack() < s.takes->acks.from)
			let_acks_wait(segment.flow_to_local(), s, true);
		return hands_.drop(id);
	}
	if (s.sent.size() > max_holes &&
	    static_cast<uint64_t>(begin) > s.sent.contiguous(s.had))
		return hands_.drop(id);
	s.shipped_to = std::max(s.shipped_to,
	    s.had + static_cast<uint64_t>(ahead));
	send(s, static_cast<uint64_t>(begin), segment, id, false);
}

// What was promised once isn't taken back, though not always told.
void
InputCommit::ask(const Flow &flow, Stream &s)
{
	const uint64_t edge = s.takes ? s.takes->edge : 0;
	s.takes = hands_.takes(flow);
	if (s.takes)
		s.takes->edge = std::max(s.takes->edge, edge);
}

// Or somebody who only guesses a connection's numbers could have the standby hold,
// and believe after a takeover, what this host's TCP would never have taken.
bool
InputCommit::acceptable(Stream &s, uint64_t begin, const Segment &segment)
{
	auto fits = [&](const Takes &t) {
		return begin <= t.edge && t.acks.has(segment.ack());
	};
	if (!segment.has(tcp_ack))
		return false;
	if (!hands_.takes || (s.takes && fits(*s.takes)))
		return true;
	ask(segment.flow_to_local(), s);
	return !s.takes || fits(*s.takes);
}

void
InputCommit::send(Stream &s, uint64_t begin, const Segment &segment,
    uint32_t id, bool passed)
{
	s.sent.add(begin, begin +
	    static_cast<uint64_t>(segment.end_seq() - segment.seq()));
	shipped_.push_back({id, segment.flow_to_local(), segment.ack(), passed,
	    {}, {}});
	if (!passed)
		s.last = shipped();
	hands_.ship({s.sid, begin, segment.bytes()});
}

void
InputCommit::copy(const Flow &flow, Bytes packet)
{
	const auto segment = Segment::parse(packet);
	const auto it = streams_.find(flow);
	if (!segment || it == streams_.end() || it->second.sid == 0)
		return;
	Stream &s = it->second;
	const int64_t begin = static_cast<int64_t>(s.had) +
	    (segment->seq() - seq_of_offset(s.rcv_base, s.had));
	if (begin >= 0)
		send(s, static_cast<uint64_t>(begin), *segment, 0, true);
}

uint64_t
InputCommit::sent_to(const Flow &flow, uint64_t from) const
{
	auto it = streams_.find(flow);
	return it == streams_.end() ? from : it->second.sent.contiguous(from);
}

InputCommit::Shipped *
InputCommit::last_of(const Stream &s)
{
	return s.last <= committed_ ? nullptr :
	    &shipped_[static_cast<size_t>(s.last - committed_ - 1)];
}

void
InputCommit::reset(Stream &s, uint32_t id)
{
	Shipped *last = last_of(s);
	if (last == nullptr)
		return hands_.accept(id);
	if (last->reset)
		return hands_.drop(id);
	last->reset = id;
}

void
InputCommit::ack(const Flow &flow, Stream &s, uint32_t id)
{
	Shipped *last = last_of(s);
	s.in_order = last == nullptr ? s.in_order + 1 : 0;
	if (s.in_order >= acks_in_order)
		let_acks_wait(flow, s, false);
	if (last == nullptr)
		return hands_.accept(id);
	auto &acks = last->acks;
	if (acks.size() == max_acks) {
		hands_.accept(acks.front());
		acks.erase(acks.begin());
	}
	acks.push_back(id);
}

void
InputCommit::let_acks_wait(const Flow &flow, Stream &s, bool wait)
{
	if (!hands_.acks_wait || std::exchange(s.acks_wait, wait) == wait)
		return;
	s.in_order = 0;
	hands_.acks_wait(flow, wait);
}

// By a quarter of what TCP bears.
void
InputCommit::look_for_overtaken(const Shipped &p)
{
	auto it = p.passed ? streams_.end() : streams_.find(p.flow);
	if (it == streams_.end() || it->second.acks_wait || !hands_.takes ||
	    std::exchange(it->second.looked, calls_) == calls_)
		return;
	Stream &s = it->second;
	ask(p.flow, s);
	if (s.takes && s.takes->acked - p.ack >
	    (s.takes->acked - s.takes->acks.from) / 4)
		let_acks_wait(p.flow, s, true);
}

void
InputCommit::on_those_behind(const Shipped &p, const Verdict &verdict)
{
	std::for_each(p.acks.begin(), p.acks.end(), verdict);
	if (p.reset)
		verdict(*p.reset);
}

// One verdict for all that waits of the flow.
void
InputCommit::settle(const Flow &flow, Stream &s, const Verdict &verdict)
{
	s.sid = s.last = 0;
	for (Shipped &p : shipped_)
		if (p.flow == flow && !p.passed) {
			p.passed = true;
			verdict(p.id);
			on_those_behind(p, verdict);
		}
	for (const Kept &k : s.kept) {
		kept_bytes_ -= k.packet.size();
		verdict(k.id);
	}
	s.kept.clear();
}

void
InputCommit::uncover(const Flow &flow)
{
	auto it = streams_.find(flow);
	if (it == streams_.end())
		return;
	settle(flow, it->second, hands_.accept);
	let_acks_wait(flow, it->second, false);
	it->second = {};
	it->second.fate = Fate::passes;
	if (!left_over_)
		streams_.erase(it);
}

void
InputCommit::refuse(const Flow &flow)
{
	Stream &s = streams_[flow];
	settle(flow, s, hands_.drop);
	let_acks_wait(flow, s, false);
	s.fate = Fate::refused;
}

void
InputCommit::packet(uint32_t id, Bytes bytes)
{
	const auto segment = Segment::parse(bytes);
	/* What can't be kept for the standby TCP mustn't get either. */
	if (!segment || segment->checksum_state() == ChecksumState::wrong)
		return hands_.drop(id);
	if (segment->has(tcp_syn))
		return hands_.accept(id);
	const Flow flow = segment->flow_to_local();
	auto it = streams_.find(flow);
	if (segment->has(tcp_rst) && (it == streams_.end() ||
	    it->second.fate != Fate::covered))
		return hands_.accept(id);
	const bool bare = segment->end_seq() == segment->seq() &&
	    !segment->has(tcp_rst);
	if (it == streams_.end()) {
		if (!left_over_ || bare)
			return hands_.accept(id);
		it = streams_.try_emplace(flow).first;
	}
	Stream &s = it->second;
	if (s.fate == Fate::passes)
		return hands_.accept(id);
	if (s.fate == Fate::refused)
		return hands_.drop(id);
	if (bare)
		return ack(flow, s, id);
	if (s.sid == 0)
		return keep(s, id, segment->bytes());
	if (segment->has(tcp_rst))
		return reset(s, id);
	ship(s, id, *segment);
}

void
InputCommit::keep(Stream &s, uint32_t id, Bytes packet)
{
	if (kept_bytes_ + packet.size() > max_kept)
		return hands_.drop(id);
	kept_bytes_ += packet.size();
	s.kept.push_back({id, Buffer(packet)});
}

bool
InputCommit::committed(uint64_t n)
{
	if (n < committed_ || n - committed_ > shipped_.size())
		return false;
	calls_++;
	for (size_t i = 0; i < n - committed_; i++)
		look_for_overtaken(shipped_[i]);
	/* One verdict for all, if nothing with an older id is left. */
	const bool at_once = kept_bytes_ == 0 && committed_ >= mixed_to_;
	std::optional<uint32_t> last;
	std::vector<uint32_t> behind;
	for (; committed_ < n; committed_++) {
		const Shipped &p = shipped_.front();
		if (!p.passed && at_once) {
			last = p.id;
			on_those_behind(p, [&behind](uint32_t id) {
				behind.push_back(id);
			});
		} else if (!p.passed) {
			hands_.accept(p.id);
			on_those_behind(p, hands_.accept);
		}
		shipped_.pop_front();
	}
	if (!last)
		return true;
	hands_.accept_up_to(*last);
	for (uint32_t id : behind)
		if (Seq32(id) > Seq32(*last))
			hands_.accept(id);
	return true;
}

void
InputCommit::link_down()
{
	for (const Shipped &p : shipped_)
		if (!p.passed) {
			hands_.repeat(p.id);
			on_those_behind(p, hands_.repeat);
		}
	shipped_.clear();
	committed_ = mixed_to_ = 0;
	for (auto &[flow, s] : streams_)
		s.sid = s.shipped_to = s.floor = s.last = 0;
}

void
InputCommit::forget_left_over(bool pass)
{
	left_over_ = false;
	for (auto it = streams_.begin(); it != streams_.end();) {
		if (it->second.fate == Fate::left_over)
			settle(it->first, it->second,
			    pass ? hands_.accept : hands_.drop);
		if (it->second.fate == Fate::left_over ||
		    it->second.fate == Fate::passes)
			it = streams_.erase(it);
		else
			++it;
	}
}

std::vector<Flow>
InputCommit::covered() const
{
	std::vector<Flow> all;
	for (const auto &[flow, s] : streams_)
		if (s.fate == Fate::covered || s.fate == Fate::refused)
			all.push_back(flow);
	return all;
}

} // namespace jeebs
