/* SPDX-License-Identifier: ISC */

#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sshbuf.h"
#include "ssherr.h"

#include "jeebs-wire.h"

#define JEEBS_MAX_OFFSET	((uint64_t)INT64_MAX)
#define JEEBS_MIN_MSS		48	/* TCP_MIN_SND_MSS of Linux's tcp.h */
#define JEEBS_MAX_WSCALE	14	/* RFC 7323, 2.3 */
#define JEEBS_MAX_WINDOW	(65535U << JEEBS_MAX_WSCALE)

static int
envelope_check(const struct jeebs_envelope *env)
{
	if (env->compat == 0 || env->compat > env->version || env->flags != 0)
		return SSH_ERR_INVALID_FORMAT;
	if (env->compat > JEEBS_WIRE_VERSION)
		return SSH_ERR_PROTOCOL_MISMATCH;
	if (env->type < JEEBS_REC_ROOT || env->type > JEEBS_REC_END)
		return SSH_ERR_INVALID_FORMAT;
	if (env->seq > JEEBS_MAX_OFFSET || env->in_off > JEEBS_MAX_OFFSET ||
	    env->out_off > JEEBS_MAX_OFFSET || env->acked_off > env->out_off ||
	    env->stream_len > JEEBS_MAX_STREAM ||
	    env->sealed_len > JEEBS_MAX_SEALED ||
	    env->stream_len > JEEBS_MAX_OFFSET - env->out_off)
		return SSH_ERR_INVALID_FORMAT;
	if (env->type != JEEBS_REC_ROOT)
		return env->seq == 0 ? SSH_ERR_INVALID_FORMAT : 0;
	if (env->seq != 0 || env->in_off != 0 || env->out_off != 0 ||
	    env->stream_len != 0 || env->sealed_len > JEEBS_MAX_ROOT)
		return SSH_ERR_INVALID_FORMAT;
	return 0;
}

int
jeebs_envelope_put(struct sshbuf *b, const struct jeebs_envelope *env)
{
	int r;

	if ((r = envelope_check(env)) != 0 ||
	    (r = sshbuf_put_u32(b, JEEBS_MAGIC)) != 0 ||
	    (r = sshbuf_put_u8(b, env->version)) != 0 ||
	    (r = sshbuf_put_u8(b, env->compat)) != 0 ||
	    (r = sshbuf_put_u8(b, env->type)) != 0 ||
	    (r = sshbuf_put_u8(b, env->flags)) != 0 ||
	    (r = sshbuf_put(b, env->record_id, JEEBS_ID_LEN)) != 0 ||
	    (r = sshbuf_put_u64(b, env->epoch)) != 0 ||
	    (r = sshbuf_put_u64(b, env->seq)) != 0 ||
	    (r = sshbuf_put_u64(b, env->in_off)) != 0 ||
	    (r = sshbuf_put_u64(b, env->out_off)) != 0 ||
	    (r = sshbuf_put_u64(b, env->acked_off)) != 0 ||
	    (r = sshbuf_put_u32(b, env->stream_len)) != 0 ||
	    (r = sshbuf_put_u32(b, env->sealed_len)) != 0)
		return r;
	return 0;
}

int
jeebs_envelope_get(struct sshbuf *b, struct jeebs_envelope *env)
{
	uint32_t magic;
	int r;

	memset(env, 0, sizeof(*env));
	if (sshbuf_len(b) < JEEBS_ENVELOPE_LEN)
		return SSH_ERR_MESSAGE_INCOMPLETE;
	if ((r = sshbuf_get_u32(b, &magic)) != 0)
		return r;
	if (magic != JEEBS_MAGIC)
		return SSH_ERR_INVALID_FORMAT;
	if ((r = sshbuf_get_u8(b, &env->version)) != 0 ||
	    (r = sshbuf_get_u8(b, &env->compat)) != 0 ||
	    (r = sshbuf_get_u8(b, &env->type)) != 0 ||
	    (r = sshbuf_get_u8(b, &env->flags)) != 0 ||
	    (r = sshbuf_get(b, env->record_id, JEEBS_ID_LEN)) != 0 ||
	    (r = sshbuf_get_u64(b, &env->epoch)) != 0 ||
	    (r = sshbuf_get_u64(b, &env->seq)) != 0 ||
	    (r = sshbuf_get_u64(b, &env->in_off)) != 0 ||
	    (r = sshbuf_get_u64(b, &env->out_off)) != 0 ||
	    (r = sshbuf_get_u64(b, &env->acked_off)) != 0 ||
	    (r = sshbuf_get_u32(b, &env->stream_len)) != 0 ||
	    (r = sshbuf_get_u32(b, &env->sealed_len)) != 0)
		return r;
	return envelope_check(env);
}

static int
all_zero(const uint8_t *p, size_t len)
{
	while (len-- > 0) {
		if (*p++ != 0)
			return 0;
	}
	return 1;
}

