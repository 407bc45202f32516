/* SPDX-License-Identifier: ISC */
/* MON's side of protection, jeebs-mon.c itself: see parts.h. */
#include "jeebs/jeebs-mon.c"

#include "parts.h"

extern struct Authctxt *the_authctxt;

int
parts_mon_init(void)
{
	static const u_char zero[32];
	struct sshbuf *id;
	int pair[2];

	if ((id = sshbuf_from(zero, sizeof(zero))) == NULL ||
	    (pmonitor = calloc(1, sizeof(*pmonitor))) == NULL ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0, pair) == -1 ||
	    (mon.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)) == -1)
		abort();
	mon.authctxt = the_authctxt;
	jeebs_monitor_adopt(the_authctxt, id);
	sshbuf_free(id);
	mon.tcp.family = AF_INET;
	mon.tcp.local[0] = mon.tcp.remote[0] = 10;
	mon.tcp.local_port = mon.tcp.remote_port = 22;
	mon.tcp.mss = 1460;
	mon.pa = pair[0];
	mon.started = 1;
	return pair[1];
}

void
parts_mon_event(struct ssh *ssh, int sock)
{
	mon.jeebsd = sock;
	jeebs_mon_event(ssh);
	if (mon.jeebsd != -1)
		close(mon.jeebsd);
	mon.jeebsd = -1;
}
