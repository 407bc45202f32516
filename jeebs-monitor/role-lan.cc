// SPDX-License-Identifier: ISC
// What a Role makes of what others than the peer show: who answers on the LAN, whom
// clients address, what the fence command says.
#include "role.hh"

#include <fmt/format.h>

namespace jeebs {
namespace {

// Between two looks at the LAN.
constexpr Duration retry_after = std::chrono::seconds(1);
// How long a packet for the VIP at another host says that it serves.
constexpr Duration elsewhere_ttl = std::chrono::seconds(5);

} // namespace

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

} // namespace jeebs
