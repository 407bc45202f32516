// SPDX-License-Identifier: ISC
#include "far-ends.hh"

#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "commit-log.hh"
#include "log.hh"
#include "recovery.hh"
#include "segment.hh"
#include "tcp-descriptor.hh"
#include "tcp-progress.hh"

namespace jeebs {

using std::chrono::milliseconds;

namespace {

// Targets whose ACK matters have this long to say it; the session waits.
constexpr milliseconds answer_wait(700);
// For all that an ended direction may hold, and FIN behind it.
constexpr int ended_room = 8 << 20;

} // namespace

uint32_t
FarEnds::ts_val(const StoredForward &s) const
{
	const auto age = std::chrono::steady_clock::now() - s.tcp_at;
	return s.tcp.ts_val + static_cast<uint32_t>(
	    std::chrono::duration_cast<milliseconds>(age).count()) +
	    ts_margin_ms;
}

// What sshd-adopt says was in a record, and so may be the user's word: of his own
// connections only.
FarEnds::Of
FarEnds::find(const StoredSession &session, const AdoptReady &answer, Time now)
{
	Of of{session.flow, session.user, {}, now + answer_wait};
	ForwardStore &store = p_.store.forwards();

	for (const AdoptForward &at : answer.forwards) {
		auto s = store.find(at.id);
		const bool twice = std::any_of(of.all.begin(), of.all.end(),
		    [&at](const FarEnd &e) { return e.at.id == at.id; });
		if (!s || s->sid != session.sid || twice ||
		    !store.whole(at.id, at.taken)) {
			log::info("forward of {} on channel {} is closed: {}",
			    log::printable(session.user), at.channel,
			    s ? "its target's bytes aren't all here" :
			    "it isn't known here");
			continue;
		}
		FarEnd e;
		e.s = std::move(*s);
		e.at = at;
		e.acked = at.data_off;
		e.ts_val = ts_val(e.s);
		e.ask = at.data_end - at.data_off > first_window(e.s.tcp);
		watch(e);
		if (e.ask) {
			p_.tap.ask(e.s.flow);
			ask(e, now);
		}
		of.all.push_back(std::move(e));
	}
	return of;
}

// What comes is believed if TCP would.
void
FarEnds::watch(FarEnd &e)
{
	p_.tap.add(e.s.flow, e.s.tcp.snd_base, e.s.tcp.rcv_base,
	    {e.at.data_off, e.at.data_end,
	    p_.store.forwards().held_to(e.s.id, e.at.taken)});
	// What was held before may be older than what the target knows now.
	take_held(e);
}

void
FarEnds::ask(FarEnd &e, Time now)
{
	e.asked = now;
	p_.ack_probe.ask(e.s.tcp, e.at.data_off, e.at.taken, e.ts_val);
}

void
FarEnds::take_held(FarEnd &e)
{
	for (auto &packet : p_.net.take_held(e.s.flow)) {
		auto seg = Segment::parse(packet);
		if (seg && p_.tap.client(*seg))
			e.held.push_back(std::move(packet));
	}
}

bool
FarEnds::settled(Of &of, Time now)
{
	bool all = true;

	for (FarEnd &e : of.all) {
		if (!e.ask)
			continue;
		take_held(e);
		const TapFacts *f = p_.tap.facts(e.s.flow);
		if (f != nullptr && f->answer)
			e.acked = *f->answer;
		else if (now < of.until) {
			all = false;
			if (now - e.asked >= ask_again)
				ask(e, now);
		} else if (f != nullptr && f->client_seen)
			e.acked = f->client_ack;
	}
	return all;
}

void
FarEnds::hand_over(Of &of, AdoptClient::Job &job, uint64_t epoch)
{
	std::erase_if(of.all, [&](FarEnd &e) {
		Result<void> ok;
		commit_log::line("go-on {} epoch={} end={}",
		    commit_log::name_of(e.s.flow), epoch,
		    seq_of_offset(e.s.tcp.snd_base, e.at.data_end).value());
		// FIN is sent again, and counts as a byte.
		if (e.at.ended && e.acked == e.at.data_end + 1)
			e.acked--;
		// Beyond what the records have it can't have come, nor back.
		if (e.acked < e.at.data_off || e.acked > e.at.data_end)
			ok = fail("its target ACKs what was never sent");
		if (ok) {
			const uint64_t held = p_.store.forwards().held_to(
			    e.s.id, e.at.taken) - e.at.taken;
			auto fd = p_.restorer.restore({e.s.tcp, e.acked,
			    e.at.taken, e.ts_val, held});
			if (fd)
				make_room_for_target(fd->get(), true);
			// The kernel's limits are for users: jeebsd may.
			if (fd && !e.at.ended)
				limit_unacked_of_target(fd->get());
			else if (fd)
				(void)::setsockopt(fd->get(), SOL_SOCKET,
				    SO_SNDBUFFORCE, &ended_room,
				    sizeof(ended_room));
			if (fd)
				ok = job.target(e.at.channel, e.acked,
				    fd->get());
			else
				ok = tl::unexpected(fd.error());
			if (ok)
				e.tcp = SharedFd(std::move(*fd), of.user);
		}
		if (!ok)
			leave(of, e, ok.error().what);
		return !ok;
	});
}

void
FarEnds::leave(const Of &of, const FarEnd &e, const std::string &why)
{
	p_.tap.remove(e.s.flow);
	commit_log::line("over {} why={}", commit_log::name_of(e.s.flow), why);
	log::warning("forward of {} to {} is closed: {}",
	    log::printable(of.user), e.s.flow.remote_name(), why);
}

// What is written in repair mode isn't sent (net/ipv4/tcp.c, tcp_write_xmit).
void
FarEnds::release(Of &of)
{
	std::erase_if(of.all, [&](const FarEnd &e) {
		auto ok = p_.restorer.release(e.tcp.get(), e.s.flow);
		if (!ok)
			leave(of, e, ok.error().what);
		return !ok;
	});
}

void
FarEnds::go(Of &of)
{
	for (FarEnd &e : of.all) {
		take_held(e);
		if (e.at.data_end - e.acked > first_window(e.s.tcp)) {
			fed_[of.session].push_back(e.s.flow);
			if (p_.lost_acks.add(LostAcks::Peer::target, e.s.tcp,
			    e.tcp.copy(), {e.acked, e.at.data_end, e.at.taken}))
				p_.net.tap_targets(true);
		} else {
			p_.tap.remove(e.s.flow);
		}
		// It makes one that is silent say where it stands, and this
		// host's connection tracking know the connection before what
		// comes from its target.
		p_.ack_probe.ask(e.s.tcp, e.acked, e.at.taken, e.ts_val);
		auto packets = p_.store.forwards().inputs(e.s.id);
		const size_t trusted = packets.size();
		packets.insert(packets.end(), e.held.begin(), e.held.end());
		const auto plan = plan_input(e.s.flow, e.s.tcp.rcv_base,
		    e.at.taken, packets, trusted,
		    ack_range(e.s.tcp.snd_base, e.acked, e.at.data_end,
		    e.s.tcp.max_window));
		std::deque<InputPiece> pieces;
		for (const auto &p : plan.order)
			pieces.push_back({p.begin, p.end,
			    Buffer(packets[p.index])});
		log::info("forward of {} to {} goes on, {} bytes sent again, "
		    "{} packets given", log::printable(of.user),
		    e.s.flow.remote_name(), e.at.data_end - e.acked,
		    pieces.size());
		if (!pieces.empty()) {
			fed_[of.session].push_back(e.s.flow);
			p_.feeder.add(e.s.flow, std::move(e.tcp), e.at.taken,
			    seq_of_offset(e.s.tcp.snd_base, e.acked),
			    InputFeed(std::move(pieces)),
			    p_.ack_probe.ask_later(e.s.tcp, e.acked, e.at.taken,
			    e.ts_val), make_room_for_target);
		}
		e.tcp.reset();
	}
}

// Asked, a target ACKs, and the kernel, which knows no such connection, resets it.
void
FarEnds::end_others(const Flow &session, const Of &of)
{
	for (const StoredForward &s : p_.store.forwards_of(session)) {
		const bool goes = std::any_of(of.all.begin(), of.all.end(),
		    [&s](const FarEnd &e) { return e.s.flow == s.flow; });
		if (!goes)
			(void)p_.ack_probe.send(s.tcp, 0, 0, ts_val(s));
	}
}

std::vector<Flow>
FarEnds::flows(const Flow &session) const
{
	std::vector<Flow> all;
	for (const StoredForward &s : p_.store.forwards_of(session))
		all.push_back(s.flow);
	return all;
}

void
FarEnds::drop(const Of &of)
{
	for (const FarEnd &e : of.all)
		p_.tap.remove(e.s.flow);
}

void
FarEnds::abort(Of &of)
{
	drop(of);
	for (const FarEnd &e : of.all)
		if (auto ok = abort_connection(e.tcp.get()); !ok)
			log::warning("forward to {}: reset: {}",
			    e.s.flow.remote_name(), ok.error().what);
	of.all.clear();
}

void
FarEnds::forget(const Flow &session)
{
	if (auto fed = fed_.extract(session))
		for (const Flow &flow : fed.mapped()) {
			p_.feeder.forget(flow);
			p_.lost_acks.forget(flow);
		}
}

} // namespace jeebs
