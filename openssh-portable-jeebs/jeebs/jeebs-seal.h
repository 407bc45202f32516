/* SPDX-License-Identifier: ISC */
/*
 * Sealing of session records: the standby's recovery key (a hybrid KEM key
 * signed with the host key), keys derived from it, and the AEAD chain that
 * one incarnation's records form. PROTOCOL.jeebs, sections 3 to 6.
 *
 * All functions that return int return 0 or a negative SSH_ERR_* code.
 */
#ifndef JEEBS_SEAL_H
#define JEEBS_SEAL_H

#include "jeebs-wire.h"
#include "sshsig.h"

#ifdef __cplusplus
extern "C" {
#endif

struct jeebs_recovery;		/* private half; sshd-adopt only */
struct jeebs_chain;

/* Is this one of the host keys of this sshd? Nonzero means yes. */
typedef int jeebs_own_hostkey(const struct sshkey *, void *);

/* A recovery key as sessions are sealed to it. Owns what it points at. */
struct jeebs_recovery_pub {
	u_char id[JEEBS_ID_LEN];
	struct sshbuf *pk;	/* ML-KEM-768 key, then X25519 key */
	char *host;		/* that made it */
	char *fork_version;	/* of the sshd-adopt that made it */
	uint64_t not_after;	/* unix seconds */
};

/*
 * Makes a key pair. The secret half lies in pages of its own that are wiped
 * in forked children (where every use then fails), stay out of core dumps and
 * are locked into memory if the limits allow. free wipes and accepts NULL.
 */
int	jeebs_recovery_new(struct jeebs_recovery **);
void	jeebs_recovery_free(struct jeebs_recovery *);
const u_char *jeebs_recovery_id(const struct jeebs_recovery *);

/*
 * Appends the signed public half to out. hostkey is what signs: a private
 * key, or a public one if signer reaches an agent (see sshsig.h). not_after
 * is in unix seconds, JEEBS_RECOVERY_LIFETIME from now by convention.
 */
int	jeebs_recovery_blob(const struct jeebs_recovery *, const char *host,
    uint64_t not_after, struct sshkey *hostkey, sshsig_signer *signer,
    void *signer_ctx, struct sshbuf *out);

/*
 * Parses a signed public half of exactly len bytes, signed by a key that
 * is_own accepts and valid at now (unix seconds). SSH_ERR_KEY_NOT_FOUND:
 * signed by a key of others. SSH_ERR_KEY_REVOKED: expired.
 */
int	jeebs_recovery_verify(const u_char *blob, size_t len,
    jeebs_own_hostkey *is_own, void *ctx, uint64_t now,
    struct jeebs_recovery_pub *out);
void	jeebs_recovery_pub_clear(struct jeebs_recovery_pub *);

/*
 * KEM, then HKDF over the shared secret, ciphertext, public key and info: a
 * fresh key that both sides know, and the ciphertext that gets it across
 * (appended to ct; JEEBS_KEM_CT_LEN bytes). A wrong ciphertext of the right
 * length gives a wrong key, not an error.
 */
int	jeebs_encap(const struct jeebs_recovery_pub *, const u_char *info,
    size_t infolen, struct sshbuf *ct, u_char key[JEEBS_KEY_LEN]);
int	jeebs_decap(struct jeebs_recovery *, const struct sshbuf *ct,
    const u_char *info, size_t infolen, u_char key[JEEBS_KEY_LEN]);

/* Subkey for one purpose: JEEBS_LABEL_*. */
#define JEEBS_LABEL_ROOT	"root"
#define JEEBS_LABEL_SESSION	"session"
int	jeebs_derive(const u_char key[JEEBS_KEY_LEN], const char *label,
    u_char out[JEEBS_KEY_LEN]);

/*
 * One incarnation's chain of records under its session key, which is copied.
 * A chain either seals or opens. NULL if memory or libcrypto fails.
 */
struct jeebs_chain *jeebs_chain_new(const u_char key[JEEBS_KEY_LEN],
    const u_char record_id[JEEBS_ID_LEN], uint64_t epoch);
void	jeebs_chain_free(struct jeebs_chain *);

/*
 * Appends one whole record to out. The caller sets type, in_off, out_off and
 * acked_off of env; the rest is filled in. The first record is a checkpoint;
 * out_off goes on where the record before ended, in_off never goes back, and
 * nothing follows JEEBS_REC_END: SSH_ERR_INVALID_ARGUMENT, chain unchanged.
 * After any later error the chain is dead, so that no nonce is used twice.
 */
int	jeebs_chain_seal(struct jeebs_chain *, struct jeebs_envelope *env,
    const u_char *stream, size_t streamlen, const struct sshbuf *state,
    struct sshbuf *out);

/*
 * Opens one record of exactly len bytes. The first one must be a checkpoint
 * (with any sequence number); after it each record, checkpoints too, must
 * be the successor of the one before. On success *stream points at the
 * env->stream_len stream bytes inside rec and state holds the opened state;
 * on error state is empty and the chain stays at the last good record.
 */
int	jeebs_chain_open(struct jeebs_chain *, const u_char *rec, size_t len,
    struct jeebs_envelope *env, const u_char **stream, struct sshbuf *state);

/* AES-256-GCM without a chain, nonce zero: key must be used once only. */
int	jeebs_seal_once(const u_char key[JEEBS_KEY_LEN], const u_char *aad,
    size_t aadlen, const struct sshbuf *plain, struct sshbuf *out);
int	jeebs_open_once(const u_char key[JEEBS_KEY_LEN], const u_char *aad,
    size_t aadlen, const u_char *sealed, size_t len, struct sshbuf *plain);

/*
 * sshsig signature of msg as raw blob appended to out; and its verification,
 * stricter than sshsig's: one encoding only, SHA-512, no certificates.
 */
int	jeebs_sign(const struct sshbuf *msg, const char *sig_namespace,
    struct sshkey *hostkey, sshsig_signer *signer, void *signer_ctx,
    struct sshbuf *out);
int	jeebs_verify(const u_char *sig, size_t siglen, const u_char *msg,
    size_t msglen, const char *sig_namespace, jeebs_own_hostkey *is_own,
    void *ctx);

#ifdef __cplusplus
}
#endif

#endif /* JEEBS_SEAL_H */
