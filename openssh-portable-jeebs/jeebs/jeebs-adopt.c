/* SPDX-License-Identifier: ISC */
/*
 * sshd-adopt, the supervisor: holds the recovery keys, verifies and opens
 * root records, and hands each session to a worker. Nothing that is parsed
 * here was written by a user's process.
 */
#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "openbsd-compat/sys-queue.h"
#include "hostfile.h"
#include "auth.h"
#include "authfd.h"
#include "log.h"
#include "misc.h"
#include "servconf.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "sshkey.h"
#include "xmalloc.h"
#include "jeebs/jeebs-adopt.h"
#include "jeebs/jeebs-adopt-socket.h"
#include "jeebs/jeebs-host.h"
#include "jeebs/jeebs-msg.h"
#include "jeebs/jeebs-once.h"
#include "jeebs/jeebs-root.h"
#include "jeebs/jeebs-session.h"
#include "jeebs/jeebs-worker.h"

#define MAX_CLIENTS	4
#define ROTATE_SECONDS	(60 * 60)
#define RETRY_SECONDS	1	/* without a socket or a key */
#define ROTATE_RETRY	60	/* the key that is in use goes on meanwhile */
#define SPARE_MS	100	/* of quiet before a worker is started ahead */

extern ServerOptions options;
extern int auth_sock;

struct jeebs_job *jeebs_job;

struct generation {
	struct jeebs_recovery *key;
	struct sshbuf *blob;
};

static struct {
	int lifeline;
	int client[MAX_CLIENTS];
	struct generation now, before;
	struct jeebs_once *once;
	uint64_t epoch;		/* the newest of all that was adopted */
	time_t rotate_at;
} ad = { .lifeline = -1 };

void
jeebs_job_failed(int sock, const char *reason)
{
	struct sshbuf *m;
	int r;

	logit("jeebs: session not adopted: %.200s", reason);
	if ((m = sshbuf_new()) == NULL)
		return;
	if ((r = sshbuf_put_u8(m, JEEBS_MSG_FAILED)) != 0 ||
	    (r = sshbuf_put_cstring(m, reason)) != 0 ||
	    (r = jeebs_msg_send(sock, m, NULL, 0, MSG_DONTWAIT)) != 0)
		debug_fr(r, "send");
	sshbuf_free(m);
}

void
jeebs_job_fail(const char *fmt, ...)
{
	char reason[JEEBS_MAX_REASON];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	jeebs_job_failed(jeebs_job->sock, reason);
	cleanup_exit(255);
}

static void
generation_clear(struct generation *g)
{
	jeebs_recovery_free(g->key);
	sshbuf_free(g->blob);
	memset(g, 0, sizeof(*g));
}

