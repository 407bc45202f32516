// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <fstream>

#include "conntrack.hh"
#include "scratch.hh"

using namespace jeebs;
using jeebs::test::ScratchDir;

BOOST_AUTO_TEST_SUITE(conntrack)

BOOST_AUTO_TEST_CASE(wants_syn_only_if_the_sysctl_says_so)
{
	ScratchDir dir;
	const std::string file = dir.path() + "/nf_conntrack_tcp_loose";

	BOOST_TEST(!conntrack_wants_syn(dir.path()));
	std::ofstream(file) << "1\n";
	BOOST_TEST(!conntrack_wants_syn(dir.path()));
	std::ofstream(file) << "0\n";
	BOOST_TEST(conntrack_wants_syn(dir.path()));
	std::ofstream(file) << "";
	BOOST_TEST(!conntrack_wants_syn(dir.path()));
}

BOOST_AUTO_TEST_SUITE_END()
