/* SPDX-License-Identifier: ISC */
/*
 * The standby's recovery key, a hybrid KEM key signed with the host key, and
 * the keys that sessions derive with it. PROTOCOL.jeebs, sections 3 and 4.
 *
 * All functions that return int return 0 or a negative SSH_ERR_* code.
 */
#ifndef JEEBS_RECOVERY_H
#define JEEBS_RECOVERY_H

#include "jeebs-wire.h"
#include "jeebs-sign.h"

#ifdef __cplusplus
extern "C" {
#endif

struct jeebs_recovery;		/* private half; sshd-adopt only */

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

#ifdef __cplusplus
}
#endif

#endif /* JEEBS_RECOVERY_H */
