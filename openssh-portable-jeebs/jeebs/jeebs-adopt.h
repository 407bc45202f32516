/* SPDX-License-Identifier: ISC */
/* sshd-adopt: what a worker is told by the supervisor. */
#ifndef JEEBS_ADOPT_H
#define JEEBS_ADOPT_H

#include "jeebs-wire.h"

struct jeebs_root;

struct jeebs_job {
	int	sock;		/* to jeebsd: READY, FAILED, GO */
	int	tcp;		/* restored connection, in repair mode */
	int	records;	/* memfd with the records */
	uint64_t acked;		/* the client has our bytes before this */
	uint64_t in_off;	/* the socket has the client's before this */
	char	*from, *to;	/* host that died, this host */
	uint64_t when;		/* of the failure, unix seconds */
	struct jeebs_root *root;
	u_char	session_key[JEEBS_KEY_LEN];
};

/* Set in a worker, NULL in the supervisor. */
extern struct jeebs_job *jeebs_job;

/* Tells jeebsd why the session can't be adopted. */
void	jeebs_job_failed(int sock, const char *reason);
/*
 * The same in a worker, and ends it. Before GO the socket is in repair mode,
 * so that closing it sends nothing; jeebsd has another descriptor and resets
 * the connection.
 */
void	jeebs_job_fail(const char *fmt, ...)
	    __attribute__((__format__ (printf, 1, 2)))
	    __attribute__((noreturn));

#endif /* JEEBS_ADOPT_H */
