// SPDX-License-Identifier: ISC
// Runs a program to its end: argument vector, no shell, /dev/null as input.
// Blocks until the program exits; any thread. SIGCHLD must not be ignored.
#pragma once

#include <string>
#include <vector>

#include "result.hh"

namespace jeebs {

/** The exit status (128 + signal when killed); argv[0] is looked up in PATH. */
[[nodiscard]] Result<int> run_program(const std::vector<std::string> &argv,
    bool quiet = false);

} // namespace jeebs
