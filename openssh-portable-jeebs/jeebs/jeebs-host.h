/* SPDX-License-Identifier: ISC */
/*
 * What this host is to the others: its keys, and the policy in force. In
 * processes of root that have the keys, or sshd's agent.
 */
#ifndef JEEBS_HOST_H
#define JEEBS_HOST_H

#include <sys/types.h>

struct sshkey;

/* A jeebs_own_hostkey: is key, public or private, one of ours? */
int	jeebs_own_key(const struct sshkey *, void *);
/*
 * The host key to sign with, which stays sshd's, and the context for the signer,
 * or NULL. The signer is an sshsig_signer.
 */
struct sshkey *jeebs_signing_key(void **signer_ctx);
int	jeebs_host_signer(struct sshkey *, u_char **, size_t *,
	    const u_char *, size_t, const char *, const char *, const char *,
	    u_int, void *);
/* SHA-256 digest of the sshd_config in force. Returns 0 or SSH_ERR_*. */
int	jeebs_policy_digest(u_char *, size_t);

#endif /* JEEBS_HOST_H */
