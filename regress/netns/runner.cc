// SPDX-License-Identifier: ISC
// The main of run-netns: network mechanics against real kernels, in network
// namespaces of its own. Needs root; a few seconds.
#define BOOST_TEST_MODULE jeebs-netns
#include <boost/test/unit_test.hpp>
