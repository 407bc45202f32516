// SPDX-License-Identifier: ISC
// Lives and splits at random.
#include <boost/test/unit_test.hpp>

#include "role-world.hh"

using namespace jeebs;
using namespace jeebs::test;

BOOST_FIXTURE_TEST_SUITE(role_random, RoleWorld)

// The audit of advance() is the test. No partitions here: with those the LAN
// can't answer, and two primaries are possible (see the manual).
BOOST_AUTO_TEST_CASE(random_lives)
{
	for (unsigned seed = 1; seed <= 60; seed++) {
		RoleWorld w;
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
			case 3:
				w.loss = pick(0, 60);
				w.slow = std::chrono::milliseconds(
				    pick(0, 1) * pick(0, 3000));
				break;
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
		w.slow = {};
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
		RoleWorld w;
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
