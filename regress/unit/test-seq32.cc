// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include "seq32.hh"

using namespace jeebs;

BOOST_AUTO_TEST_SUITE(seq32)

BOOST_AUTO_TEST_CASE(order_holds_across_the_wrap)
{
	const Seq32 before(0xfffffff0), after(0x10);
	BOOST_TEST((before < after));
	BOOST_TEST((after > before));
	BOOST_TEST(!(after <= before));
	BOOST_TEST((before <= before));
	BOOST_TEST((before >= before));
	BOOST_TEST(!(before < before));
	BOOST_TEST((after - before) == 0x20);
	BOOST_TEST((before - after) == -0x20);
	BOOST_TEST((before + 0x20 == after));
	BOOST_TEST((after - 0x20 == before));
}

BOOST_AUTO_TEST_CASE(offsets_of_long_streams)
{
	constexpr uint32_t base = 0xffff0000;
	constexpr uint64_t far = 5ULL << 32;
	for (const uint64_t offset : {uint64_t{0}, uint64_t{1},
	    uint64_t{0x10000}, uint64_t{0xffffffff}, far, far + 12345}) {
		const Seq32 seq = seq_of_offset(base, offset);
		BOOST_TEST(offset_of_seq(base, seq, offset) == offset);
		BOOST_TEST(offset_of_seq(base, seq, offset + 0x7fffffff) ==
		    offset);
		if (offset >= 0x7fffffff)
			BOOST_TEST(offset_of_seq(base, seq,
			    offset - 0x7fffffff) == offset);
	}
}

BOOST_AUTO_TEST_CASE(before_the_stream_is_its_start)
{
	BOOST_TEST(offset_of_seq(1000, Seq32(999), 0) == 0U);
	BOOST_TEST(offset_of_seq(1000, Seq32(10), 500) == 0U);
	BOOST_TEST(offset_of_seq(1000, Seq32(1000), 500) == 0U);
	BOOST_TEST(offset_of_seq(1000, Seq32(1001), 500) == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
