// SPDX-License-Identifier: ISC
// The status as people read it: the daemon's JSON as lines and tables. Pure;
// any thread.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace jeebs {

// An object's plain members as "key  value" lines, then its objects in the same
// way, indented under their names, and its arrays of objects as tables whose
// columns are the members that appear in any row. Control characters are
// escaped.
std::string status_table(const nlohmann::ordered_json &status);

} // namespace jeebs
