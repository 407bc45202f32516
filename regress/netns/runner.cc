// SPDX-License-Identifier: ISC
// The main of run-netns: network mechanics against real kernels, in network
// namespaces of its own. Needs root. timeout: see each suite, below 10 s.
#define BOOST_TEST_MODULE jeebs-netns
#include <boost/test/unit_test.hpp>
