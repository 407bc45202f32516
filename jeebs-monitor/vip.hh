// SPDX-License-Identifier: ISC
// Service addresses on an interface, by rtnetlink. Synchronous (well below
// 1 ms), any one thread. Needs CAP_NET_ADMIN.
#pragma once

#include <cstdint>
#include <string>

#include "flow.hh"
#include "result.hh"

namespace jeebs {

/** One service address; prefix_len 0..32 or 0..128. */
struct Vip {
	IpAddr addr;
	uint8_t prefix_len = 0;
	std::string interface;
};

/**
 * Adds the address; no error when it is there already. IPv6 without duplicate
 * address detection and deprecated, so that it is usable at once and never
 * chosen as the source of the host's own connections.
 */
[[nodiscard]] Result<void> vip_add(const Vip &);

/** Removes it; no error when it isn't there. */
[[nodiscard]] Result<void> vip_del(const Vip &);

/** True if the interface has the address, with any prefix length. */
[[nodiscard]] Result<bool> vip_present(const Vip &);

} // namespace jeebs
