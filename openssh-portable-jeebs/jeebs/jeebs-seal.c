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
#include "sshsig.h"

#include "jeebs-seal.h"

#define RECOVERY_MAGIC		"jeebs-recovery-v1"
#define RECOVERY_NAMESPACE	"recovery-key@jeebs"
#define HKDF_PREFIX		"jeebs v1"
#define SIG_MAGIC		"SSHSIG"
#define SIG_VERSION		1
#define SIG_HASH		"sha512"

#define NONCE_LEN		12
#define MAX_SEQ			((uint64_t)INT64_MAX)

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

enum chain_use { CHAIN_NEW, CHAIN_SEALS, CHAIN_OPENS, CHAIN_DEAD };

struct jeebs_chain {
	EVP_CIPHER_CTX *evp;
	enum chain_use use;
	int started, ended;		/* a checkpoint was, an end was */
	u_char record_id[JEEBS_ID_LEN];
	uint64_t epoch;
	uint64_t seq;			/* of the record before */
	uint64_t in_off, out_off;	/* that the next one goes on at */
	u_char tag[JEEBS_TAG_LEN];	/* of the record before */
};

/* Signatures */

int
jeebs_sign(const struct sshbuf *msg, const char *sig_namespace,
    struct sshkey *hostkey, sshsig_signer *signer, void *signer_ctx,
    struct sshbuf *out)
{
	struct sshbuf *sig = NULL;
	int r;

	if (hostkey == NULL || sshkey_is_cert(hostkey))
		return SSH_ERR_INVALID_ARGUMENT;
	if ((r = sshsig_signb(hostkey, SIG_HASH, NULL, NULL, msg,
	    sig_namespace, &sig, signer, signer_ctx)) != 0)
		return r;
	r = sshbuf_putb(out, sig);
	sshbuf_free(sig);
	return r;
}

/*
 * sshsig_verifyb() takes older versions, other hashes and a filled reserved
 * field. One record shall have one encoding, so refuse these first. Returns
 * the key that it claims to be made with, too.
 */
static int
signature_parse(const u_char *sig, size_t siglen, const char *sig_namespace,
    struct sshkey **keyp)
{
	struct sshbuf *b;
	const u_char *reserved;
	char *ns = NULL, *hash = NULL;
	uint32_t version;
	size_t len;
	int r;

