// SPDX-License-Identifier: ISC
// A Role whose peer is silent: from suspicion to the takeover's end.
#include "role.hh"

#include <fmt/format.h>

namespace jeebs {
namespace {

// After a takeover that failed.
constexpr Duration retry_takeover = std::chrono::milliseconds(100);
// What a takeover needs from its start to the VIP, with room.
constexpr Duration last_moment = std::chrono::milliseconds(300);

} // namespace

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

} // namespace jeebs
