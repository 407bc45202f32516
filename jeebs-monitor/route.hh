// SPDX-License-Identifier: ISC
// The kernel's routes. Synchronous, any thread.
#pragma once

#include "flow.hh"
#include "result.hh"

namespace jeebs {

/**
 * Index of the interface by which packets leave from a local address to another
 * one (RTM_GETROUTE); the loopback's for this host's own addresses.
 */
[[nodiscard]] Result<unsigned> route_interface(const IpAddr &from,
    const IpAddr &to);

} // namespace jeebs
