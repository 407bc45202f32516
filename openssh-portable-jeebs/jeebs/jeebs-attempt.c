/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "openbsd-compat/sys-queue.h"
#include "channels.h"
#include "log.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "jeebs/jeebs-module.h"
#include "jeebs/jeebs-target.h"
#include "jeebs/jeebs-wire.h"

/*
 * Connections to targets that were being made, as channels of type
 * "direct-tcpip" that the client hasn't been answered about: they are made
 * anew, by this host's settings.
 */

static int
is_attempt(const struct Channel *c)
{
	return c->type == SSH_CHANNEL_CONNECTING && c->path != NULL &&
	    strcmp(c->ctype, "direct-tcpip") == 0;
}

static int
put_attempt(struct sshbuf *m, const struct Channel *c)
{
	int r;

	if ((r = sshbuf_put_cstring(m, c->path)) != 0)
		return r;
	return sshbuf_put_u32(m, c->host_port);
}

static int
snapshot(struct ssh *ssh, struct jeebs_state *st)
{
	return jeebs_channels_put(ssh, st, JEEBS_TAG_ATTEMPT, is_attempt,
	    put_attempt);
}

static int
restore(struct ssh *ssh, uint32_t channel, struct sshbuf *body,
    const struct jeebs_notice *notice)
{
	char *host = NULL;
	uint32_t port;
	int r;

	if ((r = jeebs_get_text(body, &host)) != 0 ||
	    (r = sshbuf_get_u32(body, &port)) != 0)
		goto out;
	if (sshbuf_len(body) != 0 || port > 0xffff)
		r = SSH_ERR_INVALID_FORMAT;
	else if (!jeebs_target_allowed()) {
		logit("jeebs: channel %u: this host forwards no connections",
		    channel);
		r = SSH_ERR_CONN_CLOSED;
	} else
		r = jeebs_channel_attempt(ssh, channel, host, port);
 out:
	free(host);
	return r;
}

const struct jeebs_module jeebs_module_attempt = {
	.name = "attempt",
	.tag = JEEBS_TAG_ATTEMPT,
	.snapshot = snapshot,
	.restore = restore,
};
