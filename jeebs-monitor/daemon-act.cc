// SPDX-License-Identifier: ISC
// The Daemon's hands: what each action of the Role does.
#include "daemon.hh"

#include <algorithm>

#include <boost/asio/post.hpp>

#include "commit-log.hh"
#include "dark-lan.hh"
#include "log.hh"

namespace jeebs {

using boost::system::error_code;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds probe_wait(250);
constexpr size_t max_asked = 32;
// Less than what the standby waits longer: with_drift() in lease.hh.
constexpr milliseconds lease_slack(5);

void
complain(const char *what, const Result<void> &r)
{
	if (!r)
		log::error("{}: {}", what, r.error().what);
}

} // namespace

// An action may have events as its consequence, whose actions come after all
// that are to be done already.
void
Daemon::perform(Actions actions)
{
	record_state();
	for (Action &a : actions)
		actions_.push_back(std::move(a));
	if (acting_)
		return;
	acting_ = true;
	while (!actions_.empty()) {
		Action a = std::move(actions_.front());
		actions_.pop_front();
		act(a);
	}
	acting_ = false;
	net_.watch_clients(role_.listening());
	sync();
}

// Before the actions that follow from it.
void
Daemon::record_state()
{
	std::pair now(role_.state(), role_.epoch());

	if (now == recorded_)
		return;
	recorded_ = now;
	commit_log::line("state name={} epoch={}", to_string(now.first),
	    now.second);
}

void
Daemon::act(const Action &a)
{
	switch (a.kind) {
	case ActionKind::set_epoch:
		save_epoch(a.epoch);
		break;
	case ActionKind::block:
		complain("firewall", net_.block());
		break;
	case ActionKind::serve_alone:
		offering_ = false;
		forget_earlier_in(earlier_stays);
		complain("VIP", net_.vips_up());
		complain("firewall", net_.no_lease_needed());
		net_.announce();
		// Whoever waits for a standby of an earlier jeebsd: there is
		// none.
		export_.standby_lost_with_evidence(a.why);
		break;
	case ActionKind::serve_leased:
		complain("VIP", net_.vips_up());
		set_lease();
		if (!net_.announcing())
			net_.announce();
		break;
	case ActionKind::refresh:
		set_lease();
		break;
	case ActionKind::protect:
		offering_ = true;
		forget_earlier_in(earlier_stays_at_most);
		offer();
		break;
	case ActionKind::detach:
		offering_ = false;
		export_.standby_lost_with_evidence(a.why);
		break;
	case ActionKind::retire:
		offering_ = false;
		takeover_.retire();
		export_.retire();
		net_.vips_down();
		break;
	case ActionKind::clear_store:
		clear_store(a.why);
		break;
	case ActionKind::join:
		forget_earlier_in(earlier_stays);
		complain("tap", net_.tap_start());
		send_key();
		break;
	case ActionKind::probe:
		// That nobody answers on a dark LAN says nothing.
		DarkLan(config_.vips).when_lit(io_, [this] {
			net_.probe(probe_wait, others_to_ask(), [this](auto by,
			    bool neighbours) {
				perform(role_.probed(by, neighbours,
				    BootClock::now()));
				evaluate(BootClock::now());
			});
		});
		break;
	case ActionKind::fence: {
		auto c = Command::start(io_, config_.fence,
		    config_.fence_timeout, [this](Result<int> status) {
			perform(role_.fenced(status && *status == 0,
			    BootClock::now()));
		});
		if (c) {
			fence_ = std::move(*c);
			break;
		}
		log::error("fence: {}", c.error().what);
		boost::asio::post(io_, [this] {
			perform(role_.fenced(false, BootClock::now()));
		});
		break;
	}
	case ActionKind::prepare:
		takeover_.prepare();
		break;
	case ActionKind::unprepare:
		takeover_.unprepare();
		break;
	case ActionKind::take_over:
		// No grant and no commit from here on.
		sync();
		dropping_link_ = true;
		link_.drop("taking over");
		dropping_link_ = false;
		if (role_.state() == RoleState::taking_over)
			takeover_.start(detector_.last_heard());
		break;
	case ActionKind::abort:
		takeover_.cancel();
		break;
	case ActionKind::log:
		log::info("{}", a.why);
		break;
	}
}

