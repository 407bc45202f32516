/* SPDX-License-Identifier: ISC */
/*
 * The root record: who a session belongs to and what it may do, written by
 * the monitor, sealed to the standby's recovery key and signed with the host
 * key. PROTOCOL.jeebs, section 5.
 *
 * All functions that return int return 0 or a negative SSH_ERR_* code.
 */
#ifndef JEEBS_ROOT_H
#define JEEBS_ROOT_H

#include "jeebs-recovery.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bounds in bytes besides JEEBS_MAX_NAME. */
#define JEEBS_MAX_BANNER	8192U	/* identification strings */
#define JEEBS_MAX_SESSION_INFO	(32U * 1024)
#define JEEBS_MAX_AUTH_OPTS	(64U * 1024)
#define JEEBS_POLICY_LEN	32U

/*
 * Owns what it points at. NULL and "" are the same for style, role and
 * session_info (NULL once read back); everything else must be there.
 */
struct jeebs_root {
	u_char	 record_id[JEEBS_ID_LEN];	/* random, this incarnation */
	uint64_t epoch;
	uint64_t not_after;		/* unix seconds; the reader checks */
	char	*host;			/* that wrote the record */
	struct sshbuf *session_id;	/* 20 to 64 bytes */
	struct jeebs_tcp_state tcp;
	char	*user, *style, *role;	/* as authenticated */
	char	*session_info;		/* authentication methods, text */
	uint32_t uid, gid;
	struct sshbuf *auth_opts;	/* sshauthopt_serialise(.., 0) */
	char	*client_version, *server_version;	/* without CR LF */
	uint32_t compat;		/* ssh->compat */
	u_char	 policy[JEEBS_POLICY_LEN];	/* digest of policy in force */
	char	*fork_version;		/* of the sshd that wrote it */
	uint8_t	 force_pwchange;	/* 0 or 1 */
};

/* Empty root with its buffers allocated, NULL if memory fails. */
struct jeebs_root *jeebs_root_new(void);
void	jeebs_root_free(struct jeebs_root *);

/*
 * The opened record in clear, for another process of the same sshd-adopt.
 * get takes all of its input and is as strict as jeebs_root_open().
 */
int	jeebs_root_put(struct sshbuf *, const struct jeebs_root *);
int	jeebs_root_get(struct sshbuf *, struct jeebs_root **);

/*
 * Appends a whole root record to out: fresh KEM to the recovery key, sealed,
 * signed (hostkey and signer as in jeebs_recovery_blob). session_key is the
 * subkey for the chain that follows.
 */
int	jeebs_root_seal(const struct jeebs_root *,
    const struct jeebs_recovery_pub *, struct sshkey *hostkey,
    sshsig_signer *signer, void *signer_ctx, struct sshbuf *out,
    u_char session_key[JEEBS_KEY_LEN]);

/*
 * Checks structure and signature of a record of exactly len bytes without
 * opening it. SSH_ERR_KEY_NOT_FOUND: signed by a key of others.
 */
int	jeebs_root_verify(const u_char *rec, size_t len,
    jeebs_own_hostkey *is_own, void *ctx, struct jeebs_envelope *env,
    u_char keyid[JEEBS_ID_LEN]);

/* Structure and key id alone: which recovery key opens this? No signature. */
int	jeebs_root_peek(const u_char *rec, size_t len,
    struct jeebs_envelope *env, u_char keyid[JEEBS_ID_LEN]);

/*
 * Opens a record; verify first, this doesn't look at the signature.
 * SSH_ERR_KEY_NOT_FOUND: it is sealed to another recovery key.
 */
int	jeebs_root_open(const u_char *rec, size_t len, struct jeebs_recovery *,
    struct jeebs_root **, u_char session_key[JEEBS_KEY_LEN]);

#ifdef __cplusplus
}
#endif

#endif /* JEEBS_ROOT_H */
