/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sshbuf.h"
#include "ssherr.h"

#include "jeebs-aead.h"
#include "jeebs-chain.h"

#define MAX_SEQ			((uint64_t)INT64_MAX)

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

struct jeebs_chain *
jeebs_chain_new(const u_char key[JEEBS_KEY_LEN],
    const u_char record_id[JEEBS_ID_LEN], uint64_t epoch)
{
	struct jeebs_chain *chain;

	if ((chain = calloc(1, sizeof(*chain))) == NULL)
		return NULL;
	if ((chain->evp = jeebs_aead_new(key)) == NULL) {
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

	return jeebs_aead_begin(chain->evp, env->seq, encrypt) &&
	    jeebs_aead_aad(chain->evp, envelope, JEEBS_ENVELOPE_LEN) &&
	    jeebs_aead_aad(chain->evp, env->type == JEEBS_REC_CHECKPOINT ?
	    no_tag : chain->tag, JEEBS_TAG_LEN) &&
	    jeebs_aead_aad(chain->evp, stream, env->stream_len);
}

int
jeebs_chain_seal(struct jeebs_chain *chain, struct jeebs_envelope *env,
    const u_char *stream, size_t streamlen, const struct sshbuf *state,
    struct sshbuf *head, struct sshbuf *sealed)
{
	size_t statelen = sshbuf_len(state);
	size_t head_start = sshbuf_len(head), sealed_start = sshbuf_len(sealed);
	u_char *p;
	int r;

	if (chain->use != CHAIN_NEW && chain->use != CHAIN_SEALS)
		return SSH_ERR_INVALID_ARGUMENT;
	if (streamlen > JEEBS_MAX_STREAM || statelen > JEEBS_MAX_SEALED ||
	    chain->seq >= MAX_SEQ || (head == sealed && streamlen != 0))
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

	if ((r = jeebs_envelope_put(head, env)) != 0 ||
	    (r = sshbuf_reserve(sealed, statelen + JEEBS_TAG_LEN, &p)) != 0) {
		if (r == SSH_ERR_INVALID_FORMAT)
			r = SSH_ERR_INVALID_ARGUMENT;
		goto fail;
	}
	chain->use = CHAIN_SEALS;
	if (!chain_begin(chain, env, sshbuf_ptr(head) + head_start, stream,
	    1) || !jeebs_aead_crypt(chain->evp, p, sshbuf_ptr(state),
	    statelen) || !jeebs_aead_finish_seal(chain->evp, p + statelen)) {
		/* the nonce may be spent: it must not serve another record */
		chain->use = CHAIN_DEAD;
		r = SSH_ERR_LIBCRYPTO_ERROR;
		goto fail;
	}
	chain_advance(chain, env, p + statelen);
	return 0;
 fail:
	if (sealed != head)
		(void)sshbuf_consume_end(sealed,
		    sshbuf_len(sealed) - sealed_start);
	(void)sshbuf_consume_end(head, sshbuf_len(head) - head_start);
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
	    !jeebs_aead_crypt(chain->evp, plain, sealed, e.sealed_len)) {
		r = SSH_ERR_LIBCRYPTO_ERROR;
		goto fail;
	}
	if (!jeebs_aead_finish_open(chain->evp, sealed + e.sealed_len)) {
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
