// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include "recovery.hh"

using namespace jeebs;
using namespace std::chrono_literals;

namespace {

struct Fixture {
	StoredSession s;
	TapFacts f;
	SteadyTime now = SteadyTime(1h);

	Fixture()
	{
		s.sid = 7;
		s.adoptable = true;
		s.first_off = 1000;
		s.acked_off = 1100;
		s.out_end = 1500;
		s.in_off = 300;
		s.tcp.ts_val = 0xfffffff0;
		s.tcp.mss = 1460;
		s.tcp.snd_wnd = 65536;
		s.tcp_at = now - 700ms;
	}
	AdoptPlan plan(bool tapped = true, uint64_t known_to = 300,
	    bool fin = false)
	{
		InputPlan input;
		input.known_to = input.highest = known_to;
		input.fin = fin;
		return plan_adoption(s, tapped ? &f : nullptr, input, now);
	}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(recovery, Fixture)

BOOST_AUTO_TEST_CASE(from_the_record_alone)
{
	auto p = plan(false);
	BOOST_TEST(p.possible);
	BOOST_TEST(p.sid == 7u);
	BOOST_TEST(p.acked == 1100u);
	BOOST_TEST(p.in_off == 300u);
	BOOST_TEST(p.unacked == 400u);
	// Past the wrap: 700 ms went by, and the margin.
	BOOST_TEST(p.ts_val == 0xfffffff0 + 1700u);
	BOOST_TEST(!p.probe);
}

BOOST_AUTO_TEST_CASE(an_ack_that_was_sniffed_moves_nothing)
{
	f.client_seen = true;
	for (uint64_t ack : {1050, 1400, 1500}) {
		f.client_ack = ack;
		BOOST_TEST(plan().acked == 1100u);
		BOOST_TEST(plan().unacked == 400u);
		BOOST_TEST(!plan().probe);
	}
	// If that were true, nobody could go on: the client is asked.
	f.client_ack = 1501;
	BOOST_TEST(plan().possible);
	BOOST_TEST(plan().probe);
	BOOST_TEST(plan().acked == 1100u);
}

BOOST_AUTO_TEST_CASE(a_byte_that_the_tap_missed)
{
	f.server_seen = true;
	f.server_ack = 320;
	BOOST_TEST(plan(true, 320).possible);
	BOOST_TEST(!plan(true, 319).possible);
	BOOST_TEST(plan(true, 319).reason == "client byte in flight never "
	    "seen: the dead host had ACKed 1 more");
	BOOST_TEST(plan(true, 319, true).possible);
}

BOOST_AUTO_TEST_CASE(sessions_that_are_none)
{
	s.adoptable = false;
	BOOST_TEST(plan().reason == "its first record hadn't arrived");
	s.adoptable = true;
	s.first_off = 1101;
	BOOST_TEST(!plan().possible);
	s.ended = true;
	BOOST_TEST(!plan().possible);
}

BOOST_AUTO_TEST_CASE(what_an_ended_session_owes)
{
	s.ended = true;
	f.server_seen = true;
	f.server_ack = 320;
	BOOST_TEST(plan(true, 300).possible);
	BOOST_TEST(plan(true, 300).unacked == 400u);
	f.client_seen = true;
	f.client_ack = s.out_end + 1;
	BOOST_TEST(plan().probe);
}

BOOST_AUTO_TEST_CASE(a_probe_only_where_the_point_matters)
{
	s.out_end = s.acked_off + first_window(s.tcp);
	BOOST_TEST(first_window(s.tcp) == 12000U);
	BOOST_TEST(!plan(false).probe);
	s.out_end++;
	BOOST_TEST(plan(false).probe);
	// A client whose segments are small, one that takes little, or nothing.
	s.tcp.mss = 536;
	BOOST_TEST(first_window(s.tcp) == 4960U);
	s.tcp.snd_wnd = 300;
	BOOST_TEST(first_window(s.tcp) == 300U);
	s.tcp.snd_wnd = 0;
	s.out_end = s.acked_off + 1;
	BOOST_TEST(plan(false).probe);
	s.out_end = s.acked_off;
	BOOST_TEST(!plan(false).probe);
	s.out_end = s.acked_off + 12001;
	f.client_seen = true;	// that may have been anybody
	f.client_ack = s.out_end;
	BOOST_TEST(plan().probe);
	auto p = plan(false);
	BOOST_TEST(apply_ack(p, s, 1050));
	BOOST_TEST(p.acked == 1100u);
	BOOST_TEST(apply_ack(p, s, s.out_end));
	BOOST_TEST(p.unacked == 0u);
	BOOST_TEST(!apply_ack(p, s, s.out_end + 1));
	BOOST_TEST(!p.possible);
	BOOST_TEST(p.reason ==
	    "the client ACKed 1 bytes that never arrived here");
}

BOOST_AUTO_TEST_CASE(interactive_sessions_first)
{
	std::vector<AdoptPlan> v(3);
	v[0].sid = 1;
	v[0].unacked = 1000000;
	v[1].sid = 2;
	v[2].sid = 3;
	order_plans(v);
	BOOST_TEST(v[0].sid == 2u);
	BOOST_TEST(v[1].sid == 3u);
	BOOST_TEST(v[2].sid == 1u);
}

BOOST_AUTO_TEST_CASE(a_hole_is_found)
{
	using V = GapWatch::Verdict;
	FakeClock c;
	GapWatch w(300, 3s, c.now());
	auto none = std::nullopt;

	BOOST_CHECK(w.look(0, 310, none, c.now()) == V::watch);
	c.advance(2900ms);
	BOOST_CHECK(w.look(0, 310, none, c.now()) == V::watch);
	c.advance(100ms);
	BOOST_CHECK(w.look(0, 310, none, c.now()) == V::hole);
}

BOOST_AUTO_TEST_CASE(what_is_no_hole)
{
	using V = GapWatch::Verdict;
	FakeClock c;
	auto none = std::nullopt;
	{	// the client sends it again
		GapWatch w(300, 3s, c.now());
		BOOST_CHECK(w.look(0, 310, none, c.now()) == V::watch);
		c.advance(2s);
		BOOST_CHECK(w.look(10, 310, none, c.now()) == V::watch);
		c.advance(1s);
		BOOST_CHECK(w.look(10, 310, none, c.now()) == V::clean);
	}
	{	// it tries, our window is closed
		GapWatch w(300, 3s, c.now());
		for (int i = 0; i < 20; i++) {
			BOOST_CHECK(w.look(0, 301, 300, c.now()) == V::watch);
			c.advance(1s);
		}
	}
	{	// an upload is always a little ahead
		GapWatch w(300, 3s, c.now());
		for (uint64_t i = 0; i < 20; i++) {
			BOOST_CHECK(w.look(i * 1000, 1500 + i * 1000, none,
			    c.now()) == V::watch);
			c.advance(1s);
		}
	}
	{	// nothing heard
		GapWatch w(300, 3s, c.now());
		c.advance(2999ms);
		BOOST_CHECK(w.look(0, none, none, c.now()) == V::watch);
		c.advance(1ms);
		BOOST_CHECK(w.look(0, none, none, c.now()) == V::clean);
	}
}

BOOST_AUTO_TEST_SUITE_END()

namespace {

struct Table {
	FakeClock clock;
	TakeoverReport report;
	std::vector<std::string> calls;
	std::optional<Result<void>> result;
	std::function<void(Result<void>)> pending;
	std::vector<Step> steps;
	std::unique_ptr<StepRunner> runner;

