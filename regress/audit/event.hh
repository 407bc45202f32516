// SPDX-License-Identifier: ISC
// One line of a commit log (README.md lists them), or of the lab's record of
// power cuts. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "packet.hh"
#include "result.hh"

namespace jeebs::audit {

enum class EventKind {
	start, vip, state, gate, vips,
	open, forward, held, input, lost, void_all, cover,
	session, offer, protect, unprotect, retire, over, adopt, go_on,
	reset, forget,
	dark,		// power cut: from the lab, not from the host
};

enum class Gate { closed, leased, open };

struct Event {
	Stamp time = 0;
	EventKind kind{};
	std::string text;	// host of start and dark, name of state, why
	IpAddr address;		// vip
	MacAddr mac;
	Gate gate = Gate::closed;
	bool up = false;	// vips
	uint64_t lease = 0;	// ns: of start the setting, of gate what is left
	uint16_t port = 0;
	uint64_t sid = 0, epoch = 0;
	// Offsets; out is also protect's from, in that of cover, and both are
	// the range of input.
	uint64_t out = 0, in = 0;
	uint32_t end = 0;	// of go_on: sequence number
	Flow flow;
	std::optional<uint32_t> base;	// sequence number of the server's offset 0
	std::optional<uint32_t> rcv;	// of the client's
};

// A whole line without its newline.
[[nodiscard]] Result<Event> parse_event(std::string_view line);

// A line of the lab's events: JSON, of which only power cuts count. Nothing for
// others.
[[nodiscard]] Result<std::optional<Event>> parse_power(std::string_view line);

} // namespace jeebs::audit