	*keyp = NULL;
	if ((b = sshbuf_from(sig, siglen)) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	if ((r = sshbuf_cmp(b, 0, SIG_MAGIC, strlen(SIG_MAGIC))) != 0 ||
	    (r = sshbuf_consume(b, strlen(SIG_MAGIC))) != 0 ||
	    (r = sshbuf_get_u32(b, &version)) != 0 ||
	    (r = sshkey_froms(b, keyp)) != 0 ||
	    (r = sshbuf_get_cstring(b, &ns, NULL)) != 0 ||
	    (r = sshbuf_get_string_direct(b, &reserved, &len)) != 0 ||
	    (r = sshbuf_get_cstring(b, &hash, NULL)) != 0 ||
	    (r = sshbuf_skip_string(b)) != 0)		/* signature */
		goto out;
	if (sshbuf_len(b) != 0)
		r = SSH_ERR_UNEXPECTED_TRAILING_DATA;
	else if (version != SIG_VERSION || len != 0 ||
	    strcmp(ns, sig_namespace) != 0 || strcmp(hash, SIG_HASH) != 0)
		r = SSH_ERR_INVALID_FORMAT;
 out:
	if (r != 0) {
		sshkey_free(*keyp);
		*keyp = NULL;
	}
	free(ns);
	free(hash);
	sshbuf_free(b);
	return r;
}

int
jeebs_verify(const u_char *sig, size_t siglen, const u_char *msg,
    size_t msglen, const char *sig_namespace, jeebs_own_hostkey *is_own,
    void *ctx)
{
	struct sshbuf *sigb = NULL, *msgb = NULL;
	struct sshkey *key = NULL;
	int r;

	if ((r = signature_parse(sig, siglen, sig_namespace, &key)) != 0)
		return r;
	if ((sigb = sshbuf_from(sig, siglen)) == NULL ||
	    (msgb = sshbuf_from(msg, msglen)) == NULL) {
		r = SSH_ERR_ALLOC_FAIL;
		goto out;
	}
	if (sshkey_is_cert(key) || !is_own(key, ctx)) {
		r = SSH_ERR_KEY_NOT_FOUND;
		goto out;
	}
	r = sshsig_verifyb(sigb, msgb, sig_namespace, NULL, NULL);
 out:
	sshkey_free(key);
	sshbuf_free(sigb);
	sshbuf_free(msgb);
	return r;
}

/* Key derivation */

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

/* Recovery keys */

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
	if ((r = sshbuf_get_cstring(b, &magic, NULL)) != 0)
		goto out;
	if (strcmp(magic, RECOVERY_MAGIC) != 0) {
		r = SSH_ERR_INVALID_FORMAT;
		goto out;
	}
	if ((r = sshbuf_get_string_direct(b, &id, &idlen)) != 0 ||
	    (r = sshbuf_get_stringb(b, pub.pk)) != 0 ||
	    (r = sshbuf_get_cstring(b, &pub.host, NULL)) != 0 ||
	    (r = sshbuf_get_u64(b, &pub.not_after)) != 0 ||
	    (r = sshbuf_get_cstring(b, &pub.fork_version, NULL)) != 0)
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

/* AEAD */

static void
make_nonce(uint64_t seq, u_char nonce[NONCE_LEN])
{
	memset(nonce, 0, NONCE_LEN);
	POKE_U64(nonce + 4, seq);
}

/* Feed additional data; EVP wants no call for nothing. */
static int
aead_aad(EVP_CIPHER_CTX *evp, const u_char *p, size_t len)
{
	int n;

	return len == 0 || EVP_CipherUpdate(evp, NULL, &n, p, (int)len) == 1;
}

/*
 * Encrypt or decrypt len bytes after the additional data went in. dst and src
 * may be NULL if len is zero.
 */
static int
aead_crypt(EVP_CIPHER_CTX *evp, u_char *dst, const u_char *src, size_t len)
{
	int n = 0;

	if (len != 0 && (EVP_CipherUpdate(evp, dst, &n, src, (int)len) != 1 ||
	    (size_t)n != len))
		return 0;
	return 1;
}

static int
aead_begin(EVP_CIPHER_CTX *evp, uint64_t seq, int encrypt)
{
	u_char nonce[NONCE_LEN];

	make_nonce(seq, nonce);
	return EVP_CipherInit_ex(evp, NULL, NULL, NULL, nonce, encrypt) == 1;
}

static int
aead_finish_seal(EVP_CIPHER_CTX *evp, u_char tag[JEEBS_TAG_LEN])
{
	u_char none[EVP_MAX_BLOCK_LENGTH];
	int n;

	return EVP_CipherFinal_ex(evp, none, &n) == 1 && n == 0 &&
	    EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, JEEBS_TAG_LEN,
	    tag) == 1;
}

/* Nonzero if the tag is right. */
static int
aead_finish_open(EVP_CIPHER_CTX *evp, const u_char tag[JEEBS_TAG_LEN])
{
	u_char none[EVP_MAX_BLOCK_LENGTH];
	int n;

	return EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_SET_TAG, JEEBS_TAG_LEN,
	    (void *)tag) == 1 && EVP_CipherFinal_ex(evp, none, &n) == 1 &&
	    n == 0;
}

static EVP_CIPHER_CTX *
aead_new(const u_char key[JEEBS_KEY_LEN])
{
	EVP_CIPHER_CTX *evp;

	if ((evp = EVP_CIPHER_CTX_new()) == NULL)
		return NULL;
	if (EVP_CipherInit_ex(evp, EVP_aes_256_gcm(), NULL, key, NULL,
	    1) != 1) {
		EVP_CIPHER_CTX_free(evp);
		return NULL;
	}
	return evp;
}

int
jeebs_seal_once(const u_char key[JEEBS_KEY_LEN], const u_char *aad,
    size_t aadlen, const struct sshbuf *plain, struct sshbuf *out)
{
	EVP_CIPHER_CTX *evp;
	size_t len = sshbuf_len(plain), start = sshbuf_len(out);
	u_char *p;
	int r;

	if (len > JEEBS_MAX_SEALED || aadlen > JEEBS_MAX_SEALED)
		return SSH_ERR_INVALID_ARGUMENT;
	if ((evp = aead_new(key)) == NULL)
		return SSH_ERR_LIBCRYPTO_ERROR;
	if ((r = sshbuf_reserve(out, len + JEEBS_TAG_LEN, &p)) != 0)
		goto out;
	if (!aead_begin(evp, 0, 1) || !aead_aad(evp, aad, aadlen) ||
	    !aead_crypt(evp, p, sshbuf_ptr(plain), len) ||
	    !aead_finish_seal(evp, p + len)) {
		(void)sshbuf_consume_end(out, sshbuf_len(out) - start);
		r = SSH_ERR_LIBCRYPTO_ERROR;
	}
 out:
	EVP_CIPHER_CTX_free(evp);
	return r;
}

