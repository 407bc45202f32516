// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include "records.hh"
#include "replica.hh"

using namespace jeebs;
using namespace jeebs::test;

namespace {

struct Standby {
	Store store;
	FakeSink sink;
	std::vector<std::string> events;
	SteadyTime now{};
	uint64_t epoch = 7;	// of records.hh
	bool has_key = true;
	Replica replica{store, sink, {
	    .opened = [this](const StoredSession &s) {
		    events.push_back("opened " + std::to_string(s.sid));
	    },
	    .closed = [this](const Flow &f) {
		    events.push_back("closed " + std::to_string(f.remote_port));
	    },
	    .epoch = [this] { return epoch; },
	    .opens = [this](Bytes) {
		    return has_key ? Result<void>() : fail("no key");
	    }}, [this] { return now; }};

	Result<void> feed(const Buffer &b)
	{
		FrameView f;
		BOOST_REQUIRE(*next_frame(b.bytes(), f) == b.size());
		return replica.frame(f);
	}
	void open(uint64_t sid, uint8_t id = 1, uint16_t port = 5000)
	{
		auto root = make_root(id);
		Buffer b;
		BOOST_REQUIRE(put_open(b, {.sid = sid, .root = root.bytes(),
		    .tcp = make_tcp(port)}).has_value());
		BOOST_REQUIRE(feed(b).has_value());
	}
	void record(uint64_t sid, RecordSpec spec)
	{
		Buffer b;
		put_record(b, sid, make_record(spec).bytes());
		BOOST_REQUIRE(feed(b).has_value());
	}
	std::set<uint64_t> newest() const
	{
		const auto all = store.newest();
		return {all.begin(), all.end()};
	}
	std::vector<CommitEntry> commits()
	{
		auto f = sink.take();
		if (f.type != FrameType::commit)
			return {};
		return *get_commit(f.payload.bytes());
	}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(replica, Standby)

BOOST_AUTO_TEST_CASE(one_commit_for_a_batch)
{
	open(1);
	open(2, 2, 5001);
	record(1, {.type = JEEBS_REC_CHECKPOINT, .seq = 1, .stream_len = 10});
	record(1, {.seq = 2, .out_off = 10, .stream_len = 10});
	record(2, {.type = JEEBS_REC_CHECKPOINT, .seq = 1, .stream_len = 5,
	    .id = 2});
	BOOST_TEST(sink.sent.empty());
	replica.flush();
	auto c = commits();
	BOOST_REQUIRE(c.size() == 2U);
	BOOST_TEST((c[0] == CommitEntry{1, 2, 20}));
	BOOST_TEST((c[1] == CommitEntry{2, 1, 5}));
	replica.flush();
	BOOST_TEST(sink.sent.empty());
	BOOST_TEST((events == std::vector<std::string>{"opened 1", "opened 2"}));
}

BOOST_AUTO_TEST_CASE(a_broken_session_is_dropped_and_said_so)
{
	open(1);
	open(2, 2, 5001);
	record(1, {.type = JEEBS_REC_CHECKPOINT, .seq = 1});
	record(2, {.type = JEEBS_REC_CHECKPOINT, .seq = 1, .id = 2});
	record(1, {.seq = 7});
	auto f = sink.take();
	BOOST_REQUIRE((f.type == FrameType::drop));
	BOOST_TEST(get_close(f.payload.bytes())->sid == 1U);
	// What crosses with it is no error and gets no second answer.
	record(1, {.seq = 8});
	BOOST_TEST(sink.sent.empty());
	// And no COMMIT of the dropped one follows.
	replica.flush();
	auto c = commits();
	BOOST_REQUIRE(c.size() == 1U);
	BOOST_TEST(c[0].sid == 2U);
	BOOST_TEST(events.back() == "closed 5000");
}

BOOST_AUTO_TEST_CASE(a_root_that_is_none_is_dropped)
{
	Buffer b;
	auto rec = make_record({});
	BOOST_REQUIRE(put_open(b, {.sid = 9, .root = rec.bytes(),
	    .tcp = make_tcp()}).has_value());
	BOOST_REQUIRE(feed(b).has_value());
	auto f = sink.take();
	BOOST_REQUIRE((f.type == FrameType::drop));
	BOOST_TEST(get_close(f.payload.bytes())->sid == 9U);
}

BOOST_AUTO_TEST_CASE(a_root_that_nobody_could_open_is_dropped)
{
	open(1);
	record(1, {.type = JEEBS_REC_CHECKPOINT, .seq = 1});
	sink.sent.clear();
	has_key = false;
	open(2);
	auto f = sink.take();
	BOOST_REQUIRE((f.type == FrameType::drop));
	BOOST_TEST(get_close(f.payload.bytes())->sid == 2U);
	// The primary goes on without a standby now.
	BOOST_TEST(store.size() == 0U);
}

BOOST_AUTO_TEST_CASE(what_is_newest_is_what_the_primary_knows)
{
	open(1);
	record(1, {.type = JEEBS_REC_CHECKPOINT, .seq = 1});
	open(2, 2, 5001);
	BOOST_TEST((std::set<uint64_t>{1, 2} == newest()));
	open(3);
	BOOST_TEST((std::set<uint64_t>{2, 3} == newest()));
	record(3, {.type = JEEBS_REC_CHECKPOINT, .seq = 1});
	BOOST_TEST((std::set<uint64_t>{2, 3} == newest()));
}

BOOST_AUTO_TEST_CASE(a_root_of_an_older_epoch_is_dropped)
{
	open(1);
	BOOST_TEST(sink.sent.empty());
	epoch = 8;
	open(2, 2, 5001);
	auto f = sink.take();
	BOOST_REQUIRE((f.type == FrameType::drop));
	BOOST_TEST(get_close(f.payload.bytes())->sid == 2U);
	BOOST_TEST(store.size() == 1U);
	// The standby may hear of a newer one from the records first.
	epoch = 6;
	open(3, 3, 5002);
	BOOST_TEST(store.size() == 2U);
}

BOOST_AUTO_TEST_CASE(close_is_answered_known_or_not)
{
	open(1);
	record(1, {.type = JEEBS_REC_CHECKPOINT, .seq = 1});
	for (int i = 0; i < 2; i++) {
		Buffer b;
		put_close(b, 1, "over");
		BOOST_REQUIRE(feed(b).has_value());
		auto f = sink.take();
		BOOST_REQUIRE((f.type == FrameType::closed));
		BOOST_TEST(*get_closed(f.payload.bytes()) == 1U);
	}
	replica.flush();
	BOOST_TEST(sink.sent.empty());
	BOOST_TEST(store.size() == 0U);
	BOOST_TEST((events == std::vector<std::string>{"opened 1",
	    "closed 5000"}));
}

BOOST_AUTO_TEST_CASE(a_lost_link_voids_what_was_not_sent)
{
	open(1);
	record(1, {.type = JEEBS_REC_CHECKPOINT, .seq = 1});
	replica.link_down();
	replica.flush();
	BOOST_TEST(sink.sent.empty());
	BOOST_TEST(store.find(1)->adoptable);
}

BOOST_AUTO_TEST_CASE(what_a_restarted_primary_does_not_offer_is_forgotten)
{
	sink.hello.instance = 1;
	open(1);
	open(2, 2, 5001);
	record(1, {.type = JEEBS_REC_CHECKPOINT, .seq = 1});
	record(2, {.type = JEEBS_REC_CHECKPOINT, .seq = 1, .id = 2});
	replica.flush();
	now += 2 * Replica::forget_after;
	replica.link_down();
	replica.flush();	// the same jeebsd as before
	BOOST_TEST(store.size() == 2U);

	sink.hello.instance = 5;
	replica.flush();
	open(3, 3);
	now += Replica::forget_after - std::chrono::seconds(1);
	replica.flush();
	BOOST_TEST(store.size() == 2U);
	now += std::chrono::seconds(1);
	replica.flush();
	BOOST_TEST(store.size() == 1U);
	BOOST_TEST(store.find(1)->flow.remote_port == 5000);
	BOOST_TEST(events.back() == "closed 5001");
}

BOOST_AUTO_TEST_CASE(frames_that_a_primary_does_not_send)
{
	Buffer b;
	put_closed(b, 1);
	BOOST_TEST(!feed(b).has_value());
	Buffer torn;
	put_close(torn, 1, "x");
	torn.data()[frame_header_len + 8] = 1;
	BOOST_TEST(!feed(torn).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
