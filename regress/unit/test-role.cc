// SPDX-License-Identifier: ISC
// Two Roles on a pretended LAN: heartbeats, losses, crashes and freezes, and
// after every step the audit that no two hosts can be heard as the VIP.
#include <boost/test/unit_test.hpp>

#include <deque>
#include <memory>
#include <random>

#include "role.hh"

using namespace jeebs;
using namespace std::chrono_literals;

namespace {

constexpr Duration step = 5ms;

struct Packet {
	Time at;		// arrives, on the world's clock
	PeerReport report;
	uint64_t sent;		// sender's clock, ns
};

// One host: a Role, and what the daemon would do with its actions.
struct Host {
	Host(std::string self, std::string other, bool pref, Duration offset)
	    : name(self), clock_offset(offset)
	{
		config.host = self;
		config.peer.name = other;
		config.preferred = pref;
		config.heartbeats.resize(1);
		reset();
	}

	void reset()
	{
		role = std::make_unique<Role>(config);
		detector = std::make_unique<Detector>(config.timing, 1);
		instance++;
		peer_heard = 0;
	}

	Config config;
	std::string name;
	Duration clock_offset;
	std::unique_ptr<Role> role;
	std::unique_ptr<Detector> detector;
	std::vector<std::string> log;
	std::vector<ActionKind> done;
	std::deque<Packet> inbox;
	uint64_t instance = 100, stored_epoch = 0;
	uint64_t peer_heard = 0;	// its sending time that we echo
	Time peer_heard_at{};
	bool up = false, frozen = false;
	Time frozen_at{}, next_beat{};
	// The kernel's view: is the VIP here, and until when may it be heard?
	bool vip = false, enforced = true;
	Time lease_until{};
	bool taking_over = false, store = false;
	Time probe_at = time_never;
};

struct World {
	Time now = Time(24h);
	Host a{"alpha", "beta", true, 3h}, b{"beta", "alpha", false, 17h};
	bool cut_ab = false, cut_ba = false, link = true;
	bool clients = true;	// somebody uses the VIP all the time
	bool neighbours = false;	// somebody else is there
	bool mirror = false;	// the switch shows who addresses whom
	int loss = 0;
	std::mt19937 rng{1};

	static Time local(const Host &h, Time t) { return t + h.clock_offset; }
	Time at(const Host &h) const { return local(h, now); }
	Host &other(Host &h) { return &h == &a ? b : a; }

	bool audible(const Host &h) const
	{
		return h.vip && (!h.enforced || at(h) < h.lease_until);
	}

	void perform(Host &h, const Actions &actions)
	{
		for (const Action &x : actions) {
			h.done.push_back(x.kind);
			switch (x.kind) {
			case ActionKind::set_epoch:
				BOOST_TEST(x.epoch >= h.stored_epoch);
				h.stored_epoch = x.epoch;
				break;
			case ActionKind::block:
				h.enforced = true;
				h.lease_until = Time{};
				break;
			case ActionKind::serve_alone:
				h.vip = true;
				h.enforced = false;
				break;
			case ActionKind::serve_leased:
				h.vip = true;
				[[fallthrough]];
			case ActionKind::refresh:
				h.enforced = true;
				h.lease_until = at(h) + x.lease;
				break;
			case ActionKind::retire:
				h.vip = false;
				break;
			case ActionKind::clear_store:
				h.store = false;
				break;
			case ActionKind::probe:
				h.probe_at = now + 200ms;
				break;
			case ActionKind::take_over:
				h.taking_over = true;
				break;
			case ActionKind::abort:
				h.taking_over = false;
				break;
			case ActionKind::log:
				h.log.push_back(x.why);
				break;
			default:
				break;
			}
		}
	}

	void boot(Host &h)
	{
		h.up = true;
		h.frozen = false;
		h.taking_over = false;
		h.probe_at = time_never;
		h.inbox.clear();
		h.reset();
		perform(h, h.role->start(h.stored_epoch, h.vip, at(h)));
	}
	// Power cut: the address goes with the kernel.
	void crash(Host &h)
	{
		h.up = h.vip = h.store = h.frozen = false;
		if (!other(h).up)
			return;
		perform(other(h), other(h).role->link(false, at(other(h))));
	}
	// Only jeebsd: the kernel keeps the address and the lease.
	void kill(Host &h)
	{
		h.up = h.store = h.frozen = false;
	}
	void freeze(Host &h) { h.frozen = true; h.frozen_at = now; }
	void thaw(Host &h)
	{
		h.frozen = false;
		h.detector->clock_gap(at(h));
		perform(h, h.role->clock_gap(now - h.frozen_at, at(h)));
	}

