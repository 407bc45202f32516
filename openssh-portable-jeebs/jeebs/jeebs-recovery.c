/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include <sys/types.h>
#include <sys/mman.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "digest.h"
#include "kex.h"
#include "log.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "sshkey.h"

#include "jeebs-recovery.h"

#define RECOVERY_MAGIC		"jeebs-recovery-v1"
#define RECOVERY_NAMESPACE	"recovery-key@jeebs"
#define HKDF_PREFIX		"jeebs v1"

/* The pages that are wiped on fork: live is zero in a child. */
struct recovery_secret {
	int live;
	struct kex kex;		/* holds both private keys */
};

struct jeebs_recovery {
	struct recovery_secret *secret;
	struct sshbuf *pk;
	u_char id[JEEBS_ID_LEN];
};

/* HKDF-SHA256 (RFC 5869) without salt. */
static int
hkdf(const u_char *ikm, size_t ikmlen, const u_char *info, size_t infolen,
    u_char out[JEEBS_KEY_LEN])
{
	static EVP_KDF *kdf;
	EVP_KDF_CTX *ctx;
	OSSL_PARAM params[4];
	int ok;

	if (kdf == NULL && (kdf = EVP_KDF_fetch(NULL, "HKDF", NULL)) == NULL)
		return SSH_ERR_LIBCRYPTO_ERROR;
	if ((ctx = EVP_KDF_CTX_new(kdf)) == NULL)
		return SSH_ERR_LIBCRYPTO_ERROR;
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
	    "SHA256", 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
	    (void *)ikm, ikmlen);
	params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO,
	    (void *)info, infolen);
	params[3] = OSSL_PARAM_construct_end();
	ok = EVP_KDF_derive(ctx, out, JEEBS_KEY_LEN, params) == 1;
	EVP_KDF_CTX_free(ctx);
	if (!ok) {
		explicit_bzero(out, JEEBS_KEY_LEN);
		return SSH_ERR_LIBCRYPTO_ERROR;
	}
	return 0;
}

