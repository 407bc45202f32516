/* SPDX-License-Identifier: ISC */
/* JeebsSocket: where MON, which is root, reaches jeebsd. */
#ifndef JEEBS_SOCKET_H
#define JEEBS_SOCKET_H

/*
 * Connects to the socket at path, unless somebody else than root or the owner
 * of its directory may be behind it. Never blocks. Returns a nonblocking
 * SOCK_SEQPACKET socket, which is the caller's, or -1; the log says why.
 */
int	jeebs_socket_connect(const char *path);

#endif /* JEEBS_SOCKET_H */
