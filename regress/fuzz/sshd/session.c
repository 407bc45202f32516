/* SPDX-License-Identifier: ISC */
/* session.c's import of sessions, with no program started: see parts.h. */
#include "includes.h"

#include <sys/types.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <pty.h>

#include "openbsd-compat/sys-queue.h"
#include "hostfile.h"
#include "auth.h"
#include "channels.h"
#include "packet.h"
#include "session.h"
#include "sshbuf.h"
#include "jeebs/jeebs-hooks.h"
#include "jeebs/jeebs-session.h"
#include "jeebs/jeebs-state.h"

#include "parts.h"

int parts_fork;

static int ptm = -1, pts = -1;
static char tty[TTYSZ];
static int tty_allowed;

pid_t	__wrap_fork(void);
int	__wrap_mm_pty_allocate(int *, int *, char *, size_t);
void	__wrap_mm_session_pty_cleanup2(Session *);

/* A child that nobody has, so that the parent's part goes on. */
pid_t
__wrap_fork(void)
{
	errno = EAGAIN;
	return parts_fork == 0 ? -1 : 0x3ffffff0;
}

int
__wrap_mm_pty_allocate(int *ptyfd, int *ttyfd, char *name, size_t len)
{
	if (!tty_allowed)
		return 0;
	if (ptm == -1 && openpty(&ptm, &pts, tty, NULL, NULL) == -1)
		abort();
	*ptyfd = dup(ptm);
	*ttyfd = dup(pts);
	strlcpy(name, tty, len);
	return *ptyfd != -1 && *ttyfd != -1;
}

void
__wrap_mm_session_pty_cleanup2(Session *s)
{
	if (s->ttyfd == -1)
		return;
	if (s->ptymaster != -1)
		close(s->ptymaster);
	s->ttyfd = s->ptymaster = -1;
}

/* What was taken must be sayable again. */
static void
export_again(struct ssh *ssh)
{
	struct jeebs_state *st;
	struct sshbuf *out;

	if ((st = jeebs_state_new()) == NULL || (out = sshbuf_new()) == NULL)
		abort();
	jeebs_state_begin(st, out, 1);
	if (jeebs_channels_export(ssh, st) != 0 ||
	    jeebs_sessions_export(ssh, st) != 0 || jeebs_state_end(st) != 0)
		abort();
	jeebs_state_free(st);
	sshbuf_free(out);
}

void
parts_session(uint32_t id, const uint8_t *chan, size_t chanlen,
    const uint8_t *sess, size_t sesslen, int may_tty)
{
	const struct jeebs_notice notice = { "from", "to", 0 };
	struct ssh *ssh = parts_ssh();
	struct sshbuf *c, *s;
	int r, first, last, i;

	if ((c = sshbuf_from(chan, chanlen)) == NULL ||
	    (s = sshbuf_from(sess, sesslen)) == NULL ||
	    (first = dup(STDERR_FILENO)) == -1)
		abort();
	close(first);
	tty_allowed = may_tty;
	jeebs_hooks = &jeebs_session_hooks;
	if ((r = jeebs_channel_import(ssh, id, c)) == 0) {
		(void)jeebs_session_import(ssh, id, s, &notice);
		if (jeebs_channel_revived(ssh, id) == 0)
			export_again(ssh);
	}
	session_destroy_all(ssh, NULL);
	jeebs_hooks = NULL;
	sshbuf_free(c);
	sshbuf_free(s);
	parts_ssh_free(ssh);
	/* sshd ends with the descriptors of a fork that failed; we don't */
	if ((last = dup(STDERR_FILENO)) == -1)
		abort();
	close(last);
	for (i = first; i < last + 16; i++) {
		if (i != ptm && i != pts)
			close(i);
	}
}
