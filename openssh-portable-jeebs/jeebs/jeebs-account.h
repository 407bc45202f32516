/* SPDX-License-Identifier: ISC */
/*
 * sshd-adopt, a worker as MON: may this session go on, on this host, now? What
 * the record says was allowed where it was made; this host's rules come on top.
 */
#ifndef JEEBS_ACCOUNT_H
#define JEEBS_ACCOUNT_H

struct ssh;
struct Authctxt;
struct jeebs_root;

/* Both end the worker, and say why, if not. */

/* Is the connection the one of the record? */
void	jeebs_connection_check(struct ssh *, const struct jeebs_root *);

/*
 * Account, Match blocks, allowed users, root's login, the methods by which the
 * user logged in, PAM's account rules. Sets pw of the context. auth_opts are
 * the record's already.
 */
void	jeebs_account_check(struct ssh *, struct Authctxt *,
	    const struct jeebs_root *);

#endif /* JEEBS_ACCOUNT_H */
