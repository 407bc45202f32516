/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "openbsd-compat/sys-queue.h"
#include "auth-options.h"
#include "channels.h"
#include "log.h"
#include "misc.h"
#include "servconf.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "xmalloc.h"
#include "jeebs/jeebs-state.h"
#include "jeebs/jeebs-target.h"
#include "jeebs/jeebs-wire.h"

extern ServerOptions options;
extern struct sshauthopt *auth_opts;

struct target {
	TAILQ_ENTRY(target) entry;
	uint32_t channel;
	uint64_t data_off;
	struct sshbuf *data;
	struct sshbuf *early;
	int ended;
	int fd;
};
static TAILQ_HEAD(, target) targets = TAILQ_HEAD_INITIALIZER(targets);

static struct target *
target_find(uint32_t channel)
{
	struct target *t;

	TAILQ_FOREACH(t, &targets, entry) {
		if (t->channel == channel)
			return t;
	}
	return NULL;
}

static int
get_forward(struct sshbuf *body, uint64_t *id, uint64_t *data_off,
    uint64_t *taken, int *ended)
{
	u_char is;
	int r;

	if ((r = sshbuf_get_u64(body, id)) != 0 ||
	    (r = sshbuf_get_u64(body, data_off)) != 0 ||
	    (r = sshbuf_get_u64(body, taken)) != 0 ||
	    (r = sshbuf_get_u8(body, &is)) != 0)
		return r;
	if (sshbuf_len(body) != 0 || *id == 0 || *data_off > INT64_MAX ||
	    *taken > INT64_MAX || is > 1)
		return SSH_ERR_INVALID_FORMAT;
	*ended = is;
	return 0;
}

struct list {
	struct jeebs_state *state;
	struct sshbuf *entries;
	uint32_t n;
};

static int
list_one(struct ssh *ssh, uint32_t channel, struct sshbuf *body, void *ctx)
{
	struct list *l = ctx;
	struct sshbuf *data, *early;
	struct target *t;
	uint64_t id, data_off, taken;
	int ended, r;

	if ((data = jeebs_state_get(l->state, JEEBS_TAG_FORWARD_DATA,
	    channel)) == NULL)
		return SSH_ERR_INVALID_FORMAT;
	if ((r = get_forward(body, &id, &data_off, &taken, &ended)) != 0)
		return r;
	if (l->n >= JEEBS_MAX_FORWARDS)
		return 0;
	t = xcalloc(1, sizeof(*t));
	t->channel = channel;
	t->data_off = data_off;
	t->ended = ended;
	t->fd = -1;
	TAILQ_INSERT_TAIL(&targets, t, entry);
	if ((t->data = sshbuf_new()) == NULL ||
	    (t->early = sshbuf_new()) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	early = jeebs_state_get(l->state, JEEBS_TAG_FORWARD_EARLY, channel);
	if ((early != NULL && (r = sshbuf_putb(t->early, early)) != 0) ||
	    (r = sshbuf_putb(t->data, data)) != 0 ||
	    (r = sshbuf_put_u32(l->entries, channel)) != 0 ||
	    (r = sshbuf_put_u64(l->entries, id)) != 0 ||
	    (r = sshbuf_put_u64(l->entries, data_off)) != 0 ||
	    (r = sshbuf_put_u64(l->entries, data_off +
	    sshbuf_len(data))) != 0 ||
	    (r = sshbuf_put_u64(l->entries, taken)) != 0 ||
	    (r = sshbuf_put_u8(l->entries, ended)) != 0)
		return r;
	l->n++;
	return 0;
}

int
jeebs_target_list(struct ssh *ssh, struct jeebs_state *state,
    struct sshbuf *ready)
{
	struct list l;
	int r = 0;

	memset(&l, 0, sizeof(l));
	l.state = state;
	if ((l.entries = sshbuf_new()) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	if ((state == NULL || (r = jeebs_state_each(state, JEEBS_TAG_FORWARD,
	    list_one, ssh, &l)) == 0) && (r = sshbuf_put_u32(ready, l.n)) == 0)
		r = sshbuf_putb(ready, l.entries);
	sshbuf_free(l.entries);
	return r;
}

int
jeebs_target_take(uint32_t channel, uint64_t acked, int fd)
{
	struct target *t = target_find(channel);
	int r = SSH_ERR_INVALID_FORMAT;

	if (t != NULL && t->fd == -1 && acked >= t->data_off &&
	    acked - t->data_off <= sshbuf_len(t->data) &&
	    (r = sshbuf_consume(t->data, acked - t->data_off)) == 0)
		t->fd = fd;
	else
		close(fd);
	return r;
}

/*
 * Not FIN: that would tell the target that it has got all. And at once, for
 * jeebsd's copy of it, too.
 */
static void
reset_target(int fd)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };

	(void)connect(fd, &none, sizeof(none));
	close(fd);
}

