// SPDX-License-Identifier: ISC
// What `jeebsctl status` shows.
#include "daemon.hh"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "log.hh"

namespace jeebs {

using json = nlohmann::ordered_json;

namespace {

double
ms(Duration d)
{
	return std::round(to_ms(d) * 100) / 100;
}

// A moment of our clock as milliseconds of Unix time.
double
unix_ms(Time t)
{
	auto now = std::chrono::system_clock::now().time_since_epoch();
	return ms(std::chrono::duration_cast<Duration>(now) -
	    (BootClock::now() - t));
}

std::string
ends(const Flow &f)
{
	return f.remote.to_string() + " " + std::to_string(f.remote_port);
}

json
takeover_json(const TakeoverReport *t)
{
	if (t == nullptr)
		return nullptr;
	json steps = json::array(), failed = json::array();
	for (const StepTime &s : t->steps) {
		json j{{"name", s.name}, {"at_ms", unix_ms(s.start)},
		    {"after_ms", ms(s.start - t->last_heard)},
		    {"ms", ms(s.end - s.start)}};
		if (!s.ok)
			j["failed"] = true;
		steps.push_back(j);
	}
	for (const FailedSession &f : t->failed)
		failed.push_back({{"user", log::printable(f.user)},
		    {"client", f.client}, {"reason", f.reason}});
	return {{"epoch", t->epoch}, {"from", t->from},
	    {"last_heard_ms", unix_ms(t->last_heard)},
	    {"finished", t->finished}, {"steps", steps},
	    {"sessions", {{"known", t->sessions}, {"adopted", t->adopted},
	    {"failed", failed}}}};
}

const char *
coarse_role(RoleState s)
{
	if (s == RoleState::primary_stalled)
		return "stalled";
	if (is_primary(s))
		return "primary";
	if (s == RoleState::taking_over)
		return "taking-over";
	if (s == RoleState::starting || s == RoleState::probing)
		return "starting";
	return "standby";
}

} // namespace

std::string
Daemon::status() const
{
	Time now = BootClock::now();
	RoleState state = role_.state();
	bool serving = role_.serving();
	const auto &peer = role_.peer();
	PeerHealth health = detector_.health(now);
	bool peer_there = peer && health == PeerHealth::alive;
	json detail = json::array();
	json none = nullptr;
	bool all_protected = true;

	if (serving) {
		for (const SessionInfo &s : export_.sessions()) {
			all_protected = all_protected && s.is_protected;
			detail.push_back({{"id", s.id}, {"user",
			    log::printable(s.user)}, {"client", ends(s.flow)},
			    {"state", s.state}, {"protected", s.is_protected},
			    {"stalled", s.stalled}, {"in", s.in_off},
			    {"out", s.out_end}, {"committed", s.committed},
			    {"acked", s.acked_off}, {"covered_from",
			    s.covered_from ? json(*s.covered_from) : none},
			    {"reason", s.reason}});
		}
	} else {
		for (const StoredSession &s : store_.sessions())
			detail.push_back({{"user", log::printable(s.user)},
			    {"client", ends(s.flow)}, {"adoptable",
			    s.adoptable}, {"covered", s.covered()},
			    {"in", s.in_off}, {"held", s.held_to}, {"out",
			    s.out_end}, {"acked", s.acked_off}, {"records",
			    s.records}, {"bytes", s.bytes}});
	}
	bool is_protected = serving ?
	    state == RoleState::primary_protected && !peer_key_.empty() &&
	    all_protected : state == RoleState::standby_ready &&
	    !adopt_.key().empty();

	json host = config_.host, other = config_.peer.name;
	json paths = json::array();
	auto stats = heartbeat_.stats();
	for (size_t i = 0; i < stats.size(); i++) {
		const auto &p = detector_.paths()[i];
		paths.push_back({{"local", config_.heartbeats[i].local},
		    {"remote", config_.heartbeats[i].remote},
		    {"silent_ms", p.heard ? json(ms(now - p.last_heard)) :
		    none}, {"carrier", p.carrier}, {"sent", stats[i].sent},
		    {"heard", stats[i].heard}, {"refused", stats[i].refused},
		    {"last_refusal", stats[i].last_refusal}});
	}
	json vips = json::array();
	for (const VipConfig &v : config_.vips)
		vips.push_back({{"address", v.address},
		    {"interface", v.interface}});
	auto lease = role_.lease_left(now);
	LinkStats link = link_.stats();

	json j;
	j["host"] = host;
	j["role"] = coarse_role(state);
	j["state"] = to_string(state);
	auto serves = [](RoleState s) {
		return is_primary(s) && s != RoleState::primary_stalled;
	};
	j["serving"] = serves(state) ? host : peer_there &&
	    serves(peer->state) ? other : none;
	j["standby"] = is_standby() ? host : peer_there && serving &&
	    !is_primary(peer->state) ? other : none;
	j["protected"] = is_protected;
	j["epoch"] = role_.epoch();
	j["sessions"] = detail.size();
	j["input_commit"] = gate_ ? "hold" : "tap";
	if (gate_) {
		auto input = gate_->stats();
		j["input"] = {{"shipped", input.shipped},
		    {"waiting", input.waiting}, {"kept_bytes",
		    input.kept_bytes}, {"overruns", input.overruns},
		    {"refused", input.refused}};
	}
	j["lease_ms_left"] = lease == Duration::max() || !serving ? none :
	    json(ms(lease));
	j["sshd_adopt"] = adopt_.connected();
	j["tap_dropped"] = net_.tap_dropped();
	j["peer"] = {{"name", other}, {"health", to_string(health)},
	    {"state", peer ? json(to_string(peer->state)) : none},
	    {"epoch", peer ? json(peer->epoch) : none},
	    {"link", link_.is_up()}, {"link_down_reason", link.last_down}};
	j["takeover"] = takeover_json(takeover_.report());
	j["vips"] = vips;
	j["heartbeats"] = paths;
	j["sessions_detail"] = detail;
	return j.dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace jeebs
