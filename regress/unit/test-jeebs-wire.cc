// SPDX-License-Identifier: ISC
#include "sealed.hh"

using namespace sealed;

namespace {

jeebs_envelope sample_envelope()
{
	jeebs_envelope e{};
	e.version = JEEBS_WIRE_VERSION;
	e.compat = JEEBS_WIRE_COMPAT;
	e.type = JEEBS_REC_PROGRESS;
	for (unsigned i = 0; i < JEEBS_ID_LEN; i++)
		e.record_id[i] = i;
	e.epoch = 0x0102030405060708;
	e.seq = 9;
	e.in_off = 0x1112131415161718;
	e.out_off = 0x2122232425262728;
	e.acked_off = 0x2022232425262728;
	e.stream_len = 0x00100000;
	e.sealed_len = 0x00200000;
	return e;
}

// The layout itself, so that a change of it can't go unseen.
const Blob sample_envelope_bytes = {
	0x4a, 0x45, 0x45, 0x42, 1, 1, 3, 0,
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
	0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
	0, 0, 0, 0, 0, 0, 0, 9,
	0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18,
	0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28,
	0x20, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28,
	0x00, 0x10, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00,
};

int put(const jeebs_envelope &e)
{
	BufPtr b = buf();
	return jeebs_envelope_put(b.get(), &e);
}

int put(const jeebs_tcp_state &t)
{
	BufPtr b = buf();
	return jeebs_tcp_put(b.get(), &t);
}

int get_envelope(const Blob &v)
{
	jeebs_envelope e;
	BufPtr b = buf(v);
	return jeebs_envelope_get(b.get(), &e);
}

// Every field that put refuses, get must refuse too: encode a good one and
// overwrite the bytes.
template <class T> void poke(Blob &b, size_t at, T v)
{
	for (size_t i = 0; i < sizeof(T); i++)
		b[at + i] = static_cast<uint8_t>(v >> (8 * (sizeof(T) - 1 - i)));
}

} // namespace

BOOST_AUTO_TEST_SUITE(jeebs_wire)

BOOST_AUTO_TEST_CASE(envelope_has_its_documented_layout)
{
	jeebs_envelope e = sample_envelope(), back;
	BufPtr b = buf();
	SSH_OK(jeebs_envelope_put(b.get(), &e));
	BOOST_TEST(blob(b.get()) == sample_envelope_bytes,
	    boost::test_tools::per_element());
	BOOST_TEST(sshbuf_len(b.get()) == size_t{JEEBS_ENVELOPE_LEN});
	SSH_OK(sshbuf_put_u8(b.get(), 42));
	SSH_OK(jeebs_envelope_get(b.get(), &back));
	BOOST_TEST(sshbuf_len(b.get()) == 1U);
	BOOST_TEST(back.epoch == e.epoch);
	BOOST_TEST(back.seq == e.seq);
	BOOST_TEST(back.in_off == e.in_off);
	BOOST_TEST(back.out_off == e.out_off);
	BOOST_TEST(back.acked_off == e.acked_off);
	BOOST_TEST(back.stream_len == e.stream_len);
	BOOST_TEST(back.sealed_len == e.sealed_len);
	BOOST_TEST(memcmp(back.record_id, e.record_id, JEEBS_ID_LEN) == 0);
}

BOOST_AUTO_TEST_CASE(envelope_cut_short_is_incomplete)
{
	for (size_t n = 0; n < sample_envelope_bytes.size(); n++)
		SSH_IS(get_envelope(cut(sample_envelope_bytes, n)),
		    SSH_ERR_MESSAGE_INCOMPLETE);
}

