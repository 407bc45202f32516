// SPDX-License-Identifier: ISC
// Session records and TCP states as bytes, for tests of what only looks at
// envelopes: the sealed parts are filler. Values; any thread.
#pragma once

#include <stdexcept>

#include <netinet/in.h>

#include "buffer.hh"
#include "frame.hh"
#include "link.hh"
#include "sshbuf.hh"
#include "wire.hh"

namespace jeebs::test {

struct RecordSpec {
	uint8_t type = JEEBS_REC_PROGRESS;
	uint64_t seq = 1;
	uint64_t in_off = 0;
	uint64_t out_off = 0;
	uint64_t acked_off = 0;
	uint32_t stream_len = 0;
	uint32_t sealed_len = 0;
	uint8_t id = 1;		// every byte of the record id
	uint64_t epoch = 7;
};

// Byte o of every test stream: a record's bytes tell where they belong.
inline uint8_t stream_byte(uint64_t o)
{
	return static_cast<uint8_t>(o * 131 + (o >> 8) * 17);
}

inline Buffer make_record(const RecordSpec &spec)
{
	jeebs_envelope env{};
	env.version = JEEBS_WIRE_VERSION;
	env.compat = JEEBS_WIRE_COMPAT;
	env.type = spec.type;
	std::fill_n(env.record_id, JEEBS_ID_LEN, spec.id);
	env.epoch = spec.epoch;
	env.seq = spec.seq;
	env.in_off = spec.in_off;
	env.out_off = spec.out_off;
	env.acked_off = spec.acked_off;
	env.stream_len = spec.stream_len;
	env.sealed_len = spec.sealed_len;
	SshbufPtr b(sshbuf_new());
	if (jeebs_envelope_put(b.get(), &env) != 0)
		throw std::logic_error("impossible test record");
	Buffer out(Bytes(sshbuf_ptr(b.get()), sshbuf_len(b.get())));
	for (uint32_t i = 0; i < spec.stream_len; i++)
		*out.extend(1) = stream_byte(spec.out_off + i);
	std::memset(out.extend(spec.sealed_len), 0x5e, spec.sealed_len);
	std::memset(out.extend(JEEBS_TAG_LEN), 0x7a, JEEBS_TAG_LEN);
	return out;
}

inline Buffer make_root(uint8_t id = 1, uint64_t epoch = 7,
    uint32_t sealed_len = 100)
{
	return make_record({.type = JEEBS_REC_ROOT, .seq = 0,
	    .sealed_len = sealed_len, .id = id, .epoch = epoch});
}

// 10.0.0.9:REMOTE > 10.0.0.1:22
inline jeebs_tcp_state make_tcp(uint16_t remote_port = 5000)
{
	jeebs_tcp_state t{};
	t.family = AF_INET;
	t.local_port = 22;
	t.remote_port = remote_port;
	t.mss = 1460;
	const uint8_t local[4] = {10, 0, 0, 1}, remote[4] = {10, 0, 0, 9};
	std::copy_n(local, 4, t.local);
	std::copy_n(remote, 4, t.remote);
	t.snd_base = 0xfffff000;
	t.rcv_base = 0x7ffffff0;
	t.options = JEEBS_TCP_OPT_TS;
	t.ts_val = 12345;
	t.snd_wnd = 65536;
	t.max_window = 65536;
	t.rcv_wnd = 65536;
	return t;
}

inline bool same_bytes(Bytes a, Bytes b)
{
	return a.size() == b.size() &&
	    std::equal(a.begin(), a.end(), b.begin());
}

// Collects what is sent; the test decides whether it is up.
class FakeSink : public FrameSink {
public:
	bool up = true, full = false;
	bool refreshes = false;	// take tcp frames, which each second brings, too
	size_t room = SIZE_MAX;	// bytes in sent: from there on it is congested
	PeerHello hello;
	Buffer sent;
	size_t frames = 0;

	bool is_up() const override { return up; }
	const PeerHello *peer() const override { return up ? &hello : nullptr; }
	bool congested() const override { return full || sent.size() >= room; }
	bool send(Buffer b) override
	{
		FrameView f;
		if (!refreshes && next_frame(b.bytes(), f).value_or(0) != 0 &&
		    f.type == FrameType::tcp)
			return up;
		if (up) {
			sent.append(b.bytes());
			frames++;
		}
		return up;
	}
	// The next frame, or an empty payload with type 0.
	struct Taken {
		FrameType type{};
		Buffer payload;
	};
	Taken take()
	{
		FrameView f;
		auto n = next_frame(sent.bytes(), f);
		if (!n || *n == 0)
			return {};
		Taken t{f.type, Buffer(f.payload)};
		sent.consume(*n);
		return t;
	}
};

} // namespace jeebs::test
