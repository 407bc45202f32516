// SPDX-License-Identifier: ISC
#include "export-session.hh"

#include <algorithm>
#include <utility>

#include "commit-log.hh"
#include "log.hh"
#include "tcp-descriptor.hh"
#include "tcp-info.hh"

namespace jeebs {

namespace {

// One each second.
constexpr unsigned max_failed_offers = 5;

} // namespace

const char *ExportSession::to_string(State s)
{
	switch (s) {
	case State::fresh:
		return "fresh";
	case State::known:
		return "known";
	case State::open:
		return "open";
	case State::dropping:
		return "dropping";
	case State::ended:
		return "ended";
	}
	return "unknown";
}

void ExportSession::abandon()
{
	channel_->close();
	shipper_->stop();
	if (forwards_)
		forwards_->abandon();
	if (retired_)
		end_silenced(fd_.get());
}

// From here on the client's packets wait for the standby.
void ExportSession::cover()
{
	coverage_.reset();
	if (p_.gate == nullptr)
		return;
	p_.gate->cover(flow_, [weak = weak_from_this()](Result<void> done) {
		auto s = weak.lock();
		if (!s || s->state_ != State::open)
			return;
		if (!done)
			return s->give_up("input: " + done.error().what);
		s->settle();
		s->look();
	});
}

void ExportSession::settle()
{
	auto at_most = received_at_most(fd_.get());
	if (!at_most || !p_.sink.is_up())
		return;
	uint64_t from = received_base_ + *at_most;
	if (p_.handlers.delivered)
		from = std::max(from, p_.handlers.delivered(flow_));
	from = std::max(from, p_.gate->floor(flow_));
	if (!coverage_.settled(from))
		return;
	commit_log::line("cover sid={:x} from={}", sid_, from);
	Buffer b = p_.sink.buffer();
	put_cover(b, {sid_, from});
	(void)p_.sink.send(std::move(b));
}

// Is it protected by now?
void ExportSession::look()
{
	if (is_protected_ || shipper_->committed_seq() == 0)
		return;
	if (p_.gate != nullptr && !coverage_.complete(*shipper_->chain(),
	    shipper_->committed_seq())) {
		reason_ = "sshd has yet to read what the client had sent";
		return;
	}
	if (forwards_->pending()) {
		reason_ = "the standby has yet to know its forwards";
		return;
	}
	is_protected_ = true;
	carried_ = false;
	reason_.clear();
	log::info("session {}: protected", id_);
	if (p_.handlers.changed)
		p_.handlers.changed(info());
}

Result<void> ExportSession::commit(const CommitEntry &e)
{
	if (state_ != State::open)
		return {};
	const bool first = shipper_->committed_seq() == 0;
	if (auto ok = shipper_->commit(e.seq, e.out_end); !ok)
		return ok;
	if (first) {
		older_.clear();
		// With this record alone all that the one before had can go on.
		carried_ = !forwards_->settled() && carried_ &&
		    !forwards_->unanswered() &&
		    (p_.gate == nullptr || coverage_.from());
	}
	if (p_.gate != nullptr)
		p_.gate->had(flow_, shipper_->chain()->in_off());
	look();
	return {};
}

void ExportSession::dropped(const std::string &why)
{
	unprotect(why);
}

bool ExportSession::was(uint64_t sid) const
{
	return std::ranges::find(older_, sid) != older_.end();
}

// It crosses with the OPEN of this one, which began from nothing then.
void ExportSession::older_dropped()
{
	carried_ = false;
	coverage_.reset();
	if (p_.gate != nullptr)
		settle();
}

Result<void> ExportSession::closed()
{
	if (state_ != State::dropping)
		return fail("CLOSED for a session that goes on");
	unprotect(reason_);
	return {};
}

// Was it protected?
bool ExportSession::lose()
{
	const bool carried = std::exchange(carried_, false);
	return std::exchange(is_protected_, false) || carried;
}

// The standby holds nothing of the session, certainly: it goes on alone.
void ExportSession::unprotect(const std::string &reason)
{
	shipper_->stop();
	// What sshd answers to it is void.
	offered_.reset();
	forwards_->release_all();
	p_.by_sid.erase(sid_);
	sid_ = 0;
	older_.clear();
	state_ = State::known;
	const bool was = lose();
	detach(reason);
	log::warning("session {}: not protected any more: {}", id_,
	    log::printable(reason));
	if (was && p_.handlers.changed)
		p_.handlers.changed(info());
}

void ExportSession::bad_record(const std::string &why)
{
	give_up("bad record from sshd: " + why);
}

// What the standby has may be behind what sshd will send alone, so it must forget
// first.
void ExportSession::give_up(const std::string &why)
{
	reason_ = why;
	log::error("session {}: {}; protection ends", id_, reason_);
	shipper_->stop();
	state_ = State::dropping;
	const bool was = lose();
	send_close(p_.sink, older_, sid_, reason_);
	if (was && p_.handlers.changed)
		p_.handlers.changed(info());
}

void ExportSession::standby_up()
{
	if (retired_)
		return;
	if (state_ == State::known || state_ == State::open)
		offer();
	else if (state_ == State::dropping)
		send_close(p_.sink, older_, sid_, reason_);
}

void ExportSession::link_down()
{
	offered_.reset();
	carried_ = false;
	if (forwards_)
		forwards_->link_down();
	if (state_ == State::open) {
		shipper_->stop();
		reason_ = "the link is down";
	} else if (state_ == State::known) {
		reason_ = "no standby";
	}
}

void ExportSession::standby_lost(const std::string &reason)
{
	if (retired_)
		return;
	if (state_ == State::open || state_ == State::dropping)
		unprotect(reason);
	else if (state_ == State::known)
		detach(reason);
}

void ExportSession::retire()
{
	if (state_ == State::fresh || retired_)
		return;
	silence(fd_, info());
	forwards_->retire();
	if (p_.gate != nullptr)
		p_.gate->refuse(flow_);
	shipper_->stop();
	p_.by_sid.erase(sid_);
	retired_ = true;
	(void)lose();
	reason_ = "another host serves it";
	if (auto ok = channel_->retire(); !ok && ok.error().errnum != EPIPE)
		log::error("session {}: {}", id_, ok.error().what);
	log::warning("session {}: retired: another host serves it", id_);
	commit_log::line("retire {}", name());
}

std::optional<SessionRest> ExportSession::end(const std::string &why)
{
	bool held = state_ == State::open || state_ == State::dropping;
	auto last = info();
	if (!why.empty())
		log::warning("session {}: {}", id_, log::printable(why));
	bool had_registered = registered();
	state_ = State::ended;
	channel_->close();
	shipper_->stop();
	offered_.reset();
	p_.by_sid.erase(sid_);
	if (!had_registered)
		return {};
	return SessionRest{held && !retired_, std::move(older_), std::move(fd_),
	    std::move(forwards_), std::move(place_), std::move(last), name()};
}

// What failed may be had by now. Of one that is open all output waits for it.
void ExportSession::offer_again()
{
	if (retired_ || p_.standby.key.empty())
		return;
	if (state_ == State::known && !ruled_)
		offer();
	if (state_ != State::open || shipper_->running() || offered_)
		return;
	if (++failed_offers_ < max_failed_offers)
		offer();
	else
		give_up("no offer can be made: " + reason_);
}

bool ExportSession::refresh(Buffer &b)
{
	offer_again();
	// A connection that is closing keeps its last state.
	if (state_ != State::open || !shipper_->running())
		return false;
	if (refresh_tcp_state(fd_.get(), tcp_))
		(void)put_tcp(b, sid_, tcp_);
	forwards_->refresh(b);
	return p_.gate != nullptr && !is_protected_;
}

void ExportSession::resettle()
{
	if (!coverage_.from())
		return;
	settle();
	look();
}

void ExportSession::take_turn(uint64_t turn)
{
	served_ = turn;
	shipper_->drained();
	if (forwards_)
		forwards_->take_turn();
}

size_t ExportSession::unfinished() const
{
	return state_ == State::open ? shipper_->unfinished() : 0;
}

SessionInfo ExportSession::info() const
{
	SessionInfo i;
	i.id = id_;
	i.sid = sid_;
	i.flow = flow_;
	i.user = user_;
	i.is_protected = is_protected_ || carried_;
	i.stalled = state_ == State::open && !shipper_->running();
	if (const auto &chain = shipper_->chain(); chain && sid_ != 0) {
		i.epoch = chain->epoch();
		i.in_off = chain->in_off();
		i.out_end = chain->out_end();
		i.acked_off = chain->acked_off();
		i.committed = shipper_->committed();
		i.covered_from = coverage_.from();
	}
	i.state = to_string(state_);
	i.reason = reason_;
	return i;
}

std::string ExportSession::name() const
{
	return commit_log::name_of(flow_, tcp_.snd_base);
}

void send_close(FrameSink &sink, std::span<const uint64_t> older, uint64_t sid,
    std::string_view reason)
{
	Buffer b = sink.buffer();
	for (uint64_t o : older)
		put_close(b, o, reason);
	put_close(b, sid, reason);
	(void)sink.send(std::move(b));
}

void silence(const SharedFd &fd, const SessionInfo &i)
{
	if (auto ok = silence_tcp(fd.get(), i.flow); !ok)
		log::error("session {}: can't silence it: {}", i.id,
		    ok.error().what);
}

} // namespace jeebs
