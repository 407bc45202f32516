// SPDX-License-Identifier: ISC
// Two HeartbeatIo, each with its thread, over two paths of 127/8. This is where
// ThreadSanitizer sees that thread and the event loop at once.
#include <boost/test/unit_test.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include "heartbeat-io.hh"

using namespace jeebs;
using namespace std::chrono_literals;

namespace {

struct End {
	Config config;
	std::vector<HeartbeatHeard> heard;
	std::unique_ptr<HeartbeatIo> io;

	// n: which of the two. Addresses of this process alone.
	End(boost::asio::io_context &loop, int n,
	    std::chrono::milliseconds interval)
	{
		auto address = [](int path, int end) {
			return fmt::format("127.{}.{}.{}", getpid() >> 8 & 0xff,
			    getpid() & 0xff, 2 * path + end + 1);
		};
		config.host = n == 0 ? "alpha" : "beta";
		config.peer.name = n == 0 ? "beta" : "alpha";
		config.timing.heartbeat = interval;
		config.timing.lease = 150ms;
		for (int path = 0; path < 2; path++)
			config.heartbeats.push_back({address(path, n),
			    address(path, 1 - n), AF_INET, 7475});
		io = std::make_unique<HeartbeatIo>(loop, config, 100 + n,
		    [this](const HeartbeatHeard &h) { heard.push_back(h); });
	}

	uint64_t sent() const
	{
		return io->stats()[0].sent + io->stats()[1].sent;
	}
};

struct Ends {
	boost::asio::io_context loop;
	End alpha, beta;

	explicit Ends(std::chrono::milliseconds interval = 2ms)
	    : alpha(loop, 0, interval), beta(loop, 1, interval)
	{
		for (End *e : {&alpha, &beta}) {
			auto ok = e->io->start();
			BOOST_REQUIRE_MESSAGE(ok, (ok ? "" : ok.error().what));
			e->io->set_key(HeartbeatKey{1});
		}
	}
	~Ends()
	{
		alpha.io->stop();
		beta.io->stop();
	}

	// The event loop as the daemon has it, until done or for too long.
	template <class Done> bool run(Done done)
	{
		Time end = BootClock::now() + 10s;
		while (!done()) {
			if (BootClock::now() > end)
				return false;
			alpha.io->alive(BootClock::now());
			beta.io->alive(BootClock::now());
			loop.run_for(1ms);
		}
		return true;
	}
};

} // namespace

BOOST_AUTO_TEST_SUITE(heartbeat_thread)

BOOST_AUTO_TEST_CASE(all_that_is_said_is_heard)
{
	Ends ends;
	uint64_t epoch = 0;
	size_t paths[2] = {};

	bool came = ends.run([&] {
		HeartbeatSay say;
		say.state = RoleState::primary_protected;
		say.lease_until = time_never;
		say.epoch = ++epoch;
		(void)ends.alpha.io->say(say);
		say.state = RoleState::standby_ready;
		say.granting = true;
		(void)ends.beta.io->say(say);
		(void)ends.alpha.io->longest_pause();
		return ends.alpha.heard.size() >= 200 &&
		    ends.beta.heard.size() >= 200 &&
		    ends.beta.io->granted().lease == 150ms;
	});
	BOOST_TEST(came);
	uint64_t newest = 0;
	for (const HeartbeatHeard &h : ends.beta.heard) {
		BOOST_TEST(h.late == (h.beat.counter < newest));
		newest = std::max(newest, h.beat.counter);
		BOOST_REQUIRE(h.path < 2);
		paths[h.path]++;
		BOOST_TEST(h.beat.instance == 100U);
		BOOST_TEST((h.beat.state == RoleState::primary_protected));
	}
	BOOST_TEST(paths[0] > 0U);
	BOOST_TEST(paths[1] > 0U);
	for (End *e : {&ends.alpha, &ends.beta})
		for (const HeartbeatPathStats &s : e->io->stats())
			BOOST_TEST(s.refused == 0U);
	(void)ends.alpha.io->realtime();
}

