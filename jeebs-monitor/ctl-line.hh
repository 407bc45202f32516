// SPDX-License-Identifier: ISC
// A request at the control socket: one line of words. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "result.hh"

namespace jeebs {

inline constexpr size_t max_ctl_line = 1024;
inline constexpr size_t max_ctl_words = 16;

// Splits a request (without its newline) into words at single spaces. Words
// are of [A-Za-z0-9._:/-]; anything else, an empty word or too many of them is
// an error.
[[nodiscard]] Result<std::vector<std::string>> parse_ctl_line(
    std::string_view line);

} // namespace jeebs