	void step(const std::string &name, bool ok = true)
	{
		steps.push_back({name, [this, name, ok](auto done) {
			calls.push_back(name);
			clock.advance(10ms);
			if (ok)
				done({});
			else
				done(fail("broken"));
		}, [this, name] { calls.push_back("undo " + name); }});
	}
	void slow(const std::string &name)
	{
		steps.push_back({name, [this, name](auto done) {
			calls.push_back(name);
			pending = done;
		}, [this, name] { calls.push_back("undo " + name); }});
	}
	void run()
	{
		runner = std::make_unique<StepRunner>(steps, report,
		    [this] { return clock.now(); },
		    [this](Result<void> r) { result = std::move(r); });
		runner->start();
	}
};

using Calls = std::vector<std::string>;

} // namespace

BOOST_FIXTURE_TEST_SUITE(step_table, Table)

BOOST_AUTO_TEST_CASE(in_order_with_times)
{
	Time t0 = clock.now();
	step("a");
	step("b");
	run();
	BOOST_REQUIRE(result);
	BOOST_TEST(result->has_value());
	BOOST_CHECK((calls == Calls{"a", "b"}));
	BOOST_REQUIRE(report.steps.size() == 2u);
	BOOST_CHECK(report.steps[1].start == t0 + 10ms);
	BOOST_CHECK(report.steps[1].end == t0 + 20ms);
	BOOST_TEST(report.steps[1].done);
	runner->cancel();
	BOOST_TEST(calls.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_failure_undoes_the_last_first)
{
	step("a");
	step("b");
	step("c", false);
	step("d");
	run();
	BOOST_REQUIRE(result);
	BOOST_REQUIRE(!result->has_value());
	BOOST_TEST(result->error().what == "c: broken");
	BOOST_CHECK((calls == Calls{"a", "b", "c", "undo c", "undo b",
	    "undo a"}));
	BOOST_TEST(!report.steps[2].ok);
	runner->cancel();
	BOOST_TEST(calls.size() == 6u);
}

BOOST_AUTO_TEST_CASE(cancelled_half_way)
{
	step("a");
	slow("b");
	step("c");
	run();
	BOOST_TEST(!result);
	runner->cancel();
	BOOST_CHECK((calls == Calls{"a", "b", "undo b", "undo a"}));
	pending({});
	BOOST_TEST(!result);
	BOOST_TEST(calls.size() == 4u);
	runner.reset();
	pending({});
}

BOOST_AUTO_TEST_CASE(a_slow_step_goes_on_once)
{
	slow("a");
	step("b");
	run();
	clock.advance(50ms);
	auto twice = pending;
	pending({});
	twice(fail("late"));
	BOOST_REQUIRE(result);
	BOOST_TEST(result->has_value());
	BOOST_CHECK((calls == Calls{"a", "b"}));
}

BOOST_AUTO_TEST_CASE(a_span_covers_all)
{
	Time t = clock.now();
	report.span("go", t + 5ms, t + 6ms);
	report.span("go", t + 3ms, t + 4ms);
	report.span("go", t + 4ms, t + 9ms);
	BOOST_REQUIRE(report.steps.size() == 1u);
	BOOST_CHECK(report.steps[0].start == t + 3ms);
	BOOST_CHECK(report.steps[0].end == t + 9ms);
}

BOOST_AUTO_TEST_SUITE_END()
