// SPDX-License-Identifier: ISC
// Frames of the link between two jeebsd: uint32 length, uint8 type, payload;
// big-endian, strings with a uint32 length (PROTOCOL.link has the prose).
// Encoders append a whole frame to a Buffer; decoders take one payload, are
// bounded, and refuse trailing bytes. Pure functions, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "buffer.hh"
#include "jeebs-wire.h"
#include "result.hh"

namespace jeebs {

inline constexpr uint32_t link_proto = 3;

// Bytes before the payload: length (of type and payload) and type.
inline constexpr size_t frame_header_len = 4 + 1;
// RECORD: sid before the record itself.
inline constexpr size_t record_prefix_len = frame_header_len + 8;
inline constexpr size_t max_frame_payload = 8 + size_t{JEEBS_MAX_RECORD};
inline constexpr size_t max_commits = 4096;	// entries of one COMMIT
inline constexpr size_t max_input_packet = 65535 + 40;	// IPv6, RFC 8200 3

enum class FrameType : uint8_t {
	hello = 1,	// first frame, both ways: PeerHello
	key,		// standby: string signed recovery key
	open,		// primary: OpenFrame, a session's incarnation begins
	record,		// primary: uint64 sid, one session record
	commit,		// standby: uint32 n, n x (sid, seq, out_end)
	tcp,		// primary: uint64 sid, string tcp state
	close,		// primary: uint64 sid, string reason: it is over
	closed,		// standby: uint64 sid: nothing of it is left here
	drop,		// standby: uint64 sid, string reason: not kept (any more)
	resign,		// uint64 epoch, string reason: holds nothing, won't take over
	role,		// uint64 epoch, uint8 role
	ping,		// no fields
	input,		// primary: uint64 sid, uint64 offset, IP packet
	cover,		// primary: uint64 sid, uint64 from
	input_commit,	// standby: uint64 n, INPUT frames of this link held
	forward,	// primary: uint64 sid, uint64 id, string tcp state
	taken,		// primary: uint64 id, uint64 offset
};

enum class PeerRole : uint8_t { joining = 0, standby = 1, primary = 2 };

struct FrameView {
	FrameType type{};
	Bytes payload;	// valid until the callee returns
};

// Who the other jeebsd is, as it says over the authenticated link.
struct PeerHello {
	uint32_t proto = link_proto;
	std::string host;		// its `host`
	std::string version;		// of the fork, JEEBS_FORK_VERSION
	uint64_t instance = 0;		// random, one per start of jeebsd
	uint64_t epoch = 0;
	PeerRole role = PeerRole::joining;
	uint32_t wants = 0;		// bits for later versions; 0
	bool operator==(const PeerHello &) const = default;
};

struct OpenFrame {
	uint64_t sid = 0;	// random, one per incarnation
	Bytes root{};		// root record
	jeebs_tcp_state tcp{};
	std::string user{};	// for status only
};

struct CommitEntry {
	uint64_t sid = 0;
	uint64_t seq = 0;	// of the last record held
	uint64_t out_end = 0;	// stream offset after it
	bool operator==(const CommitEntry &) const = default;
};

struct SidText {
	uint64_t sid = 0;
	std::string text;
};

struct RecordFrame {
	uint64_t sid = 0;
	Bytes record;
};

struct InputFrame {
	uint64_t sid = 0;
	uint64_t offset = 0;	// of its first byte in the client's stream
	Bytes packet;		// IP packet, as TCP will get it
};

// All that TCP got of the client's stream beyond `from` it got after an INPUT
// frame with it was held.
struct CoverFrame {
	uint64_t sid = 0;
	uint64_t from = 0;	// stream offset
};

// A session's connection to a target of its forwards. TCP, COVER, INPUT, CLOSE,
// CLOSED and DROP are of it where they have its id in place of a sid.
struct ForwardFrame {
	uint64_t sid = 0;	// of the session's incarnation
	uint64_t id = 0;	// random
	jeebs_tcp_state tcp{};
};

// Records that the standby holds have all that the target sent before this.
struct TakenFrame {
	uint64_t id = 0;
	uint64_t offset = 0;
};

struct TcpFrame {
	uint64_t sid = 0;
	jeebs_tcp_state tcp{};
};

struct RoleFrame {
	uint64_t epoch = 0;
	PeerRole role{};
};

struct EpochText {
	uint64_t epoch = 0;
	std::string text;
};

// Looks for one frame at the start of in. Returns the bytes that it takes, 0
// if more is needed (*need is then the least total to ask for), or an error
// for a length or type that no frame has.
[[nodiscard]] Result<size_t> next_frame(Bytes in, FrameView &out,
    size_t *need = nullptr);

void put_hello(Buffer &, const PeerHello &);
void put_key(Buffer &, Bytes key);
// An impossible TCP state is an error; nothing is appended then.
[[nodiscard]] Result<void> put_open(Buffer &, const OpenFrame &);
void put_record(Buffer &, uint64_t sid, Bytes record);
void put_commit(Buffer &, std::span<const CommitEntry>);	// <= max_commits
[[nodiscard]] Result<void> put_tcp(Buffer &, uint64_t sid,
    const jeebs_tcp_state &);
// What CLOSE says of a session that has ended by itself.
inline constexpr std::string_view session_over = "over";
void put_close(Buffer &, uint64_t sid, std::string_view reason);
void put_closed(Buffer &, uint64_t sid);
void put_drop(Buffer &, uint64_t sid, std::string_view reason);
void put_resign(Buffer &, uint64_t epoch, std::string_view reason);
void put_role(Buffer &, uint64_t epoch, PeerRole);
void put_ping(Buffer &);
void put_input(Buffer &, const InputFrame &);
void put_cover(Buffer &, const CoverFrame &);
void put_input_commit(Buffer &, uint64_t n);
[[nodiscard]] Result<void> put_forward(Buffer &, const ForwardFrame &);
void put_taken(Buffer &, const TakenFrame &);

// Writes the header and sid of a RECORD frame over the first record_prefix_len
// bytes of a buffer whose rest is the record: no copy on the way out.
void finish_record_frame(Buffer &, uint64_t sid);

[[nodiscard]] Result<PeerHello> get_hello(Bytes);
[[nodiscard]] Result<Bytes> get_key(Bytes);	// <= JEEBS_MAX_RECOVERY
[[nodiscard]] Result<OpenFrame> get_open(Bytes);	// root points into input
[[nodiscard]] Result<RecordFrame> get_record(Bytes);	// likewise
[[nodiscard]] Result<std::vector<CommitEntry>> get_commit(Bytes);
[[nodiscard]] Result<TcpFrame> get_tcp(Bytes);
[[nodiscard]] Result<SidText> get_close(Bytes);	// also DROP
[[nodiscard]] Result<uint64_t> get_closed(Bytes);
[[nodiscard]] Result<EpochText> get_resign(Bytes);
[[nodiscard]] Result<RoleFrame> get_role(Bytes);
[[nodiscard]] Result<void> get_ping(Bytes);
[[nodiscard]] Result<InputFrame> get_input(Bytes);	// <= max_input_packet
[[nodiscard]] Result<CoverFrame> get_cover(Bytes);
[[nodiscard]] Result<uint64_t> get_input_commit(Bytes);
[[nodiscard]] Result<ForwardFrame> get_forward(Bytes);
[[nodiscard]] Result<TakenFrame> get_taken(Bytes);

const char *to_string(PeerRole);

} // namespace jeebs
