// SPDX-License-Identifier: ISC
// Any bytes as the file of records of a session that is being adopted, as they
// are or under good tags: envelopes, offsets and objects are the hostile
// user's own, whose sshd had the key.
// fuzzes: jeebs-revive.c jeebs-chain.c jeebs-state.c
// with: main.c revive.c
#include <sys/mman.h>

#include <unistd.h>

#include "no-leak-check.hh"
#include "sealed-input.hh"
#include "sshd/parts.h"

namespace {

const u_char key[JEEBS_KEY_LEN] = {'k'};
const u_char record_id[JEEBS_ID_LEN] = {'i'};
constexpr uint64_t epoch = 5;

// One sealed record: type, how far in_off goes, stream, objects. The chain
// refuses what an honest writer couldn't seal either.
void sealed(Input &in, jeebs_chain *chain, jeebs_envelope &env, sshbuf *out)
{
	env.type = static_cast<uint8_t>(in.num(1));
	env.in_off += in.num(1);
	const auto stream = in.take(in.num(1));
	const auto body = in.take(in.num(2));
	sshbuf *objects = sshbuf_new(), *rec = sshbuf_new(),
	    *tail = sshbuf_new();
	jeebs_envelope e = env;

	must(sshbuf_put(objects, body.data(), body.size()) == 0);
	if (jeebs_chain_seal(chain, &e, stream.data(), stream.size(),
	    objects, rec, tail) == 0) {
		env.out_off += stream.size();
		must(sshbuf_put(rec, stream.data(), stream.size()) == 0 &&
		    sshbuf_putb(rec, tail) == 0 &&
		    sshbuf_put_stringb(out, rec) == 0);
	}
	sshbuf_free(tail);
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

	must(sshbuf_put_u32(file, 0) == 0);	// no root record: it was read
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
	must(sshbuf_put(file, in.p, in.n) == 0);

	const int fd = memfd_create("records", MFD_CLOEXEC);
	must(fd != -1 && write(fd, sshbuf_ptr(file), sshbuf_len(file)) ==
	    static_cast<ssize_t>(sshbuf_len(file)));
	(void)parts_records(fd, key, record_id, epoch, nullptr);
	close(fd);
	jeebs_chain_free(chain);
	sshbuf_free(file);
	return 0;
}