BOOST_AUTO_TEST_CASE(a_grant_taken_back_is_the_last)
{
	Ends ends;
	HeartbeatSay say;

	say.state = RoleState::primary_protected;
	(void)ends.alpha.io->say(say);
	say.state = RoleState::standby_ready;
	say.granting = true;
	(void)ends.beta.io->say(say);
	BOOST_TEST(ends.run([&] {
		return ends.beta.io->granted().lease != Duration::zero();
	}));
	say.granting = false;
	HeartbeatGrant last = ends.beta.io->say(say);
	size_t n = ends.beta.heard.size();
	BOOST_TEST(ends.run([&] { return ends.beta.heard.size() > n + 50; }));
	BOOST_TEST((ends.beta.io->granted().received == last.received));
}

BOOST_AUTO_TEST_CASE(nothing_from_the_mute_nor_from_a_loop_that_hangs)
{
	Ends ends;
	HeartbeatSay say;

	say.state = RoleState::standby_ready;
	(void)ends.alpha.io->say(say);
	(void)ends.beta.io->say(say);
	BOOST_TEST(ends.run([&] { return ends.alpha.sent() > 10; }));
	say.mute = true;
	(void)ends.alpha.io->say(say);
	uint64_t sent = ends.alpha.sent();
	size_t n = ends.alpha.heard.size();
	BOOST_TEST(ends.run([&] { return ends.alpha.heard.size() > n + 50; }));
	BOOST_TEST(ends.alpha.sent() == sent);

	say.mute = false;
	(void)ends.alpha.io->say(say);
	BOOST_TEST(ends.run([&] { return ends.alpha.sent() > sent; }));
	ends.beta.io->alive(Time{});
	sent = ends.beta.sent();
	n = ends.beta.io->stats()[0].heard;
	while (ends.beta.io->stats()[0].heard < n + 50) {
		ends.alpha.io->alive(BootClock::now());
		ends.loop.run_for(1ms);
	}
	BOOST_TEST(ends.beta.sent() == sent);
}

BOOST_AUTO_TEST_CASE(another_key_is_refused)
{
	Ends ends;
	HeartbeatSay say;

	say.state = RoleState::standby_ready;
	(void)ends.alpha.io->say(say);
	(void)ends.beta.io->say(say);
	BOOST_TEST(ends.run([&] { return ends.beta.heard.size() > 10; }));
	// Twice: the one before is still taken.
	ends.alpha.io->set_key(HeartbeatKey{2});
	ends.alpha.io->set_key(HeartbeatKey{3});
	BOOST_TEST(ends.run([&] {
		return ends.beta.io->stats()[0].refused > 10;
	}));
	ends.beta.io->drain();
	size_t n = ends.beta.heard.size();
	uint64_t refused = ends.beta.io->stats()[1].refused;
	BOOST_TEST(ends.run([&] {
		return ends.beta.io->stats()[1].refused > refused + 10;
	}));
	BOOST_TEST(ends.beta.heard.size() == n);
}

BOOST_AUTO_TEST_CASE(the_loop_sends_what_the_thread_is_late_with)
{
	Ends ends(10s);
	HeartbeatSay say;

	say.state = RoleState::standby_ready;
	(void)ends.alpha.io->say(say);
	BOOST_REQUIRE(ends.run([&] { return ends.alpha.sent() == 2; }));
	const Time now = BootClock::now();
	ends.alpha.io->alive(now + 14s);
	BOOST_TEST(ends.alpha.sent() == 2U);
	ends.alpha.io->alive(now + 16s);
	BOOST_TEST(ends.alpha.sent() == 4U);
	BOOST_TEST(ends.run([&] { return ends.beta.heard.size() == 4; }));
}

BOOST_AUTO_TEST_SUITE_END()
