/* SPDX-License-Identifier: ISC */
/*
 * sshd-adopt, the supervisor: holds the recovery keys, verifies and opens
 * root records, and forks one worker per session. Nothing that is parsed here
 * was written by a user's process.
 */
#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "openbsd-compat/sys-queue.h"
#include "hostfile.h"
#include "auth.h"
#include "authfd.h"
#include "digest.h"
#include "log.h"
#include "misc.h"
#include "servconf.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "sshkey.h"
#include "xmalloc.h"
#include "jeebs/jeebs-adopt.h"
#include "jeebs/jeebs-msg.h"
#include "jeebs/jeebs-root.h"
#include "jeebs/jeebs-session.h"

#define ADOPT_SOCKET	"adopt.sock"
#define MAX_CLIENTS	4
#define ROTATE_SECONDS	(60 * 60)
#define RETRY_SECONDS	1	/* without a socket or a key */
#define ROTATE_RETRY	60	/* the key that is in use goes on meanwhile */

extern ServerOptions options;
extern int auth_sock;

struct jeebs_job *jeebs_job;

/* A root record that was opened, in its epoch, for the session of this id. */
struct adopted {
	u_char record_id[JEEBS_ID_LEN];
	u_char session[SSH_DIGEST_MAX_LENGTH];
	uint64_t epoch;
};

/* A recovery key and what was adopted since it was made. */
struct generation {
	struct jeebs_recovery *key;
	struct sshbuf *blob;
	struct adopted *adopted;
	size_t nadopted;
};

static struct {
	int lifeline;
	int listener;
	int client[MAX_CLIENTS];
	uid_t owner;		/* of the directory: whom jeebsd runs as */
	struct generation now, before;
	uint64_t epoch;		/* the newest of all that was adopted */
	time_t rotate_at;
} ad = { .lifeline = -1, .listener = -1 };

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

static void
generation_clear(struct generation *g)
{
	jeebs_recovery_free(g->key);
	sshbuf_free(g->blob);
	freezero(g->adopted, g->nadopted * sizeof(*g->adopted));
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

/*
 * Binds as the owner of the directory: by root's hand, names in a directory
 * of another user would lead wherever that user likes.
 */
static int
bind_as(int fd, const struct sockaddr_un *sun, uid_t owner)
{
	mode_t mask;
	int r, oerrno;

	if (seteuid(owner) == -1)
		return -1;
	mask = umask(0177);
	if (unlink(sun->sun_path) == -1 && errno != ENOENT)
		debug("unlink %s: %s", sun->sun_path, strerror(errno));
	r = bind(fd, (const struct sockaddr *)sun, sizeof(*sun));
	oerrno = errno;
	(void)umask(mask);
	if (seteuid(0) == -1)
		fatal_f("seteuid: %s", strerror(errno));
	errno = oerrno;
	return r;
}

/* Beside JeebsSocket. The directory's owner and root may connect. */
static int
open_listener(void)
{
	struct sockaddr_un sun;
	struct stat sb;
	char *path, *dir;
	int fd = -1, n;

	path = xstrdup(options.jeebs_socket);
	dir = dirname(path);
	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	n = snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s", dir,
	    ADOPT_SOCKET);
	if (n < 0 || (size_t)n >= sizeof(sun.sun_path))
		fatal("JeebsSocket %s: path too long", options.jeebs_socket);
	if (stat(dir, &sb) == -1) {
		debug("%s: %s", dir, strerror(errno));
		goto out;
	}
	if ((sb.st_mode & (S_IWGRP|S_IWOTH)) != 0) {
		error("JeebsSocket: %s is writable by group or others; "
		    "make it mode 0755 or stricter", dir);
		goto out;
	}
	ad.owner = sb.st_uid;
	if ((fd = socket(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC|SOCK_NONBLOCK,
	    0)) == -1)
		fatal_f("socket: %s", strerror(errno));
	if (bind_as(fd, &sun, sb.st_uid) == -1 ||
	    listen(fd, MAX_CLIENTS) == -1) {
		error("%s: %s", sun.sun_path, strerror(errno));
		close(fd);
		fd = -1;
	}
 out:
	free(path);
	return fd;
}

static void
accept_client(void)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd, i;

	if ((fd = accept4(ad.listener, NULL, NULL,
	    SOCK_CLOEXEC|SOCK_NONBLOCK)) == -1)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1 ||
	    (cred.uid != 0 && cred.uid != ad.owner)) {
		error("refused connection of uid %lu", (u_long)cred.uid);
		close(fd);
		return;
	}
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

/* Was a record with this id opened before? */
static int
record_used(const struct generation *g, const u_char *id)
{
	size_t i;

	for (i = 0; i < g->nadopted; i++) {
		if (memcmp(g->adopted[i].record_id, id, JEEBS_ID_LEN) == 0)
			return 1;
	}
	return 0;
}

/*
 * Was the session adopted from a record of this epoch or a newer one? Then it
 * has gone on since, and this is what it was.
 */
static int
session_used(const struct generation *g, const struct adopted *a)
{
	size_t i;

	for (i = 0; i < g->nadopted; i++) {
		if (g->adopted[i].epoch >= a->epoch &&
		    memcmp(g->adopted[i].session, a->session,
		    sizeof(a->session)) == 0)
			return 1;
	}
	return 0;
}

/*
 * Verifies and opens the root record, once. That is remembered with the newest
 * key: while that or the one before lives, records of now can be opened.
 */