BOOST_AUTO_TEST_CASE(envelope_with_a_bad_field_is_refused)
{
	const Blob &good = sample_envelope_bytes;
	SSH_OK(get_envelope(good));
	for (size_t bit = 0; bit < 32; bit++)
		SSH_IS(get_envelope(flipped(good, bit)), SSH_ERR_INVALID_FORMAT);
	struct {
		size_t at;
		uint8_t value;
		int error;
	} const bytes[] = {
		{ 4, 0, SSH_ERR_INVALID_FORMAT },	// version < compat
		{ 5, 0, SSH_ERR_INVALID_FORMAT },
		{ 6, 0, SSH_ERR_INVALID_FORMAT },
		{ 6, 5, SSH_ERR_INVALID_FORMAT },
		{ 6, 255, SSH_ERR_INVALID_FORMAT },
		{ 7, 1, SSH_ERR_INVALID_FORMAT },
		{ 7, 128, SSH_ERR_INVALID_FORMAT },
	};
	for (const auto &c : bytes) {
		Blob b = good;
		b[c.at] = c.value;
		SSH_IS(get_envelope(b), c.error);
	}
	Blob newer = good;
	newer[4] = newer[5] = JEEBS_WIRE_VERSION + 1;
	SSH_IS(get_envelope(newer), SSH_ERR_PROTOCOL_MISMATCH);
	newer[5] = JEEBS_WIRE_VERSION;
	SSH_OK(get_envelope(newer));

	Blob b = good;
	poke<uint64_t>(b, 32, 0);		// seq 0 is the root's
	SSH_IS(get_envelope(b), SSH_ERR_INVALID_FORMAT);
	poke<uint64_t>(b, 32, UINT64_MAX);
	SSH_IS(get_envelope(b), SSH_ERR_INVALID_FORMAT);
	b = good;
	poke<uint64_t>(b, 40, UINT64_MAX);	// in_off
	SSH_IS(get_envelope(b), SSH_ERR_INVALID_FORMAT);
	b = good;
	poke<uint64_t>(b, 48, UINT64_MAX);	// out_off
	SSH_IS(get_envelope(b), SSH_ERR_INVALID_FORMAT);
	poke<uint64_t>(b, 48, INT64_MAX);	// + stream_len passes the bound
	SSH_IS(get_envelope(b), SSH_ERR_INVALID_FORMAT);
	b = good;
	poke<uint64_t>(b, 56, 0x2122232425262729);	// acked > out
	SSH_IS(get_envelope(b), SSH_ERR_INVALID_FORMAT);
	b = good;
	poke<uint32_t>(b, 64, JEEBS_MAX_STREAM);
	SSH_OK(get_envelope(b));
	poke<uint32_t>(b, 64, JEEBS_MAX_STREAM + 1);
	SSH_IS(get_envelope(b), SSH_ERR_INVALID_FORMAT);
	b = good;
	poke<uint32_t>(b, 68, JEEBS_MAX_SEALED);
	SSH_OK(get_envelope(b));
	poke<uint32_t>(b, 68, JEEBS_MAX_SEALED + 1);
	SSH_IS(get_envelope(b), SSH_ERR_INVALID_FORMAT);
}

BOOST_AUTO_TEST_CASE(root_envelope_has_no_offsets)
{
	jeebs_envelope e{};
	e.version = JEEBS_WIRE_VERSION;
	e.compat = JEEBS_WIRE_COMPAT;
	e.type = JEEBS_REC_ROOT;
	e.epoch = 3;
	e.sealed_len = 1000;
	SSH_OK(put(e));
	for (uint64_t jeebs_envelope::*f : { &jeebs_envelope::seq,
	    &jeebs_envelope::in_off, &jeebs_envelope::out_off,
	    &jeebs_envelope::acked_off }) {
		jeebs_envelope bad = e;
		bad.*f = 1;
		SSH_IS(put(bad), SSH_ERR_INVALID_FORMAT);
	}
	jeebs_envelope bad = e;
	bad.stream_len = 1;
	SSH_IS(put(bad), SSH_ERR_INVALID_FORMAT);
	bad = e;
	bad.sealed_len = JEEBS_MAX_ROOT + 1;
	SSH_IS(put(bad), SSH_ERR_INVALID_FORMAT);
}

BOOST_AUTO_TEST_CASE(tcp_state_has_its_documented_layout)
{
	jeebs_tcp_state t = sample_tcp(), back;
	BufPtr b = buf();
	SSH_OK(jeebs_tcp_put(b.get(), &t));
	const Blob want = {
		1, 4, 0, 22, 0x9c, 0x56, 0x05, 0xa8,
		10, 77, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		10, 77, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0x11, 0x22, 0x33, 0x44, 0xff, 0xff, 0xff, 0xf0,
		0, 0, 0, 7, 7, 9, 0x00, 0x01, 0xe2, 0x40,
		0, 0, 0xfa, 0xf0, 0, 0, 0xff, 0xff, 0, 0, 0xfe, 0x88,
	};
	BOOST_TEST(blob(b.get()) == want, boost::test_tools::per_element());
	BOOST_TEST(want.size() == size_t{JEEBS_TCP_LEN});
	SSH_OK(jeebs_tcp_get(b.get(), &back));
	BOOST_TEST(sshbuf_len(b.get()) == 0U);
	BOOST_TEST(memcmp(&t, &back, sizeof(t)) == 0);

	for (size_t n = 0; n < want.size(); n++) {
		BufPtr part = buf(cut(want, n));
		SSH_IS(jeebs_tcp_get(part.get(), &back),
		    SSH_ERR_MESSAGE_INCOMPLETE);
	}
	for (auto [at, value] : { std::pair{0, 0}, {0, 2}, {1, 0}, {1, 5} }) {
		Blob bad = want;
		bad[at] = value;
		BufPtr p = buf(bad);
		SSH_IS(jeebs_tcp_get(p.get(), &back), SSH_ERR_INVALID_FORMAT);
	}
}

