// SPDX-License-Identifier: ISC
// What every fuzz target needs: its entry, checks that no build switches off,
// and numbers and bytes taken from the front of an input.
// Owner: the fuzz programs. Single-threaded.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

inline void must(bool ok)
{
	if (!ok)
		abort();
}

struct Input {
	const uint8_t *p;
	size_t n;	// bytes left

	// Big-endian; from fewer bytes at the end.
	uint64_t num(size_t bytes)
	{
		uint64_t v = 0;
		for (; bytes > 0 && n > 0; bytes--, p++, n--)
			v = v << 8 | *p;
		return v;
	}
	// Fewer at the end.
	std::span<const uint8_t> take(size_t want)
	{
		const std::span<const uint8_t> b(p, std::min(want, n));
		p += b.size();
		n -= b.size();
		return b;
	}
};
