// SPDX-License-Identifier: ISC
// TCP sequence numbers (RFC 9293 3.4): arithmetic modulo 2^32, and the way
// between them and the 64-bit stream offsets of session records.
// Values; any thread.
#pragma once

#include <cstdint>

namespace jeebs {

/**
 * One sequence number. Comparison holds for numbers less than 2^31 apart, so
 * it is no strict weak ordering: never a key of an ordered container.
 */
class Seq32 {
public:
	constexpr Seq32() = default;
	constexpr explicit Seq32(uint32_t value) : value_(value) {}

	[[nodiscard]] constexpr uint32_t value() const { return value_; }

	friend constexpr bool operator==(Seq32, Seq32) = default;
	friend constexpr bool
	operator<(Seq32 a, Seq32 b)
	{
		return a - b < 0;
	}
	friend constexpr bool
	operator>(Seq32 a, Seq32 b)
	{
		return b < a;
	}
	friend constexpr bool
	operator<=(Seq32 a, Seq32 b)
	{
		return !(b < a);
	}
	friend constexpr bool
	operator>=(Seq32 a, Seq32 b)
	{
		return !(a < b);
	}
	friend constexpr Seq32
	operator+(Seq32 a, uint32_t n)
	{
		return Seq32(a.value_ + n);
	}
	friend constexpr Seq32
	operator-(Seq32 a, uint32_t n)
	{
		return Seq32(a.value_ - n);
	}
	/** Signed distance from b to a, bytes. */
	friend constexpr int32_t
	operator-(Seq32 a, Seq32 b)
	{
		return static_cast<int32_t>(a.value_ - b.value_);
	}
	constexpr Seq32 &
	operator+=(uint32_t n)
	{
		value_ += n;
		return *this;
	}

private:
	uint32_t value_ = 0;
};

/** What a peer may acknowledge (RFC 5961 5.2): TCP drops whatever has another. */
struct AckRange {
	Seq32 from, to;
	[[nodiscard]] constexpr bool
	has(Seq32 ack) const
	{
		return ack >= from && ack <= to;
	}
};

/** Sequence number of the byte at `offset`; base is that of offset 0. */
constexpr Seq32
seq_of_offset(uint32_t base, uint64_t offset)
{
	return Seq32(base + static_cast<uint32_t>(offset));
}

/**
 * It has acknowledged bytes up to one offset, all that was written ends at the
 * other (or a byte behind it, with a FIN); max_window is the largest that it ever
 * offered.
 */
constexpr AckRange
ack_range(uint32_t snd_base, uint64_t acked, uint64_t written,
    uint32_t max_window)
{
	return {seq_of_offset(snd_base, acked) - max_window,
	    seq_of_offset(snd_base, written) + 1};
}

/**
 * Offset of the byte with number seq: of all candidates the one nearest to
 * `near`. A number that lies before offset 0 gives 0.
 */
constexpr uint64_t
offset_of_seq(uint32_t base, Seq32 seq, uint64_t near)
{
	int32_t distance = seq - seq_of_offset(base, near);
	if (distance < 0 && near < static_cast<uint64_t>(-int64_t{distance}))
		return 0;
	return near + static_cast<uint64_t>(int64_t{distance});
}

} // namespace jeebs
