// SPDX-License-Identifier: ISC
// Precompiled for every unit test: what jeebs-monitor precompiles, and
// Boost.Test. A build aid only.
// Owner: the build. No code.
#pragma once

#include "../../jeebs-monitor/pch.hh"

#include <boost/test/unit_test.hpp>