int
jeebs_open_once(const u_char key[JEEBS_KEY_LEN], const u_char *aad,
    size_t aadlen, const u_char *sealed, size_t len, struct sshbuf *plain)
{
	EVP_CIPHER_CTX *evp;
	u_char *p;
	int r;

	sshbuf_reset(plain);
	if (len < JEEBS_TAG_LEN)
		return SSH_ERR_MESSAGE_INCOMPLETE;
	len -= JEEBS_TAG_LEN;
	if (len > JEEBS_MAX_SEALED || aadlen > JEEBS_MAX_SEALED)
		return SSH_ERR_INVALID_FORMAT;
	if ((evp = aead_new(key)) == NULL)
		return SSH_ERR_LIBCRYPTO_ERROR;
	if ((r = sshbuf_reserve(plain, len, &p)) != 0)
		goto out;
	if (!aead_begin(evp, 0, 0) || !aead_aad(evp, aad, aadlen) ||
	    !aead_crypt(evp, p, sealed, len))
		r = SSH_ERR_LIBCRYPTO_ERROR;
	else if (!aead_finish_open(evp, sealed + len))
		r = SSH_ERR_MAC_INVALID;
	if (r != 0)
		sshbuf_reset(plain);
 out:
	EVP_CIPHER_CTX_free(evp);
	return r;
}

/* The chain */

struct jeebs_chain *
jeebs_chain_new(const u_char key[JEEBS_KEY_LEN],
    const u_char record_id[JEEBS_ID_LEN], uint64_t epoch)
{
	struct jeebs_chain *chain;

	if ((chain = calloc(1, sizeof(*chain))) == NULL)
		return NULL;
	if ((chain->evp = aead_new(key)) == NULL) {
		free(chain);
		return NULL;
	}
	memcpy(chain->record_id, record_id, JEEBS_ID_LEN);
	chain->epoch = epoch;
	return chain;
}

void
jeebs_chain_free(struct jeebs_chain *chain)
{
	if (chain == NULL)
		return;
	EVP_CIPHER_CTX_free(chain->evp);
	freezero(chain, sizeof(*chain));
}

/* May a record with this envelope come next? */
static int
chain_check(const struct jeebs_chain *chain, const struct jeebs_envelope *env)
{
	if (env->type != JEEBS_REC_CHECKPOINT &&
	    env->type != JEEBS_REC_PROGRESS && env->type != JEEBS_REC_END)
		return SSH_ERR_INVALID_FORMAT;
	if (memcmp(env->record_id, chain->record_id, JEEBS_ID_LEN) != 0 ||
	    env->epoch != chain->epoch || chain->ended)
		return SSH_ERR_INVALID_FORMAT;
	if (!chain->started)
		return env->type == JEEBS_REC_CHECKPOINT ?
		    0 : SSH_ERR_INVALID_FORMAT;
	if (env->seq != chain->seq + 1 || env->in_off < chain->in_off ||
	    env->out_off != chain->out_off)
		return SSH_ERR_INVALID_FORMAT;
	return 0;
}

static void
chain_advance(struct jeebs_chain *chain, const struct jeebs_envelope *env,
    const u_char tag[JEEBS_TAG_LEN])
{
	chain->started = 1;
	chain->ended = env->type == JEEBS_REC_END;
	chain->seq = env->seq;
	chain->in_off = env->in_off;
	chain->out_off = env->out_off + env->stream_len;
	memcpy(chain->tag, tag, JEEBS_TAG_LEN);
}

/* Begin a record: nonce and all additional data. */
static int
chain_begin(struct jeebs_chain *chain, const struct jeebs_envelope *env,
    const u_char *envelope, const u_char *stream, int encrypt)
{
	static const u_char no_tag[JEEBS_TAG_LEN];

	return aead_begin(chain->evp, env->seq, encrypt) &&
	    aead_aad(chain->evp, envelope, JEEBS_ENVELOPE_LEN) &&
	    aead_aad(chain->evp, env->type == JEEBS_REC_CHECKPOINT ?
	    no_tag : chain->tag, JEEBS_TAG_LEN) &&
	    aead_aad(chain->evp, stream, env->stream_len);
}

int
jeebs_chain_seal(struct jeebs_chain *chain, struct jeebs_envelope *env,
    const u_char *stream, size_t streamlen, const struct sshbuf *state,
    struct sshbuf *out)
{
	size_t statelen = sshbuf_len(state), start = sshbuf_len(out);
	u_char *envelope, *sealed;
	int r;

