// SPDX-License-Identifier: ISC
// Bounds-checked view of one IPv4 or IPv6 packet that carries TCP, and the
// few edits that are needed on a recorded packet. Pure: no I/O, any thread.
// A Segment borrows the bytes it was parsed from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "flow.hh"
#include "seq32.hh"

namespace jeebs {

inline constexpr uint8_t tcp_fin = 0x01;
inline constexpr uint8_t tcp_syn = 0x02;
inline constexpr uint8_t tcp_rst = 0x04;
inline constexpr uint8_t tcp_psh = 0x08;
inline constexpr uint8_t tcp_ack = 0x10;

/** RFC 7323 timestamps as they stand in a segment. */
struct TcpTimestamps {
	uint32_t value = 0;
	uint32_t echo = 0;
};

/**
 * The TCP checksum field of a packet: right; partial (holds the sum of the
 * pseudo header only, as a packet looks that was captured before a NIC would
 * have completed it, and any packet on veth or after GRO); wrong; or unknown, of
 * a packet that isn't there whole.
 */
enum class ChecksumState { valid, partial, wrong, unknown };

class Segment {
public:
	/**
	 * packet starts with its IP header; bytes beyond the IP length
	 * (Ethernet padding) are ignored. Nothing for what isn't TCP, for
	 * fragments and for any length that doesn't fit.
	 */
	[[nodiscard]] static std::optional<Segment>
	parse(std::span<const uint8_t> packet);

	/**
	 * What the headers say of a packet that may be cut off behind them: as
	 * if it had no payload.
	 */
	[[nodiscard]] static std::optional<Segment>
	parse_headers(std::span<const uint8_t> packet);

	[[nodiscard]] IpAddr source() const;
	[[nodiscard]] IpAddr destination() const;
	[[nodiscard]] uint16_t source_port() const;
	[[nodiscard]] uint16_t destination_port() const;
	/** The flow of a packet on its way to the server. */
	[[nodiscard]] Flow flow_to_local() const;
	/** The flow of a packet on its way to the client. */
	[[nodiscard]] Flow flow_from_local() const;

	[[nodiscard]] Seq32 seq() const;
	/** Meaningful only with tcp_ack in flags(). */
	[[nodiscard]] Seq32 ack() const;
	[[nodiscard]] uint8_t flags() const;
	[[nodiscard]] bool has(uint8_t flag) const { return flags() & flag; }
	/** As on the wire, not scaled. */
	[[nodiscard]] uint16_t window() const;
	[[nodiscard]] std::span<const uint8_t> payload() const;
	/** Sequence number after payload, SYN and FIN. */
	[[nodiscard]] Seq32 end_seq() const;
	[[nodiscard]] std::optional<TcpTimestamps> timestamps() const;
	[[nodiscard]] ChecksumState checksum_state() const;

	/** The packet without padding. */
	[[nodiscard]] std::span<const uint8_t> bytes() const { return ip_; }
	/** Offsets from the start of bytes(). */
	[[nodiscard]] size_t tcp_offset() const { return tcp_; }
	[[nodiscard]] size_t payload_offset() const { return payload_; }

private:
	[[nodiscard]] static std::optional<Segment>
	parse(std::span<const uint8_t> packet, size_t length);

	std::span<const uint8_t> ip_;
	size_t tcp_ = 0;
	size_t payload_ = 0;
	bool v6_ = false;
	bool headers_only_ = false;
};

/**
 * Writes the IPv4 header checksum and the TCP checksum of a packet that
 * Segment::parse accepts; false, and nothing written, when it doesn't.
 */
bool complete_checksums(std::span<uint8_t> packet);

/** Sets the acknowledgment number and completes the checksums. */
bool rewrite_ack(std::span<uint8_t> packet, Seq32 ack);

/** Puts no-operations in the timestamps' place and completes the checksums. */
bool blank_timestamps(std::span<uint8_t> packet);

/**
 * The same bytes as packets of at most max_payload bytes each (> 0), checksums
 * completed; FIN and PSH stay on the last only. One packet if it fits. Only the
 * payload between from and to, if these say so; FIN is the byte behind it.
 */
[[nodiscard]] std::vector<std::vector<uint8_t>>
split_segment(const Segment &, size_t max_payload, size_t from = 0,
    size_t to = SIZE_MAX);

/** What build_segment writes; window as on the wire, not scaled. */
struct SegmentFields {
	IpAddr source;
	IpAddr destination;
	uint16_t source_port = 0;
	uint16_t destination_port = 0;
	Seq32 seq;
	Seq32 ack;
	uint8_t flags = tcp_ack;
	uint16_t window = 0;
	std::optional<TcpTimestamps> timestamps;
	std::span<const uint8_t> payload;
};

/** With the addresses and ports of a packet on its way to the server, or back. */
[[nodiscard]] SegmentFields fields_to_local(const Flow &);
[[nodiscard]] SegmentFields fields_from_local(const Flow &);

/** A whole packet, checksums complete. Both addresses of one family. */
[[nodiscard]] std::vector<uint8_t> build_segment(const SegmentFields &);

} // namespace jeebs
