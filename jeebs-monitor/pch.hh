// SPDX-License-Identifier: ISC
// Precompiled for every jeebs-monitor source and test. A build aid only: each file
// still includes what it uses (`make PCH=no` builds without). What isn't used
// nearly everywhere isn't here: small files wait longer for a large one than Asio
// takes to parse.
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

#include <fmt/format.h>
#include <tl/expected.hpp>