/* HKDF with "jeebs v1" before info. */
static int
derive(const u_char *ikm, size_t ikmlen, const u_char *info, size_t infolen,
    u_char out[JEEBS_KEY_LEN])
{
	struct sshbuf *b;
	int r;

	if ((b = sshbuf_new()) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	if ((r = sshbuf_put(b, HKDF_PREFIX, strlen(HKDF_PREFIX))) == 0 &&
	    (r = sshbuf_put(b, info, infolen)) == 0)
		r = hkdf(ikm, ikmlen, sshbuf_ptr(b), sshbuf_len(b), out);
	sshbuf_free(b);
	return r;
}

int
jeebs_derive(const u_char key[JEEBS_KEY_LEN], const char *label,
    u_char out[JEEBS_KEY_LEN])
{
	return derive(key, JEEBS_KEY_LEN, (const u_char *)label,
	    strlen(label), out);
}

/*
 * ML-KEM and X25519 leave secrets in dead stack frames (measured: 22 KiB
 * deep), which a child forked later would inherit. Call it after them.
 */
static void __attribute__((noinline))
wipe_stack(void)
{
	u_char frames[128 * 1024];

	explicit_bzero(frames, sizeof(frames));
}

static int
recovery_id(const struct sshbuf *pk, u_char id[JEEBS_ID_LEN])
{
	u_char digest[SSH_DIGEST_MAX_LENGTH];
	int r;

	if ((r = ssh_digest_buffer(SSH_DIGEST_SHA256, pk, digest,
	    sizeof(digest))) == 0)
		memcpy(id, digest, JEEBS_ID_LEN);
	return r;
}

int
jeebs_recovery_new(struct jeebs_recovery **recoveryp)
{
	struct jeebs_recovery *rec;
	void *p;
	int r;

	*recoveryp = NULL;
	if ((rec = calloc(1, sizeof(*rec))) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	if ((p = mmap(NULL, sizeof(*rec->secret), PROT_READ|PROT_WRITE,
	    MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)) == MAP_FAILED) {
		r = SSH_ERR_SYSTEM_ERROR;
		goto out;
	}
	rec->secret = p;
	if (madvise(p, sizeof(*rec->secret), MADV_WIPEONFORK) == -1 ||
	    madvise(p, sizeof(*rec->secret), MADV_DONTDUMP) == -1) {
		r = SSH_ERR_SYSTEM_ERROR;
		goto out;
	}
	/* RLIMIT_MEMLOCK may be too low; swap isn't worth failing for */
	if (mlock(p, sizeof(*rec->secret)) == -1)
		debug_f("mlock failed, the recovery key may be swapped out");

	rec->secret->kex.hash_alg = SSH_DIGEST_SHA256;
	r = kex_kem_mlkem768x25519_keypair(&rec->secret->kex);
	wipe_stack();
	if (r != 0)
		goto out;
	rec->pk = rec->secret->kex.client_pub;
	rec->secret->kex.client_pub = NULL;
	if (sshbuf_len(rec->pk) != JEEBS_KEM_PK_LEN) {
		r = SSH_ERR_INTERNAL_ERROR;
		goto out;
	}
	if ((r = recovery_id(rec->pk, rec->id)) != 0)
		goto out;
	rec->secret->live = 1;
	*recoveryp = rec;
	rec = NULL;
 out:
	jeebs_recovery_free(rec);
	return r;
}

void
jeebs_recovery_free(struct jeebs_recovery *rec)
{
	if (rec == NULL)
		return;
	if (rec->secret != NULL) {
		explicit_bzero(rec->secret, sizeof(*rec->secret));
		(void)munmap(rec->secret, sizeof(*rec->secret));
	}
	sshbuf_free(rec->pk);
	freezero(rec, sizeof(*rec));
}

const u_char *
jeebs_recovery_id(const struct jeebs_recovery *rec)
{
	return rec->id;
}

/* A name that others can print: not empty, not long, no control bytes. */
static int
name_check(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len > JEEBS_MAX_NAME)
		return SSH_ERR_INVALID_FORMAT;
	for (; *s != '\0'; s++) {
		if ((u_char)*s < 0x20 || *s == 0x7f)
			return SSH_ERR_INVALID_FORMAT;
	}
	return 0;
}

int
jeebs_recovery_blob(const struct jeebs_recovery *rec, const char *host,
    uint64_t not_after, struct sshkey *hostkey, sshsig_signer *signer,
    void *signer_ctx, struct sshbuf *out)
{
	struct sshbuf *b = NULL, *sig = NULL;
	int r;

	if ((b = sshbuf_new()) == NULL || (sig = sshbuf_new()) == NULL) {
		r = SSH_ERR_ALLOC_FAIL;
		goto out;
	}
	if ((r = name_check(host)) != 0 ||
	    (r = sshbuf_put_cstring(b, RECOVERY_MAGIC)) != 0 ||
	    (r = sshbuf_put_string(b, rec->id, JEEBS_ID_LEN)) != 0 ||
	    (r = sshbuf_put_stringb(b, rec->pk)) != 0 ||
	    (r = sshbuf_put_cstring(b, host)) != 0 ||
	    (r = sshbuf_put_u64(b, not_after)) != 0 ||
	    (r = sshbuf_put_cstring(b, JEEBS_FORK_VERSION)) != 0 ||
	    (r = jeebs_sign(b, RECOVERY_NAMESPACE, hostkey, signer,
	    signer_ctx, sig)) != 0 ||
	    (r = sshbuf_put_stringb(b, sig)) != 0)
		goto out;
	if (sshbuf_len(b) > JEEBS_MAX_RECOVERY) {
		r = SSH_ERR_NO_BUFFER_SPACE;
		goto out;
	}
	r = sshbuf_putb(out, b);
 out:
	sshbuf_free(b);
	sshbuf_free(sig);
	return r;
}

void
jeebs_recovery_pub_clear(struct jeebs_recovery_pub *pub)
{
	sshbuf_free(pub->pk);
	free(pub->host);
	free(pub->fork_version);
	memset(pub, 0, sizeof(*pub));
}

int
jeebs_recovery_verify(const u_char *blob, size_t len,
    jeebs_own_hostkey *is_own, void *ctx, uint64_t now,
    struct jeebs_recovery_pub *out)
{
	struct jeebs_recovery_pub pub;
	struct sshbuf *b = NULL;
	const u_char *id, *sig;
	char *magic = NULL;
	u_char real_id[JEEBS_ID_LEN];
	size_t idlen, siglen, signedlen;
	int r;

	memset(out, 0, sizeof(*out));
	memset(&pub, 0, sizeof(pub));
	if (len > JEEBS_MAX_RECOVERY)
		return SSH_ERR_INVALID_FORMAT;
	if ((b = sshbuf_from(blob, len)) == NULL ||
	    (pub.pk = sshbuf_new()) == NULL) {
		r = SSH_ERR_ALLOC_FAIL;
		goto out;
	}
	if ((r = jeebs_get_text(b, &magic)) != 0)
		goto out;
	if (strcmp(magic, RECOVERY_MAGIC) != 0) {
		r = SSH_ERR_INVALID_FORMAT;
		goto out;
	}
	if ((r = sshbuf_get_string_direct(b, &id, &idlen)) != 0 ||
	    (r = sshbuf_get_stringb(b, pub.pk)) != 0 ||
	    (r = jeebs_get_text(b, &pub.host)) != 0 ||
	    (r = sshbuf_get_u64(b, &pub.not_after)) != 0 ||
	    (r = jeebs_get_text(b, &pub.fork_version)) != 0)
		goto out;
	signedlen = len - sshbuf_len(b);
	if ((r = sshbuf_get_string_direct(b, &sig, &siglen)) != 0)
		goto out;
	if (sshbuf_len(b) != 0) {
		r = SSH_ERR_UNEXPECTED_TRAILING_DATA;
		goto out;
	}
	if (idlen != JEEBS_ID_LEN || sshbuf_len(pub.pk) != JEEBS_KEM_PK_LEN) {
		r = SSH_ERR_INVALID_FORMAT;
		goto out;
	}
	if ((r = name_check(pub.host)) != 0 ||
	    (r = name_check(pub.fork_version)) != 0 ||
	    (r = recovery_id(pub.pk, real_id)) != 0)
		goto out;
	if (memcmp(id, real_id, JEEBS_ID_LEN) != 0) {
		r = SSH_ERR_INVALID_FORMAT;
		goto out;
	}
	memcpy(pub.id, real_id, JEEBS_ID_LEN);
	if ((r = jeebs_verify(sig, siglen, blob, signedlen,
	    RECOVERY_NAMESPACE, is_own, ctx)) != 0)
		goto out;
	if (now >= pub.not_after) {
		r = SSH_ERR_KEY_REVOKED;
		goto out;
	}
	*out = pub;
	memset(&pub, 0, sizeof(pub));
 out:
	jeebs_recovery_pub_clear(&pub);
	free(magic);
	sshbuf_free(b);
	return r;
}

/* K = HKDF(shared || ct || pk, "jeebs v1" || info) */
static int
kem_key(const struct sshbuf *shared, const u_char *ct, size_t ctlen,
    const struct sshbuf *pk, const u_char *info, size_t infolen,
    u_char key[JEEBS_KEY_LEN])
{
	struct sshbuf *ikm;
	int r;

	if ((ikm = sshbuf_new()) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	if ((r = sshbuf_putb(ikm, shared)) == 0 &&
	    (r = sshbuf_put(ikm, ct, ctlen)) == 0 &&
	    (r = sshbuf_putb(ikm, pk)) == 0)
		r = derive(sshbuf_ptr(ikm), sshbuf_len(ikm), info, infolen,
		    key);
	sshbuf_free(ikm);
	return r;
}

int
jeebs_encap(const struct jeebs_recovery_pub *pub, const u_char *info,
    size_t infolen, struct sshbuf *ct, u_char key[JEEBS_KEY_LEN])
{
	struct sshbuf *blob = NULL, *shared = NULL;
	struct kex *kex;
	int r;

	explicit_bzero(key, JEEBS_KEY_LEN);
	if ((kex = calloc(1, sizeof(*kex))) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	kex->hash_alg = SSH_DIGEST_SHA256;
	if ((r = kex_kem_mlkem768x25519_enc(kex, pub->pk, &blob,
	    &shared)) != 0)
		goto out;
	if (sshbuf_len(blob) != JEEBS_KEM_CT_LEN) {
		r = SSH_ERR_INTERNAL_ERROR;
		goto out;
	}
	if ((r = kem_key(shared, sshbuf_ptr(blob), sshbuf_len(blob), pub->pk,
	    info, infolen, key)) != 0)
		goto out;
	if ((r = sshbuf_putb(ct, blob)) != 0)
		explicit_bzero(key, JEEBS_KEY_LEN);
 out:
	wipe_stack();
	freezero(kex, sizeof(*kex));
	sshbuf_free(blob);
	sshbuf_free(shared);
	return r;
}

int
jeebs_decap(struct jeebs_recovery *rec, const struct sshbuf *ct,
    const u_char *info, size_t infolen, u_char key[JEEBS_KEY_LEN])
{
	struct sshbuf *shared = NULL;
	int r;

	explicit_bzero(key, JEEBS_KEY_LEN);
	if (!rec->secret->live)
		return SSH_ERR_KEY_NOT_FOUND;
	if (sshbuf_len(ct) != JEEBS_KEM_CT_LEN)
		return SSH_ERR_INVALID_FORMAT;
	if ((r = kex_kem_mlkem768x25519_dec(&rec->secret->kex, ct,
	    &shared)) == 0)
		r = kem_key(shared, sshbuf_ptr(ct), sshbuf_len(ct), rec->pk,
		    info, infolen, key);
	wipe_stack();
	sshbuf_free(shared);
	return r;
}
