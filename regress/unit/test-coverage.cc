// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include "coverage.hh"
#include "records.hh"
#include "wire.hh"

using namespace jeebs;
using namespace jeebs::test;

namespace {

struct Chain {
	RecordChain chain = RecordChain::begin(
	    get_record_envelope(make_root().bytes()).value()).value();
	uint64_t seq = 0;

	void record(uint64_t in_off)
	{
		seq++;
		auto r = make_record({.type = seq == 1 ? JEEBS_REC_CHECKPOINT :
		    JEEBS_REC_PROGRESS, .seq = seq, .in_off = in_off});
		auto env = get_record_envelope(r.bytes());
		BOOST_REQUIRE(env.has_value());
		BOOST_REQUIRE(chain.accept(*env).has_value());
	}
};

} // namespace

BOOST_AUTO_TEST_SUITE(coverage)

BOOST_AUTO_TEST_CASE(once_sshd_is_beyond_the_beginning)
{
	Coverage c;
	Chain k;
	k.record(100);
	BOOST_TEST(!c.complete(k.chain, 1));	// nothing settled
	BOOST_TEST(c.settled(120));
	BOOST_TEST(!c.complete(k.chain, 1));
	k.record(119);
	BOOST_TEST(!c.complete(k.chain, 2));
	k.record(120);
	BOOST_TEST(!c.complete(k.chain, 2));	// that record isn't held yet
	k.record(500);
	BOOST_TEST(c.complete(k.chain, 3));
}

BOOST_AUTO_TEST_CASE(a_lower_beginning_counts_a_higher_one_doesnt)
{
	Coverage c;
	Chain k;
	k.record(100);
	BOOST_TEST(c.settled(9000));
	BOOST_TEST(!c.settled(9001));
	BOOST_TEST(!c.complete(k.chain, 1));
	BOOST_TEST(c.settled(100));
	BOOST_TEST(c.complete(k.chain, 1));
	c.reset();
	BOOST_TEST(!c.complete(k.chain, 1));
}

BOOST_AUTO_TEST_SUITE_END()
