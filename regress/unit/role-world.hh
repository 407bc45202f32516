// SPDX-License-Identifier: ISC
// Two Roles on a pretended LAN: heartbeats, losses, crashes and freezes, and
// after every step the audit that no two hosts can be heard as the VIP.
// Owner: the test. Single-threaded, on a clock of its own.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "heartbeat-order.hh"
#include "role.hh"

namespace jeebs::test {

using namespace std::chrono_literals;

struct RoleWorld {
	static constexpr Duration step = 5ms;

	struct Packet {
		Time at;		// arrives, on the world's clock
		PeerReport report;
		uint64_t counter;
		uint64_t sent;		// sender's clock, ns
	};

	// One host: a Role, and what the daemon would do with its actions.
	struct Host {
		Host(std::string self, std::string other, bool pref,
		    Duration offset)
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
			counter = 0;
			peer_heard = 0;
			order = {};
		}

		Config config;
		std::string name;
		Duration clock_offset;
		std::unique_ptr<Role> role;
		std::unique_ptr<Detector> detector;
		std::vector<std::string> log;
		std::vector<ActionKind> done;
		std::deque<Packet> inbox;
		uint64_t instance = 100, counter = 0, stored_epoch = 0;
		HeartbeatOrder order;
		uint64_t peer_heard = 0;	// its sending time that we echo
		Time peer_heard_at{};
		bool up = false, frozen = false;
		Time frozen_at{}, next_beat{};
		// The kernel's view: is the VIP here, and until when may it be
		// heard?
		bool vip = false, enforced = true;
		Time lease_until{};
		bool taking_over = false, store = false;
		Time probe_at = time_never;
	};

	Time now = Time(24h);
	Host a{"alpha", "beta", true, 3h}, b{"beta", "alpha", false, 17h};
	bool cut_ab = false, cut_ba = false, link = true;
	bool clients = true;	// somebody uses the VIP all the time
	bool neighbours = false;	// somebody else is there
	bool mirror = false;	// the switch shows who addresses whom
	int loss = 0;
	// Each heartbeat goes by two paths; the second takes so much longer.
	Duration slow{};
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
		for (Duration later : {Duration{}, slow}) {
			const uint64_t counter = ++h.counter;
			if (cut || !to.up ||
			    std::uniform_int_distribution(0, 99)(rng) < loss)
				continue;
			Packet packet{now + 1ms + later, p, counter,
			    static_cast<uint64_t>(
			    at(h).time_since_epoch().count())};
			to.inbox.insert(std::upper_bound(to.inbox.begin(),
			    to.inbox.end(), packet.at,
			    [](Time t, const Packet &x) { return t < x.at; }),
			    packet);
		}
	}

	void receive(Host &h)
	{
		while (!h.inbox.empty() && h.inbox.front().at <= now) {
			Packet p = h.inbox.front();
			h.inbox.pop_front();
			h.detector->heard(0, at(h));
			if (!h.order.is_news(p.report.instance, p.counter))
				continue;
			h.peer_heard = p.sent;
			h.peer_heard_at = at(h);
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

} // namespace jeebs::test

#define STATE(h, s) BOOST_CHECK_EQUAL(to_string((h).role->state()), \
	to_string(RoleState::s))
