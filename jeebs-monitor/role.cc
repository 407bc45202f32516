// SPDX-License-Identifier: ISC
#include "role.hh"

#include <algorithm>

#include <fmt/format.h>

namespace jeebs {
namespace {

// Between two looks at the LAN.
constexpr Duration retry_after = std::chrono::seconds(1);
// After a takeover that failed.
constexpr Duration retry_takeover = std::chrono::milliseconds(100);
// What a takeover needs from its start to the VIP, with room.
constexpr Duration last_moment = std::chrono::milliseconds(300);
// How long a packet for the VIP at another host says that it serves.
constexpr Duration elsewhere_ttl = std::chrono::seconds(5);

} // namespace

Role::Role(const Config &c)
    : host_(c.host), peer_name_(c.peer.name),
      side_(c.host < c.peer.name ? 0 : 1), preferred_(c.preferred),
      have_fence_(!c.fence.empty()), boot_wait_(c.timing.boot_wait),
      detect_(c.timing.detect),
      alone_after_(c.timing.alone_after), lease_time_(c.timing.lease),
      lease_(c.timing.lease)
{
}

void
Role::say(const std::string &why, Actions &out)
{
	out.push_back({ActionKind::log, epoch_, {}, why});
}

void
Role::enter(RoleState s, const std::string &why, Actions &out)
{
	if (s != state_)
		say(fmt::format("{}: was {}, epoch {}: {}", to_string(s),
		    to_string(state_), epoch_, why), out);
	state_ = s;
	told_ = false;
	deadline_ = time_never;
	resume_ = false;
	committed_ = false;
	asking_ = false;
	here_at_ = Time{};
	seen_elsewhere_ = false;
	if (s != RoleState::primary_protected &&
	    s != RoleState::primary_stalled)
		asked_release_ = false;
}

// Two hosts that don't know of each other's last one never take the same.
uint64_t
Role::new_epoch()
{
	epoch_ = 2 * (generation(std::max(epoch_, highest_)) + 1) + side_;
	highest_ = epoch_;
	return epoch_;
}

// Nobody is known to serve: wait for the peer, then ask the LAN.
void
Role::begin_search(const std::string &why, Time now, Actions &out)
{
	enter(RoleState::starting, why, out);
	deadline_ = now + boot_wait_;
}

void
Role::become_primary(const std::string &why, Actions &out)
{
	out.push_back({ActionKind::set_epoch, new_epoch(), {}, {}});
	out.push_back({ActionKind::clear_store, 0, {}, why});
	enter(RoleState::primary_alone, why, out);
	overtaken_ = false;
	vip_here_ = true;
	out.push_back({ActionKind::serve_alone, epoch_, {}, why});
}

// The old records are void from here on: a new epoch says so.
void
Role::go_alone(const std::string &why, Actions &out)
{
	out.push_back({ActionKind::set_epoch, new_epoch(), {}, {}});
	out.push_back({ActionKind::detach, epoch_, {}, why});
	enter(RoleState::primary_alone, why, out);
	lease_.forget();
	out.push_back({ActionKind::serve_alone, epoch_, {}, why});
}

void
Role::join(const std::string &why, Actions &out)
{
	enter(RoleState::standby_joining, why, out);
	released_ = false;
	promise_.forget_window();
	if (peer_)
		epoch_ = std::max(epoch_, peer_->epoch);
	out.push_back({ActionKind::set_epoch, epoch_, {}, {}});
	out.push_back({ActionKind::clear_store, epoch_, {}, why});
	out.push_back({ActionKind::join, epoch_, {}, why});
}

// Block first: after this line nothing of ours can meet the new owner.
void
Role::retire(const std::string &why, Actions &out)
{
	out.push_back({ActionKind::block, 0, {}, why});
	out.push_back({ActionKind::retire, 0, {}, why});
	lease_.forget();
	vip_here_ = false;
}

// As a standby: forget what we hold, stay with the primary.
void
Role::disarm(const std::string &why, Actions &out)
{
	bool preparing = state_ == RoleState::standby_suspecting;

	enter(RoleState::standby_joining, why, out);
	promise_.forget_window();
	if (preparing)
		out.push_back({ActionKind::unprepare, 0, {}, why});
	out.push_back({ActionKind::clear_store, 0, {}, why});
}

// Of two hosts that could both serve, is it the peer's turn?
bool
Role::peer_wins() const
{
	bool theirs = peer_->flags & hb_sessions;

	// Who retires ends its sessions.
	if (theirs != has_sessions_)
		return theirs;
	theirs = peer_->flags & hb_preferred;
	if (theirs != preferred_)
		return theirs;
	return peer_name_ < host_;
}

// Has the peer heard us lately? What it says may be old otherwise: heartbeats
// wait in the socket while a host is frozen.
bool
Role::fresh(Time now) const
{
	return peer_->echoed && now - *peer_->echoed < detect_;
}

Actions
Role::start(uint64_t epoch, bool vip_here, Time now)
{
	Actions out;

	epoch_ = highest_ = epoch;
	vip_here_ = vip_here;
	out.push_back({ActionKind::block, 0, {}, "start"});
	begin_search("start", now, out);
	say(fmt::format("{}, epoch {}{}: waiting {} ms for {}",
	    to_string(state_), epoch_, vip_here ? ", a VIP is here" : "",
	    std::chrono::duration_cast<std::chrono::milliseconds>(boot_wait_)
	    .count(), peer_name_), out);
	return out;
}

Actions
Role::heartbeat(const PeerReport &r, Time now)
{
	Actions out;
	bool restarted = peer_ && peer_->instance != r.instance;

	peer_ = r;
	overtaken_ = false;
	highest_ = std::max(highest_, r.epoch);
	switch (state_) {
	case RoleState::starting:
	case RoleState::probing:
		heard_searching(now, out);
		break;
	case RoleState::primary_alone:
	case RoleState::primary_protected:
	case RoleState::primary_stalled:
		heard_serving(restarted, now, out);
		break;
	case RoleState::standby_joining:
	case RoleState::standby_ready:
	case RoleState::standby_suspecting:
		heard_standby(now, out);
		break;
	case RoleState::taking_over:
		heard_taking_over(out);
		break;
	}
	return out;
}

Actions
Role::link(bool up, Time now)
{
	if (link_up_ && !up)
		link_down_at_ = now;
	link_up_ = up;
	return {};
}

// Its kernel has silenced it, and its sshd sends nothing that isn't committed:
// when jeebsd doesn't come back in time, its sessions are better off here.
Time
Role::process_deadline() const
{
	return promise_.take_by() - last_moment;
}

Actions
Role::health(PeerHealth h, Time now)
{
	Actions out;
	bool news = h != health_;

	health_ = h;
	switch (state_) {
	case RoleState::standby_joining:
		if (h == PeerHealth::dead || h == PeerHealth::process_failed)
			begin_search(fmt::format("{} is silent and nothing "
			    "of it is held here", peer_name_), now, out);
		break;
	case RoleState::standby_ready:
		if (h == PeerHealth::suspected || h == PeerHealth::dead ||
		    h == PeerHealth::process_failed) {
			enter(RoleState::standby_suspecting, fmt::format(
			    "{} is silent", peer_name_), out);
			out.push_back({ActionKind::prepare, 0, {}, {}});
			return out;
		}
		break;
	case RoleState::standby_suspecting:
		if (deadline_ != time_never && now < deadline_)
			break;	// a takeover has just failed
		if (h == PeerHealth::dead || (h == PeerHealth::process_failed &&
		    now >= process_deadline())) {
			std::string why = h == PeerHealth::dead ?
			    fmt::format("{} is silent on all paths",
			    peer_name_) : fmt::format("{}'s jeebsd hasn't "
			    "come back", peer_name_);
			enter(RoleState::taking_over, why, out);
			out.push_back({ActionKind::take_over, 0, {},
			    why});
		} else if (h == PeerHealth::process_failed && news) {
			say(fmt::format("{}'s jeebsd is gone, its sshd "
			    "answers: no host failure, waiting for it to "
			    "come back", peer_name_), out);
		} else if (h == PeerHealth::isolated && news) {
			say("no heartbeat path has carrier: it is this host "
			    "that is cut off, no takeover", out);
		}
		break;
	default:
		break;
	}
	return out;
}

Actions
Role::resigned(Time now)
{
	Actions out;

	switch (state_) {
	case RoleState::primary_protected:
	case RoleState::primary_stalled:
		go_alone(fmt::format("{} resigned", peer_name_), out);
		break;
	case RoleState::standby_ready:
	case RoleState::standby_suspecting:
		disarm(fmt::format("{} resigned, its host serves on without "
		    "protection", peer_name_), out);
		[[fallthrough]];
	case RoleState::standby_joining:
		begin_search(fmt::format("{} resigned", peer_name_), now,
		    out);
		break;
	default:
		break;
	}
	return out;
}

Actions
Role::probed(const std::optional<std::string> &by, bool neighbours, Time now)
{
	Actions out;

	if (!asking_)
		return out;
	asking_ = false;
	if (probe_void_) {
		probe_void_ = false;
		deadline_ = now;
		return out;
	}
	// Silence makes up for nothing: after a host has been seen to serve
	// while we were stalled, only a client that comes back to us does.
	bool elsewhere = now - elsewhere_at_ < elsewhere_ttl ||
	    (state_ == RoleState::primary_stalled && seen_elsewhere_ &&
	    here_at_ == Time{});
	return judge(by ? *by : elsewhere ? "another host speaks as the VIP" :
	    "", neighbours, now);
}

// by: who serves, as far as the LAN shows; "" for nobody.
Actions
Role::judge(const std::string &by, bool neighbours, Time now)
{
	Actions out;

	if (state_ == RoleState::probing) {
		if (!by.empty() && resume_) {
			retire(by + " while we were away", out);
			begin_search(by, now, out);
		} else if (!by.empty()) {
			if (!told_)
				say(fmt::format("{}: somebody serves, not "
				    "starting to; {} isn't heard, check the "
				    "link to it", by, peer_name_), out);
			told_ = true;
			deadline_ = now + retry_after;
		} else if (resume_) {
			enter(RoleState::primary_alone, "nobody else serves",
			    out);
			out.push_back({ActionKind::serve_alone, epoch_, {},
			    {}});
		} else if (now < promise_.silent_after()) {
			deadline_ = promise_.silent_after();
		} else if (overtaken_ && here_at_ == Time{}) {
			if (!told_)
				say(fmt::format("{} took over and isn't heard, "
				    "and no client asks for the VIP: not "
				    "starting to serve, check the link to it",
				    peer_name_), out);
			told_ = true;
			deadline_ = now + retry_after;
		} else {
			become_primary(fmt::format("{} isn't heard and "
			    "nobody answers for the VIP", peer_name_), out);
		}
	} else if (state_ == RoleState::primary_stalled) {
		if (!by.empty()) {
			std::string why = fmt::format("{}: {} took over", by,
			    peer_name_);
			retire(why, out);
			begin_search(why, now, out);
			overtaken_ = true;
		} else if (here_at_ >= may_go_alone() || neighbours) {
			go_alone(fmt::format("{} is silent, its time to take "
			    "over has passed, nobody answers for the VIP and "
			    "{}", peer_name_, neighbours ? "others on the LAN "
			    "hear us" : "clients address it to us"), out);
		} else {
			if (!told_)
				say("nobody on the LAN answers: it is this "
				    "host that is cut off, or nobody is there "
				    "to serve", out);
			told_ = true;
			deadline_ = now + retry_after;
		}
	}
	return out;
}

Actions
Role::fenced(bool ok, Time now)
{
	Actions out;

	if (state_ != RoleState::primary_stalled || !asking_)
		return out;
	asking_ = false;
	if (ok) {
		go_alone(fmt::format("{} is fenced", peer_name_), out);
	} else {
		if (!told_)
			say("the fence command failed: stalled until it "
			    "succeeds or the standby is back", out);
		told_ = true;
		deadline_ = now + retry_after;
	}
	return out;
}

// The standby's time to take over has passed then; had it done so, clients
// would know it. What they did before says nothing.
Time
Role::may_go_alone() const
{
	return lease_.last() ? *lease_.last() + alone_after_ : time_never;
}

bool
Role::listening() const
{
	return state_ == RoleState::primary_stalled ||
	    state_ == RoleState::starting || state_ == RoleState::probing;
}

Actions
Role::clients(ClientSign sign, Time now)
{
	// A host that wants to serve finds dead ones' MACs in use. To one that
	// served until now it says that somebody took over meanwhile.
	if (sign == ClientSign::away && state_ != RoleState::primary_stalled) {
		if (overtaken_)
			here_at_ = Time{};
		return {};
	}
	if (sign != ClientSign::here) {
		elsewhere_at_ = now;
		here_at_ = Time{};
		seen_elsewhere_ = true;
	} else {
		here_at_ = now;
		if (state_ == RoleState::primary_stalled && !have_fence_ &&
		    now >= may_go_alone() && deadline_ > now && !asking_)
			deadline_ = now;
	}
	return {};
}

Actions
Role::clock_gap(Duration gap, Time now)
{
	Actions out;

	say(fmt::format("this process didn't run for {} ms",
	    std::chrono::duration_cast<std::chrono::milliseconds>(gap)
	    .count()), out);
	if (asking_)
		probe_void_ = true;
	// Nothing limits the lease of a primary that is alone, so somebody
	// may have found the VIP unanswered meanwhile.
	if (state_ == RoleState::primary_alone && gap >= boot_wait_) {
		out.push_back({ActionKind::block, 0, {}, "clock gap"});
		enter(RoleState::probing, "was away, makes sure that nobody "
		    "else serves", out);
		resume_ = true;
		deadline_ = now;
	}
	return out;
}

Actions
Role::tick(Time now)
{
	Actions out;

	if (state_ == RoleState::primary_protected) {
		if (lease_.remaining(now) == Duration::zero()) {
			enter(RoleState::primary_stalled, fmt::format("no "
			    "grant of {} for {} ms", peer_name_,
			    std::chrono::duration_cast<
			    std::chrono::milliseconds>(lease_time_).count()),
			    out);
			deadline_ = may_go_alone();
		} else if (!link_up_ && !asked_release_ &&
		    now >= link_down_at_ + alone_after_) {
			say(fmt::format("{} is heard, but the replication "
			    "link is down: asking to go on alone",
			    peer_name_), out);
			asked_release_ = true;
		}
	}
	// The window may pass in the middle of anything but a committed
	// takeover, which asks in commit().
	if (is_armed(state_) && promise_.take_by() < now) {
		disarm("too late to take over", out);
		begin_search(fmt::format("{} is silent and may have gone on "
		    "alone", peer_name_), now, out);
	}
	if (deadline_ > now || asking_)
		return out;
	deadline_ = time_never;
	switch (state_) {
	case RoleState::starting:
		enter(RoleState::probing, fmt::format("{} isn't serving",
		    peer_name_), out);
		[[fallthrough]];
	case RoleState::probing:
		asking_ = true;
		probe_void_ = false;
		out.push_back({ActionKind::probe, 0, {}, {}});
		break;
	case RoleState::primary_stalled:
		asking_ = true;
		probe_void_ = false;
		out.push_back({have_fence_ ? ActionKind::fence :
		    ActionKind::probe, 0, {}, {}});
		break;
	default:
		break;
	}
	return out;
}

bool
Role::commit(bool fence_ok, Time now, Actions &out)
{
	if (state_ != RoleState::taking_over)
		return false;
	if (!fence_ok && (now < promise_.silent_after() ||
	    now > promise_.take_by())) {
		std::string why = "too late to take over";
		enter(RoleState::standby_suspecting, why, out);
		return false;
	}
	committed_ = true;
	out.push_back({ActionKind::set_epoch, new_epoch(), {}, {}});
	return true;
}

Actions
Role::took_over(bool ok, Time now)
{
	Actions out;

	if (state_ != RoleState::taking_over)
		return out;
	if (ok) {
		enter(RoleState::primary_alone, "took over", out);
		promise_.forget_window();
		vip_here_ = true;
	} else if (committed_) {
		retire("the takeover failed", out);
		out.push_back({ActionKind::clear_store, 0, {}, {}});
		begin_search("the takeover failed", now, out);
	} else {
		enter(RoleState::standby_suspecting, "the takeover failed, "
		    "will try again", out);
		deadline_ = now + retry_takeover;
	}
	return out;
}

void
Role::granted(Time received, Duration lease)
{
	promise_.granted(received, lease);
}

bool
Role::granting() const
{
	if (released_ || !peer_)
		return false;
	if (state_ == RoleState::standby_joining)
		return link_up_ && is_primary(peer_->state);
	return is_armed(state_);
}

uint8_t
Role::flags() const
{
	uint8_t f = 0;

	if (preferred_)
		f |= hb_preferred;
	if (vip_here_)
		f |= hb_vip_here;
	if (has_sessions_)
		f |= hb_sessions;
	if (asked_release_)
		f |= hb_release;
	if (released_)
		f |= hb_released;
	return f;
}

Duration
Role::lease_left(Time now) const
{
	if (state_ == RoleState::primary_alone)
		return Duration::max();
	return serving() ? lease_.remaining(now) : Duration::zero();
}

Time
Role::next() const
{
	Time t = asking_ ? time_never : deadline_;

	if (state_ == RoleState::primary_protected) {
		t = std::min(t, lease_.until());
		if (!link_up_ && !asked_release_)
			t = std::min(t, link_down_at_ + alone_after_);
	}
	if (is_armed(state_)) {
		t = std::min(t, promise_.take_by() +
		    std::chrono::nanoseconds(1));
		if (health_ == PeerHealth::process_failed)
			t = std::min(t, process_deadline());
	}
	return t;
}

} // namespace jeebs
