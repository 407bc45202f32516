// SPDX-License-Identifier: ISC
#include "host.hh"

#include <fmt/format.h>

namespace jeebs::audit {

std::string
to_text(Stamp t)
{
	return fmt::format("{}.{:09}", t / 1'000'000'000, t % 1'000'000'000);
}

void
Host::apply(const Event &e)
{
	switch (e.kind) {
	case EventKind::start:
		// The kernel goes on as the jeebsd before left it.
		name = e.text;
		lease_setting = static_cast<Stamp>(e.lease);
		epoch = e.epoch;
		state = "starting";
		break;
	case EventKind::vip:
		macs.insert(e.mac);
		break;
	case EventKind::state:
		state = e.text;
		epoch = e.epoch;
		// A standby goes along with its primary's epoch.
		if (state.starts_with("primary"))
			serving_epoch = epoch;
		break;
	case EventKind::gate:
		gate = e.gate;
		gate_at = e.time;
		if (gate == Gate::leased)
			lease_until = e.time + static_cast<Stamp>(e.lease);
		break;
	case EventKind::vips:
		if (e.up && !serving)
			serving_since = e.time;
		if (e.up)
			serving_epoch = epoch;
		serving = e.up;
		break;
	case EventKind::dark:
		gate = Gate::closed;
		gate_at = e.time;
		serving = false;
		state = "without power";
		break;
	default:
		break;
	}
}

std::string
Host::silenced(Stamp t) const
{
	switch (gate) {
	case Gate::open:
		return {};
	case Gate::leased:
		if (t <= lease_end())
			return {};
		return fmt::format("its lease ended at {}, {:.1f} ms before",
		    to_text(lease_until), static_cast<double>(t - lease_until) /
		    1e6);
	case Gate::closed:
		if (t <= gate_at + in_flight)
			return {};
		return gate_at == 0 ? "it never served" :
		    fmt::format("it is {} and nothing may leave since {}",
		    state, to_text(gate_at));
	}
	return {};
}

} // namespace jeebs::audit
