// SPDX-License-Identifier: ISC
// What a target had sent before the gate stood: TCP has it, the standby hasn't. It
// gets it before PA, which doesn't read until then, is answered.
//
//   covered -> copied in slices, as the link takes them -> answered -> watched
#include "forwards.hh"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "commit-log.hh"
#include "frame.hh"
#include "log.hh"
#include "segment.hh"
#include "unread-input.hh"

namespace jeebs {

namespace {

// Bytes at one turn, and how many of a session's forwards have one.
constexpr size_t slice = 256U << 10;
constexpr int turns = 4;
// A standby doesn't hold much more of one.
constexpr uint64_t max_missing = 24U << 20;
constexpr auto look_period = std::chrono::milliseconds(20),
    next_slice = std::chrono::milliseconds(1),
    gap_period = std::chrono::milliseconds(4);
// Of a socket that doesn't keep still.
constexpr int most_looks = 500;
// What had come out of order before the gate stood is in order when its target has
// sent again what got lost. So long it is waited for, and then watched.
constexpr int gap_waits = 64, gap_looks = 500;

} // namespace

// Part of what the socket is still given, of this host's own (InputFeed). True if
// the standby has all of it now.
bool
Forwards::copy_rest(const Forward &f, uint64_t received, size_t budget)
{
	for (const InputPart &part : p_.rest(f.flow).parts) {
		const auto segment = Segment::parse(part.packet);
		if (!segment)
			continue;
		const uint64_t from = offset_of_seq(f.tcp.rcv_base,
		    segment->seq() + static_cast<uint32_t>(part.from), received);
		const size_t len = part.to - part.from;
		if (p_.gate->sent_to(f.flow, from) >= from + len)
			continue;
		if (budget < len)
			return false;
		budget -= len;
		p_.gate->copy(f.flow, split_segment(*segment,
		    UnreadInput::max_payload, part.from, part.to));
	}
	return true;
}

// Of a full link only a turn on it, or what is needed to know that nothing is.
Forwards::Copied
Forwards::copy_unread(Forward &f, bool turn)
{
	f.waits = false;
	if (!owns(f))
		return Copied::never;
	size_t budget = turn || !p_.sink.congested() ? slice : 0;
	const auto place = input_place(f.fd.get());
	auto not_now = [](const Error &e) {
		return e.errnum == EAGAIN ? Copied::not_now : Copied::never;
	};
	if (!place)
		return not_now(place.error());
	uint64_t sent = p_.gate->sent_to(f.flow, f.copied);
	if (sent < place->received && f.answered)
		cover(f, place->received);
	sent = p_.gate->sent_to(f.flow, std::max(sent, place->read));
	if (place->received - std::min(sent, place->received) > max_missing)
		return Copied::too_much;
	if (sent < place->received && budget != 0) {
		const auto u = unread_input(f.fd.get(), *place, sent, budget);
		if (!u)
			return not_now(u.error());
		p_.gate->copy(f.flow, u->packets(f.tcp));
		budget -= u->bytes.size();
		sent = p_.gate->sent_to(f.flow, sent);
	}
	f.copied = sent;
	f.may_have_gap = place->may_have_gap;
	if (sent < place->received || !copy_rest(f, place->received, budget)) {
		f.waits = p_.sink.congested();
		return Copied::some;
	}
	const uint64_t end = std::max(place->received, p_.rest(f.flow).end);
	if (!f.answered && (f.looks == 0 || end > f.covered_to)) {
		f.covered_to = end;
		cover(f, end);
	}
	if (!f.may_have_gap && !std::exchange(f.covered, true))
		commit_log::line("cover sid={:x} from={}", f.id,
		    place->received);
	return Copied::all;
}

// The standby must have all up to there to go on with it.
void
Forwards::cover(const Forward &f, uint64_t to)
{
	Buffer b = p_.sink.buffer();
	put_cover(b, {f.id, std::max(to, p_.gate->floor(f.flow))});
	(void)p_.sink.send(std::move(b));
}

// What TCP gets from here on the standby has.
void
Forwards::covered(uint64_t id, const Result<void> &done)
{
	Forward *f = asked(id);
	if (f == nullptr)
		return;
	if (!done) {
		log::error("forward to {}: {}", f->flow.remote_name(),
		    done.error().what);
		return give_up(*f, "no input commit");
	}
	copy_more(*f, false);
}

// Null if nobody waits for it any more.
Forwards::Forward *
Forwards::asked(uint64_t id)
{
	auto it = all_.find(id);
	if (it == all_.end() || !p_.sink.is_up() || !socket_.is_open())
		return nullptr;
	Forward &f = it->second;
	return f.closing || f.socket != sockets_ ? nullptr : &f;
}

// And the rest, too: the connection is protected.
void
Forwards::copy_more(Forward &f, bool turn)
{
	switch (copy_unread(f, turn)) {
	case Copied::never:
		return give_up(f, "over, or urgent data");
	case Copied::too_much:
		return give_up(f, "too much of it is unread");
	case Copied::not_now:
		if (f.looks++ == most_looks)
			return give_up(f, "it is read before it is kept");
		return look_again(f, look_period);
	case Copied::some:
		if (!f.waits)
			look_again(f, next_slice);
		return;
	case Copied::all:
		// In order it would be ACKed, and the standby hadn't got it.
		if (f.may_have_gap && f.looks++ < gap_waits)
			return look_again(f, gap_period);
		break;
	}
	f.looks = 0;
	f.answered = true;
	answer(f, f.id);
	if (f.may_have_gap)
		look_again(f, gap_period);
}

void
Forwards::look_again(const Forward &f, std::chrono::milliseconds after)
{
	auto timer = std::make_shared<boost::asio::steady_timer>(p_.io, after);
	timer->async_wait([weak = weak_from_this(), timer, id = f.id](
	    boost::system::error_code) {
		if (auto self = weak.lock())
			self->look(id);
	});
}

void
Forwards::look(uint64_t id)
{
	Forward *f = asked(id);
	if (f == nullptr)
		return;
	if (!f->answered)
		return copy_more(*f, false);
	(void)copy_unread(*f, false);
	if (f->looks++ < gap_looks)
		look_again(*f, gap_period);
}

bool
Forwards::waiting() const
{
	return socket_.is_open() && std::any_of(all_.begin(), all_.end(),
	    [](const auto &one) { return one.second.waits; });
}

void
Forwards::take_turn()
{
	std::vector<uint64_t> waiting;
	for (auto &[id, f] : all_)
		if (f.waits)
			waiting.push_back(id);
	// Who comes after the last one that had a turn.
	std::sort(waiting.begin(), waiting.end());
	std::rotate(waiting.begin(), std::upper_bound(waiting.begin(),
	    waiting.end(), last_turn_), waiting.end());
	for (int n = 0; uint64_t id : waiting) {
		if (n++ == turns)
			return;
		Forward *f = asked(id);
		if (f == nullptr) {
			all_.at(id).waits = false;
			continue;
		}
		last_turn_ = id;
		if (f->answered)
			(void)copy_unread(*f, true);
		else
			copy_more(*f, true);
	}
}

bool
Forwards::unanswered() const
{
	return std::any_of(all_.begin(), all_.end(), [this](const auto &one) {
		const Forward &f = one.second;
		return f.sid == sid_ && !f.closing && !f.answered;
	});
}

bool
Forwards::pending() const
{
	return std::any_of(all_.begin(), all_.end(), [this](const auto &one) {
		const Forward &f = one.second;
		return f.sid == sid_ && !f.closing && !f.recorded;
	});
}

} // namespace jeebs