/* Can this be one end of an established TCP connection? */
static int
address_check(uint16_t family, const uint8_t a[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	switch (family) {
	case AF_INET:
		/* "this network", multicast, reserved and broadcast */
		if (a[0] == 0 || a[0] >= 224 || !all_zero(a + 4, 12))
			return SSH_ERR_INVALID_FORMAT;
		return 0;
	case AF_INET6:
		if (all_zero(a, 16) || a[0] == 0xff ||
		    memcmp(a, mapped, sizeof(mapped)) == 0)
			return SSH_ERR_INVALID_FORMAT;
		return 0;
	default:
		return SSH_ERR_INVALID_FORMAT;
	}
}

static int
tcp_check(const struct jeebs_tcp_state *t)
{
	int r;

	if ((r = address_check(t->family, t->local)) != 0 ||
	    (r = address_check(t->family, t->remote)) != 0)
		return r;
	if (t->local_port == 0 || t->remote_port == 0 ||
	    t->mss < JEEBS_MIN_MSS || t->pad != 0 ||
	    (t->options & ~JEEBS_TCP_OPT_ALL) != 0 ||
	    t->snd_wscale > JEEBS_MAX_WSCALE ||
	    t->rcv_wscale > JEEBS_MAX_WSCALE)
		return SSH_ERR_INVALID_FORMAT;
	if ((t->options & JEEBS_TCP_OPT_WSCALE) == 0 &&
	    (t->snd_wscale != 0 || t->rcv_wscale != 0))
		return SSH_ERR_INVALID_FORMAT;
	if (t->snd_wnd > t->max_window || t->max_window > JEEBS_MAX_WINDOW ||
	    t->rcv_wnd > JEEBS_MAX_WINDOW)
		return SSH_ERR_INVALID_FORMAT;
	return 0;
}

int
jeebs_tcp_put(struct sshbuf *b, const struct jeebs_tcp_state *t)
{
	uint8_t family = t->family == AF_INET ? 4 : 6;
	int r;

	if ((r = tcp_check(t)) != 0 ||
	    (r = sshbuf_put_u8(b, 1)) != 0 ||
	    (r = sshbuf_put_u8(b, family)) != 0 ||
	    (r = sshbuf_put_u16(b, t->local_port)) != 0 ||
	    (r = sshbuf_put_u16(b, t->remote_port)) != 0 ||
	    (r = sshbuf_put_u16(b, t->mss)) != 0 ||
	    (r = sshbuf_put(b, t->local, sizeof(t->local))) != 0 ||
	    (r = sshbuf_put(b, t->remote, sizeof(t->remote))) != 0 ||
	    (r = sshbuf_put_u32(b, t->snd_base)) != 0 ||
	    (r = sshbuf_put_u32(b, t->rcv_base)) != 0 ||
	    (r = sshbuf_put_u32(b, t->options)) != 0 ||
	    (r = sshbuf_put_u8(b, t->snd_wscale)) != 0 ||
	    (r = sshbuf_put_u8(b, t->rcv_wscale)) != 0 ||
	    (r = sshbuf_put_u32(b, t->ts_val)) != 0 ||
	    (r = sshbuf_put_u32(b, t->snd_wnd)) != 0 ||
	    (r = sshbuf_put_u32(b, t->max_window)) != 0 ||
	    (r = sshbuf_put_u32(b, t->rcv_wnd)) != 0)
		return r;
	return 0;
}

int
jeebs_tcp_get(struct sshbuf *b, struct jeebs_tcp_state *t)
{
	uint8_t version, family;
	int r;

	memset(t, 0, sizeof(*t));
	if (sshbuf_len(b) < JEEBS_TCP_LEN)
		return SSH_ERR_MESSAGE_INCOMPLETE;
	if ((r = sshbuf_get_u8(b, &version)) != 0 ||
	    (r = sshbuf_get_u8(b, &family)) != 0)
		return r;
	if (version != 1 || (family != 4 && family != 6))
		return SSH_ERR_INVALID_FORMAT;
	t->family = family == 4 ? AF_INET : AF_INET6;
	if ((r = sshbuf_get_u16(b, &t->local_port)) != 0 ||
	    (r = sshbuf_get_u16(b, &t->remote_port)) != 0 ||
	    (r = sshbuf_get_u16(b, &t->mss)) != 0 ||
	    (r = sshbuf_get(b, t->local, sizeof(t->local))) != 0 ||
	    (r = sshbuf_get(b, t->remote, sizeof(t->remote))) != 0 ||
	    (r = sshbuf_get_u32(b, &t->snd_base)) != 0 ||
	    (r = sshbuf_get_u32(b, &t->rcv_base)) != 0 ||
	    (r = sshbuf_get_u32(b, &t->options)) != 0 ||
	    (r = sshbuf_get_u8(b, &t->snd_wscale)) != 0 ||
	    (r = sshbuf_get_u8(b, &t->rcv_wscale)) != 0 ||
	    (r = sshbuf_get_u32(b, &t->ts_val)) != 0 ||
	    (r = sshbuf_get_u32(b, &t->snd_wnd)) != 0 ||
	    (r = sshbuf_get_u32(b, &t->max_window)) != 0 ||
	    (r = sshbuf_get_u32(b, &t->rcv_wnd)) != 0)
		return r;
	return tcp_check(t);
}

int
jeebs_get_text(struct sshbuf *b, char **sp)
{
	size_t len;
	int r;

	*sp = NULL;
	if ((r = sshbuf_get_cstring(b, sp, &len)) != 0)
		return r;
	if (strlen(*sp) != len) {
		freezero(*sp, len);
		*sp = NULL;
		return SSH_ERR_INVALID_FORMAT;
	}
	return 0;
}
