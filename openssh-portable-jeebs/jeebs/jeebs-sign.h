/* SPDX-License-Identifier: ISC */
/*
 * Signatures with the host key over what crosses hosts, in the form of
 * PROTOCOL.sshsig.
 *
 * All functions that return int return 0 or a negative SSH_ERR_* code.
 */
#ifndef JEEBS_SIGN_H
#define JEEBS_SIGN_H

#include <sys/types.h>

#include "sshsig.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sshbuf;
struct sshkey;

/* Is this one of the host keys of this sshd? Nonzero means yes. */
typedef int jeebs_own_hostkey(const struct sshkey *, void *);

/*
 * sshsig signature of msg as raw blob appended to out; and its verification,
 * stricter than sshsig's: one encoding only, SHA-512, no certificates. hostkey
 * is what signs: a private key, or a public one if signer reaches an agent
 * (see sshsig.h). SSH_ERR_KEY_NOT_FOUND: signed by a key that is_own doesn't
 * accept.
 */
int	jeebs_sign(const struct sshbuf *msg, const char *sig_namespace,
    struct sshkey *hostkey, sshsig_signer *signer, void *signer_ctx,
    struct sshbuf *out);
int	jeebs_verify(const u_char *sig, size_t siglen, const u_char *msg,
    size_t msglen, const char *sig_namespace, jeebs_own_hostkey *is_own,
    void *ctx);

/*
 * ssh_err(), but where a key of one host is refused by the other it says what
 * to do. A constant string.
 */
const char *jeebs_key_err(int r);

#ifdef __cplusplus
}
#endif

#endif /* JEEBS_SIGN_H */