// What a jeebsd before this one protected stays so until it can have come back.
void
Daemon::forget_earlier_in(std::chrono::seconds after)
{
	const auto now = std::chrono::steady_clock::now();
	if (!forget_at_most_)
		forget_at_most_ = now + earlier_stays_at_most;
	forget_at_ = std::min({now + after, forget_at_.value_or(*forget_at_most_),
	    *forget_at_most_});
	forget_timer_.expires_at(*forget_at_);
	forget_timer_.async_wait([this](boost::system::error_code ec) {
		if (!ec && forget_at_ &&
		    *forget_at_ <= std::chrono::steady_clock::now())
			forget_earlier();
	});
}

void
Daemon::forget_earlier_not_yet()
{
	if (!forget_at_most_)
		return;
	forget_at_.reset();
	forget_earlier_in(earlier_stays_at_most);
}

void
Daemon::forget_earlier()
{
	forget_at_.reset();
	forget_at_most_.reset();
	forget_timer_.cancel();
	// What nobody has named since the start may end from here on.
	commit_log::line("forget");
	bool done = net_.forget_earlier();
	if (gate_)
		if (auto r = gate_->forget_earlier(role_.serving()); !r) {
			log::error("input: {}", r.error().what);
			done = false;
		}
	if (!done)
		forget_earlier_in(forget_retry);
}

// Who may tell that this host is on the LAN: clients, and whom it has talked
// to, but not the peer.
std::vector<IpAddr>
Daemon::others_to_ask() const
{
	std::vector<IpAddr> all = net_.known_neighbours();

	for (const SessionInfo &s : export_.sessions())
		all.push_back(s.flow.remote);
	std::erase_if(all, [this](const IpAddr &a) {
		std::string text = a.to_string();
		if (net_.is_vip(a) || text == config_.peer.address)
			return true;
		for (const HeartbeatPath &h : config_.heartbeats)
			if (text == h.remote)
				return true;
		return false;
	});
	std::sort(all.begin(), all.end());
	all.erase(std::unique(all.begin(), all.end()), all.end());
	if (all.size() > max_asked)
		all.resize(max_asked);
	return all;
}

void
Daemon::save_epoch(uint64_t epoch)
{
	if (auto r = epoch_file_->set(epoch); !r) {
		log::error("{}: going on with epoch {} from memory, make room "
		    "there", r.error().what, epoch);
		next_epoch_try_ = BootClock::now() + std::chrono::seconds(1);
	}
}

// Time has passed since the action was made. The kernel counts from when it has
// the lease: one that took long to get there would last that much longer.
void
Daemon::set_lease()
{
	Time now, before;

	do {
		before = BootClock::now();
		Duration left = role_.lease_left(before);
		if (left == Duration::max())
			return;
		if (left < milliseconds(1))
			left = Duration::zero();
		complain("firewall", net_.lease(left));
		if (left == Duration::zero())
			return;
		now = BootClock::now();
	} while (now - before > lease_slack);
}

void
Daemon::clear_store(const std::string &why)
{
	takeover_.unprepare();
	tap_.clear();
	if (store_.size() == 0)
		return;
	log::info("the records of {} sessions are void: {}", store_.size(),
	    why);
	store_.clear();
	commit_log::line("void why={}", why);
	// The primary goes on as if we had them: a new link makes it begin
	// anew.
	dropping_link_ = true;
	link_.drop("the records here are void");
	dropping_link_ = false;
}

void
Daemon::sync()
{
	HeartbeatSay say;

	say.state = role_.state();
	say.flags = role_.flags();
	say.epoch = role_.epoch();
	say.granting = role_.granting() && !said_.mute;
	say.lease_until = role_.lease_until();
	say.mute = said_.mute;
	auto grant = heartbeat_.say(say);
	if (grant.received != Time{})
		role_.granted(grant.received, grant.lease);

	PeerRole coarse = is_primary(say.state) ? PeerRole::primary :
	    say.state == RoleState::standby_ready ||
	    say.state == RoleState::standby_suspecting ? PeerRole::standby :
	    PeerRole::joining;
	bool news = coarse != said_role_ || say.epoch != said_.epoch;
	said_ = say;
	said_role_ = coarse;
	PeerHello hello;
	hello.host = config_.host;
	hello.version = JEEBS_FORK_VERSION;
	hello.instance = instance_;
	hello.epoch = say.epoch;
	hello.role = coarse;
	link_.set_hello(std::move(hello));
	if (news && link_.is_up()) {
		Buffer b = link_.buffer();
		put_role(b, say.epoch, coarse);
		(void)link_.send(std::move(b));
	}
}

} // namespace jeebs