static int
open_root(struct jeebs_job *job, const char **why)
{
	struct generation *g;
	struct jeebs_envelope env;
	struct adopted a;
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
	*why = "recovery key";
	r = SSH_ERR_KEY_NOT_FOUND;
	if (memcmp(keyid, jeebs_recovery_id(ad.now.key),
	    sizeof(keyid)) == 0)
		g = &ad.now;
	else if (ad.before.key != NULL && memcmp(keyid,
	    jeebs_recovery_id(ad.before.key), sizeof(keyid)) == 0)
		g = &ad.before;
	else
		goto out;
	*why = "adopted before";
	r = SSH_ERR_INVALID_ARGUMENT;
	if (record_used(&ad.now, env.record_id) ||
	    record_used(&ad.before, env.record_id))
		goto out;
	*why = "older epoch than what was adopted before";
	if (env.epoch < ad.epoch)
		goto out;
	*why = "root record";
	if ((r = jeebs_root_open(sshbuf_ptr(rec), sshbuf_len(rec), g->key,
	    &job->root, job->session_key)) != 0)
		goto out;
	memset(&a, 0, sizeof(a));
	memcpy(a.record_id, env.record_id, sizeof(a.record_id));
	a.epoch = env.epoch;
	if ((r = ssh_digest_buffer(SSH_DIGEST_SHA256, job->root->session_id,
	    a.session, sizeof(a.session))) != 0)
		goto out;
	*why = "session was adopted in this epoch before";
	r = SSH_ERR_INVALID_ARGUMENT;
	if (session_used(&ad.now, &a) || session_used(&ad.before, &a))
		goto out;
	r = 0;
	g = &ad.now;
	g->adopted = xrecallocarray(g->adopted, g->nadopted, g->nadopted + 1,
	    sizeof(*g->adopted));
	g->adopted[g->nadopted++] = a;
	ad.epoch = a.epoch;
	*why = "root record has expired";
	if (job->root->not_after < (uint64_t)time(NULL))
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

/* In a new worker: drops what is the supervisor's. */
static void
become_worker(struct jeebs_job *job)
{
	int i;

	open_agent();
	close(ad.lifeline);
	close(ad.listener);
	for (i = 0; i < MAX_CLIENTS; i++) {
		if (ad.client[i] != -1)
			close(ad.client[i]);
	}
	if (setsid() == -1)
		error("setsid: %s", strerror(errno));
	ssh_signal(SIGCHLD, SIG_DFL);
	jeebs_job = job;
}

/* Returns 1 in the worker. */
static int
adopt(struct sshbuf *m, int *fds, int nfds)
{
	struct jeebs_job *job;
	char reason[JEEBS_MAX_REASON];
	const char *why = NULL;
	uint64_t number;
	pid_t pid;
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
	    (r = sshbuf_get_cstring(m, &job->from, NULL)) != 0 ||
	    (r = sshbuf_get_cstring(m, &job->to, NULL)) != 0 ||
	    (r = sshbuf_get_u64(m, &job->when)) != 0 ||
	    sshbuf_len(m) != 0 || nfds != 3) {
		error_f("malformed request");
		job_free(job);
		return 0;
	}
	if ((r = open_root(job, &why)) != 0) {
		snprintf(reason, sizeof(reason), "%s: %s", why, ssh_err(r));
		jeebs_job_failed(job->sock, reason);
		job_free(job);
		return 0;
	}
	if ((pid = fork()) == -1) {
		jeebs_job_failed(job->sock, strerror(errno));
	} else if (pid == 0) {
		become_worker(job);
		return 1;
	}
	job_free(job);
	return 0;
}

static int
serve_client(int i)
{
	struct sshbuf *m;
	int fds[JEEBS_MAX_FDS], nfds = 0, j, r, worker = 0;
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
		worker = adopt(m, fds, nfds);
	for (j = 0; j < nfds; j++) {
		if (fds[j] != -1)
			close(fds[j]);
	}
	sshbuf_free(m);
	return worker;
}

/*
 * Serves jeebsd until sshd is gone. Returns in workers only, with the
 * connection that the worker is to adopt.
 */
int
jeebs_adopt_serve(int *lifeline)
{
	struct pollfd pfd[2 + MAX_CLIENTS];
	int i, timeout;

	if (*lifeline == -1)
		fatal("sshd-adopt must be started by sshd");
	ad.lifeline = *lifeline;
	*lifeline = -1;
	for (i = 0; i < MAX_CLIENTS; i++)
		ad.client[i] = -1;
	setproctitle("[adopt]");
	ssh_signal(SIGCHLD, SIG_IGN);
	for (;;) {
		if (monotime() >= ad.rotate_at) {
			if (ad.now.key == NULL)
				open_agent();
			rotate();
		}
		if (ad.listener == -1 && ad.now.key != NULL)
			ad.listener = open_listener();
		memset(pfd, 0, sizeof(pfd));
		pfd[0].fd = ad.lifeline;
		pfd[1].fd = ad.listener;
		for (i = 0; i < MAX_CLIENTS; i++)
			pfd[2 + i].fd = ad.client[i];
		for (i = 0; i < 2 + MAX_CLIENTS; i++)
			pfd[i].events = POLLIN;
		timeout = ad.listener == -1 ? RETRY_SECONDS :
		    MAXIMUM((int)(ad.rotate_at - monotime()), 1);
		if (poll(pfd, 2 + MAX_CLIENTS, timeout * 1000) == -1) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			fatal_f("poll: %s", strerror(errno));
		}
		if (pfd[0].revents != 0)
			exit(0);
		if (pfd[1].revents != 0)
			accept_client();
		for (i = 0; i < MAX_CLIENTS; i++) {
			if (pfd[2 + i].revents != 0 &&
			    pfd[2 + i].fd == ad.client[i] && serve_client(i))
				return jeebs_job->tcp;
		}
	}
}
