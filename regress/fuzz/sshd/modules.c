/* SPDX-License-Identifier: ISC */
/* Recovery modules, whose system calls do nothing: see parts.h. */
#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openbsd-compat/sys-queue.h"
#include "channels.h"
#include "compat.h"
#include "log.h"
#include "misc.h"
#include "packet.h"
#include "servconf.h"
#include "sshbuf.h"
#include "jeebs/jeebs-hooks.h"
#include "jeebs/jeebs-module.h"
#include "jeebs/jeebs-session.h"
#include "jeebs/jeebs-state.h"

#include "parts.h"

extern ServerOptions options;

static int can;

int	__wrap_bind(int, const struct sockaddr *, socklen_t);
int	__wrap_connect(int, const struct sockaddr *, socklen_t);
int	__wrap_mkdir(const char *, mode_t);
int	__wrap_unlink(const char *);
int	__wrap_rmdir(const char *);
int	__wrap_sys_tun_open(int, int, char **);

/* What isn't bound listens at a port that the kernel chooses. */
int
__wrap_bind(int sock, const struct sockaddr *sa, socklen_t len)
{
	errno = EADDRINUSE;
	return can && sa->sa_family != AF_UNIX ? 0 : -1;
}

int
__wrap_connect(int sock, const struct sockaddr *sa, socklen_t len)
{
	errno = ECONNREFUSED;
	return -1;
}

int
__wrap_mkdir(const char *path, mode_t mode)
{
	errno = EEXIST;
	return can ? 0 : -1;
}

int
__wrap_unlink(const char *path)
{
	return 0;
}

int
__wrap_rmdir(const char *path)
{
	return 0;
}

int
__wrap_sys_tun_open(int unit, int mode, char **name)
{
	if (!can)
		return -1;
	if ((*name = strdup("tun")) == NULL)
		abort();
	return dup(STDERR_FILENO);
}

/* A state with this one object, as a checkpoint has it. */
static struct jeebs_state *
state_of(const struct jeebs_module *m, uint32_t id, const uint8_t *body,
    size_t len)
{
	struct jeebs_state *st = jeebs_state_new();
	struct sshbuf *b = sshbuf_new();

	if (st == NULL || b == NULL || sshbuf_put_u8(b, 1) != 0 ||
	    sshbuf_put_u8(b, m->tag) != 0 || sshbuf_put_u32(b, id) != 0 ||
	    sshbuf_put_string(b, body, len) != 0 ||
	    jeebs_state_apply(st, b, 1) != 0)
		abort();
	sshbuf_free(b);
	return st;
}

/* What was taken must be sayable again. */
static void
export_again(struct ssh *ssh)
{
	struct jeebs_state *st;
	struct sshbuf *out;
	u_int i;

	if ((st = jeebs_state_new()) == NULL || (out = sshbuf_new()) == NULL)
		abort();
	jeebs_state_begin(st, out, 1);
	if (jeebs_channels_export(ssh, st) != 0)
		abort();
	for (i = 0; jeebs_modules[i] != NULL; i++) {
		if (jeebs_modules[i]->snapshot(ssh, st) != 0)
			abort();
	}
	if (jeebs_state_end(st) != 0)
		abort();
	jeebs_state_free(st);
	sshbuf_free(out);
}

void
parts_module(u_int n, uint32_t id, const uint8_t *chan, size_t chanlen,
    const uint8_t *body, size_t len, int possible)
{
	const struct jeebs_notice notice = { "from", "to", 0 };
	const struct jeebs_module *m;
	struct ssh *ssh = parts_ssh();
	struct jeebs_state *st;
	struct sshbuf *c;
	int first, last, i, r = 0;
	u_int count;

	/* those of forwards and sessions have targets of their own */
	for (count = 0; jeebs_modules[count] != NULL; count++)
		;
	m = jeebs_modules[2 + n % (count - 2)];
	if ((c = sshbuf_from(chan, chanlen)) == NULL ||
	    (first = dup(STDERR_FILENO)) == -1)
		abort();
	close(first);
	can = possible;
	options.permit_tun = SSH_TUNMODE_YES;
	options.fwd_opts.gateway_ports = 2;
	jeebs_hooks = &jeebs_session_hooks;
	/* as jeebs_revive() has it */
	ssh->compat |= SSH_BUG_DEBUG;
	channel_permit_all(ssh, FORWARD_LOCAL);
	channel_permit_all(ssh, FORWARD_REMOTE);
	st = state_of(m, id, body, len);
	if (m->prepare != NULL)
		r = m->prepare(ssh, st);
	else if (jeebs_channel_import(ssh, id, c) == 0) {
		(void)m->restore(ssh, id, jeebs_state_get(st, m->tag, id),
		    &notice);
		r = jeebs_channel_revived(ssh, id);
	}
	if (r == 0)
		export_again(ssh);
	channel_free_all(ssh);
	jeebs_hooks = NULL;
	jeebs_state_free(st);
	sshbuf_free(c);
	parts_ssh_free(ssh);
	if ((last = dup(STDERR_FILENO)) == -1)
		abort();
	close(last);
	for (i = first; i < last + 16; i++)
		close(i);
}
