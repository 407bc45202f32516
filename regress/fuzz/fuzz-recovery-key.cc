// SPDX-License-Identifier: ISC
// Any bytes as a signed recovery key, whoever signed it.
// fuzzes: jeebs-wire.c jeebs-sign.c jeebs-recovery.c
#include "sealed-input.hh"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	quiet();
	jeebs_recovery_pub pub;
	const uint8_t none = 0;
	int r = jeebs_recovery_verify(data != nullptr ? data : &none, len,
	    any_hostkey, nullptr, 1000, &pub);

	must((r == 0) == (pub.pk != nullptr));
	if (r == 0) {
		must(sshbuf_len(pub.pk) == JEEBS_KEM_PK_LEN);
		must(pub.not_after > 1000 && pub.host[0] != '\0');
		sshbuf *ct = sshbuf_new();
		u_char key[JEEBS_KEY_LEN];
		// a key that isn't one is refused here at the latest
		if (jeebs_encap(&pub, nullptr, 0, ct, key) == 0)
			must(sshbuf_len(ct) == JEEBS_KEM_CT_LEN);
		sshbuf_free(ct);
	}
	jeebs_recovery_pub_clear(&pub);
	return 0;
}
