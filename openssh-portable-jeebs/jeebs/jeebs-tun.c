/* SPDX-License-Identifier: ISC */
/* Tunnel devices (ssh -w): the same one is opened on the host that takes over. */
#include "includes.h"

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/if_tun.h>
#include <net/if.h>

#include <stdint.h>
#include <stdlib.h>
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
#include "jeebs/jeebs-module.h"

extern ServerOptions options;
extern struct sshauthopt *auth_opts;
extern char *tun_fwd_ifnames;	/* serverloop.c */

static int
is_tunnel(const struct Channel *c)
{
	return c->datagram && c->type == SSH_CHANNEL_OPEN && c->sock != -1 &&
	    strcmp(c->ctype, "tun") == 0;
}

/* What sys_tun_open() made of a number: tunN or tapN. */
static int
put_tunnel(struct sshbuf *m, const struct Channel *c)
{
	struct ifreq ifr;
	const char *errstr;
	int r, unit, l2;

	memset(&ifr, 0, sizeof(ifr));
	if (ioctl(c->sock, TUNGETIFF, &ifr) == -1)
		return SSH_ERR_SYSTEM_ERROR;
	l2 = (ifr.ifr_flags & IFF_TAP) != 0;
	if (strncmp(ifr.ifr_name, l2 ? "tap" : "tun", 3) != 0)
		return SSH_ERR_SYSTEM_ERROR;
	unit = strtonum(ifr.ifr_name + 3, 0, SSH_TUNID_MAX, &errstr);
	if (errstr != NULL)
		return SSH_ERR_SYSTEM_ERROR;
	if ((r = sshbuf_put_u32(m, l2 ? SSH_TUNMODE_ETHERNET :
	    SSH_TUNMODE_POINTOPOINT)) != 0)
		return r;
	return sshbuf_put_u32(m, unit);
}

static int
snapshot(struct ssh *ssh, struct jeebs_state *st)
{
	return jeebs_channels_put(ssh, st, JEEBS_TAG_TUNNEL, is_tunnel,
	    put_tunnel);
}

/* As server_request_tun() does. */
static int
allowed(uint32_t mode, uint32_t unit)
{
	return (options.permit_tun & mode) != 0 &&
	    (auth_opts->force_tun_device == -1 ||
	    (uint32_t)auth_opts->force_tun_device == unit);
}

static int
get_tunnel(struct sshbuf *body, uint32_t *mode, uint32_t *unit)
{
	struct sshbuf *b;
	int r;

	if ((b = sshbuf_fromb(body)) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	if ((r = sshbuf_get_u32(b, mode)) == 0 &&
	    (r = sshbuf_get_u32(b, unit)) == 0 && (sshbuf_len(b) != 0 ||
	    *unit > SSH_TUNID_MAX || (*mode != SSH_TUNMODE_POINTOPOINT &&
	    *mode != SSH_TUNMODE_ETHERNET)))
		r = SSH_ERR_INVALID_FORMAT;
	sshbuf_free(b);
	return r;
}

/* The new shell's SSH_TUNNEL, as server_request_tun() makes it. */
static int
tell(struct ssh *ssh, uint32_t id, struct sshbuf *body, void *ctx)
{
	uint32_t mode, unit;
	char *before = tun_fwd_ifnames;
	int r;

	if ((r = get_tunnel(body, &mode, &unit)) != 0 || !allowed(mode, unit))
		return r;
	xasprintf(&tun_fwd_ifnames, "%s%s%s%u", before == NULL ? "" : before,
	    before == NULL ? "" : ",", mode == SSH_TUNMODE_ETHERNET ? "tap" :
	    "tun", unit);
	free(before);
	return 0;
}

static int
prepare(struct ssh *ssh, struct jeebs_state *st)
{
	return jeebs_state_each(st, JEEBS_TAG_TUNNEL, tell, ssh, NULL);
}

static int
restore(struct ssh *ssh, uint32_t channel, struct sshbuf *body,
    const struct jeebs_notice *notice)
{
	uint32_t mode, unit;
	char *name = NULL;
	int fd, r, l3;

	if ((r = get_tunnel(body, &mode, &unit)) != 0)
		return r;
	if (!allowed(mode, unit) || (fd = tun_open(unit, mode, &name)) == -1)
		return SSH_ERR_CONN_CLOSED;
	l3 = mode == SSH_TUNMODE_POINTOPOINT;
	if ((r = jeebs_channel_tunnel(ssh, channel, fd,
	    l3 ? sys_tun_infilter : NULL, l3 ? sys_tun_outfilter : NULL)) != 0)
		close(fd);
	else
		debug("jeebs: channel %u goes on with %s", channel, name);
	free(name);
	return r;
}

const struct jeebs_module jeebs_module_tun = {
	.name = "tunnel",
	.tag = JEEBS_TAG_TUNNEL,
	.snapshot = snapshot,
	.prepare = prepare,
	.restore = restore,
};
