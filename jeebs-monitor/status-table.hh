// SPDX-License-Identifier: ISC
// The status as people read it: the daemon's JSON as lines and tables. Pure;
// any thread.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "result.hh"

namespace jeebs {

// jeebsd's answer. What isn't JSON is refused, and what is nested deeper than
// any status: all that walks it calls itself for each level.
[[nodiscard]] Result<nlohmann::ordered_json> parse_status(std::string_view);

// An object's plain members as "key  value" lines, then its objects in the same
// way, indented under their names, and its arrays of objects as tables whose
// columns are the members that appear in any row. Control characters are
// escaped.
std::string status_table(const nlohmann::ordered_json &status);

} // namespace jeebs
