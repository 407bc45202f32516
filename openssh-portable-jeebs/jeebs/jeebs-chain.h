/* SPDX-License-Identifier: ISC */
/*
 * The AEAD chain that one incarnation's records form. PROTOCOL.jeebs,
 * section 6.
 *
 * All functions that return int return 0 or a negative SSH_ERR_* code.
 */
#ifndef JEEBS_CHAIN_H
#define JEEBS_CHAIN_H

#include "jeebs-wire.h"

#ifdef __cplusplus
extern "C" {
#endif

struct jeebs_chain;

/*
 * One incarnation's chain of records under its session key, which is copied.
 * A chain either seals or opens. NULL if memory or libcrypto fails.
 */
struct jeebs_chain *jeebs_chain_new(const u_char key[JEEBS_KEY_LEN],
    const u_char record_id[JEEBS_ID_LEN], uint64_t epoch);
void	jeebs_chain_free(struct jeebs_chain *);

/*
 * Seals a record, which is what it appends to head, the stream bytes, and what
 * it appends to sealed; without stream bytes both may be one buffer. The caller
 * sets type, in_off, out_off and acked_off of env; the rest is filled in. The
 * first record is a checkpoint; out_off goes on where the record before ended,
 * in_off never goes back, and nothing follows JEEBS_REC_END:
 * SSH_ERR_INVALID_ARGUMENT, chain unchanged. After any later error the chain is
 * dead, so that no nonce is used twice.
 */
int	jeebs_chain_seal(struct jeebs_chain *, struct jeebs_envelope *env,
    const u_char *stream, size_t streamlen, const struct sshbuf *state,
    struct sshbuf *head, struct sshbuf *sealed);

/*
 * Opens one record of exactly len bytes. The first one must be a checkpoint
 * (with any sequence number); after it each record, checkpoints too, must
 * be the successor of the one before. On success *stream points at the
 * env->stream_len stream bytes inside rec and state holds the opened state;
 * on error state is empty and the chain stays at the last good record.
 */
int	jeebs_chain_open(struct jeebs_chain *, const u_char *rec, size_t len,
    struct jeebs_envelope *env, const u_char **stream, struct sshbuf *state);

#ifdef __cplusplus
}
#endif

#endif /* JEEBS_CHAIN_H */
