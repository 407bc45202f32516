/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* struct tcp_info of the C library is older than the kernel's. */
#include <linux/sockios.h>
#include <linux/tcp.h>

#include "ssherr.h"
#include "log.h"
#include "jeebs/jeebs-tcp.h"

#define READ_TRIES	16
#define REPAIR_TRIES	64
/* include/net/tcp_states.h */
#define STATE_ESTABLISHED	1
#define STATE_FIN_WAIT1		4
#define STATE_FIN_WAIT2		5
#define STATE_CLOSE_WAIT	8

static int
put_addr(const struct sockaddr_storage *ss, uint16_t *family, uint8_t addr[16],
    uint16_t *port)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)ss;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;

	memset(addr, 0, 16);
	switch (ss->ss_family) {
	case AF_INET:
		*family = AF_INET;
		memcpy(addr, &in->sin_addr, 4);
		*port = ntohs(in->sin_port);
		return 0;
	case AF_INET6:
		*port = ntohs(in6->sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
			*family = AF_INET;
			memcpy(addr, in6->sin6_addr.s6_addr + 12, 4);
			return 0;
		}
		*family = AF_INET6;
		memcpy(addr, &in6->sin6_addr, 16);
		return 0;
	default:
		return SSH_ERR_FEATURE_UNSUPPORTED;
	}
}

int
jeebs_tcp_addrs(int fd, struct jeebs_tcp_state *st)
{
	struct sockaddr_storage local, remote;
	socklen_t len = sizeof(local), rlen = sizeof(remote);
	uint16_t rfamily;
	int r;

	memset(&local, 0, sizeof(local));
	memset(&remote, 0, sizeof(remote));
	if (getsockname(fd, (struct sockaddr *)&local, &len) == -1 ||
	    getpeername(fd, (struct sockaddr *)&remote, &rlen) == -1)
		return SSH_ERR_SYSTEM_ERROR;
	if ((r = put_addr(&local, &st->family, st->local,
	    &st->local_port)) != 0 ||
	    (r = put_addr(&remote, &rfamily, st->remote,
	    &st->remote_port)) != 0)
		return r;
	return st->family == rfamily ? 0 : SSH_ERR_INVALID_FORMAT;
}

static int
queue_seq(int fd, int queue, uint32_t *seq)
{
	socklen_t len = sizeof(*seq);

	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue,
	    sizeof(queue)) == -1 ||
	    getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, seq, &len) == -1)
		return SSH_ERR_SYSTEM_ERROR;
	return 0;
}

int
jeebs_tcp_repair_off(int fd, int reuse)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	int off = TCP_REPAIR_OFF_NO_WP, tries, failed;

	for (tries = 0; ; tries++) {
		failed = setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &off,
		    sizeof(off));
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse,
		    sizeof(reuse));
		if (failed == 0 || tries == REPAIR_TRIES)
			break;
		(void)connect(fd, &none, sizeof(none));
	}
	return tries == 0 ? 0 : SSH_ERR_SYSTEM_ERROR;
}

/*
 * One look in repair mode. Data that arrives meanwhile is accepted as always;
 * what is sent meanwhile would not be, hence "nobody else uses it". The send
 * queue is selected last of all so shortly that an ACK that comes in between
 * can't mark data as sent that wasn't.
 */
static int
repair_look(int fd, uint32_t *snd, uint32_t *rcv, struct tcp_repair_window *w,
    int *mss)
{
	int on = TCP_REPAIR_ON, none = TCP_NO_QUEUE;
	int reuse = 0, r, oerrno;
	socklen_t len = sizeof(reuse), wlen = sizeof(*w);
	socklen_t msslen = sizeof(*mss);

	if (getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, &len) == -1 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) == -1)
		return SSH_ERR_SYSTEM_ERROR;
	r = 0;
	if ((r = queue_seq(fd, TCP_SEND_QUEUE, snd)) == 0 &&
	    (r = queue_seq(fd, TCP_RECV_QUEUE, rcv)) == 0 &&
	    (getsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, w, &wlen) == -1 ||
	    /* in repair mode this is the clamp, not the size in use */
	    getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, mss, &msslen) == -1 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &none,
	    sizeof(none)) == -1))
		r = SSH_ERR_SYSTEM_ERROR;
	oerrno = errno;
	if (jeebs_tcp_repair_off(fd, reuse) != 0)
		return SSH_ERR_SYSTEM_ERROR;
	errno = oerrno;
	return r;
}