	void send(Host &h)
	{
		Host &to = other(h);
		Role &r = *h.role;
		PeerReport p;
		bool cut = &h == &a ? cut_ab : cut_ba;

		p.state = r.state();
		if (p.state == RoleState::primary_protected &&
		    at(h) >= r.lease_until())
			p.state = RoleState::primary_stalled;
		p.flags = r.flags();
		p.instance = h.instance;
		p.epoch = r.epoch();
		p.lease = h.config.timing.lease;
		p.alone = h.config.timing.alone_after;
		if (h.peer_heard != 0) {
			p.echoed = Time(Duration(h.peer_heard));
			if (r.granting()) {
				p.flags |= hb_grant;
				r.granted(h.peer_heard_at,
				    to.config.timing.lease);
			}
		}
		if (cut || !to.up || std::uniform_int_distribution(0, 99)(rng)
		    < loss)
			return;
		to.inbox.push_back({now + 1ms, p, static_cast<uint64_t>(
		    at(h).time_since_epoch().count())});
	}

	void receive(Host &h)
	{
		while (!h.inbox.empty() && h.inbox.front().at <= now) {
			Packet p = h.inbox.front();
			h.inbox.pop_front();
			h.peer_heard = p.sent;
			h.peer_heard_at = at(h);
			h.detector->heard(0, at(h));
			perform(h, h.role->heartbeat(p.report, at(h)));
		}
	}

	void run(Host &h)
	{
		if (!h.up || h.frozen)
			return;
		receive(h);
		perform(h, h.role->link(link && other(h).up && !cut_ab &&
		    !cut_ba, at(h)));
		if (clients && h.vip && h.role->listening() &&
		    !audible(other(h)))
			perform(h, h.role->clients(ClientSign::here, at(h)));
		// Nobody answers them, or they address the other one's MAC.
		if (clients && !h.vip && h.role->listening() &&
		    !audible(other(h)))
			perform(h, h.role->clients(ClientSign::here, at(h)));
		if (mirror && clients && audible(other(h)))
			perform(h, h.role->clients(ClientSign::away, at(h)));
		perform(h, h.role->health(h.detector->health(at(h)), at(h)));
		if (h.role->next() <= at(h))
			perform(h, h.role->tick(at(h)));
		if (h.probe_at <= now) {
			h.probe_at = time_never;
			bool cut = cut_ab || cut_ba;
			std::optional<std::string> by;
			if (!cut && audible(other(h)))
				by = "somebody answers";
			perform(h, h.role->probed(by, neighbours, at(h)));
		}
		if (h.taking_over && at(h) >= h.role->silent_after()) {
			Actions out;
			h.taking_over = false;
			bool go = h.role->commit(false, at(h), out);
			perform(h, out);
			if (go) {
				h.vip = true;
				h.enforced = false;
				perform(h, h.role->took_over(true, at(h)));
			}
		}
		if (now >= h.next_beat) {
			h.next_beat = now + 50ms;
			send(h);
		}
	}

	// audit off: the split that ARCHITECTURE.md section 5 (d) excepts.
	void advance(Duration d, bool audit = true)
	{
		for (Time end = now + d; now < end;) {
			now += step;
			run(a);
			run(b);
			if (audit && audible(a) && audible(b))
				BOOST_FAIL("both serve: alpha "
				    << to_string(a.role->state()) << ", beta "
				    << to_string(b.role->state()));
		}
	}

	void protect()
	{
		boot(a);
		boot(b);
		advance(1s);
		BOOST_REQUIRE(a.role->state() ==
		    RoleState::primary_protected);
		BOOST_REQUIRE(b.role->state() == RoleState::standby_ready);
	}

	// Cut off from beta, alpha is stalled; beta, which hears others on the
	// LAN, has taken over.
	void overtaken_unheard()
	{
		clients = false;
		neighbours = true;
		protect();
		cut_ab = cut_ba = true;
		advance(1s);
		BOOST_REQUIRE(b.role->state() == RoleState::primary_alone);
		BOOST_REQUIRE(a.role->state() == RoleState::primary_stalled);
	}

