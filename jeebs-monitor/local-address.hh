// SPDX-License-Identifier: ISC
// The addresses of this host. Any thread.
#pragma once

#include <map>
#include <string>

namespace jeebs {

// Name of the interface that has it, by address as inet_ntop(3) writes it.
// Empty if the kernel doesn't say.
std::map<std::string, std::string> local_addresses();

} // namespace jeebs
