/* SPDX-License-Identifier: ISC */
/*
 * The workers of sshd-adopt: one process for each session, executed anew so
 * that it shares neither memory nor its layout with the supervisor, which
 * holds the recovery keys. Some are started before they are needed.
 */
#ifndef JEEBS_WORKER_H
#define JEEBS_WORKER_H

struct jeebs_job;

/*
 * Supervisor. argv is how sshd started it. give hands a job to a worker,
 * descriptors too (copies; the caller keeps its own), and returns 0 or
 * SSH_ERR_*. spare starts a worker ahead of its job; returns how many more
 * could be.
 */
void	jeebs_workers_init(char **argv);
int	jeebs_worker_give(const struct jeebs_job *);
int	jeebs_worker_spare(void);

/* Is this process a worker? Then it waits for its job. */
int	jeebs_is_worker(void);
struct jeebs_job *jeebs_worker_wait(void);

/* sshd-session.c: sends what recv_rexec_state() reads. */
void	jeebs_worker_state(int fd);

#endif /* JEEBS_WORKER_H */