int
jeebs_forwarding_allowed(int setting, int direction)
{
	return (setting & direction) != 0 &&
	    auth_opts->permit_port_forwarding_flag &&
	    !options.disable_forwarding;
}

/* As server_request_direct_tcpip() does. */
int
jeebs_target_allowed(void)
{
	return jeebs_forwarding_allowed(options.allow_tcp_forwarding,
	    FORWARD_LOCAL);
}

static int
permitted(struct ssh *ssh, uint32_t channel, int fd)
{
	const struct Channel *c = channel_by_id(ssh, channel);

	/* it came to an address that others can reach */
	if (c != NULL && jeebs_channel_accepted(c))
		return jeebs_forwarding_allowed(options.allow_tcp_forwarding,
		    FORWARD_REMOTE) && options.fwd_opts.gateway_ports != 0 &&
		    jeebs_channel_listener_permitted(ssh, fd);
	return jeebs_target_allowed() &&
	    jeebs_channel_target_permitted(ssh, fd);
}

/*
 * All that its client sent, and FIN, are the kernel's at once, as they were: the
 * channel may be gone before its target has read them. jeebsd has made room for
 * them. Returns 0 if not.
 */
static int
send_all(int fd, const struct sshbuf *data)
{
	ssize_t n = 0;

	if (sshbuf_len(data) != 0)
		n = write(fd, sshbuf_ptr(data), sshbuf_len(data));
	return n != -1 && (size_t)n == sshbuf_len(data) &&
	    shutdown(fd, SHUT_WR) == 0;
}

int
jeebs_target_connect(struct ssh *ssh, uint32_t channel,
    const struct sshbuf **data, size_t *resend, int *ended)
{
	struct target *t = target_find(channel);
	int r, fd;

	if (t == NULL || t->fd == -1)
		return SSH_ERR_CONN_CLOSED;
	fd = t->fd;
	t->fd = -1;
	if (!permitted(ssh, channel, fd)) {
		logit("jeebs: channel %u: its target isn't permitted on this "
		    "host", channel);
		reset_target(fd);
		return SSH_ERR_CONN_CLOSED;
	}
	if (t->ended && !send_all(fd, t->data)) {
		reset_target(fd);
		return SSH_ERR_NO_BUFFER_SPACE;
	}
	/* The socket begins to count where the target had acknowledged. */
	if ((r = jeebs_channel_reconnect(ssh, channel, fd, t->data, t->early,
	    t->ended, resend)) != 0) {
		reset_target(fd);
		return r;
	}
	*data = t->data;
	*ended = t->ended;
	return 0;
}

void
jeebs_target_forget(void)
{
	struct target *t;

	while ((t = TAILQ_FIRST(&targets)) != NULL) {
		TAILQ_REMOVE(&targets, t, entry);
		if (t->fd != -1)
			reset_target(t->fd);
		sshbuf_free(t->data);
		sshbuf_free(t->early);
		freezero(t, sizeof(*t));
	}
}
