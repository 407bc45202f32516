// SPDX-License-Identifier: ISC
// Any bytes as an envelope, and as a record for a chain to open.
// fuzzes: jeebs-wire.c jeebs-chain.c jeebs-aead.c
#include "sealed-input.hh"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	quiet();
	sshbuf *in = sshbuf_from(data != nullptr ? data : (const uint8_t *)"",
	    len), *out = sshbuf_new(), *state = sshbuf_new();
	jeebs_envelope env;

	if (jeebs_envelope_get(in, &env) == 0) {
		// what is accepted has no other encoding
		must(sshbuf_len(in) == len - JEEBS_ENVELOPE_LEN);
		must(jeebs_envelope_put(out, &env) == 0);
		must(sshbuf_len(out) == JEEBS_ENVELOPE_LEN);
		must(memcmp(sshbuf_ptr(out), data, JEEBS_ENVELOPE_LEN) == 0);

		const u_char key[JEEBS_KEY_LEN] = { 'f', 'u', 'z', 'z' };
		const u_char *stream;
		jeebs_envelope opened;
		jeebs_chain *c = jeebs_chain_new(key, env.record_id, env.epoch);
		must(c != nullptr);
		// nobody who doesn't know the key makes a record
		must(jeebs_chain_open(c, data, len, &opened, &stream,
		    state) != 0);
		must(stream == nullptr && sshbuf_len(state) == 0);
		jeebs_chain_free(c);
	}
	sshbuf_free(in);
	sshbuf_free(out);
	sshbuf_free(state);
	return 0;
}
