// SPDX-License-Identifier: ISC
// Any bytes as what a peer sends over the link: every frame that is found, and
// whatever decodes must come out the same when it is encoded again.
// fuzzes: frame.cc wire.cc jeebs-wire.c
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "frame.hh"
#include "target.hh"

using namespace jeebs;

namespace {

// put must write the frame that payload came in.
template <class T, class Put>
void again(const Result<T> &value, const FrameView &f, Put put)
{
	if (!value)
		return;
	Buffer b;
	put(b);
	FrameView g;
	auto n = next_frame(b.bytes(), g);
	must(n.has_value() && *n == b.size() && g.type == f.type &&
	    g.payload.size() == f.payload.size() &&
	    std::equal(g.payload.begin(), g.payload.end(), f.payload.begin()));
}

void decode(const FrameView &f)
{
	Bytes p = f.payload;

	switch (f.type) {
	case FrameType::hello: {
		auto v = get_hello(p);
		again(v, f, [&](Buffer &b) { put_hello(b, *v); });
		break;
	}
	case FrameType::key: {
		auto v = get_key(p);
		again(v, f, [&](Buffer &b) { put_key(b, *v); });
		break;
	}
	case FrameType::forward: {
		auto v = get_forward(p);
		again(v, f, [&](Buffer &b) {
			must(put_forward(b, *v).has_value());
		});
		break;
	}
	case FrameType::taken: {
		auto v = get_taken(p);
		again(v, f, [&](Buffer &b) { put_taken(b, *v); });
		break;
	}
	case FrameType::open: {
		auto v = get_open(p);
		again(v, f, [&](Buffer &b) { must(put_open(b, *v).has_value()); });
		break;
	}
	case FrameType::record: {
		auto v = get_record(p);
		again(v, f, [&](Buffer &b) { put_record(b, v->sid, v->record); });
		break;
	}
	case FrameType::commit: {
		auto v = get_commit(p);
		again(v, f, [&](Buffer &b) { put_commit(b, *v); });
		break;
	}
	case FrameType::tcp: {
		auto v = get_tcp(p);
		again(v, f, [&](Buffer &b) {
			must(put_tcp(b, v->sid, v->tcp).has_value());
		});
		break;
	}
	case FrameType::close: {
		auto v = get_close(p);
		again(v, f, [&](Buffer &b) { put_close(b, v->sid, v->text); });
		break;
	}
	case FrameType::drop: {
		auto v = get_close(p);
		again(v, f, [&](Buffer &b) { put_drop(b, v->sid, v->text); });
		break;
	}
	case FrameType::closed: {
		auto v = get_closed(p);
		again(v, f, [&](Buffer &b) { put_closed(b, *v); });
		break;
	}
	case FrameType::resign: {
		auto v = get_resign(p);
		again(v, f, [&](Buffer &b) { put_resign(b, v->epoch, v->text); });
		break;
	}
	case FrameType::role: {
		auto v = get_role(p);
		again(v, f, [&](Buffer &b) { put_role(b, v->epoch, v->role); });
		break;
	}
	case FrameType::ping:
		(void)get_ping(p);
		break;
	case FrameType::input: {
		auto v = get_input(p);
		again(v, f, [&](Buffer &b) { put_input(b, *v); });
		break;
	}
	case FrameType::cover: {
		auto v = get_cover(p);
		again(v, f, [&](Buffer &b) { put_cover(b, *v); });
		break;
	}
	case FrameType::input_commit: {
		auto v = get_input_commit(p);
		again(v, f, [&](Buffer &b) { put_input_commit(b, *v); });
		break;
	}
	}
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	Bytes in(data, len);

	while (!in.empty()) {
		FrameView f;
		size_t need = 0;
		auto n = next_frame(in, f, &need);
		if (!n)
			break;
		if (*n == 0) {
			must(need > in.size());
			break;
		}
		must(*n <= in.size() && f.payload.size() < *n);
		// it is a frame when its last byte is there, and not before
		for (size_t cut : {size_t{0}, size_t{4}, *n / 2, *n - 1}) {
			FrameView g;
			auto part = next_frame(in.first(std::min(cut, *n - 1)),
			    g);
			must(part.has_value() && *part == 0);
		}
		decode(f);
		in = in.subspan(*n);
	}
	return 0;
}