BOOST_AUTO_TEST_CASE(tcp_state_over_ipv6)
{
	jeebs_tcp_state t = sample_tcp(), back;
	t.family = AF_INET6;
	const uint8_t a[16] = { 0xfd, 0x77, 0, 0, 0, 0, 0, 0,
	    0, 0, 0, 0, 0, 0, 0, 1 };
	memcpy(t.local, a, 16);
	memcpy(t.remote, a, 16);
	t.remote[15] = 2;
	BufPtr b = buf();
	SSH_OK(jeebs_tcp_put(b.get(), &t));
	SSH_OK(jeebs_tcp_get(b.get(), &back));
	BOOST_TEST(memcmp(&t, &back, sizeof(t)) == 0);

	jeebs_tcp_state bad = t;
	memset(bad.remote, 0, 16);
	SSH_IS(put(bad), SSH_ERR_INVALID_FORMAT);
	bad = t;
	bad.local[0] = 0xff;
	SSH_IS(put(bad), SSH_ERR_INVALID_FORMAT);
	const uint8_t mapped[16] = { 0, 0, 0, 0, 0, 0, 0, 0,
	    0, 0, 0xff, 0xff, 10, 0, 0, 1 };
	bad = t;
	memcpy(bad.local, mapped, 16);
	SSH_IS(put(bad), SSH_ERR_INVALID_FORMAT);
}

BOOST_AUTO_TEST_CASE(impossible_tcp_state_is_refused)
{
	using T = jeebs_tcp_state;
	void (*const spoil[])(T &) = {
		[](T &t) { t.family = AF_UNIX; },
		[](T &t) { t.local_port = 0; },
		[](T &t) { t.remote_port = 0; },
		[](T &t) { t.mss = 0; },
		[](T &t) { t.mss = 47; },
		[](T &t) { t.local[0] = 0; },
		[](T &t) { t.remote[0] = 224; },
		[](T &t) { memset(t.remote, 255, 4); },
		[](T &t) { t.remote[15] = 1; },		// IPv4, rest not zero
		[](T &t) { t.options |= 0x10; },
		[](T &t) { t.options &= ~JEEBS_TCP_OPT_WSCALE; },
		[](T &t) { t.snd_wscale = 15; },
		[](T &t) { t.rcv_wscale = 15; },
		[](T &t) { t.pad = 1; },
		[](T &t) { t.snd_wnd = t.max_window + 1; },
		[](T &t) { t.max_window = 0x7fffffff; },
		[](T &t) { t.rcv_wnd = 0x7fffffff; },
	};
	SSH_OK(put(sample_tcp()));
	for (size_t i = 0; i < std::size(spoil); i++) {
		T t = sample_tcp();
		spoil[i](t);
		BOOST_TEST_CONTEXT("case " << i)
			SSH_IS(put(t), SSH_ERR_INVALID_FORMAT);
	}
	// and what only bytes can say
	BufPtr b = buf();
	T t = sample_tcp();
	SSH_OK(jeebs_tcp_put(b.get(), &t));
	const Blob good = blob(b.get());
	for (auto [at, value] : { std::pair{2, 0}, {8, 0}, {39, 1}, {51, 0x17},
	    {52, 15}, {53, 15} }) {
		Blob bad = good;
		bad[at] = value;
		if (at == 2)
			bad[3] = 0;
		BufPtr p = buf(bad);
		SSH_IS(jeebs_tcp_get(p.get(), &t), SSH_ERR_INVALID_FORMAT);
	}
}

BOOST_AUTO_TEST_CASE(a_text_has_no_nul)
{
	auto get = [](const Blob &text) {
		BufPtr b = buf();
		char *s = nullptr;
		SSH_OK(sshbuf_put_string(b.get(), text.data(), text.size()));
		int r = jeebs_get_text(b.get(), &s);
		BOOST_TEST((r == 0) == (s != nullptr));
		free(s);
		return r;
	};
	SSH_OK(get({}));
	SSH_OK(get({'a', 'b'}));
	SSH_IS(get({'a', 0}), SSH_ERR_INVALID_FORMAT);
	SSH_IS(get({0}), SSH_ERR_INVALID_FORMAT);
	SSH_IS(get({'a', 0, 'b'}), SSH_ERR_INVALID_FORMAT);
}

BOOST_AUTO_TEST_SUITE_END()
