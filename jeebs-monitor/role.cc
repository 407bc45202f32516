// SPDX-License-Identifier: ISC
#include "role.hh"

#include <algorithm>

#include <fmt/format.h>

namespace jeebs {

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
