// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <sys/mman.h>

#include "fields.hh"
#include "records.hh"
#include "segment.hh"
#include "store.hh"

using namespace jeebs;
using namespace jeebs::test;

namespace {

const SteadyTime t0{};

struct Fixture {
	Store store;

	void open(uint64_t sid, uint8_t id = 1, uint16_t port = 5000)
	{
		auto root = make_root(id);
		BOOST_REQUIRE(store.open({.sid = sid, .root = root.bytes(),
		    .tcp = make_tcp(port), .user = "ann"}, t0).has_value());
	}
	Result<CommitEntry> put(uint64_t sid, RecordSpec spec)
	{
		auto rec = make_record(spec);
		return store.record({sid, rec.bytes()});
	}
	// A client's packet of payload bytes [at, at + len).
	Buffer packet(uint64_t at, size_t len, uint16_t port = 5000)
	{
		std::vector<uint8_t> payload(len, 'k');
		auto tcp = make_tcp(port);
		auto f = fields_to_local(Flow::from_state(tcp));
		f.seq = seq_of_offset(tcp.rcv_base, at);
		f.window = 1000;
		f.payload = payload;
		return Buffer(build_segment(f));
	}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(store, Fixture)

BOOST_AUTO_TEST_CASE(a_session_is_adoptable_from_its_first_checkpoint)
{
	open(1);
	BOOST_TEST(!store.find(1)->adoptable);
	BOOST_TEST(!store.adoption_file(1).has_value());
	auto c = put(1, {.type = JEEBS_REC_CHECKPOINT, .seq = 1, .in_off = 50,
	    .out_off = 1000, .acked_off = 900, .stream_len = 200});
	BOOST_REQUIRE(c.has_value());
	BOOST_TEST((*c == CommitEntry{1, 1, 1200}));
	auto s = *store.find(1);
	BOOST_TEST(s.adoptable);
	BOOST_TEST(s.first_off == 1000U);
	BOOST_TEST(s.out_end == 1200U);
	BOOST_TEST(s.in_off == 50U);
	BOOST_TEST(s.acked_off == 900U);
	BOOST_TEST(s.epoch == 7U);
	BOOST_TEST(s.user == "ann");
}

BOOST_AUTO_TEST_CASE(records_are_trimmed_to_the_newest_checkpoint_acked)
{
	open(1);
	auto checkpoint = [&](uint64_t seq, uint64_t off, uint64_t acked) {
		BOOST_REQUIRE(put(1, {.type = JEEBS_REC_CHECKPOINT, .seq = seq,
		    .out_off = off, .acked_off = acked, .stream_len = 100}));
	};
	auto progress = [&](uint64_t seq, uint64_t off, uint64_t acked) {
		BOOST_REQUIRE(put(1, {.seq = seq, .out_off = off,
		    .acked_off = acked, .stream_len = 100}));
	};
	checkpoint(1, 0, 0);
	progress(2, 100, 0);
	checkpoint(3, 200, 0);
	progress(4, 300, 0);
	checkpoint(5, 400, 199);	// 199: one short of checkpoint 3
	BOOST_TEST(store.find(1)->records == 5U);
	BOOST_TEST(store.find(1)->first_off == 0U);
	progress(6, 500, 200);		// checkpoint 3 starts there
	BOOST_TEST(store.find(1)->records == 4U);
	BOOST_TEST(store.find(1)->first_off == 200U);
	progress(7, 600, 399);
	BOOST_TEST(store.find(1)->first_off == 200U);
	progress(8, 700, 400);
	BOOST_TEST(store.find(1)->first_off == 400U);
	BOOST_TEST(store.find(1)->records == 4U);
	// The only checkpoint stays, however much is ACKed.
	progress(9, 800, 800);
	BOOST_TEST(store.find(1)->records == 5U);
	BOOST_TEST(store.find(1)->acked_off == 800U);
	size_t bytes = make_root().size();
	for (uint64_t seq : {5, 6, 7, 8, 9})
		bytes += make_record({.seq = seq, .stream_len = 100}).size();
	BOOST_TEST(store.bytes() == bytes);
	BOOST_TEST(store.find(1)->bytes == bytes);
}

BOOST_AUTO_TEST_CASE(several_checkpoints_go_at_once)
{
	open(1);
	for (uint64_t seq = 1; seq <= 10; seq++)
		BOOST_REQUIRE(put(1, {.type = JEEBS_REC_CHECKPOINT, .seq = seq,
		    .out_off = (seq - 1) * 10, .stream_len = 10}));
	BOOST_TEST(store.find(1)->records == 10U);
	BOOST_REQUIRE(put(1, {.seq = 11, .out_off = 100, .acked_off = 85}));
	BOOST_TEST(store.find(1)->records == 3U);
	BOOST_TEST(store.find(1)->first_off == 80U);
}

BOOST_AUTO_TEST_CASE(what_breaks_the_chain_drops_the_session_alone)
{
	const RecordSpec first{.type = JEEBS_REC_CHECKPOINT, .seq = 1,
	    .in_off = 10, .out_off = 100, .acked_off = 50, .stream_len = 10};
	auto good = [&first] {
		RecordSpec s = first;
		s.type = JEEBS_REC_PROGRESS;
		s.seq = 2;
		s.out_off = 110;
		return s;
	};
	std::vector<std::pair<const char *, RecordSpec>> bad;
	auto add = [&](const char *why, auto change) {
		auto s = good();
		change(s);
		bad.emplace_back(why, s);
	};
	add("incarnation", [](auto &s) { s.id = 2; });
	add("epoch", [](auto &s) { s.epoch = 8; });
	add("sequence", [](auto &s) { s.seq = 3; });
	add("sequence", [](auto &s) { s.seq = 1; });
	add("output stream", [](auto &s) { s.out_off = 111; });
	add("output stream", [](auto &s) { s.out_off = 109; });
	add("input offset", [](auto &s) { s.in_off = 9; });
	add("acknowledged", [](auto &s) { s.acked_off = 49; });
	open(1, 1, 5001);
	BOOST_REQUIRE(put(1, first).has_value());
	uint64_t sid = 2;
	for (const auto &[why, spec] : bad) {
		open(sid, 1, 5000);
		BOOST_REQUIRE(put(sid, first).has_value());
		auto r = put(sid, spec);
		BOOST_REQUIRE(!r.has_value());
		BOOST_TEST(r.error().what.find(why) != std::string::npos,
		    r.error().what << ", not about " << why);
		BOOST_TEST(!store.find(sid).has_value());
		sid++;
	}
	BOOST_TEST(put(1, good()).has_value());
	BOOST_TEST(store.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_first_record_that_is_no_checkpoint)
{
	open(1);
	BOOST_TEST(!put(1, {.seq = 1}).has_value());
	BOOST_TEST(store.size() == 0U);
	BOOST_TEST(store.bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(an_ended_session_can_still_be_owed_bytes)
{
	open(1);
	BOOST_REQUIRE(put(1, {.type = JEEBS_REC_CHECKPOINT, .seq = 1}));
	BOOST_REQUIRE(put(1, {.type = JEEBS_REC_END, .seq = 2,
	    .stream_len = 5}));
	BOOST_TEST(store.find(1)->ended);
	BOOST_TEST(store.find(1)->adoptable);
	BOOST_TEST(store.find(1)->out_end == 5U);
	BOOST_TEST(store.adoption_file(1).has_value());
	BOOST_TEST(!put(1, {.seq = 3, .out_off = 5}).has_value());
}

BOOST_AUTO_TEST_CASE(torn_and_padded_records)
{
	auto rec = make_record({.type = JEEBS_REC_CHECKPOINT, .stream_len = 9});
	open(1);
	BOOST_TEST(!store.record({1, rec.bytes().first(rec.size() - 1)}));
	open(2);
	*rec.extend(1) = 0;
	BOOST_TEST(!store.record({2, rec.bytes()}));
	open(3);
	BOOST_TEST(!store.record({3, rec.bytes().first(10)}));
}

BOOST_AUTO_TEST_CASE(a_new_incarnation_takes_over_with_its_checkpoint)
{
	open(1, 1);
	BOOST_REQUIRE(put(1, {.type = JEEBS_REC_CHECKPOINT, .seq = 1,
	    .stream_len = 100}));
	open(2, 2);
	// The old one is what would be adopted still, by either number.
	BOOST_TEST(store.size() == 1U);
	for (uint64_t sid : {1, 2}) {
		BOOST_TEST(store.find(sid)->sid == 1U);
		BOOST_TEST(store.find(sid)->adoptable);
		BOOST_TEST(store.adoption_file(sid).has_value());
	}
	// What the old one still had on its way doesn't count any more.
	auto late = put(1, {.seq = 2, .out_off = 100, .stream_len = 1});
	BOOST_REQUIRE(!late.has_value());
	BOOST_TEST(late.error().errnum == EALREADY);
	BOOST_TEST(store.find(1)->out_end == 100U);
	BOOST_REQUIRE(put(2, {.type = JEEBS_REC_CHECKPOINT, .seq = 1,
	    .out_off = 40, .stream_len = 90, .id = 2}));
	BOOST_TEST(!store.find(1).has_value());
	BOOST_TEST(store.find(2)->out_end == 130U);
	BOOST_TEST(store.find(2)->record_id[0] == 2);
	BOOST_TEST(store.bytes() == store.find(2)->bytes);
}

BOOST_AUTO_TEST_CASE(an_empty_incarnation_is_replaced_by_the_next)
{
	open(1);
	open(2, 2);
	BOOST_TEST(!store.find(1).has_value());
	BOOST_REQUIRE(put(2, {.type = JEEBS_REC_CHECKPOINT, .id = 2}));
	store.close(2);
	BOOST_TEST(store.size() == 0U);
	BOOST_TEST(store.bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(closing_either_incarnation_ends_the_session)
{
	open(1);
	BOOST_REQUIRE(put(1, {.type = JEEBS_REC_CHECKPOINT}));
	open(2, 2);
	store.close(2);
	BOOST_TEST(!store.find(1).has_value());
	BOOST_TEST(store.size() == 0U);
}

BOOST_AUTO_TEST_CASE(a_broken_new_incarnation_takes_the_old_one_along)
{
	open(1);
	BOOST_REQUIRE(put(1, {.type = JEEBS_REC_CHECKPOINT}));
	open(2, 2);
	BOOST_TEST(!put(2, {.seq = 1, .id = 2}).has_value());
	BOOST_TEST(store.size() == 0U);
}

BOOST_AUTO_TEST_CASE(sid_in_use)
{
	open(1);
	auto root = make_root();
	BOOST_TEST(!store.open({.sid = 1, .root = root.bytes(),
	    .tcp = make_tcp(6000)}, t0).has_value());
	BOOST_TEST(!store.open({.sid = 0, .root = root.bytes(),
	    .tcp = make_tcp(6000)}, t0).has_value());
}

BOOST_AUTO_TEST_CASE(root_that_is_none)
{
	auto rec = make_record({.type = JEEBS_REC_CHECKPOINT});
	BOOST_TEST(!store.open({.sid = 1, .root = rec.bytes(),
	    .tcp = make_tcp()}, t0).has_value());
	BOOST_TEST(!store.open({.sid = 1, .root = rec.bytes().first(20),
	    .tcp = make_tcp()}, t0).has_value());
	BOOST_TEST(store.size() == 0U);
}

BOOST_AUTO_TEST_CASE(quota_of_a_session)
{
	StoreLimits limits;
	limits.session_bytes = 3000;
	store = Store(limits);
	open(1);
	open(2, 1, 5001);
	BOOST_REQUIRE(put(1, {.type = JEEBS_REC_CHECKPOINT, .stream_len = 1000}));
	BOOST_REQUIRE(put(2, {.type = JEEBS_REC_CHECKPOINT, .stream_len = 1000}));
	BOOST_REQUIRE(put(1, {.seq = 2, .out_off = 1000, .stream_len = 1000}));
	BOOST_TEST(!put(1, {.seq = 3, .out_off = 2000, .stream_len = 1000}));
	BOOST_TEST(!store.find(1).has_value());
	BOOST_TEST(store.find(2).has_value());
}

BOOST_AUTO_TEST_CASE(quota_of_all)
{
	StoreLimits limits;
	limits.total_bytes = 3000;
	limits.sessions = 3;	// and two for one user
	store = Store(limits);
	open(1);
	BOOST_REQUIRE(put(1, {.type = JEEBS_REC_CHECKPOINT, .stream_len = 2000}));
	open(2, 1, 5001);
	auto root = make_root();
	BOOST_TEST(!store.open({.sid = 3, .root = root.bytes(),
	    .tcp = make_tcp(5002), .user = store.find(1)->user},
	    t0).has_value());
	BOOST_TEST(!put(2, {.type = JEEBS_REC_CHECKPOINT, .stream_len = 900}));
	BOOST_TEST(store.find(1)->adoptable);
}

BOOST_AUTO_TEST_CASE(one_user_cant_take_all)
{
	StoreLimits limits;
	limits.total_bytes = 6000;
	store = Store(limits);
	auto open_as = [this](uint64_t sid, const char *user) {
		auto root = make_root();
		return store.open({.sid = sid, .root = root.bytes(),
		    .tcp = make_tcp(static_cast<uint16_t>(5000 + sid)),
		    .user = user}, t0).has_value();
	};
	for (uint64_t sid : {1, 2, 3})
		BOOST_REQUIRE(open_as(sid, "greedy"));
	BOOST_REQUIRE(put(1, {.type = JEEBS_REC_CHECKPOINT,
	    .stream_len = 2500}));
	BOOST_REQUIRE(put(2, {.type = JEEBS_REC_CHECKPOINT,
	    .stream_len = 2500}));
	// All is taken, and yet there is room for somebody else.
	BOOST_REQUIRE(open_as(4, "modest"));
	BOOST_REQUIRE(put(4, {.type = JEEBS_REC_CHECKPOINT,
	    .stream_len = 2000}));
	BOOST_TEST(!open_as(5, "greedy"));
	BOOST_TEST(!put(3, {.type = JEEBS_REC_CHECKPOINT, .stream_len = 10}));
	BOOST_TEST(store.find(4)->adoptable);
	BOOST_REQUIRE(put(4, {.seq = 2, .out_off = 2000, .stream_len = 300}));
	// But not without end.
	BOOST_TEST(!put(4, {.seq = 3, .out_off = 2300, .stream_len = 2000}));
	// What goes makes room.
	store.close(1);
	store.close(2);
	BOOST_TEST(store.bytes() == 0U);
	BOOST_REQUIRE(open_as(6, "greedy"));
	BOOST_TEST(put(6, {.type = JEEBS_REC_CHECKPOINT,
	    .stream_len = 5000}).has_value());
}

BOOST_AUTO_TEST_CASE(tcp_state_is_refreshed_but_never_moved)
{
	open(1);
	auto later = t0 + std::chrono::seconds(5);
	auto tcp = make_tcp();
	tcp.ts_val = 99;
	store.tcp({1, tcp}, later);
	BOOST_TEST(store.find(1)->tcp.ts_val == 99U);
	BOOST_TEST((store.find(1)->tcp_at == later));
	tcp.remote_port = 6000;
	tcp.ts_val = 100;
	store.tcp({1, tcp}, later);
	BOOST_TEST(store.find(1)->tcp.ts_val == 99U);
	store.tcp({44, tcp}, later);
}

BOOST_AUTO_TEST_CASE(adoption_file_holds_root_and_records)
{
	open(1);
	BOOST_REQUIRE(put(1, {.type = JEEBS_REC_CHECKPOINT, .seq = 1,
	    .stream_len = 10}));
	BOOST_REQUIRE(put(1, {.type = JEEBS_REC_CHECKPOINT, .seq = 2,
	    .out_off = 10, .acked_off = 10, .stream_len = 3000,
	    .sealed_len = 50}));
	BOOST_REQUIRE(put(1, {.seq = 3, .out_off = 3010, .acked_off = 20,
	    .stream_len = 1}));
	auto fd = store.adoption_file(1);
	BOOST_REQUIRE(fd.has_value());
	Buffer want;
	FieldWriter w(want);
	w.string(make_root().bytes());
	w.string(make_record({.type = JEEBS_REC_CHECKPOINT, .seq = 2,
	    .out_off = 10, .acked_off = 10, .stream_len = 3000,
	    .sealed_len = 50}).bytes());
	w.string(make_record({.seq = 3, .out_off = 3010, .acked_off = 20,
	    .stream_len = 1}).bytes());
	Buffer got;
	auto n = ::read(fd->get(), got.extend(10000), 10000);
	BOOST_REQUIRE(n > 0);
	got.truncate(static_cast<size_t>(n));
	BOOST_TEST(same_bytes(got.bytes(), want.bytes()));
	BOOST_TEST(::fcntl(fd->get(), F_GET_SEALS) == (F_SEAL_SHRINK |
	    F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL));
	BOOST_TEST(::write(fd->get(), "x", 1) == -1);
}

BOOST_AUTO_TEST_CASE(inputs_wait_until_consumed)
{
	open(1);
	auto p1 = packet(100, 20), p2 = packet(120, 30), other = packet(120, 9, 9);
	BOOST_TEST(!store.tapped(p1.bytes()));	// no checkpoint: nothing known
	BOOST_REQUIRE(put(1, {.type = JEEBS_REC_CHECKPOINT, .in_off = 105}));
	BOOST_TEST(store.tapped(p1.bytes()));	// partly consumed
	BOOST_TEST(store.tapped(p2.bytes()));
	BOOST_TEST(!store.tapped(packet(80, 25).bytes()));	// ends at 105
	BOOST_TEST(!store.tapped(packet(150, 0).bytes()));	// pure ACK
	BOOST_TEST(!store.tapped(other.bytes()));		// another flow
	BOOST_TEST(!store.tapped(p2.bytes().first(19)));		// cut
	auto in = store.inputs(1);
	BOOST_REQUIRE(in.size() == 2U);
	BOOST_TEST(same_bytes(in[0], p1.bytes()));
	BOOST_TEST(same_bytes(in[1], p2.bytes()));
	BOOST_REQUIRE(put(1, {.seq = 2, .in_off = 120}));
	BOOST_TEST(store.inputs(1).size() == 1U);
	BOOST_REQUIRE(put(1, {.seq = 3, .in_off = 149}));
	BOOST_TEST(store.inputs(1).size() == 1U);
	BOOST_REQUIRE(put(1, {.seq = 4, .in_off = 150}));
	BOOST_TEST(store.inputs(1).empty());
	BOOST_TEST(store.find(1)->input_bytes == 0U);
}

BOOST_AUTO_TEST_CASE(what_the_primary_sends_is_held)
{
	open(1);
	auto p1 = packet(100, 20), p2 = packet(120, 30), p3 = packet(160, 10);
	// Also before the first record: the primary waits for it.
	BOOST_TEST(store.input({1, 100, p1.bytes()}).has_value());
	BOOST_REQUIRE(put(1, {.type = JEEBS_REC_CHECKPOINT, .in_off = 105}));
	BOOST_TEST(store.input({1, 120, p2.bytes()}).has_value());
	BOOST_TEST(store.input({1, 120, p2.bytes()}).has_value());
	BOOST_TEST(store.input({1, 160, p3.bytes()}).has_value());
	BOOST_TEST(store.input({1, 80, packet(80, 25).bytes()}).has_value());
	BOOST_TEST(store.input({2, 100, p1.bytes()}).has_value());
	auto s = *store.find(1);
	BOOST_TEST(s.held_packets == 3U);
	BOOST_TEST(s.held_to == 150U);
	BOOST_TEST(!s.covered());
	store.cover({1, 151});
	BOOST_TEST(!store.find(1)->covered());
	store.cover({1, 150});
	BOOST_TEST(store.find(1)->covered());
	// From the LAN: only what isn't held.
	BOOST_TEST(!store.tapped(p2.bytes()));
	BOOST_TEST(store.tapped(p3.bytes()));
	auto in = store.inputs(1);
	BOOST_REQUIRE(in.size() == 4U);
	BOOST_TEST(same_bytes(in[0], p1.bytes()));
	BOOST_TEST(same_bytes(in[3], p3.bytes()));
	BOOST_REQUIRE(put(1, {.seq = 2, .in_off = 120}));
	BOOST_TEST(store.find(1)->held_packets == 2U);
}

BOOST_AUTO_TEST_CASE(held_input_outlives_the_incarnation)
{
	open(1);
	BOOST_REQUIRE(put(1, {.type = JEEBS_REC_CHECKPOINT, .in_off = 100}));
	BOOST_TEST(store.input({1, 100, packet(100, 20).bytes()}).has_value());
	store.cover({1, 100});
	open(2);
	BOOST_REQUIRE(put(2, {.type = JEEBS_REC_CHECKPOINT, .in_off = 110}));
	BOOST_TEST(store.find(2)->held_to == 120U);
	BOOST_TEST(store.find(2)->covered());
	store.cover({2, 130});
	BOOST_TEST(!store.find(2)->covered());
	// Its primary may have been on its own.
	store.link_lost();
	open(3);
	BOOST_REQUIRE(put(3, {.type = JEEBS_REC_CHECKPOINT, .in_off = 110}));
	BOOST_TEST(store.find(3)->held_to == 120U);
	BOOST_TEST(!store.find(3)->covered());	// nobody said so
	store.cover({3, 120});
	BOOST_TEST(store.find(3)->covered());
}

BOOST_AUTO_TEST_CASE(input_that_cant_be_its_clients)
{
	auto gone = [this](const InputFrame &f) {
		open(1);
		BOOST_REQUIRE(put(1, {.type = JEEBS_REC_CHECKPOINT}));
		auto ok = store.input(f);
		BOOST_TEST(store.size() == 0U);
		return !ok.has_value();
	};
	auto p = packet(100, 20), other = packet(100, 20, 9);
	BOOST_TEST(gone({1, 101, p.bytes()}));		// at another offset
	BOOST_TEST(gone({1, 100, other.bytes()}));	// another flow
	BOOST_TEST(gone({1, 100, p.bytes().first(30)}));
	auto damaged = packet(100, 20);
	damaged.data()[damaged.size() - 1] ^= 1;
	BOOST_TEST(gone({1, 100, damaged.bytes()}));
}

BOOST_AUTO_TEST_CASE(too_much_input_ends_the_session_never_a_packet)
{
	StoreLimits limits;
	limits.held_packets = 3;
	store = Store(limits);
	open(1);
	BOOST_REQUIRE(put(1, {.type = JEEBS_REC_CHECKPOINT}));
	for (uint64_t at = 0; at < 3; at++)
		BOOST_TEST(store.input({1, at, packet(at, 1).bytes()})
		    .has_value());
	BOOST_TEST(!store.input({1, 3, packet(3, 1).bytes()}).has_value());
	BOOST_TEST(store.size() == 0U);
	BOOST_TEST(store.bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(inputs_across_the_wrap_of_sequence_numbers)
{
	// rcv_base is 0x7ffffff0: offset 0x80000010 has number 0.
	open(1);
	const uint64_t wrap = 0x80000010;
	BOOST_REQUIRE(put(1, {.type = JEEBS_REC_CHECKPOINT, .in_off = wrap - 5}));
	BOOST_TEST(store.tapped(packet(wrap - 5, 10).bytes()));
	BOOST_TEST(!store.tapped(packet(wrap - 10, 5).bytes()));
	BOOST_REQUIRE(put(1, {.seq = 2, .in_off = wrap + 4}));
	BOOST_TEST(store.inputs(1).size() == 1U);
	BOOST_REQUIRE(put(1, {.seq = 3, .in_off = wrap + 5}));
	BOOST_TEST(store.inputs(1).empty());
}

BOOST_AUTO_TEST_CASE(inputs_are_bounded_the_oldest_go)
{
	StoreLimits limits;
	limits.input_packets = 3;
	limits.input_bytes = 1000;
	store = Store(limits);
	open(1);
	BOOST_REQUIRE(put(1, {.type = JEEBS_REC_CHECKPOINT}));
	for (uint64_t at = 0; at < 5; at++)
		BOOST_TEST(store.tapped(packet(at, 1).bytes()));
	auto in = store.inputs(1);
	BOOST_REQUIRE(in.size() == 3U);
	BOOST_TEST(same_bytes(in[0], packet(2, 1).bytes()));
	BOOST_TEST(store.tapped(packet(100, 900).bytes()));
	BOOST_TEST(store.inputs(1).size() < 3U);
	BOOST_TEST(store.find(1)->input_bytes <= 1000U);
}

BOOST_AUTO_TEST_CASE(packets_of_one_session_dont_push_out_anothers)
{
	StoreLimits limits;
	limits.input_total_bytes = 2000;
	store = Store(limits);
	for (uint64_t sid : {1, 2}) {
		open(sid, 1, static_cast<uint16_t>(5000 + sid));
		BOOST_REQUIRE(put(sid, {.type = JEEBS_REC_CHECKPOINT}));
	}
	for (uint64_t at = 0; at < 4000; at += 400)
		BOOST_TEST(store.tapped(packet(at, 400, 5001).bytes()));
	BOOST_TEST(store.inputs(1).size() == 4U);
	// Two of its own are less than its share.
	BOOST_TEST(store.tapped(packet(0, 400, 5002).bytes()));
	BOOST_TEST(store.tapped(packet(400, 400, 5002).bytes()));
	BOOST_TEST(store.inputs(2).size() == 2U);
	BOOST_TEST(store.tapped(packet(4000, 400, 5001).bytes()));
	BOOST_TEST(store.inputs(1).size() == 2U);
	BOOST_TEST(store.inputs(2).size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
