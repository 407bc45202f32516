// SPDX-License-Identifier: ISC
// Precompiled for every jeebs-monitor source and test, since Asio and spdlog
// take seconds each to parse. A build aid only: each file still includes what
// it uses (`make PCH=no` builds without).
// Owner: the build. No code.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <tl/expected.hpp>
