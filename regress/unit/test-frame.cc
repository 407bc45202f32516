// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include "fields.hh"
#include "frame.hh"
#include "records.hh"

using namespace jeebs;
using namespace jeebs::test;

namespace {

// The payload of the only frame in b.
FrameView only(const Buffer &b)
{
	FrameView f;
	auto n = next_frame(b.bytes(), f);
	BOOST_REQUIRE(n.has_value());
	BOOST_REQUIRE(*n == b.size());
	return f;
}

// No prefix of a payload decodes, and neither does it with a byte more.
template <class Get> void strict(const Buffer &frame, Get get)
{
	auto payload = only(frame).payload;
	BOOST_REQUIRE(get(payload).has_value());
	for (size_t n = 0; n < payload.size(); n++)
		BOOST_TEST(!get(payload.first(n)).has_value());
	Buffer longer(payload);
	*longer.extend(1) = 0;
	BOOST_TEST(!get(longer.bytes()).has_value());
}

} // namespace

BOOST_AUTO_TEST_SUITE(frame)

BOOST_AUTO_TEST_CASE(hello_round_trip)
{
	PeerHello h{.host = "alpha", .version = "10.0p1-jeebs1",
	    .instance = 0x1122334455667788, .epoch = 9,
	    .role = PeerRole::primary, .wants = 3};
	Buffer b;
	put_hello(b, h);
	auto f = only(b);
	BOOST_TEST((f.type == FrameType::hello));
	auto got = get_hello(f.payload);
	BOOST_REQUIRE(got.has_value());
	BOOST_TEST((*got == h));
	strict(b, get_hello);
}