	void config_alone_after(std::chrono::milliseconds d)
	{
		a.config.timing.alone_after = b.config.timing.alone_after = d;
	}

	bool did(const Host &h, ActionKind k) const
	{
		return std::find(h.done.begin(), h.done.end(), k) !=
		    h.done.end();
	}
};

} // namespace

#define STATE(h, s) BOOST_CHECK_EQUAL(to_string((h).role->state()), \
	to_string(RoleState::s))

BOOST_FIXTURE_TEST_SUITE(role, World)

BOOST_AUTO_TEST_CASE(both_start_and_the_preferred_one_serves_at_once)
{
	boot(a);
	boot(b);
	advance(100ms);
	BOOST_TEST(a.role->serving());
	advance(400ms);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
	BOOST_TEST(a.role->epoch() == 2u);
	BOOST_TEST(b.role->epoch() == 2u);
	BOOST_TEST(did(a, ActionKind::protect));
	BOOST_TEST(did(b, ActionKind::join));
}

BOOST_AUTO_TEST_CASE(without_a_preference_the_first_name_serves)
{
	a.config.preferred = b.config.preferred = false;
	boot(b);
	boot(a);
	advance(500ms);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
	b.config.preferred = a.config.preferred = true;
	crash(a);
	crash(b);
	boot(a);
	boot(b);
	advance(500ms);
	STATE(a, primary_protected);
}

BOOST_AUTO_TEST_CASE(a_primary_that_starts_first_serves_after_a_probe)
{
	boot(a);
	advance(1950ms);
	STATE(a, starting);
	advance(100ms);
	STATE(a, probing);
	advance(250ms);
	STATE(a, primary_alone);
	boot(b);
	advance(200ms);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
}

BOOST_AUTO_TEST_CASE(a_standby_that_starts_first_serves_and_keeps_it)
{
	boot(b);
	advance(3s);
	STATE(b, primary_alone);
	boot(a);
	advance(500ms);
	STATE(b, primary_protected);
	STATE(a, standby_ready);
}

BOOST_AUTO_TEST_CASE(an_answered_probe_keeps_a_host_from_serving)
{
	boot(a);
	advance(3s);
	STATE(a, primary_alone);
	boot(b);
	cut_ba = cut_ab = false;
	loss = 100;	// heartbeats only: the probe gets through
	link = false;
	advance(10s);
	STATE(b, probing);
	BOOST_TEST(!b.vip);
	int said = 0;
	for (auto &l : b.log)
		said += l.find("somebody answers") != std::string::npos;
	BOOST_TEST(said == 1);
	loss = 0;
	link = true;
	advance(500ms);
	STATE(b, standby_ready);
}

BOOST_AUTO_TEST_CASE(crash_and_takeover)
{
	protect();
	crash(a);
	advance(100ms);
	STATE(b, standby_ready);
	advance(150ms);
	STATE(b, standby_suspecting);
	BOOST_TEST(did(b, ActionKind::prepare));
	advance(350ms);
	STATE(b, primary_alone);
	BOOST_TEST(b.role->epoch() == 5u);
	BOOST_TEST(b.stored_epoch == 5u);
	boot(a);
	advance(500ms);
	STATE(a, standby_ready);
	STATE(b, primary_protected);
	crash(b);
	advance(600ms);
	STATE(a, primary_alone);
	BOOST_TEST(a.role->epoch() == 6u);
}

BOOST_AUTO_TEST_CASE(a_hiccup_is_no_failure)
{
	protect();
	cut_ab = cut_ba = true;
	advance(300ms);
	STATE(b, standby_suspecting);
	cut_ab = cut_ba = false;
	advance(100ms);
	STATE(b, standby_ready);
	STATE(a, primary_protected);
	BOOST_TEST(did(b, ActionKind::unprepare));
	BOOST_TEST(a.role->epoch() == 2u);
}

BOOST_AUTO_TEST_CASE(a_frozen_primary_finds_itself_retired)
{
	protect();
	freeze(a);
	advance(600ms);
	STATE(b, primary_alone);
	advance(10s);
	thaw(a);
	advance(20ms);
	BOOST_TEST(!audible(a));
	advance(500ms);
	STATE(a, standby_ready);
	STATE(b, primary_protected);
	BOOST_TEST(did(a, ActionKind::retire));
	BOOST_TEST(!a.vip);
}

BOOST_AUTO_TEST_CASE(a_short_freeze_costs_nothing)
{
	protect();
	freeze(a);
	advance(400ms);
	thaw(a);
	advance(200ms);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
}

