// SPDX-License-Identifier: ISC
// A growing run of bytes whose growth isn't zeroed first: records pass through
// it at hundreds of MB/s. Owner: whoever holds it; move-only. No locking.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

namespace jeebs {

using Bytes = std::span<const uint8_t>;

class Buffer {
public:
	Buffer() = default;
	explicit Buffer(Bytes b) { append(b); }
	Buffer(Buffer &&o) noexcept
	    : p_(std::move(o.p_)), size_(std::exchange(o.size_, 0)),
	      cap_(std::exchange(o.cap_, 0)) {}
	Buffer &operator=(Buffer &&o) noexcept
	{
		p_ = std::move(o.p_);
		size_ = std::exchange(o.size_, 0);
		cap_ = std::exchange(o.cap_, 0);
		return *this;
	}

	const uint8_t *data() const { return p_.get(); }
	uint8_t *data() { return p_.get(); }
	size_t size() const { return size_; }
	size_t capacity() const { return cap_; }
	bool empty() const { return size_ == 0; }
	Bytes bytes() const { return {p_.get(), size_}; }
	void clear() { size_ = 0; }

	void reserve(size_t n)
	{
		if (n <= cap_)
			return;
		n = std::max({n, cap_ * 2, size_t{64}});
		auto p = std::make_unique_for_overwrite<uint8_t[]>(n);
		if (size_ != 0)
			std::memcpy(p.get(), p_.get(), size_);
		p_ = std::move(p);
		cap_ = n;
	}

	// Adds n bytes of undefined content and returns the first of them.
	uint8_t *extend(size_t n)
	{
		reserve(size_ + n);
		size_ += n;
		return p_.get() + size_ - n;
	}

	void append(Bytes b)
	{
		if (!b.empty())
			std::memcpy(extend(b.size()), b.data(), b.size());
	}

	// Takes the first n bytes away; n must not exceed size().
	void consume(size_t n)
	{
		size_ -= n;
		if (n != 0 && size_ != 0)
			std::memmove(p_.get(), p_.get() + n, size_);
	}

	// Takes bytes from the end; n must not exceed size().
	void truncate(size_t n) { size_ = n; }

private:
	std::unique_ptr<uint8_t[]> p_;
	size_t size_ = 0;
	size_t cap_ = 0;
};

} // namespace jeebs
