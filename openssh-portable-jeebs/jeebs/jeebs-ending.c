/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include <sys/types.h>
#include <sys/ioctl.h>

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "log.h"
#include "misc.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "jeebs/jeebs-ending.h"

#define ENDING_SECONDS	30
#define ACKED_POLL_MS	20

static int
transient(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* False once the client says nothing any more. */
static int
discard_input(int sock)
{
	u_char buf[4096];
	ssize_t n = read(sock, buf, sizeof(buf));

	return n > 0 || (n == -1 && transient());
}

/* Bytes that were written and not acknowledged. */
static size_t
unacked(int sock)
{
	int n;

	return ioctl(sock, SIOCOUTQ, &n) == -1 || n < 0 ? 0 : (size_t)n;
}

size_t
jeebs_ending_send(int sock, struct sshbuf *stream)
{
	struct pollfd pfd;
	double until = monotime_double() + ENDING_SECONDS;
	ssize_t n;
	int r, talks = 1;

	while ((sshbuf_len(stream) != 0 || unacked(sock) != 0) &&
	    monotime_double() < until) {
		pfd.fd = sock;
		pfd.events = (talks ? POLLIN : 0) |
		    (sshbuf_len(stream) != 0 ? POLLOUT : 0);
		pfd.revents = 0;
		if (poll(&pfd, 1, ACKED_POLL_MS) == -1 && !transient())
			break;
		if ((pfd.revents & (POLLERR|POLLHUP)) != 0)
			break;
		if ((pfd.revents & POLLIN) != 0)
			talks = discard_input(sock);
		if ((pfd.revents & POLLOUT) == 0)
			continue;
		if ((n = write(sock, sshbuf_ptr(stream),
		    sshbuf_len(stream))) == -1) {
			if (transient())
				continue;
			break;
		}
		if ((r = sshbuf_consume(stream, n)) != 0)
			fatal_fr(r, "stream");
	}
	return sshbuf_len(stream) + unacked(sock);
}
