/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "misc.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "xmalloc.h"
#include "jeebs/jeebs-adopt.h"
#include "jeebs/jeebs-msg.h"
#include "jeebs/jeebs-root.h"
#include "jeebs/jeebs-testing.h"
#include "jeebs/jeebs-worker.h"

/*
 * What sshd-session is started with: REEXEC_CONFIG_PASS_FD holds its
 * configuration, and the one before is reserved and not used.
 */
#define JOB_FD		(STDERR_FILENO + 1)
#define CONFIG_FD	(STDERR_FILENO + 2)

/* A burst is served by these first; those beyond wait for an exec. */
#define MAX_SPARES	8

static struct {
	char **argv;
	int spare[MAX_SPARES];	/* their job sockets */
	int n;
} workers;

void
jeebs_workers_init(char **argv)
{
	workers.argv = argv;
}

static void
run_worker(int config, int job)
{
	if (setsid() == -1)
		error("setsid: %s", strerror(errno));
	ssh_signal(SIGCHLD, SIG_DFL);
	if (dup2(job, JOB_FD) == -1 || dup2(config, CONFIG_FD) == -1)
		fatal_f("dup2: %s", strerror(errno));
	closefrom(CONFIG_FD + 1);
	execv(workers.argv[0], workers.argv);
	fatal("exec of %s: %s", workers.argv[0], strerror(errno));
}

/* Returns the socket on which a new worker awaits its job, or -1. */
static int
start_worker(void)
{
	int config[2], job[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0, config) == -1) {
		error_f("socketpair: %s", strerror(errno));
		return -1;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0, job) == -1) {
		error_f("socketpair: %s", strerror(errno));
		close(config[0]);
		close(config[1]);
		return -1;
	}
	if ((pid = fork()) == -1)
		error_f("fork: %s", strerror(errno));
	else if (pid == 0)
		run_worker(config[1], job[1]);
	close(config[1]);
	close(job[1]);
	if (pid == -1) {
		close(config[0]);
		close(job[0]);
		return -1;
	}
	debug2_f("worker %ld", (long)pid);
	jeebs_worker_state(config[0]);
	close(config[0]);
	return job[0];
}

int
jeebs_worker_spare(void)
{
	int fd;

	if (workers.n < MAX_SPARES && (fd = start_worker()) != -1)
		workers.spare[workers.n++] = fd;
	return MAX_SPARES - workers.n;
}

static int
compose_job(struct sshbuf *m, const struct jeebs_job *job)
{
	struct sshbuf *root;
	int r;

	if ((root = sshbuf_new()) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	if ((r = jeebs_root_put(root, job->root)) != 0 ||
	    (r = sshbuf_put_u8(m, JEEBS_MSG_JOB)) != 0 ||
	    (r = sshbuf_put_u64(m, job->acked)) != 0 ||
	    (r = sshbuf_put_u64(m, job->in_off)) != 0 ||
	    (r = sshbuf_put_cstring(m, job->from)) != 0 ||
	    (r = sshbuf_put_cstring(m, job->to)) != 0 ||
	    (r = sshbuf_put_u64(m, job->when)) != 0 ||
	    (r = sshbuf_put_string(m, job->session_key,
	    sizeof(job->session_key))) != 0 ||
	    (r = sshbuf_put_stringb(m, root)) != 0)
		goto out;
 out:
	sshbuf_free(root);
	return r;
}

int
jeebs_worker_give(const struct jeebs_job *job)
{
	const int fds[3] = { job->tcp, job->records, job->sock };
	struct sshbuf *m;
	int fd, r;

	if ((m = sshbuf_new()) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	if ((r = compose_job(m, job)) != 0)
		goto out;
	do {
		fd = workers.n > 0 ? workers.spare[--workers.n] :
		    start_worker();
		if (fd == -1) {
			r = SSH_ERR_SYSTEM_ERROR;
			goto out;
		}
		r = jeebs_msg_send(fd, m, fds, 3, MSG_DONTWAIT);
		close(fd);
		/* a spare that died meanwhile */
	} while (r == SSH_ERR_CONN_CLOSED && workers.n > 0);
 out:
	sshbuf_free(m);
	return r;
}

int
jeebs_is_worker(void)
{
	socklen_t len;
	int type;

	len = sizeof(type);
	return getsockopt(JOB_FD, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    type == SOCK_SEQPACKET;
}

struct jeebs_job *
jeebs_worker_wait(void)
{
	struct jeebs_job *job;
	struct sshbuf *m, *root = NULL;
	const u_char *key;
	size_t keylen;
	u_char type;
	int fds[JEEBS_MAX_FDS], nfds, r;

	if ((m = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new");
	if ((r = jeebs_msg_recv(JOB_FD, m, fds, 3, &nfds, 0)) != 0) {
		if (r != SSH_ERR_CONN_CLOSED)
			error_fr(r, "receive");
		exit(0);
	}
	close(JOB_FD);
	job = xcalloc(1, sizeof(*job));
	if ((r = sshbuf_get_u8(m, &type)) != 0 ||
	    (r = sshbuf_get_u64(m, &job->acked)) != 0 ||
	    (r = sshbuf_get_u64(m, &job->in_off)) != 0 ||
	    (r = jeebs_get_text(m, &job->from)) != 0 ||
	    (r = jeebs_get_text(m, &job->to)) != 0 ||
	    (r = sshbuf_get_u64(m, &job->when)) != 0 ||
	    (r = sshbuf_get_string_direct(m, &key, &keylen)) != 0 ||
	    (r = sshbuf_froms(m, &root)) != 0 ||
	    (r = jeebs_root_get(root, &job->root)) != 0)
		fatal_fr(r, "parse");
	if (type != JEEBS_MSG_JOB || sshbuf_len(m) != 0 || nfds != 3 ||
	    keylen != sizeof(job->session_key))
		fatal_f("malformed");
	memcpy(job->session_key, key, keylen);
	job->tcp = fds[0];
	job->records = fds[1];
	job->sock = fds[2];
	sshbuf_free(root);
	sshbuf_free(m);
	jeebs_testing_fault("worker");
	return job;
}
