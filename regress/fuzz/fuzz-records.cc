// SPDX-License-Identifier: ISC
// Any bytes as the file of records of a session that is being adopted, as they
// are or under good tags: envelopes, offsets and objects are the hostile
// user's own, whose sshd had the key.
// fuzzes: jeebs-revive.c jeebs-chain.c jeebs-state.c
// with: main.c revive.c
#include <sys/mman.h>

#include <algorithm>

#include <unistd.h>

#include "sealed-input.hh"
#include "sshd/parts.h"

extern "C" const char *__asan_default_options()
{
	return "detect_leaks=0";	// sshd keeps what lives until it exits
}

namespace {

const u_char key[JEEBS_KEY_LEN] = {'k'};
const u_char record_id[JEEBS_ID_LEN] = {'i'};
constexpr uint64_t epoch = 5;

// Takes bytes from the front.
struct Input {
	const uint8_t *p;
	size_t n;

	uint64_t num(size_t bytes)
	{
		uint64_t v = 0;
		for (; bytes > 0 && n > 0; bytes--, p++, n--)
			v = v << 8 | *p;
		return v;
	}
	sshbuf *take(size_t want)
	{
		want = std::min(want, n);
		sshbuf *b = sshbuf_new();
		MUST(sshbuf_put(b, p, want) == 0);
		p += want;
		n -= want;
		return b;
	}
};

// One sealed record: type, how far in_off goes, stream, objects. The chain
// refuses what an honest writer couldn't seal either.
void sealed(Input &in, jeebs_chain *chain, jeebs_envelope &env, sshbuf *out)
{
	env.type = static_cast<uint8_t>(in.num(1));
	env.in_off += in.num(1);
	sshbuf *stream = in.take(in.num(1));
	sshbuf *objects = in.take(in.num(2));
	sshbuf *rec = sshbuf_new();
	jeebs_envelope e = env;

	if (jeebs_chain_seal(chain, &e, sshbuf_ptr(stream),
	    sshbuf_len(stream), objects, rec) == 0) {
		env.out_off += sshbuf_len(stream);
		MUST(sshbuf_put_stringb(out, rec) == 0);
	}
	sshbuf_free(stream);
	sshbuf_free(objects);
	sshbuf_free(rec);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static bool ready = (parts_setup(), true);
	(void)ready;
	Input in{data, len};
	sshbuf *file = sshbuf_new();
	jeebs_chain *chain = jeebs_chain_new(key, record_id, epoch);
	jeebs_envelope env{};
	bool raw = false;

	MUST(sshbuf_put_u32(file, 0) == 0);	// no root record: it was read
	env.out_off = env.acked_off = in.num(1) << in.num(1) % 56;
	env.in_off = in.num(1);
	while (in.n > 0 && !raw) {
		switch (in.num(1) % 8) {
		case 0:		// the rest as it is
			raw = true;
			break;
		case 1:		// a bit of the last record is wrong
			if (sshbuf_len(file) > 4)
				sshbuf_mutable_ptr(file)[sshbuf_len(file) - 1 -
				    in.num(1) % (sshbuf_len(file) - 4)] ^= 4;
			break;
		default:
			sealed(in, chain, env, file);
		}
	}
	MUST(sshbuf_put(file, in.p, in.n) == 0);

	const int fd = memfd_create("records", MFD_CLOEXEC);
	MUST(fd != -1 && write(fd, sshbuf_ptr(file), sshbuf_len(file)) ==
	    static_cast<ssize_t>(sshbuf_len(file)));
	(void)parts_records(fd, key, record_id, epoch);
	close(fd);
	jeebs_chain_free(chain);
	sshbuf_free(file);
	return 0;
}
