// SPDX-License-Identifier: ISC
// The Role's answers to what the peer says of itself.
#include "role.hh"

#include <algorithm>

#include <fmt/format.h>

#include "jeebs-testing.h"

namespace jeebs {

void
Role::heard_searching(Time now, Actions &out)
{
	const PeerReport &p = *peer_;
	bool theirs = p.flags & hb_vip_here;

	if (resume_ && p.epoch < epoch_)
		return;
	if (!resume_ && state_ == RoleState::probing) {
		// What the LAN says matters only while the peer is silent.
		state_ = RoleState::starting;
		asking_ = false;
		deadline_ = now + boot_wait_;
	}
	if (is_primary(p.state)) {
		retire(fmt::format("{} serves", peer_name_), out);
		join(fmt::format("{} serves, epoch {}", peer_name_, p.epoch),
		    out);
	} else if (resume_) {
		return;
	} else if (p.state == RoleState::taking_over) {
		deadline_ = now + boot_wait_;
	} else if (is_armed(p.state)) {
		// It holds our sessions. They live on here if our kernel
		// does, and then only under its lease.
		deadline_ = now + boot_wait_;
		if (!vip_here_ || !(p.flags & hb_grant) || !p.echoed)
			return;
		lease_.granted(*p.echoed, now);
		if (lease_.remaining(now) == Duration::zero())
			return;
		out.push_back({ActionKind::set_epoch, new_epoch(), {}, {}});
		enter(RoleState::primary_protected, fmt::format("back on a "
		    "live host, {} agrees", peer_name_), out);
		out.push_back({ActionKind::serve_leased, epoch_,
		    lease_.remaining(now), {}});
		out.push_back({ActionKind::protect, epoch_, {}, {}});
	} else if (is_searching(p.state)) {
		bool mine = vip_here_ != theirs ? vip_here_ : !peer_wins();
		bool told = vip_here_ != theirs ||
		    preferred_ != bool(p.flags & hb_preferred);
		if (mine && fresh(now))
			become_primary(told ? "both start, it is our turn" :
			    "both start with the same `preferred`, our name "
			    "sorts first", out);
		else if (!mine)
			deadline_ = now + boot_wait_;
	} else if (vip_here_ && fresh(now)) {
		become_primary("the VIP is here and the peer holds nothing",
		    out);
	} else {
		deadline_ = now + boot_wait_;
	}
}

void
Role::heard_serving(bool restarted, Time now, Actions &out)
{
	const PeerReport &p = *peer_;

	if (is_primary(p.state) || p.state == RoleState::taking_over) {
		uint64_t theirs = generation(p.epoch);
		uint64_t ours = generation(epoch_);
		if (theirs < ours || (theirs == ours &&
		    (!is_primary(p.state) || !peer_wins())))
			return;
		if (jeebs_testing("epoch-ignored")) {
			if (state_ == RoleState::primary_alone)
				return;
			enter(RoleState::primary_alone, "a newer epoch", out);
			out.push_back({ActionKind::serve_alone, epoch_, {},
			    "a newer epoch"});
			return;
		}
		std::string why = theirs > ours ?
		    fmt::format("{} serves with the newer epoch {}",
		    peer_name_, p.epoch) :
		    fmt::format("two primaries, of epochs {} and {}: {} has "
		    "the preference", epoch_, p.epoch, peer_name_);
		retire(why, out);
		join(why, out);
		return;
	}
	bool leased = state_ != RoleState::primary_alone;
	if (leased && restarted) {
		go_alone(fmt::format("{} started anew and holds nothing",
		    peer_name_), out);
		return;
	}
	if (leased && asked_release_ && (p.flags & hb_released) &&
	    p.epoch == epoch_) {
		go_alone(fmt::format("{} holds nothing any more",
		    peer_name_), out);
		return;
	}
	if (!leased && p.epoch > epoch_) {
		// It served later than we ever did, so ours must be newer.
		out.push_back({ActionKind::set_epoch, new_epoch(), {}, {}});
		return;
	}
	if (!(p.flags & hb_grant) || !p.echoed || p.epoch != epoch_)
		return;
	if (!leased && !link_up_)
		return;
	lease_.granted(*p.echoed, now);
	Duration left = lease_.remaining(now);
	if (left == Duration::zero())
		return;
	if (state_ == RoleState::primary_alone) {
		enter(RoleState::primary_protected, fmt::format("{} is our "
		    "standby", peer_name_), out);
		out.push_back({ActionKind::serve_leased, epoch_, left, {}});
		out.push_back({ActionKind::protect, epoch_, {}, {}});
		return;
	}
	if (state_ == RoleState::primary_stalled)
		enter(RoleState::primary_protected, fmt::format("{} grants "
		    "again", peer_name_), out);
	out.push_back({ActionKind::refresh, epoch_, left, {}});
}

void
Role::heard_standby(Time now, Actions &out)
{
	const PeerReport &p = *peer_;
	bool hold = is_armed(state_);

	if (is_primary(p.state)) {
		if (p.epoch < epoch_)
			return;	// stale: it retires when it hears us serve
		if (p.epoch > epoch_) {
			epoch_ = p.epoch;
			out.push_back({ActionKind::set_epoch, epoch_, {}, {}});
			disarm(fmt::format("{} serves with epoch {}",
			    peer_name_, epoch_), out);
		} else if (hold && p.state == RoleState::primary_alone) {
			disarm(fmt::format("{} goes on without us",
			    peer_name_), out);
		}
		if (p.flags & hb_release) {
			if (!released_)
				disarm(fmt::format("{} asks to go on alone",
				    peer_name_), out);
			released_ = true;
			return;
		}
		released_ = false;
		if (p.state != RoleState::primary_protected)
			return;
		if (!p.echoed)
			return;
		promise_.protected_heard(*p.echoed, p.lease, p.alone);
		if (promise_.take_by() < now)
			return;
		if (state_ == RoleState::standby_joining && link_up_)
			enter(RoleState::standby_ready, fmt::format("holds "
			    "the sessions of {}", peer_name_), out);
		else if (state_ == RoleState::standby_suspecting) {
			enter(RoleState::standby_ready, "heard again", out);
			out.push_back({ActionKind::unprepare, 0, {}, {}});
		}
		return;
	}
	if (!hold) {
		if (p.state != RoleState::taking_over)
			begin_search(fmt::format("{} doesn't serve",
			    peer_name_), now, out);
		return;
	}
	// Its jeebsd started anew on a host that lives: it will ask for our
	// lease. On a host that doesn't have the VIP nothing lives on.
	if (!is_searching(p.state)) {
		disarm(fmt::format("{} doesn't serve", peer_name_), out);
		begin_search(fmt::format("{} doesn't serve", peer_name_), now,
		    out);
	} else if (!(p.flags & hb_vip_here)) {
		std::string why = fmt::format("{} started anew",
		    peer_name_);
		enter(RoleState::taking_over, why, out);
		out.push_back({ActionKind::take_over, 0, {}, why});
	}
}

void
Role::heard_taking_over(Actions &out)
{
	const PeerReport &p = *peer_;

	if (committed_ || !is_primary(p.state))
		return;
	std::string why = fmt::format("{} lives", peer_name_);
	out.push_back({ActionKind::abort, 0, {}, why});
	enter(RoleState::standby_ready, why, out);
	if (p.epoch > epoch_) {
		epoch_ = p.epoch;
		out.push_back({ActionKind::set_epoch, epoch_, {}, {}});
		disarm(fmt::format("{} serves with epoch {}", peer_name_,
		    epoch_), out);
	}
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

} // namespace jeebs