BOOST_AUTO_TEST_CASE(a_dead_standby)
{
	protect();
	crash(b);
	advance(350ms);
	BOOST_TEST(audible(a));
	advance(300ms);
	STATE(a, primary_stalled);
	BOOST_TEST(!audible(a));
	advance(1s);
	STATE(a, primary_stalled);
	advance(1100ms);
	STATE(a, primary_alone);
	BOOST_TEST(did(a, ActionKind::detach));
	BOOST_TEST(a.role->epoch() == 4u);
	boot(b);
	advance(500ms);
	STATE(b, standby_ready);
	STATE(a, primary_protected);
}

BOOST_AUTO_TEST_CASE(a_host_that_nobody_hears_doesnt_go_alone)
{
	clients = false;
	protect();
	cut_ab = cut_ba = true;
	advance(60s);
	STATE(b, primary_alone);
	STATE(a, primary_stalled);
	cut_ab = cut_ba = false;
	advance(1s);
	STATE(b, primary_protected);
	STATE(a, standby_ready);
}

BOOST_AUTO_TEST_CASE(others_on_the_lan_are_enough)
{
	clients = false;
	neighbours = true;
	protect();
	crash(b);
	advance(1900ms);
	STATE(a, primary_stalled);
	advance(400ms);
	STATE(a, primary_alone);
}

BOOST_AUTO_TEST_CASE(of_two_primaries_the_one_with_sessions_stays)
{
	cut_ab = cut_ba = true;
	boot(a);
	boot(b);
	advance(5s, false);
	b.role->has_sessions(true);
	cut_ab = cut_ba = false;
	advance(1s, false);
	STATE(b, primary_protected);
	STATE(a, standby_ready);
}

BOOST_AUTO_TEST_CASE(the_first_client_ends_the_wait)
{
	clients = false;
	protect();
	crash(b);
	advance(1s);
	// What a client did before beta could have taken over says nothing.
	perform(a, a.role->clients(ClientSign::here, at(a)));
	advance(3s);
	STATE(a, primary_stalled);
	perform(a, a.role->clients(ClientSign::here, at(a)));
	advance(250ms);
	STATE(a, primary_alone);
}

BOOST_AUTO_TEST_CASE(somebody_else_speaks_as_the_vip)
{
	overtaken_unheard();
	// A mirroring switch shows what beta says.
	for (int i = 0; i < 20; i++) {
		perform(a, a.role->clients(ClientSign::elsewhere, at(a)));
		advance(500ms);
	}
	BOOST_TEST(!a.role->serving());
	STATE(a, probing);
	BOOST_TEST(did(a, ActionKind::retire));
	cut_ab = cut_ba = false;
	advance(1s);
	STATE(a, standby_ready);
	STATE(b, primary_protected);
}

// A mirroring switch shows that clients address the VIP to somebody else's MAC:
// in vain, if that one is dead, but to a host that served it says that it has
// been taken over from.
BOOST_AUTO_TEST_CASE(clients_address_another_mac)
{
	overtaken_unheard();
	perform(a, a.role->clients(ClientSign::away, at(a)));
	advance(2s);
	BOOST_TEST(!a.role->serving());
	BOOST_TEST(did(a, ActionKind::retire));
	// After that it takes one that asks in vain, and not only now and then,
	// to believe in beta's death.
	for (int i = 0; i < 20; i++) {
		perform(a, a.role->clients(ClientSign::here, at(a)));
		perform(a, a.role->clients(ClientSign::away, at(a)));
		advance(500ms);
	}
	STATE(a, probing);
	kill(b);
	b.vip = false;
	perform(a, a.role->clients(ClientSign::here, at(a)));
	advance(2s);
	STATE(a, primary_alone);
}

// It doesn't hinder a host that only looks for who serves.
BOOST_AUTO_TEST_CASE(clients_address_a_dead_mac)
{
	clients = false;
	boot(a);
	for (int i = 0; i < 6; i++) {
		perform(a, a.role->clients(ClientSign::away, at(a)));
		advance(500ms);
	}
	STATE(a, primary_alone);
}

