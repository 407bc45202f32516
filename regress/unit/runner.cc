// SPDX-License-Identifier: ISC
// The main of build/unit/run-unit. Tests run from the top of the source tree.
#define BOOST_TEST_MODULE jeebs
#include <boost/test/unit_test.hpp>
