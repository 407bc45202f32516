// SPDX-License-Identifier: ISC
// What one host may emit as a VIP at a moment, by its own commit log.
// A value of the Auditor's. Pure.
#pragma once

#include <set>
#include <string>

#include "event.hh"

namespace jeebs::audit {

// How long after the kernel was told to drop a frame may still be on its way,
// and how coarse its timers are: what lease.hh adds to a lease as well.
constexpr Stamp in_flight = 12'000'000;

struct Host {
	std::string name;
	std::set<MacAddr> macs;
	std::string state = "not started";
	uint64_t epoch = 0;
	uint64_t serving_epoch = 0;	// of its last time as a primary
	Stamp lease_setting = 0;

	Gate gate = Gate::closed;
	Stamp gate_at = 0;
	Stamp lease_until = 0;	// meaningful while leased

	bool serving = false;	// it has taken the VIPs and not given them up
	Stamp serving_since = 0;

	void apply(const Event &);
	// Under the end of a lease, as far as the design lets clocks differ.
	Stamp lease_end() const
	{
		return lease_until + lease_setting / 100 + in_flight;
	}
	// Why nothing as a VIP may leave at this moment; "" if it may.
	std::string silenced(Stamp) const;
};

// "1763838062.123456789"
std::string to_text(Stamp);

} // namespace jeebs::audit
