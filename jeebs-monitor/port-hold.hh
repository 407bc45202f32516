// SPDX-License-Identifier: ISC
// Keeps local ports from being chosen by connect(2) on this host. The forwards of a
// session that isn't restored yet have their 4-tuples nowhere in the kernel; what
// another session connects meanwhile could get one of them, and its target a SYN in
// a connection that lives.
// Synchronous, single-threaded. What isn't cleared ends with the process.
#pragma once

#include <span>
#include <unordered_map>

#include "flow.hh"
#include "result.hh"
#include "unique_fd.hh"

namespace jeebs {

class PortHold {
public:
	// The local ends of these, whether their addresses are up or not, until
	// clear(). An error is of the first that can't be held; the others are.
	// A port that something else has bound is one that connect(2) leaves.
	[[nodiscard]] Result<void> hold(std::span<const Flow>);
	void clear() { held_.clear(); }

private:
	// By local end alone.
	std::unordered_map<Flow, UniqueFd> held_;
};

} // namespace jeebs
