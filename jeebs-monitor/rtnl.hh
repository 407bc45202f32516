// SPDX-License-Identifier: ISC
// One rtnetlink request and its answer, by libmnl. Each call opens and closes
// its socket: rare requests only. Synchronous, any thread.
#pragma once

#include <functional>
#include <string>

#include <linux/netlink.h>

#include "result.hh"

namespace jeebs {

/** Index of an interface of this network namespace. */
[[nodiscard]] Result<unsigned> interface_index(const std::string &name);

/**
 * Sends a request built in place and waits for the acknowledgment; sets
 * NLM_F_REQUEST | NLM_F_ACK and the sequence number. The error carries the
 * kernel's errno.
 */
[[nodiscard]] Result<void> rtnl_request(nlmsghdr *);

/** The same, and calls back for what comes before the acknowledgment. */
[[nodiscard]] Result<void> rtnl_get(nlmsghdr *,
    const std::function<void(const nlmsghdr *)> &);

/** Sends a dump request and calls back for each message of the answer. */
[[nodiscard]] Result<void> rtnl_dump(nlmsghdr *,
    const std::function<void(const nlmsghdr *)> &);

} // namespace jeebs