int
jeebs_tcp_read(int fd, struct jeebs_tcp_state *st, struct jeebs_offsets *off)
{
	struct jeebs_tcp_state again;
	struct tcp_info ti, ti2;
	struct tcp_repair_window w;
	uint32_t snd, rcv, ts;
	socklen_t len;
	int inq, outq, mss, r, tries;

	memset(st, 0, sizeof(*st));
	if ((r = jeebs_tcp_addrs(fd, st)) != 0)
		return r;
	for (tries = 0; ; tries++) {
		if (tries == READ_TRIES)
			return SSH_ERR_CONN_TIMEOUT;
		memset(&ti, 0, sizeof(ti));
		memset(&ti2, 0, sizeof(ti2));
		len = sizeof(ti);
		if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &ti, &len) == -1 ||
		    ioctl(fd, SIOCINQ, &inq) == -1 ||
		    ioctl(fd, SIOCOUTQ, &outq) == -1)
			return SSH_ERR_SYSTEM_ERROR;
		if ((r = repair_look(fd, &snd, &rcv, &w, &mss)) != 0)
			return r;
		len = sizeof(ti2);
		if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &ti2, &len) == -1)
			return SSH_ERR_SYSTEM_ERROR;
		/* bytes that came or were ACKed in between: look again */
		if (ti.tcpi_bytes_received == ti2.tcpi_bytes_received &&
		    ti.tcpi_bytes_acked == ti2.tcpi_bytes_acked)
			break;
	}
	off->fin = ti2.tcpi_state == STATE_FIN_WAIT1 ||
	    ti2.tcpi_state == STATE_FIN_WAIT2;
	off->peer_fin = ti2.tcpi_state == STATE_CLOSE_WAIT;
	if (ti2.tcpi_state != STATE_ESTABLISHED && !off->fin && !off->peer_fin)
		return SSH_ERR_CONN_CLOSED;
	/*
	 * The kernel's queue sequence is the end of the queue: all that was
	 * written, all that was received.
	 */
	off->out = ti.tcpi_bytes_acked + (uint64_t)outq;
	off->in = ti.tcpi_bytes_received - (uint64_t)inq -
	    (uint64_t)off->peer_fin;
	st->snd_base = snd - (uint32_t)off->out;
	st->rcv_base = rcv - (uint32_t)ti.tcpi_bytes_received;
	if (ti.tcpi_options & TCPI_OPT_TIMESTAMPS)
		st->options |= JEEBS_TCP_OPT_TS;
	if (ti.tcpi_options & TCPI_OPT_SACK)
		st->options |= JEEBS_TCP_OPT_SACK;
	if (ti.tcpi_options & TCPI_OPT_ECN)
		st->options |= JEEBS_TCP_OPT_ECN;
	if (ti.tcpi_options & TCPI_OPT_WSCALE) {
		st->options |= JEEBS_TCP_OPT_WSCALE;
		st->snd_wscale = ti.tcpi_snd_wscale;
		st->rcv_wscale = ti.tcpi_rcv_wscale;
	}
	st->mss = mss > UINT16_MAX ? UINT16_MAX : mss;
	len = sizeof(ts);
	if (getsockopt(fd, IPPROTO_TCP, TCP_TIMESTAMP, &ts, &len) == -1)
		return SSH_ERR_SYSTEM_ERROR;
	/* bit 0 says whether the clock runs in microseconds */
	st->ts_val = ts & ~1U;
	st->snd_wnd = w.snd_wnd;
	st->max_window = w.max_window;
	st->rcv_wnd = w.rcv_wnd;
	/* it may have been connected elsewhere in between */
	memset(&again, 0, sizeof(again));
	if ((r = jeebs_tcp_addrs(fd, &again)) != 0)
		return r;
	return again.local_port == st->local_port &&
	    again.remote_port == st->remote_port &&
	    memcmp(again.local, st->local, sizeof(st->local)) == 0 &&
	    memcmp(again.remote, st->remote, sizeof(st->remote)) == 0 ? 0 :
	    SSH_ERR_CONN_CLOSED;
}
