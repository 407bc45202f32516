// SPDX-License-Identifier: ISC
// Ethernet frames of ARP (RFC 826, 5227) and Neighbor Discovery (RFC 4861) as
// far as announcing and asking for one address goes. Pure: any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "flow.hh"

namespace jeebs {

/** What a frame says about one address. */
struct NeighborFact {
	enum class Kind {
		claim,	/* mac says that it has addr */
		probe,	/* mac asks, with no address of its own, for addr */
	};
	Kind kind;
	IpAddr addr;
	MacAddr mac;
	friend bool operator==(const NeighborFact &,
	    const NeighborFact &) = default;
};

/** Untagged Ethernet frame; nothing if it isn't one of these, or is broken. */
[[nodiscard]] std::optional<NeighborFact>
parse_neighbor_frame(std::span<const uint8_t> frame);

/**
 * What announces addr at mac. IPv4: an ARP request and a reply with target =
 * sender, both to all (either alone is ignored by some). IPv6: an unsolicited
 * NA with the override flag to ff02::1.
 */
[[nodiscard]] std::vector<std::vector<uint8_t>>
announcement_frames(const IpAddr &addr, const MacAddr &mac);

/** ARP probe, or NS as in duplicate address detection (RFC 4862 5.4.2). */
[[nodiscard]] std::vector<uint8_t>
solicitation_frame(const IpAddr &addr, const MacAddr &mac);

} // namespace jeebs
