// SPDX-License-Identifier: ISC
// Both ends of the ring, the other end hostile: jeebsd reads what somebody
// wrote who also writes all over the header between any two reads, and PA
// writes where a reader moves the tail at will. Records come out whole, never
// beyond their bounds; nothing is read twice and nothing blocks.
// fuzzes: ring.cc jeebs-ring.c
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "ring.hh"

extern "C" {
#include "jeebs-ring.h"
}

#include "target.hh"

using namespace jeebs;

namespace {

constexpr uint32_t size = 4096;

struct World {
	Result<Ring> ring = Ring::create(size);
	jeebs_ring *map = nullptr;
	uint32_t mapped = 0;
	Buffer out;
	bool broken = false;
	uint64_t committed = 0;

	World()
	{
		must(ring.has_value());
		must(jeebs_ring_map(ring->memfd(), &map, &mapped) == 0 &&
		    mapped == size);
	}
	~World() { jeebs_ring_unmap(map, mapped); }

	void read()
	{
		const size_t before = out.size();
		auto r = ring->read_record(out);
		if (!r) {
			broken = true;
			return;
		}
		// no more than the ring holds at a time, no more than a record
		must(out.size() - before <= size && out.size() <=
		    JEEBS_MAX_RECORD);
		must(ring->partial() == (!*r && ring->partial()));
		if (*r) {
			must(out.size() >= JEEBS_ENVELOPE_LEN + JEEBS_TAG_LEN);
			must(!ring->partial());
			out.clear();
		}
	}
};

void step(World &w, Input &in)
{
	switch (in.num(1) % 8) {
	case 0: {	// an honest write of anything
		Bytes b = in.take(in.num(1));
		must(jeebs_ring_write(w.map, size, b.data(), b.size()) <=
		    b.size());
		break;
	}
	case 1: {	// and one in two pieces
		Bytes a = in.take(in.num(1)), b = in.take(in.num(1));
		const uint64_t head = w.map->head;
		const iovec iov[] = {
			{const_cast<uint8_t *>(a.data()), a.size()},
			{const_cast<uint8_t *>(b.data()), b.size()}};
		const int n = jeebs_ring_put(w.map, size, iov, 2);
		must(w.map->head == head + (n == 1 ? a.size() + b.size() : 0));
		break;
	}
	case 2:
		w.map->head = in.num(8);
		break;
	case 3:
		w.map->tail = in.num(8);
		break;
	case 4:	// size and magic are for whoever maps it next
		w.map->size = static_cast<uint32_t>(in.num(4));
		w.map->magic = static_cast<uint32_t>(in.num(4));
		break;
	case 5: {
		w.committed = std::max(w.committed, in.num(8));
		w.map->committed = ~w.committed;
		w.ring->commit(w.committed, 1);
		w.ring->wake();
		break;
	}
	case 6: {	// the data under a reader
		const size_t at = in.num(2) % size;
		Bytes b = in.take(std::min<size_t>(in.num(1), size - at));
		if (!b.empty())
			std::memcpy(reinterpret_cast<uint8_t *>(w.map) +
			    JEEBS_RING_HEADER + at, b.data(), b.size());
		break;
	}
	default:
		w.read();
	}
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	World w;
	Input in{data, len};

	while (in.n > 0 && !w.broken)
		step(w, in);
	return 0;
}
