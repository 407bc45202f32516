// SPDX-License-Identifier: ISC
// What one session or user can't have at the expense of others: the link, places,
// memory.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <memory>

#include "export-primary.hh"

using namespace jeebs;
using namespace jeebs::test;

namespace {

struct SharedLink : ExportPrimary {
	// Three records each, for a link that is full until all have theirs;
	// then it has room for one at a time.
	void queue_three(const std::vector<std::unique_ptr<FakeSshd>> &all)
	{
		sink.full = true;
		for (auto &s : all)
			for (int i = 0; i < 3; i++)
				BOOST_REQUIRE(s->write(JEEBS_REC_PROGRESS, 10));
		settle();
		io.run_for(20ms);
		BOOST_TEST(sink.sent.empty());
		sink.full = false;
		sink.room = 1;
	}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(export_shares, SharedLink)

BOOST_AUTO_TEST_CASE(a_full_link_holds_the_rings_back)
{
	server->standby_up("k", 7);
	FakeSshd s(path);
	registered(s);
	auto sid = opened(s, 1);
	checkpointed(s, sid);
	sink.full = true;
	BOOST_REQUIRE(s.write(JEEBS_REC_PROGRESS, 10));
	settle();
	io.run_for(20ms);
	BOOST_TEST(sink.sent.empty());
	sink.full = false;
	sink.on_drained();
	BOOST_TEST((frame().type == FrameType::record));
	// The link is lost while a ring waits for it.
	sink.full = true;
	BOOST_REQUIRE(s.write(JEEBS_REC_PROGRESS, 10));
	settle();
	io.run_for(20ms);
	server->link_down();
	sink.full = false;
	server->standby_up("k", 7);
	auto again = opened(s, 2);
	checkpointed(s, again);
	BOOST_TEST(only().is_protected);
}

BOOST_AUTO_TEST_CASE(everybody_has_a_turn_on_a_full_link)
{
	server->standby_up("k", 7);
	std::vector<std::unique_ptr<FakeSshd>> all;
	std::vector<uint64_t> sids, order, want;
	for (uint8_t i = 1; i <= 3; i++) {
		all.push_back(std::make_unique<FakeSshd>(path));
		registered(*all.back());
		sids.push_back(opened(*all.back(), i));
		checkpointed(*all.back(), sids.back());
	}
	queue_three(all);
	for (int i = 0; i < 9; i++) {
		sink.on_drained();
		auto f = sink.take();
		BOOST_REQUIRE((f.type == FrameType::record));
		order.push_back(get_record(f.payload.bytes())->sid);
		want.push_back(sids[static_cast<size_t>(i % 3)]);
	}
	BOOST_TEST(order == want, boost::test_tools::per_element());
}

// Four sessions of one user and one of another: that one is second, at worst.
BOOST_AUTO_TEST_CASE(a_user_of_many_sessions_has_one_turn)
{
	server->standby_up("k", 7);
	std::vector<std::unique_ptr<FakeSshd>> all;
	std::vector<uint64_t> sids;
	for (uint8_t i = 1; i <= 5; i++) {
		all.push_back(std::make_unique<FakeSshd>(path));
		BOOST_REQUIRE(all.back()->hello(i == 5 ? "bob" : "ann")
		    .has_value());
		sids.push_back(opened(*all.back(), i));
		checkpointed(*all.back(), sids.back());
	}
	queue_three(all);
	int bobs = 0;
	for (int i = 0; i < 6; i++) {
		sink.on_drained();
		auto f = sink.take();
		bobs += get_record(f.payload.bytes())->sid == sids[4];
	}
	BOOST_TEST(bobs == 3);
}

BOOST_AUTO_TEST_CASE(one_user_cant_take_all_places)
{
	std::vector<std::unique_ptr<FakeSshd>> all;
	while (all.size() < places / 2) {
		all.push_back(std::make_unique<FakeSshd>(path));
		registered(*all.back());
	}
	FakeSshd more(path);
	BOOST_REQUIRE(more.hello().has_value());
	auto m = message(more);
	BOOST_TEST(m.type == JEEBS_MSG_DETACH);
	BOOST_TEST(reason(m).find("one user") != std::string::npos);
	BOOST_TEST(hung_up(more));
	BOOST_TEST(server->sessions().size() == places / 2);
	// Its output waits for a commit: it had a place and can't go on alone.
	FakeSshd waits(path);
	waits.attached = 1;
	registered(waits);
	FakeSshd other(path);
	BOOST_REQUIRE(other.hello("bob").has_value());
	BOOST_REQUIRE(run_until([&] {
		return server->sessions().size() == places / 2 + 2;
	}));
	// Places come back.
	all.resize(all.size() - 3);
	BOOST_REQUIRE(run_until([&] {
		return server->sessions().size() == places / 2 - 1;
	}));
	FakeSshd again(path);
	registered(again);
}

BOOST_AUTO_TEST_CASE(connections_that_say_nothing_are_few)
{
	std::vector<std::unique_ptr<FakeSshd>> all;
	for (int i = 0; i < 128; i++) {
		all.push_back(std::make_unique<FakeSshd>(path));
		settle();
	}
	FakeSshd more(path);
	BOOST_TEST(hung_up(more));
	all.pop_back();
	settle();
	FakeSshd good(path);
	registered(good);
}

BOOST_AUTO_TEST_CASE(one_users_unfinished_records_are_bounded)
{
	server->standby_up("k", 7);
	std::vector<std::unique_ptr<FakeSshd>> all;
	std::vector<uint8_t> part((JEEBS_MAX_RECORD) - 1);
	for (uint8_t i = 1; i <= 7; i++) {
		all.push_back(std::make_unique<FakeSshd>(path));
		BOOST_REQUIRE(all.back()->hello(i == 1 ? "bob" : "ann")
		    .has_value());
		BOOST_REQUIRE(run_until([&] {
			return server->sessions().size() == i;
		}));
		auto offer = message(*all.back());
		all.back()->accept(offer, i);
		BOOST_REQUIRE(run_until([&] {
			return server->sessions().back().state == "open";
		}));
		store_be(part.data(), uint32_t{JEEBS_MAX_RECORD});
		bool done = all.back()->write_raw(part);
		BOOST_REQUIRE(run_until([&] {
			sink.sent.clear();
			return done || (done = all.back()->flush_ring()) ||
			    server->sessions().back().state == "dropping";
		}));
	}
	auto dropped = [&] {
		sink.sent.clear();
		return std::ranges::count_if(server->sessions(), [](auto &s) {
			return s.state == "dropping";
		});
	};
	BOOST_TEST(run_until([&] { return dropped() != 0; }));
	BOOST_TEST(dropped() == 1);
	BOOST_TEST(server->sessions()[0].state == "open");
}

BOOST_AUTO_TEST_SUITE_END()