static int
generation_make(struct generation *g)
{
	struct sshkey *hostkey;
	void *signer_ctx;
	char host[NI_MAXHOST];
	int r;

	memset(g, 0, sizeof(*g));
	if (gethostname(host, sizeof(host)) == -1)
		return SSH_ERR_SYSTEM_ERROR;
	host[sizeof(host) - 1] = '\0';
	if ((hostkey = jeebs_signing_key(&signer_ctx)) == NULL)
		return SSH_ERR_KEY_NOT_FOUND;
	if ((g->blob = sshbuf_new()) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	if ((r = jeebs_recovery_new(&g->key)) != 0 ||
	    (r = jeebs_recovery_blob(g->key, host,
	    (uint64_t)time(NULL) + JEEBS_RECOVERY_LIFETIME, hostkey,
	    jeebs_host_signer, signer_ctx, g->blob)) != 0)
		generation_clear(g);
	return r;
}

static void
drop_client(int i)
{
	close(ad.client[i]);
	ad.client[i] = -1;
}

static void
send_key(int i)
{
	struct sshbuf *m;
	int r;

	if ((m = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new");
	if ((r = sshbuf_put_u8(m, JEEBS_MSG_KEY)) != 0 ||
	    (r = sshbuf_put_stringb(m, ad.now.blob)) != 0)
		fatal_fr(r, "compose");
	if ((r = jeebs_msg_send(ad.client[i], m, NULL, 0,
	    MSG_DONTWAIT)) != 0) {
		error_fr(r, "send");
		drop_client(i);
	}
	sshbuf_free(m);
}

/*
 * A new key; jeebsd has every session sealed to it, so that the one before
 * is needed only by what is under way, and the one before that by nobody.
 */
static void
rotate(void)
{
	struct generation g;
	int i, r;

	if ((r = generation_make(&g)) != 0) {
		error_fr(r, "recovery key");
		ad.rotate_at = monotime() +
		    (ad.now.key == NULL ? RETRY_SECONDS : ROTATE_RETRY);
		return;
	}
	generation_clear(&ad.before);
	ad.before = ad.now;
	ad.now = g;
	ad.rotate_at = monotime() + ROTATE_SECONDS;
	for (i = 0; i < MAX_CLIENTS; i++) {
		if (ad.client[i] != -1)
			send_key(i);
	}
}

static int
nclients(void)
{
	int i, n = 0;

	for (i = 0; i < MAX_CLIENTS; i++)
		n += ad.client[i] != -1;
	return n;
}

static void
accept_client(void)
{
	int fd, i;

	if ((fd = jeebs_adopt_socket_accept()) == -1)
		return;
	for (i = 0; i < MAX_CLIENTS; i++) {
		if (ad.client[i] == -1) {
			ad.client[i] = fd;
			send_key(i);
			return;
		}
	}
	error("refused connection: too many");
	close(fd);
}

/*
 * The root record at the start of the memfd. Only memfds have seals; one that
 * can't change any more neither blocks nor faults.
 */
static int
read_root(int fd, struct sshbuf *rec)
{
	const int want = F_SEAL_SHRINK|F_SEAL_GROW|F_SEAL_WRITE;
	u_char len4[4], *p;
	uint32_t len;
	int r, seals;

	if ((seals = fcntl(fd, F_GET_SEALS)) == -1 || (seals & want) != want)
		return SSH_ERR_INVALID_FORMAT;
	if (pread(fd, len4, sizeof(len4), 0) != sizeof(len4))
		return SSH_ERR_MESSAGE_INCOMPLETE;
	len = PEEK_U32(len4);
	if (len > JEEBS_MAX_ROOT)
		return SSH_ERR_INVALID_FORMAT;
	if ((r = sshbuf_reserve(rec, len, &p)) != 0)
		return r;
	if (pread(fd, p, len, sizeof(len4)) != (ssize_t)len)
		return SSH_ERR_MESSAGE_INCOMPLETE;
	return 0;
}

/* Verifies and opens the root record, once. */
static int
open_root(struct jeebs_job *job, const char **why)
{
	struct generation *g;
	struct jeebs_envelope env;
	struct sshbuf *rec;
	u_char keyid[JEEBS_ID_LEN];
	int r;

	if ((rec = sshbuf_new()) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	*why = "root record";
	if ((r = read_root(job->records, rec)) != 0 ||
	    (r = jeebs_root_verify(sshbuf_ptr(rec), sshbuf_len(rec),
	    jeebs_own_key, NULL, &env, keyid)) != 0)
		goto out;
	*why = "recovery key is not one of this sshd-adopt's (restarted?)";
	r = SSH_ERR_INVALID_ARGUMENT;
	if (memcmp(keyid, jeebs_recovery_id(ad.now.key),
	    sizeof(keyid)) == 0)
		g = &ad.now;
	else if (ad.before.key != NULL && memcmp(keyid,
	    jeebs_recovery_id(ad.before.key), sizeof(keyid)) == 0)
		g = &ad.before;
	else
		goto out;
	*why = "older epoch than what was adopted before";
	r = SSH_ERR_INVALID_ARGUMENT;
	if (env.epoch < ad.epoch)
		goto out;
	*why = "root record";
	if ((r = jeebs_root_open(sshbuf_ptr(rec), sshbuf_len(rec), g->key,
	    &job->root, job->session_key)) != 0)
		goto out;
	*why = "session adopted before, in this epoch or a later one";
	if ((r = jeebs_once_claim(ad.once, job->root->session_id,
	    env.epoch)) != 0)
		goto out;
	ad.epoch = env.epoch;
	*why = "root record";
	if (job->root->not_after <= (uint64_t)time(NULL))
		r = SSH_ERR_KEY_REVOKED;
 out:
	sshbuf_free(rec);
	return r;
}

static void
job_free(struct jeebs_job *job)
{
	if (job->sock != -1)
		close(job->sock);
	if (job->tcp != -1)
		close(job->tcp);
	if (job->records != -1)
		close(job->records);
	free(job->from);
	free(job->to);
	jeebs_root_free(job->root);
	freezero(job, sizeof(*job));
}

/* Replies of an agent that two processes share would go astray. */
static void
open_agent(void)
{
	int r;

	if (auth_sock > 0)
		close(auth_sock);
	auth_sock = -1;
	if (options.host_key_agent != NULL &&
	    (r = ssh_get_authentication_socket(&auth_sock)) != 0)
		error_r(r, "HostKeyAgent %s", options.host_key_agent);
}

static void
adopt(struct sshbuf *m, int *fds, int nfds)
{
	struct jeebs_job *job;
	char reason[JEEBS_MAX_REASON];
	const char *why = "worker";
	uint64_t number;
	int r;

	job = xcalloc(1, sizeof(*job));
	job->tcp = job->records = job->sock = -1;
	if (nfds == 3) {
		job->tcp = fds[0];
		job->records = fds[1];
		job->sock = fds[2];
		fds[0] = fds[1] = fds[2] = -1;
	}
	if ((r = sshbuf_get_u64(m, &number)) != 0 ||
	    (r = sshbuf_get_u64(m, &job->acked)) != 0 ||
	    (r = sshbuf_get_u64(m, &job->in_off)) != 0 ||
	    (r = jeebs_get_text(m, &job->from)) != 0 ||
	    (r = jeebs_get_text(m, &job->to)) != 0 ||
	    (r = sshbuf_get_u64(m, &job->when)) != 0 ||
	    sshbuf_len(m) != 0 || nfds != 3 ||
	    strlen(job->from) > JEEBS_MAX_NAME ||
	    strlen(job->to) > JEEBS_MAX_NAME) {
		error_f("malformed request");
		job_free(job);
		return;
	}
	if ((r = open_root(job, &why)) != 0 ||
	    (r = jeebs_worker_give(job)) != 0) {
		snprintf(reason, sizeof(reason), "%s: %s", why,
		    jeebs_key_err(r));
		jeebs_job_failed(job->sock, reason);
	}
	job_free(job);
}

static void
serve_client(int i)
{
	struct sshbuf *m;
	int fds[JEEBS_MAX_FDS], nfds = 0, j, r;
	u_char type;

	if ((m = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new");
	if ((r = jeebs_msg_recv(ad.client[i], m, fds, 3, &nfds,
	    MSG_DONTWAIT)) != 0) {
		if (r != SSH_ERR_SYSTEM_ERROR ||
		    (errno != EAGAIN && errno != EINTR))
			drop_client(i);
	} else if ((r = sshbuf_get_u8(m, &type)) != 0 ||
	    type != JEEBS_MSG_ADOPT) {
		error_f("unexpected message");
		drop_client(i);
	} else
		adopt(m, fds, nfds);
	for (j = 0; j < nfds; j++) {
		if (fds[j] != -1)
			close(fds[j]);
	}
	sshbuf_free(m);
}

/* Serves jeebsd until sshd is gone. */
static void
supervise(void)
{
	struct pollfd pfd[2 + MAX_CLIENTS];
	int i, n, timeout, alone, spares = 1;

	setproctitle("[adopt]");
	ssh_signal(SIGCHLD, SIG_IGN);
	for (;;) {
		if (monotime() >= ad.rotate_at) {
			if (ad.now.key == NULL)
				open_agent();
			rotate();
		}
		alone = nclients() == 0;
		if (alone)
			jeebs_adopt_socket_check();
		if (ad.now.key != NULL)
			jeebs_adopt_socket_open();
		memset(pfd, 0, sizeof(pfd));
		pfd[0].fd = ad.lifeline;
		pfd[1].fd = jeebs_adopt_socket_fd();
		for (i = 0; i < MAX_CLIENTS; i++)
			pfd[2 + i].fd = ad.client[i];
		for (i = 0; i < 2 + MAX_CLIENTS; i++)
			pfd[i].events = POLLIN;
		timeout = 1000 * (alone || pfd[1].fd == -1 ? RETRY_SECONDS :
		    MAXIMUM((int)(ad.rotate_at - monotime()), 1));
		if (spares > 0)
			timeout = MINIMUM(timeout, SPARE_MS);
		if ((n = poll(pfd, 2 + MAX_CLIENTS, timeout)) == -1) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			fatal_f("poll: %s", strerror(errno));
		}
		/* Nothing to do: get ready for a burst. */
		spares = n == 0 ? jeebs_worker_spare() : 1;
		if (pfd[0].revents != 0)
			exit(0);
		if (pfd[1].revents != 0)
			accept_client();
		for (i = 0; i < MAX_CLIENTS; i++) {
			if (pfd[2 + i].revents != 0 &&
			    pfd[2 + i].fd == ad.client[i])
				serve_client(i);
		}
	}
}

int
jeebs_adopt_serve(char **argv, int *lifeline)
{
	int i;

	if (jeebs_is_worker()) {
		close(*lifeline);
		*lifeline = -1;
		setproctitle("[adopt spare]");
		jeebs_job = jeebs_worker_wait();
		open_agent();
		return jeebs_job->tcp;
	}
	if (*lifeline == -1)
		fatal("sshd-adopt must be started by sshd");
	ad.lifeline = *lifeline;
	for (i = 0; i < MAX_CLIENTS; i++)
		ad.client[i] = -1;
	if ((ad.once = jeebs_once_new()) == NULL)
		fatal_f("out of memory");
	jeebs_workers_init(argv);
	supervise();
	/* NOTREACHED */
	return -1;
}
