// SPDX-License-Identifier: ISC
// In which order those who wait for the link get at it: a user with a hundred
// sessions has no more of it than one with a single one.
// Owner: nobody, a function. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace jeebs {

struct Turn {
	std::string user;
	uint64_t served = 0;	// when it last was; larger is later
};

// Indices into the argument: one session of each user, then a second one of
// each, and so on; of users and of a user's sessions, first who was served
// longest ago.
[[nodiscard]] std::vector<size_t> fair_order(std::span<const Turn>);

} // namespace jeebs