// Clients fall silent after they were seen to address beta: alpha doesn't take
// that for beta's death, nor after it has retired.
BOOST_AUTO_TEST_CASE(idle_clients_in_a_split)
{
	overtaken_unheard();
	perform(a, a.role->clients(ClientSign::away, at(a)));
	clients = false;
	advance(120s);
	BOOST_TEST(!a.role->serving());
	STATE(a, probing);
	STATE(b, primary_alone);
	// Then beta dies, and somebody comes.
	crash(b);
	advance(10s);
	BOOST_TEST(!a.role->serving());
	perform(a, a.role->clients(ClientSign::here, at(a)));
	advance(2s);
	STATE(a, primary_alone);
}

// The same, seen after alone-after began to count and before it was over: the
// sign is older than what a probe takes for news.
BOOST_AUTO_TEST_CASE(a_sign_that_is_old)
{
	config_alone_after(10s);
	overtaken_unheard();
	perform(a, a.role->clients(ClientSign::away, at(a)));
	advance(120s);
	BOOST_TEST(!did(a, ActionKind::detach));
	cut_ab = cut_ba = false;
	advance(1s);
	STATE(b, primary_protected);
	STATE(a, standby_ready);
}

// A client that was seen at another MAC, and then is back: both are stale news
// of a LAN in which nobody else serves.
BOOST_AUTO_TEST_CASE(a_client_that_comes_back)
{
	config_alone_after(10s);
	clients = false;
	neighbours = true;
	protect();
	crash(b);
	advance(2s);
	perform(a, a.role->clients(ClientSign::away, at(a)));
	advance(11s);
	STATE(a, probing);
	BOOST_TEST(!did(a, ActionKind::detach));
	perform(a, a.role->clients(ClientSign::here, at(a)));
	advance(2s);
	STATE(a, primary_alone);
}

BOOST_AUTO_TEST_CASE(a_standby_that_resigns)
{
	protect();
	kill(b);
	perform(a, a.role->resigned(at(a)));
	STATE(a, primary_alone);
	BOOST_TEST(audible(a));
	BOOST_TEST(a.role->epoch() == 4u);
}

BOOST_AUTO_TEST_CASE(a_standby_whose_jeebsd_started_anew)
{
	protect();
	kill(b);
	boot(b);
	advance(100ms);
	BOOST_TEST(a.role->epoch() == 4u);
	advance(200ms);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
	BOOST_TEST(did(a, ActionKind::detach));
}

BOOST_AUTO_TEST_CASE(a_frozen_standby_comes_too_late)
{
	protect();
	freeze(b);
	b.store = true;
	advance(2500ms);
	STATE(a, primary_alone);
	crash(a);
	advance(1s);
	thaw(b);
	advance(1s);
	BOOST_TEST(!did(b, ActionKind::take_over));
	BOOST_TEST(!b.store);
	advance(3s);
	STATE(b, primary_alone);
}

BOOST_AUTO_TEST_CASE(a_frozen_standby_reads_old_heartbeats)
{
	protect();
	freeze(b);
	b.store = true;
	// Its socket keeps the heartbeats of the protected primary only: the
	// later ones found no room.
	advance(400ms);
	auto kept = b.inbox;
	advance(10s);
	b.inbox = kept;
	crash(a);
	thaw(b);
	advance(5s);
	BOOST_TEST(!did(b, ActionKind::take_over));
	BOOST_TEST(!b.store);
}

BOOST_AUTO_TEST_CASE(a_dead_link_with_live_heartbeats)
{
	protect();
	link = false;
	advance(1900ms);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
	advance(400ms);
	STATE(a, primary_alone);
	STATE(b, standby_joining);
	BOOST_TEST(a.role->epoch() == 4u);
	link = true;
	advance(300ms);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
}

BOOST_AUTO_TEST_CASE(the_standby_is_deaf)
{
	protect();
	cut_ab = true;	// beta hears nothing, alpha hears beta
	advance(700ms);
	STATE(b, primary_alone);
	advance(100ms);
	STATE(a, standby_joining);
	BOOST_TEST(!a.vip);
}

BOOST_AUTO_TEST_CASE(the_primary_is_deaf)
{
	protect();
	cut_ba = true;	// beta hears alpha, alpha nothing
	advance(1900ms);
	STATE(a, primary_stalled);
	BOOST_TEST(!did(b, ActionKind::take_over));
	advance(1s);
	STATE(a, primary_alone);
	BOOST_TEST(!b.vip);
	cut_ba = false;
	advance(1s);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
}

