/* SPDX-License-Identifier: ISC */
/*
 * Messages with descriptors on SOCK_SEQPACKET sockets (enum jeebs_msg).
 * Needs sshbuf and libc only: jeebsd links it too.
 */
#ifndef JEEBS_MSG_H
#define JEEBS_MSG_H

#include "jeebs-wire.h"

#ifdef __cplusplus
extern "C" {
#endif

#define JEEBS_MAX_FDS	8	/* descriptors of one message */

/*
 * Sends msg (1 to JEEBS_MAX_MSG bytes, not consumed) and copies of nfds
 * descriptors. flags are sendmsg(2)'s, MSG_NOSIGNAL is added. Returns 0,
 * SSH_ERR_SYSTEM_ERROR with errno (EAGAIN: nothing was sent),
 * SSH_ERR_CONN_CLOSED if the peer is gone, or SSH_ERR_INVALID_ARGUMENT.
 */
int	jeebs_msg_send(int sock, const struct sshbuf *msg, const int *fds,
    int nfds, int flags);

/*
 * Receives one message into msg, whose contents it replaces, and up to maxfds
 * descriptors (close-on-exec, the caller owns them, unused slots are -1).
 * flags are recvmsg(2)'s. A message that is too long or brings more
 * descriptors is dropped, its descriptors are closed: SSH_ERR_INVALID_FORMAT.
 * Other returns as above; an empty message counts as the end.
 */
int	jeebs_msg_recv(int sock, struct sshbuf *msg, int *fds, int maxfds,
    int *nfds, int flags);

#ifdef __cplusplus
}
#endif

#endif /* JEEBS_MSG_H */
