// SPDX-License-Identifier: ISC
// The heartbeat packet: who I am, how I am, what I heard of you last. One UDP
// datagram of heartbeat_len bytes, authenticated with a key that both ends
// took from the replication link, refused when replayed or reflected.
// Pure: no socket, no clock. A HeartbeatCodec belongs to one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "result.hh"

namespace jeebs {

// What the sender is; the values are on the wire.
enum class RoleState : uint8_t {
	starting = 1,		// looks for the peer
	probing,		// asks the LAN whether anybody serves
	primary_alone,		// serves, nobody could take over
	primary_protected,	// serves under the standby's lease
	primary_stalled,	// the lease ran out, silent
	standby_joining,	// holds nothing yet
	standby_ready,		// could take over
	standby_suspecting,	// could, and has missed heartbeats
	taking_over,
};
const char *to_string(RoleState);
bool is_primary(RoleState);
bool is_searching(RoleState);	// starting, probing
bool is_armed(RoleState);	// a standby that could take over

enum HeartbeatFlag : uint8_t {
	hb_preferred = 1,	// its configuration says so
	hb_vip_here = 2,	// the VIP is on its interface
	hb_grant = 4,		// standby: I won't take over before the echoed
				// packet's sending time plus the lease
	hb_release = 8,		// primary: please let me go alone
	hb_released = 16,	// standby: done, I hold nothing
	hb_sessions = 32,	// it has sessions of the VIP
};
inline constexpr uint8_t hb_all_flags = 63;

/*
 * On the wire, big-endian: uint32 magic, uint8 version, uint8 direction,
 * uint8 state, uint8 flags, uint32 lease ms, uint32 alone-after ms, 8 bytes key id,
 * then the uint64 fields from instance to echo_sent, then 16 bytes of HMAC-SHA256
 * over all before it.
 */
struct Heartbeat {
	RoleState state{};
	uint8_t flags = 0;
	uint32_t lease_ms = 0;	// the sender's own settings
	uint32_t alone_ms = 0;
	uint64_t instance = 0;	// random, one per start of jeebsd
	uint64_t epoch = 0;
	uint64_t counter = 0;	// of this packet, from 1; all paths together
	uint64_t sent = 0;	// sender's clock, ns
	uint64_t echo_counter = 0;	// highest heard from the receiver; 0: none
	uint64_t echo_sent = 0;		// and its `sent`
	bool operator==(const Heartbeat &) const = default;
};

inline constexpr size_t heartbeat_tag_len = 16;
inline constexpr size_t heartbeat_len = 4 + 4 + 8 + 8 + 6 * 8 +
    heartbeat_tag_len;

using HeartbeatKey = std::array<uint8_t, 32>;
using HeartbeatPacket = std::array<uint8_t, heartbeat_len>;

// Encodes with the newest key, decodes with it or the one before, since the
// two ends of a new link don't change over in the same instant.
class HeartbeatCodec {
public:
	// direction: this end's, 0 or 1, the peer must have the other.
	// paths: how many there are; replay is judged per path.
	HeartbeatCodec(uint8_t direction, size_t paths);

	void set_key(const HeartbeatKey &);
	bool has_key() const { return current_.has_value(); }

	// nullopt while there is no key.
	std::optional<HeartbeatPacket> encode(const Heartbeat &) const;

	// A packet from the network. Refuses whatever isn't exactly one fresh
	// packet of the peer for this path; says why.
	Result<Heartbeat> decode(size_t path, std::span<const uint8_t>);

private:
	struct KeyState {
		HeartbeatKey key{};
		std::array<uint8_t, 8> id{};
		std::vector<uint64_t> highest;	// counter heard, per path
	};
	uint8_t direction_;
	size_t paths_;
	std::optional<KeyState> current_, previous_;
};

} // namespace jeebs
