// SPDX-License-Identifier: ISC
// Fields of a message as RFC 4251 section 5 writes them: big-endian numbers,
// strings with a uint32 length. Reader is for bytes that others chose.
// Values on the stack of whoever codes; any thread.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "buffer.hh"
#include "result.hh"

namespace jeebs {

template <std::unsigned_integral T> void store_be(uint8_t *p, T v)
{
	for (size_t i = 0; i < sizeof(T); i++)
		p[i] = static_cast<uint8_t>(v >> 8 * (sizeof(T) - 1 - i));
}

template <std::unsigned_integral T> T load_be(const uint8_t *p)
{
	uint64_t v = 0;
	for (size_t i = 0; i < sizeof(T); i++)
		v = v << 8 | p[i];
	return static_cast<T>(v);
}

// Appends fields to a buffer.
class FieldWriter {
public:
	explicit FieldWriter(Buffer &b) : b_(b) {}

	FieldWriter &u8(uint8_t v)
	{
		*b_.extend(1) = v;
		return *this;
	}
	FieldWriter &u32(uint32_t v)
	{
		store_be(b_.extend(4), v);
		return *this;
	}
	FieldWriter &u64(uint64_t v)
	{
		store_be(b_.extend(8), v);
		return *this;
	}
	FieldWriter &raw(Bytes s)
	{
		b_.append(s);
		return *this;
	}
	FieldWriter &string(Bytes s)
	{
		return u32(static_cast<uint32_t>(s.size())).raw(s);
	}
	// A text cut to what its decoder takes.
	FieldWriter &text(std::string_view s, size_t max)
	{
		s = s.substr(0, max);
		return string({reinterpret_cast<const uint8_t *>(s.data()),
		    s.size()});
	}

private:
	Buffer &b_;
};

// Reads fields in order; the first that doesn't fit makes all later ones
// empty, and finish() an error.
class FieldReader {
public:
	// name stands for the message in errors; not copied.
	FieldReader(Bytes b, const char *name) : b_(b), name_(name) {}

	template <std::unsigned_integral T> T num()
	{
		if (b_.size() < sizeof(T)) {
			bad("cut short");
			return 0;
		}
		T v = load_be<T>(b_.data());
		b_ = b_.subspan(sizeof(T));
		return v;
	}
	Bytes string(size_t max)
	{
		auto len = num<uint32_t>();
		if (len > max)
			bad("string too long");
		else if (len > b_.size())
			bad("cut short");
		if (error_ != nullptr)
			return {};
		Bytes s = b_.first(len);
		b_ = b_.subspan(len);
		return s;
	}
	std::string text(size_t max)
	{
		Bytes s = string(max);
		for (uint8_t c : s)
			if (c == 0)
				bad("NUL in a text");
		return {reinterpret_cast<const char *>(s.data()), s.size()};
	}
	Bytes rest() { return std::exchange(b_, {}); }
	void bad(const char *why)
	{
		if (error_ == nullptr)
			error_ = why;
		b_ = {};
	}
	[[nodiscard]] Result<void> finish()
	{
		if (error_ == nullptr && !b_.empty())
			error_ = "trailing bytes";
		if (error_ != nullptr)
			return fail(fmt::format("{}: {}", name_, error_));
		return {};
	}
	// The same, and value if all was well.
	template <class T> [[nodiscard]] Result<T> finish(T value)
	{
		if (auto ok = finish(); !ok)
			return tl::unexpected(ok.error());
		return value;
	}

private:
	Bytes b_;
	const char *name_;
	const char *error_ = nullptr;
};

} // namespace jeebs
