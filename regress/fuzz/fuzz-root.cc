// SPDX-License-Identifier: ISC
// Any bytes that begin with the magic as a root record, any others as the body
// of one that is properly sealed: what lies behind the signature must be
// parsed as strictly. ML-KEM, X25519 and ed25519 themselves are replaced by
// something fast; all around them is what runs.
// fuzzes: jeebs-wire.c jeebs-sign.c jeebs-recovery.c jeebs-aead.c jeebs-root.c
// links: -Wl,--wrap=kex_kem_mlkem768x25519_keypair
// links: -Wl,--wrap=kex_kem_mlkem768x25519_enc,--wrap=kex_kem_mlkem768x25519_dec
// links: -Wl,--wrap=crypto_sign_ed25519,--wrap=crypto_sign_ed25519_open
#include "sealed-input.hh"

extern "C" {
static sshbuf *constant(size_t len, u_char c)
{
	sshbuf *b = sshbuf_new();
	u_char *p;
	must(sshbuf_reserve(b, len, &p) == 0);
	memset(p, c, len);
	return b;
}

int __wrap_kex_kem_mlkem768x25519_keypair(kex *k)
{
	k->client_pub = constant(JEEBS_KEM_PK_LEN, 'p');
	return 0;
}

int __wrap_kex_kem_mlkem768x25519_enc(kex *, const sshbuf *, sshbuf **blob,
    sshbuf **shared)
{
	*blob = constant(JEEBS_KEM_CT_LEN, 'c');
	*shared = constant(32, 's');
	return 0;
}

// As ML-KEM does, another ciphertext gives another secret.
int __wrap_kex_kem_mlkem768x25519_dec(kex *, const sshbuf *blob,
    sshbuf **shared)
{
	*shared = constant(32, sshbuf_ptr(blob)[0] == 'c' ? 's' : 'x');
	return 0;
}

// A signature is zeros; one whose first bit isn't is wrong.
int __wrap_crypto_sign_ed25519(u_char *sm, unsigned long long *smlen,
    const u_char *m, unsigned long long mlen, const u_char *)
{
	memset(sm, 0, 64);
	memcpy(sm + 64, m, mlen);
	*smlen = mlen + 64;
	return 0;
}

int __wrap_crypto_sign_ed25519_open(u_char *m, unsigned long long *mlen,
    const u_char *sm, unsigned long long smlen, const u_char *)
{
	if (smlen < 64 || (sm[0] & 0x80))
		return -1;
	*mlen = smlen - 64;
	memcpy(m, sm + 64, *mlen);
	return 0;
}
}

namespace {

// A recovery key and host key for this run, and records between them.
struct Keys {
	jeebs_recovery *recovery = nullptr;
	jeebs_recovery_pub pub{};
	sshkey *hostkey = nullptr;

	Keys()
	{
		sshbuf *b = sshbuf_new();
		must(sshkey_generate(KEY_ED25519, 0, &hostkey) == 0);
		must(jeebs_recovery_new(&recovery) == 0);
		must(jeebs_recovery_blob(recovery, "fuzz", 2000, hostkey,
		    nullptr, nullptr, b) == 0);
		must(jeebs_recovery_verify(sshbuf_ptr(b), sshbuf_len(b),
		    any_hostkey, nullptr, 1000, &pub) == 0);
		sshbuf_free(b);
	}

	// Everything but the signature, which opening doesn't look at.
	sshbuf *seal(const uint8_t *body, size_t len)
	{
		sshbuf *rec = sshbuf_new(), *ct = sshbuf_new();
		sshbuf *plain = sshbuf_from(body, len), *sealed = sshbuf_new();
		jeebs_envelope env{};
		u_char k[JEEBS_KEY_LEN], root_key[JEEBS_KEY_LEN];

		env.version = JEEBS_WIRE_VERSION;
		env.compat = JEEBS_WIRE_COMPAT;
		env.type = JEEBS_REC_ROOT;
		env.sealed_len = len;
		must(jeebs_envelope_put(rec, &env) == 0);
		must(jeebs_encap(&pub, sshbuf_ptr(rec), sshbuf_len(rec), ct,
		    k) == 0);
		must(jeebs_derive(k, JEEBS_LABEL_ROOT, root_key) == 0);
		must(sshbuf_put_string(rec, pub.id, JEEBS_ID_LEN) == 0);
		must(sshbuf_put_stringb(rec, ct) == 0);
		must(jeebs_seal_once(root_key, sshbuf_ptr(rec),
		    sshbuf_len(rec), plain, sealed) == 0);
		must(sshbuf_putb(rec, sealed) == 0);
		must(sshbuf_put_string(rec, nullptr, 0) == 0);
		sshbuf_free(ct);
		sshbuf_free(plain);
		sshbuf_free(sealed);
		return rec;
	}
};

void as_record(Keys &keys, const uint8_t *data, size_t len)
{
	jeebs_envelope env;
	u_char id[JEEBS_ID_LEN], key[JEEBS_KEY_LEN];
	jeebs_root *root;

	int peek = jeebs_root_peek(data, len, &env, id);
	int verify = jeebs_root_verify(data, len, any_hostkey, nullptr, &env,
	    id);
	must(peek == 0 || verify != 0);
	must(jeebs_root_open(data, len, keys.recovery, &root, key) != 0);
	must(root == nullptr);
}

void as_body(Keys &keys, const uint8_t *data, size_t len)
{
	u_char key[JEEBS_KEY_LEN];
	jeebs_root *root = nullptr;
	sshbuf *rec = keys.seal(data, len);

	if (jeebs_root_open(sshbuf_ptr(rec), sshbuf_len(rec), keys.recovery,
	    &root, key) == 0) {
		must(root->host[0] != '\0' && root->user[0] != '\0');
		must(root->force_pwchange <= 1);
		// what is accepted has no other encoding
		sshbuf *again = sshbuf_new();
		jeebs_envelope env;
		must(jeebs_root_seal(root, &keys.pub, keys.hostkey, nullptr,
		    nullptr, again, key) == 0);
		must(jeebs_envelope_get(again, &env) == 0);
		must(env.sealed_len == len);
		sshbuf_free(again);
	} else
		must(root == nullptr);
	jeebs_root_free(root);
	sshbuf_free(rec);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static Keys *keys = new Keys;
	const uint8_t none = 0;

	quiet();
	if (data == nullptr)
		data = &none;
	if (len >= 4 && memcmp(data, "JEEB", 4) == 0)
		as_record(*keys, data, len);
	else if (len < JEEBS_MAX_ROOT - 4096)
		as_body(*keys, data, len);
	return 0;
}