	if (chain->use != CHAIN_NEW && chain->use != CHAIN_SEALS)
		return SSH_ERR_INVALID_ARGUMENT;
	if (streamlen > JEEBS_MAX_STREAM || statelen > JEEBS_MAX_SEALED ||
	    chain->seq >= MAX_SEQ)
		return SSH_ERR_INVALID_ARGUMENT;
	env->version = JEEBS_WIRE_VERSION;
	env->compat = JEEBS_WIRE_COMPAT;
	env->flags = 0;
	memcpy(env->record_id, chain->record_id, JEEBS_ID_LEN);
	env->epoch = chain->epoch;
	env->seq = chain->seq + 1;
	env->stream_len = (uint32_t)streamlen;
	env->sealed_len = (uint32_t)statelen;
	if (chain_check(chain, env) != 0)
		return SSH_ERR_INVALID_ARGUMENT;

	/* One allocation, then nothing moves. */
	if ((r = sshbuf_allocate(out, JEEBS_ENVELOPE_LEN + streamlen +
	    statelen + JEEBS_TAG_LEN)) != 0)
		return r;
	if ((r = jeebs_envelope_put(out, env)) != 0 ||
	    (r = sshbuf_put(out, stream, streamlen)) != 0 ||
	    (r = sshbuf_reserve(out, statelen + JEEBS_TAG_LEN,
	    &sealed)) != 0) {
		if (r == SSH_ERR_INVALID_FORMAT)
			r = SSH_ERR_INVALID_ARGUMENT;
		goto fail;
	}
	chain->use = CHAIN_SEALS;
	envelope = sshbuf_mutable_ptr(out) + start;
	if (!chain_begin(chain, env, envelope, envelope + JEEBS_ENVELOPE_LEN,
	    1) || !aead_crypt(chain->evp, sealed, sshbuf_ptr(state),
	    statelen) || !aead_finish_seal(chain->evp, sealed + statelen)) {
		/* the nonce may be spent: it must not serve another record */
		chain->use = CHAIN_DEAD;
		r = SSH_ERR_LIBCRYPTO_ERROR;
		goto fail;
	}
	chain_advance(chain, env, sealed + statelen);
	return 0;
 fail:
	(void)sshbuf_consume_end(out, sshbuf_len(out) - start);
	return r;
}

int
jeebs_chain_open(struct jeebs_chain *chain, const u_char *rec, size_t len,
    struct jeebs_envelope *env, const u_char **streamp, struct sshbuf *state)
{
	struct jeebs_envelope e;
	struct sshbuf *b;
	const u_char *stream, *sealed;
	u_char *plain;
	int r;

	*streamp = NULL;
	memset(env, 0, sizeof(*env));
	sshbuf_reset(state);
	if (chain->use != CHAIN_NEW && chain->use != CHAIN_OPENS)
		return SSH_ERR_INVALID_ARGUMENT;
	if ((b = sshbuf_from(rec, len)) == NULL)
		return SSH_ERR_INVALID_ARGUMENT;
	r = jeebs_envelope_get(b, &e);
	sshbuf_free(b);
	if (r != 0 || (r = chain_check(chain, &e)) != 0)
		return r;
	len -= JEEBS_ENVELOPE_LEN;
	if (len < (size_t)e.stream_len + e.sealed_len + JEEBS_TAG_LEN)
		return SSH_ERR_MESSAGE_INCOMPLETE;
	if (len > (size_t)e.stream_len + e.sealed_len + JEEBS_TAG_LEN)
		return SSH_ERR_UNEXPECTED_TRAILING_DATA;
	stream = rec + JEEBS_ENVELOPE_LEN;
	sealed = stream + e.stream_len;
	if ((r = sshbuf_reserve(state, e.sealed_len, &plain)) != 0)
		return r;
	chain->use = CHAIN_OPENS;
	if (!chain_begin(chain, &e, rec, stream, 0) ||
	    !aead_crypt(chain->evp, plain, sealed, e.sealed_len)) {
		r = SSH_ERR_LIBCRYPTO_ERROR;
		goto fail;
	}
	if (!aead_finish_open(chain->evp, sealed + e.sealed_len)) {
		r = SSH_ERR_MAC_INVALID;
		goto fail;
	}
	chain_advance(chain, &e, sealed + e.sealed_len);
	*env = e;
	*streamp = stream;
	return 0;
 fail:
	sshbuf_reset(state);
	return r;
}
