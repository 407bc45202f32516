// SPDX-License-Identifier: ISC
// Any bytes as the opened part of a record: a first one that says all, then
// one that says what changed.
// fuzzes: jeebs-state.c
#include "sealed-input.hh"
#include "jeebs-state.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	quiet();
	size_t cut = len == 0 ? 0 : 1 + data[0] * (len - 1) / 255;
	const uint8_t *p = data != nullptr ? data : (const uint8_t *)"";
	jeebs_state *st = jeebs_state_new();
	sshbuf *a = sshbuf_from(p + (len != 0), cut == 0 ? 0 : cut - 1);
	sshbuf *b = sshbuf_from(p + cut, len - cut);

	must(st != nullptr && a != nullptr && b != nullptr);
	if (jeebs_state_apply(st, a, 1) == 0) {
		must(sshbuf_len(a) == 0);
		if (jeebs_state_apply(st, b, 0) == 0)
			must(sshbuf_len(b) == 0);
	}
	jeebs_state_free(st);
	sshbuf_free(a);
	sshbuf_free(b);
	return 0;
}
