// SPDX-License-Identifier: ISC
// Any bytes as a frame off the wire: what it says about an address, announced
// or asked again, must read the same.
// fuzzes: neighbor.cc flow.cc
#include <cstdint>
#include <cstdlib>

#include "neighbor.hh"
#include "target.hh"

using namespace jeebs;

extern "C" int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const auto fact = parse_neighbor_frame({data, len});
	if (!fact)
		return 0;
	const auto frame = fact->kind == NeighborFact::Kind::probe ?
	    solicitation_frame(fact->addr, fact->mac) :
	    announcement_frames(fact->addr, fact->mac)[0];
	const auto again = parse_neighbor_frame(frame);
	/* Announcing nobody's address reads as a probe, or as nothing. */
	const bool nobody = fact->addr == IpAddr() ||
	    fact->addr == *IpAddr::parse("::");
	if (!nobody && again != fact)
		abort();
	return 0;
}
