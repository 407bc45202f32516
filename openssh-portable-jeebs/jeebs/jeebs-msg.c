/* SPDX-License-Identifier: ISC */

#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "sshbuf.h"
#include "ssherr.h"

#include "jeebs-msg.h"

union control {
	struct cmsghdr hdr;
	char buf[CMSG_SPACE(sizeof(int) * JEEBS_MAX_FDS)];
};

/* Error of sendmsg(2) or recvmsg(2). */
static int
socket_error(void)
{
	if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
		return SSH_ERR_CONN_CLOSED;
	return SSH_ERR_SYSTEM_ERROR;
}

int
jeebs_msg_send(int sock, const struct sshbuf *msg, const int *fds, int nfds,
    int flags)
{
	struct msghdr hdr;
	struct cmsghdr *cmsg;
	struct iovec iov;
	union control control;
	ssize_t n;

	if (sshbuf_len(msg) == 0 || sshbuf_len(msg) > JEEBS_MAX_MSG ||
	    nfds < 0 || nfds > JEEBS_MAX_FDS)
		return SSH_ERR_INVALID_ARGUMENT;

	memset(&hdr, 0, sizeof(hdr));
	iov.iov_base = (void *)sshbuf_ptr(msg);
	iov.iov_len = sshbuf_len(msg);
	hdr.msg_iov = &iov;
	hdr.msg_iovlen = 1;
	if (nfds > 0) {
		memset(&control, 0, sizeof(control));
		hdr.msg_control = &control;
		hdr.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		cmsg = CMSG_FIRSTHDR(&hdr);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * nfds);
	}
	do {
		n = sendmsg(sock, &hdr, flags | MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return socket_error();
	/* SOCK_SEQPACKET sends all or nothing */
	if ((size_t)n != sshbuf_len(msg))
		return SSH_ERR_INVALID_ARGUMENT;
	return 0;
}

/* Take the descriptors out of hdr: up to max into fds, close the others. */
static int
take_fds(struct msghdr *hdr, int *fds, int max)
{
	struct cmsghdr *cmsg;
	size_t i, count;
	int fd, n = 0;

	for (cmsg = CMSG_FIRSTHDR(hdr); cmsg != NULL;
	    cmsg = CMSG_NXTHDR(hdr, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < count; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int),
			    sizeof(fd));
			if (n < max)
				fds[n] = fd;
			else
				close(fd);
			n++;
		}
	}
	return n;
}

int
jeebs_msg_recv(int sock, struct sshbuf *msg, int *fds, int maxfds, int *nfds,
    int flags)
{
	struct msghdr hdr;
	struct iovec iov;
	union control control;
	u_char *p;
	ssize_t n;
	int i, got, r;

	*nfds = 0;
	for (i = 0; i < maxfds; i++)
		fds[i] = -1;
	sshbuf_reset(msg);
	if (maxfds < 0 || maxfds > JEEBS_MAX_FDS)
		return SSH_ERR_INVALID_ARGUMENT;
	if ((r = sshbuf_reserve(msg, JEEBS_MAX_MSG, &p)) != 0)
		return r;

	do {
		memset(&hdr, 0, sizeof(hdr));
		memset(&control, 0, sizeof(control));
		iov.iov_base = p;
		iov.iov_len = JEEBS_MAX_MSG;
		hdr.msg_iov = &iov;
		hdr.msg_iovlen = 1;
		hdr.msg_control = &control;
		hdr.msg_controllen = sizeof(control.buf);
		n = recvmsg(sock, &hdr, flags | MSG_CMSG_CLOEXEC);
	} while (n == -1 && errno == EINTR);
	if (n == -1) {
		r = socket_error();
		goto fail;
	}

	got = take_fds(&hdr, fds, maxfds);
	if (n == 0)
		r = SSH_ERR_CONN_CLOSED;
	else if ((hdr.msg_flags & (MSG_TRUNC|MSG_CTRUNC)) != 0 || got > maxfds)
		r = SSH_ERR_INVALID_FORMAT;
	else
		r = sshbuf_consume_end(msg, JEEBS_MAX_MSG - (size_t)n);
	if (r == 0) {
		*nfds = got;
		return 0;
	}
	for (i = 0; i < got && i < maxfds; i++) {
		close(fds[i]);
		fds[i] = -1;
	}
 fail:
	i = errno;
	sshbuf_reset(msg);
	errno = i;
	return r;
}
