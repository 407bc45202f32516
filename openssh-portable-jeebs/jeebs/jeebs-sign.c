/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sshbuf.h"
#include "ssherr.h"
#include "sshkey.h"
#include "sshsig.h"

#include "jeebs-sign.h"
#include "jeebs-wire.h"

#define SIG_MAGIC		"SSHSIG"
#define SIG_VERSION		1
#define SIG_HASH		"sha512"

const char *
jeebs_key_err(int r)
{
	switch (r) {
	case SSH_ERR_KEY_NOT_FOUND:
		return "key not found (host keys must be the same on both "
		    "hosts)";
	case SSH_ERR_KEY_REVOKED:
		return "expired (compare the clocks of both hosts)";
	default:
		return ssh_err(r);
	}
}

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
	    (r = jeebs_get_text(b, &ns)) != 0 ||
	    (r = sshbuf_get_string_direct(b, &reserved, &len)) != 0 ||
	    (r = jeebs_get_text(b, &hash)) != 0 ||
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
