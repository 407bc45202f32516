/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include <sys/types.h>

#include <stdint.h>
#include <string.h>

#include "sshbuf.h"
#include "ssherr.h"

#include "jeebs-aead.h"

#define NONCE_LEN		12

static void
make_nonce(uint64_t seq, u_char nonce[NONCE_LEN])
{
	memset(nonce, 0, NONCE_LEN);
	POKE_U64(nonce + 4, seq);
}

int
jeebs_aead_aad(EVP_CIPHER_CTX *evp, const u_char *p, size_t len)
{
	int n;

	/* EVP wants no call for nothing */
	return len == 0 || EVP_CipherUpdate(evp, NULL, &n, p, (int)len) == 1;
}

int
jeebs_aead_crypt(EVP_CIPHER_CTX *evp, u_char *dst, const u_char *src,
    size_t len)
{
	int n = 0;

	if (len != 0 && (EVP_CipherUpdate(evp, dst, &n, src, (int)len) != 1 ||
	    (size_t)n != len))
		return 0;
	return 1;
}

int
jeebs_aead_begin(EVP_CIPHER_CTX *evp, uint64_t seq, int encrypt)
{
	u_char nonce[NONCE_LEN];

	make_nonce(seq, nonce);
	return EVP_CipherInit_ex(evp, NULL, NULL, NULL, nonce, encrypt) == 1;
}

int
jeebs_aead_finish_seal(EVP_CIPHER_CTX *evp, u_char tag[JEEBS_TAG_LEN])
{
	u_char none[EVP_MAX_BLOCK_LENGTH];
	int n;

	return EVP_CipherFinal_ex(evp, none, &n) == 1 && n == 0 &&
	    EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, JEEBS_TAG_LEN,
	    tag) == 1;
}

int
jeebs_aead_finish_open(EVP_CIPHER_CTX *evp, const u_char tag[JEEBS_TAG_LEN])
{
	u_char none[EVP_MAX_BLOCK_LENGTH];
	int n;

	return EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_SET_TAG, JEEBS_TAG_LEN,
	    (void *)tag) == 1 && EVP_CipherFinal_ex(evp, none, &n) == 1 &&
	    n == 0;
}

EVP_CIPHER_CTX *
jeebs_aead_new(const u_char key[JEEBS_KEY_LEN])
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
	if ((evp = jeebs_aead_new(key)) == NULL)
		return SSH_ERR_LIBCRYPTO_ERROR;
	if ((r = sshbuf_reserve(out, len + JEEBS_TAG_LEN, &p)) != 0)
		goto out;
	if (!jeebs_aead_begin(evp, 0, 1) || !jeebs_aead_aad(evp, aad, aadlen) ||
	    !jeebs_aead_crypt(evp, p, sshbuf_ptr(plain), len) ||
	    !jeebs_aead_finish_seal(evp, p + len)) {
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
	if ((evp = jeebs_aead_new(key)) == NULL)
		return SSH_ERR_LIBCRYPTO_ERROR;
	if ((r = sshbuf_reserve(plain, len, &p)) != 0)
		goto out;
	if (!jeebs_aead_begin(evp, 0, 0) || !jeebs_aead_aad(evp, aad, aadlen) ||
	    !jeebs_aead_crypt(evp, p, sealed, len))
		r = SSH_ERR_LIBCRYPTO_ERROR;
	else if (!jeebs_aead_finish_open(evp, sealed + len))
		r = SSH_ERR_MAC_INVALID;
	if (r != 0)
		sshbuf_reset(plain);
 out:
	EVP_CIPHER_CTX_free(evp);
	return r;
}
