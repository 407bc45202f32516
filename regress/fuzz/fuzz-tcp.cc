// SPDX-License-Identifier: ISC
// Any bytes as a TCP state.
// fuzzes: jeebs-wire.c
#include "sealed-input.hh"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	sshbuf *in = sshbuf_from(data != nullptr ? data : (const uint8_t *)"",
	    len), *out = sshbuf_new();
	jeebs_tcp_state t;

	if (jeebs_tcp_get(in, &t) == 0) {
		must(sshbuf_len(in) == len - JEEBS_TCP_LEN);
		must(t.snd_wscale <= 14 && t.rcv_wscale <= 14);
		must(t.family == AF_INET || t.family == AF_INET6);
		must(jeebs_tcp_put(out, &t) == 0);
		must(sshbuf_len(out) == JEEBS_TCP_LEN);
		must(memcmp(sshbuf_ptr(out), data, JEEBS_TCP_LEN) == 0);
	}
	sshbuf_free(in);
	sshbuf_free(out);
	return 0;
}
