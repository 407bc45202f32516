/* SPDX-License-Identifier: ISC */
/* AES-256-GCM as session records use it: the nonce is a sequence number. */
#ifndef JEEBS_AEAD_H
#define JEEBS_AEAD_H

#include <openssl/evp.h>

#include "jeebs-wire.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The steps of one record: begin, aad any number of times, crypt once (dst
 * and src may be NULL if len is zero), finish. All return nonzero for success;
 * new returns NULL if memory or libcrypto fails. finish_open fails if the tag
 * is wrong: what crypt gave must not be used then.
 */
EVP_CIPHER_CTX *jeebs_aead_new(const u_char key[JEEBS_KEY_LEN]);
int	jeebs_aead_begin(EVP_CIPHER_CTX *, uint64_t seq, int encrypt);
int	jeebs_aead_aad(EVP_CIPHER_CTX *, const u_char *, size_t);
int	jeebs_aead_crypt(EVP_CIPHER_CTX *, u_char *dst, const u_char *src,
    size_t len);
int	jeebs_aead_finish_seal(EVP_CIPHER_CTX *, u_char tag[JEEBS_TAG_LEN]);
int	jeebs_aead_finish_open(EVP_CIPHER_CTX *,
    const u_char tag[JEEBS_TAG_LEN]);

/*
 * All of it at once, nonce zero: key must be used once only. Return 0 or a
 * negative SSH_ERR_* code.
 */
int	jeebs_seal_once(const u_char key[JEEBS_KEY_LEN], const u_char *aad,
    size_t aadlen, const struct sshbuf *plain, struct sshbuf *out);
int	jeebs_open_once(const u_char key[JEEBS_KEY_LEN], const u_char *aad,
    size_t aadlen, const u_char *sealed, size_t len, struct sshbuf *plain);

#ifdef __cplusplus
}
#endif

#endif /* JEEBS_AEAD_H */