BOOST_AUTO_TEST_CASE(hello_of_another_protocol_says_so)
{
	PeerHello h{.proto = link_proto + 1, .host = "alpha", .version = "x"};
	Buffer b;
	put_hello(b, h);
	auto got = get_hello(only(b).payload);
	BOOST_REQUIRE(!got.has_value());
	BOOST_TEST(got.error().what.find("protocol") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(hello_with_an_unknown_role)
{
	PeerHello h{.host = "a", .version = "b"};
	Buffer b;
	put_hello(b, h);
	b.data()[b.size() - 5] = 3;
	BOOST_TEST(!get_hello(only(b).payload).has_value());
}

BOOST_AUTO_TEST_CASE(input_round_trip)
{
	const uint8_t packet[] = {0x45, 0, 0, 1};
	Buffer b;
	put_input(b, {7, uint64_t{5} << 40, packet});
	auto got = get_input(only(b).payload);
	BOOST_REQUIRE(got.has_value());
	BOOST_TEST(got->sid == 7U);
	BOOST_TEST(got->offset == uint64_t{5} << 40);
	BOOST_TEST(same_bytes(got->packet, packet));
	// No packet at all, one that IP can't have, an offset beyond all.
	for (size_t n = 0; n <= 16; n++)
		BOOST_TEST(!get_input(only(b).payload.first(n)).has_value());
	std::vector<uint8_t> large(max_input_packet + 1);
	Buffer l, o;
	put_input(l, {7, 0, large});
	BOOST_TEST(!get_input(only(l).payload).has_value());
	put_input(o, {7, uint64_t{1} << 63, packet});
	BOOST_TEST(!get_input(only(o).payload).has_value());
}

BOOST_AUTO_TEST_CASE(cover_and_input_commit_round_trip)
{
	Buffer c, n, beyond;
	put_cover(c, {7, 900});
	auto cover = get_cover(only(c).payload);
	BOOST_REQUIRE(cover.has_value());
	BOOST_TEST(cover->sid == 7U);
	BOOST_TEST(cover->from == 900U);
	strict(c, get_cover);
	put_cover(beyond, {7, uint64_t{1} << 63});
	BOOST_TEST(!get_cover(only(beyond).payload).has_value());
	put_input_commit(n, 12345);
	BOOST_TEST(get_input_commit(only(n).payload).value() == 12345U);
	strict(n, get_input_commit);
}

BOOST_AUTO_TEST_CASE(text_with_a_nul_is_refused)
{
	Buffer b;
	put_close(b, 1, std::string_view("a\0b", 3));
	BOOST_TEST(!get_close(only(b).payload).has_value());
}

BOOST_AUTO_TEST_CASE(open_round_trip)
{
	auto root = make_root();
	OpenFrame o{.sid = 77, .root = root.bytes(), .tcp = make_tcp(),
	    .user = "ann"};
	Buffer b;
	BOOST_REQUIRE(put_open(b, o).has_value());
	auto got = get_open(only(b).payload);
	BOOST_REQUIRE(got.has_value());
	BOOST_TEST(got->sid == 77U);
	BOOST_TEST(same_bytes(got->root, root.bytes()));
	BOOST_TEST(got->user == "ann");
	BOOST_TEST(std::memcmp(&got->tcp, &o.tcp, sizeof(o.tcp)) == 0);
	strict(b, get_open);
}

BOOST_AUTO_TEST_CASE(open_with_an_impossible_tcp_state)
{
	OpenFrame o{.sid = 1, .tcp = make_tcp()};
	o.tcp.family = 99;
	Buffer b;
	BOOST_TEST(!put_open(b, o).has_value());
	BOOST_TEST(b.size() == 0U);
	o.tcp.family = AF_INET;
	BOOST_REQUIRE(put_open(b, o).has_value());
	// sid, empty root, length of the state, its version, its family
	b.data()[frame_header_len + 8 + 4 + 4 + 1] = 99;
	BOOST_TEST(!get_open(only(b).payload).has_value());
}

BOOST_AUTO_TEST_CASE(record_both_ways_of_writing_it)
{
	auto rec = make_record({.stream_len = 1000});
	Buffer a;
	put_record(a, 5, rec.bytes());
	Buffer b;
	b.extend(record_prefix_len);
	b.append(rec.bytes());
	finish_record_frame(b, 5);
	BOOST_TEST(same_bytes(a.bytes(), b.bytes()));
	auto got = get_record(only(a).payload);
	BOOST_REQUIRE(got.has_value());
	BOOST_TEST(got->sid == 5U);
	BOOST_TEST(same_bytes(got->record, rec.bytes()));
	BOOST_TEST(!get_record(only(a).payload.first(7)).has_value());
}

BOOST_AUTO_TEST_CASE(commit_round_trip)
{
	std::vector<CommitEntry> e{{1, 2, 3}, {4, 5, 6}};
	Buffer b;
	put_commit(b, e);
	auto got = get_commit(only(b).payload);
	BOOST_REQUIRE(got.has_value());
	BOOST_TEST((*got == e));
	strict(b, get_commit);
}

BOOST_AUTO_TEST_CASE(commit_bounds)
{
	Buffer none;
	put_commit(none, {});
	BOOST_TEST(!get_commit(only(none).payload).has_value());
	std::vector<CommitEntry> e(max_commits);
	Buffer most;
	put_commit(most, e);
	BOOST_TEST(get_commit(only(most).payload).has_value());
	e.emplace_back();
	Buffer more;
	put_commit(more, e);
	BOOST_TEST(!get_commit(only(more).payload).has_value());
	// A count that times 24 wraps 32 bits.
	Buffer wrap;
	put_commit(wrap, std::vector<CommitEntry>(1));
	wrap.data()[frame_header_len] = 0x80;
	BOOST_TEST(!get_commit(only(wrap).payload).has_value());
}

BOOST_AUTO_TEST_CASE(frames_of_forwards)
{
	Buffer f;
	BOOST_REQUIRE(put_forward(f, {8, 77, make_tcp()}).has_value());
	const auto forward = get_forward(only(f).payload);
	BOOST_REQUIRE(forward.has_value());
	BOOST_TEST(forward->sid == 8U);
	BOOST_TEST(forward->id == 77U);
	strict(f, get_forward);
	Buffer t;
	put_taken(t, {77, 1ULL << 40});
	BOOST_TEST(get_taken(only(t).payload)->id == 77U);
	BOOST_TEST(get_taken(only(t).payload)->offset == 1ULL << 40);
	strict(t, get_taken);
	Buffer far;
	put_taken(far, {77, 1ULL << 63});
	BOOST_TEST(!get_taken(only(far).payload).has_value());
}

BOOST_AUTO_TEST_CASE(small_frames)
{
	Buffer t;
	BOOST_REQUIRE(put_tcp(t, 8, make_tcp()).has_value());
	BOOST_TEST(get_tcp(only(t).payload)->sid == 8U);
	strict(t, get_tcp);
	Buffer c;
	put_close(c, 8, "over");
	BOOST_TEST(get_close(only(c).payload)->text == "over");
	strict(c, get_close);
	Buffer d;
	put_drop(d, 9, std::string(1000, 'x'));
	BOOST_TEST((only(d).type == FrameType::drop));
	BOOST_TEST(get_close(only(d).payload)->text.size() ==
	    size_t{JEEBS_MAX_REASON});
	Buffer cd;
	put_closed(cd, 8);
	BOOST_TEST(*get_closed(only(cd).payload) == 8U);
	strict(cd, get_closed);
	Buffer r;
	put_resign(r, 3, "stopping");
	BOOST_TEST(get_resign(only(r).payload)->epoch == 3U);
	strict(r, get_resign);
	Buffer o;
	put_role(o, 3, PeerRole::standby);
	BOOST_TEST((get_role(only(o).payload)->role == PeerRole::standby));
	strict(o, get_role);
	Buffer k;
	put_key(k, make_root().bytes());
	strict(k, get_key);
	Buffer p;
	put_ping(p);
	BOOST_TEST(get_ping(only(p).payload).has_value());
	const uint8_t one[1] = {};
	BOOST_TEST(!get_ping(one).has_value());
}

BOOST_AUTO_TEST_CASE(frames_are_found_in_a_stream)
{
	Buffer b;
	put_ping(b);
	put_close(b, 1, "x");
	FrameView f;
	size_t need = 0;
	BOOST_TEST(*next_frame(b.bytes().first(3), f, &need) == 0U);
	BOOST_TEST(need == frame_header_len);
	auto n = next_frame(b.bytes(), f);
	BOOST_TEST(*n == frame_header_len);
	auto rest = b.bytes().subspan(*n);
	BOOST_TEST(*next_frame(rest.first(frame_header_len), f, &need) == 0U);
	BOOST_TEST(need == rest.size());
	BOOST_TEST(*next_frame(rest, f) == rest.size());
	BOOST_TEST((f.type == FrameType::close));
}

BOOST_AUTO_TEST_CASE(impossible_frames_are_refused_before_their_payload)
{
	FrameView f;
	const uint8_t empty[4] = {0, 0, 0, 0};
	BOOST_TEST(!next_frame(empty, f).has_value());
	Buffer b;
	store_be(b.extend(4), static_cast<uint32_t>(1 + max_frame_payload));
	BOOST_TEST(next_frame(b.bytes(), f).has_value());
	store_be(b.data(), static_cast<uint32_t>(2 + max_frame_payload));
	BOOST_TEST(!next_frame(b.bytes(), f).has_value());
	for (uint8_t type : {0, 18, 255}) {
		const uint8_t bad[5] = {0, 0, 0, 9, type};
		BOOST_TEST(!next_frame(bad, f).has_value());
	}
}

BOOST_AUTO_TEST_SUITE_END()