BOOST_AUTO_TEST_CASE(jeebsd_of_the_primary_starts_anew_on_a_live_host)
{
	protect();
	kill(a);
	advance(200ms);
	boot(a);
	advance(100ms);
	STATE(a, primary_protected);
	BOOST_TEST(a.role->epoch() == 4u);
	STATE(b, standby_ready);
	BOOST_TEST(!did(b, ActionKind::take_over));
}

BOOST_AUTO_TEST_CASE(jeebsd_of_the_primary_stays_dead)
{
	protect();
	kill(a);
	b.detector->link_closed(at(b));
	for (int i = 0; i < 9; i++) {
		b.detector->service_answered(at(b));
		advance(100ms);
	}
	STATE(b, standby_suspecting);
	for (int i = 0; i < 6; i++) {
		b.detector->service_answered(at(b));
		advance(100ms);
	}
	STATE(b, primary_alone);
	BOOST_TEST(!audible(a));
	boot(a);
	advance(500ms);
	STATE(a, standby_ready);
	BOOST_TEST(did(a, ActionKind::retire));
}

BOOST_AUTO_TEST_CASE(a_primary_that_rebooted_faster_than_detection)
{
	protect();
	crash(a);
	advance(200ms);
	boot(a);
	advance(600ms);
	STATE(b, primary_protected);
	STATE(a, standby_ready);
}

BOOST_AUTO_TEST_CASE(two_primaries_with_equal_epochs)
{
	cut_ab = cut_ba = true;
	boot(a);
	boot(b);
	advance(5s, false);
	STATE(a, primary_alone);
	STATE(b, primary_alone);
	BOOST_TEST(generation(a.role->epoch()) ==
	    generation(b.role->epoch()));
	BOOST_TEST(a.role->epoch() != b.role->epoch());
	cut_ab = cut_ba = false;
	advance(100ms, false);
	BOOST_TEST(a.role->serving());
	BOOST_TEST(!b.role->serving());
	int said = 0;
	for (auto &l : b.log)
		said += l.find("two primaries") != std::string::npos;
	BOOST_TEST(said == 1);
	advance(1s);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
}

BOOST_AUTO_TEST_CASE(two_primaries_the_newer_epoch_stays)
{
	b.stored_epoch = 5;
	cut_ab = cut_ba = true;
	boot(a);
	boot(b);
	advance(5s, false);
	cut_ab = cut_ba = false;
	advance(1s, false);
	STATE(b, primary_protected);
	STATE(a, standby_ready);
	BOOST_TEST(a.role->epoch() == 7u);
}

// alpha doesn't know that beta took over from it, and takes another number.
BOOST_AUTO_TEST_CASE(the_old_primary_returns_while_the_new_one_fails)
{
	protect();
	crash(a);
	advance(1s);
	STATE(b, primary_alone);
	uint64_t theirs = b.role->epoch();
	crash(b);
	boot(a);
	advance(3s);
	STATE(a, primary_alone);
	BOOST_TEST(a.role->epoch() != theirs);
	boot(b);
	advance(1s);
	STATE(a, primary_protected);
	BOOST_TEST(a.role->epoch() > theirs);
}

BOOST_AUTO_TEST_CASE(a_standby_with_a_newer_epoch_is_overtaken)
{
	b.stored_epoch = 9;
	boot(a);
	advance(3s);
	BOOST_TEST(a.role->epoch() == 2u);
	boot(b);
	advance(1s);
	STATE(a, primary_protected);
	STATE(b, standby_ready);
	BOOST_TEST(a.role->epoch() == 10u);
}

BOOST_AUTO_TEST_CASE(a_lone_primary_that_was_away_makes_sure)
{
	boot(a);
	advance(3s);
	STATE(a, primary_alone);
	freeze(a);
	advance(10s);
	thaw(a);
	BOOST_TEST(!audible(a));
	advance(300ms);
	STATE(a, primary_alone);
	BOOST_TEST(a.role->epoch() == 2u);
	BOOST_TEST(audible(a));
}

BOOST_AUTO_TEST_CASE(a_primary_that_stops_on_purpose)
{
	protect();
	// Its host serves on, without a lease.
	kill(a);
	a.enforced = false;
	perform(b, b.role->resigned(at(b)));
	STATE(b, starting);
	BOOST_TEST(!b.store);
	advance(10s);
	BOOST_TEST(!b.vip);
	STATE(b, probing);
	crash(a);
	advance(2s);
	STATE(b, primary_alone);
}

