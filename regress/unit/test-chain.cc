// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include "chain.hh"
#include "records.hh"

using namespace jeebs;
using namespace jeebs::test;

namespace {

jeebs_envelope envelope(RecordSpec s)
{
	auto rec = make_record(s);
	auto e = get_record_envelope(rec.bytes());
	BOOST_REQUIRE(e.has_value());
	return *e;
}

RecordChain begun()
{
	auto c = RecordChain::begin(*get_record_envelope(make_root().bytes()));
	BOOST_REQUIRE(c.has_value());
	return *c;
}

} // namespace

BOOST_AUTO_TEST_SUITE(chain)

BOOST_AUTO_TEST_CASE(offsets_follow_the_records)
{
	auto c = begun();
	BOOST_TEST(!c.started());
	// Neither must a session's first checkpoint be at offset 0, nor may
	// the root say anything about offsets.
	BOOST_REQUIRE(c.accept(envelope({.type = JEEBS_REC_CHECKPOINT,
	    .in_off = 7, .out_off = 1000, .acked_off = 10, .stream_len = 5})));
	BOOST_TEST(c.started());
	BOOST_TEST(c.seq() == 1U);
	BOOST_TEST(c.out_end() == 1005U);
	BOOST_REQUIRE(c.accept(envelope({.seq = 2, .in_off = 7,
	    .out_off = 1005, .acked_off = 1005, .stream_len = 0})));
	BOOST_TEST(c.out_end() == 1005U);
	BOOST_TEST(c.acked_off() == 1005U);
	BOOST_TEST(!c.ended());
}

BOOST_AUTO_TEST_CASE(a_refused_record_changes_nothing)
{
	auto c = begun();
	BOOST_REQUIRE(c.accept(envelope({.type = JEEBS_REC_CHECKPOINT,
	    .stream_len = 5})));
	BOOST_TEST(!c.accept(envelope({.seq = 2, .in_off = 9, .out_off = 4,
	    .acked_off = 3, .stream_len = 9})).has_value());
	BOOST_TEST(c.seq() == 1U);
	BOOST_TEST(c.in_off() == 0U);
	BOOST_TEST(c.out_end() == 5U);
	BOOST_TEST(c.acked_off() == 0U);
	BOOST_TEST(c.accept(envelope({.seq = 2, .out_off = 5})).has_value());
}

BOOST_AUTO_TEST_CASE(only_a_root_begins)
{
	BOOST_TEST(!RecordChain::begin(envelope({
	    .type = JEEBS_REC_CHECKPOINT})).has_value());
	auto c = begun();
	BOOST_TEST(!c.accept(*get_record_envelope(make_root().bytes())));
}

BOOST_AUTO_TEST_CASE(the_end_is_the_end)
{
	auto c = begun();
	BOOST_TEST(!c.accept(envelope({.type = JEEBS_REC_END})).has_value());
	BOOST_REQUIRE(c.accept(envelope({.type = JEEBS_REC_CHECKPOINT})));
	BOOST_REQUIRE(c.accept(envelope({.type = JEEBS_REC_END, .seq = 2})));
	BOOST_TEST(c.ended());
	BOOST_TEST(!c.accept(envelope({.type = JEEBS_REC_CHECKPOINT,
	    .seq = 3})).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
