// SPDX-License-Identifier: ISC
// What the kernel's connection tracking makes of connections that come from
// another host. Any thread.
#pragma once

#include <string>

namespace jeebs {

// Does it take a connection whose SYN it hasn't seen for INVALID, which stateful
// firewalls drop (nf_conntrack_tcp_loose)? False where nothing is tracked.
// directory: where its sysctls are.
[[nodiscard]] bool conntrack_wants_syn(
    const std::string &directory = "/proc/sys/net/netfilter");

} // namespace jeebs