BOOST_AUTO_TEST_CASE(fencing_decides_where_it_is_configured)
{
	a.config.fence = {"/sbin/fence"};
	protect();
	crash(b);
	advance(2100ms);
	STATE(a, primary_stalled);
	BOOST_TEST(did(a, ActionKind::fence));
	BOOST_TEST(!did(a, ActionKind::probe));
	perform(a, a.role->fenced(false, at(a)));
	STATE(a, primary_stalled);
	advance(1100ms);
	perform(a, a.role->fenced(true, at(a)));
	STATE(a, primary_alone);
}

BOOST_AUTO_TEST_CASE(a_failed_takeover)
{
	protect();
	crash(a);
	advance(500ms);
	// Before the VIP was taken: back, and again.
	b.taking_over = false;
	if (b.role->state() == RoleState::taking_over) {
		perform(b, b.role->took_over(false, at(b)));
		STATE(b, standby_suspecting);
	}
	advance(100ms);
	STATE(b, primary_alone);
}

// The audit of advance() is the test. No partitions here: with those the LAN
// can't answer, and two primaries are possible (see the manual).
BOOST_AUTO_TEST_CASE(random_lives)
{
	for (unsigned seed = 1; seed <= 60; seed++) {
		World w;
		w.rng.seed(seed);
		auto pick = [&](int lo, int hi) {
			return std::uniform_int_distribution(lo, hi)(w.rng);
		};
		w.boot(w.a);
		w.boot(w.b);
		for (int i = 0; i < 60; i++) {
			Host &h = pick(0, 1) ? w.a : w.b;
			switch (pick(0, 7)) {
			case 0:
				if (h.up && w.other(h).up)
					w.crash(h);
				break;
			case 1:
				if (h.up && w.other(h).up)
					w.kill(h);
				break;
			case 2:
				if (h.up && !h.frozen)
					w.freeze(h);
				break;
			case 3: w.loss = pick(0, 60); break;
			case 4: w.link = pick(0, 3) != 0; break;
			default:
				w.loss = 0;
				w.link = true;
				for (Host *x : { &w.a, &w.b }) {
					if (x->frozen)
						w.thaw(*x);
					else if (!x->up)
						w.boot(*x);
				}
			}
			BOOST_TEST_CONTEXT("seed " << seed << " event " << i)
				w.advance(std::chrono::milliseconds(
				    pick(1, 3000)));
		}
		// Whatever happened, they find together again.
		for (Host *x : { &w.a, &w.b }) {
			if (x->frozen)
				w.thaw(*x);
			else if (!x->up)
				w.boot(*x);
		}
		w.loss = 0;
		w.link = true;
		w.advance(10s);
		BOOST_TEST_CONTEXT("seed " << seed << ": "
		    << to_string(w.a.role->state()) << ", "
		    << to_string(w.b.role->state())) {
			BOOST_TEST(w.a.role->serving() !=
			    w.b.role->serving());
			BOOST_TEST((w.a.role->state() ==
			    RoleState::primary_protected ||
			    w.b.role->state() ==
			    RoleState::primary_protected));
		}
	}
}

// Both hosts reach the clients, and not each other: what the manual says holds
// where the switch shows what clients do.
BOOST_AUTO_TEST_CASE(random_splits)
{
	for (unsigned seed = 1; seed <= 40; seed++) {
		World w;
		w.rng.seed(seed);
		auto pick = [&](int lo, int hi) {
			return std::uniform_int_distribution(lo, hi)(w.rng);
		};
		w.mirror = w.neighbours = true;
		w.protect();
		for (int i = 0; i < 25; i++) {
			int kind = pick(1, 3);
			w.cut_ab = kind != 3;
			w.cut_ba = kind != 2;
			BOOST_TEST_CONTEXT("seed " << seed << " event " << i) {
				// Idle at times, but not while a host begins
				// to serve: that one asks where they stand.
				w.advance(std::chrono::milliseconds(
				    pick(1000, 2200)));
				w.clients = pick(0, 1);
				w.advance(std::chrono::milliseconds(
				    pick(1, 20000)));
				w.cut_ab = w.cut_ba = false;
				w.clients = true;
				w.advance(3s);
			}
		}
		BOOST_TEST_CONTEXT("seed " << seed) {
			BOOST_TEST(w.a.role->serving() !=
			    w.b.role->serving());
		}
	}
}

BOOST_AUTO_TEST_SUITE_END()
