/* SPDX-License-Identifier: ISC */
/*
 * The socket beside JeebsSocket by which jeebsd comes to sshd-adopt: root's and
 * the directory's owner's. One in a process; not thread-safe.
 */
#ifndef JEEBS_ADOPT_SOCKET_H
#define JEEBS_ADOPT_SOCKET_H

/* Listens, if nothing does yet; says why it can't, and may be called again. */
void	jeebs_adopt_socket_open(void);
/* Closes it if nobody could come by its name any more. */
void	jeebs_adopt_socket_check(void);
/* To poll for input; -1: it isn't open. */
int	jeebs_adopt_socket_fd(void);
/* Somebody who may, or -1. The caller closes it. */
int	jeebs_adopt_socket_accept(void);

#endif /* JEEBS_ADOPT_SOCKET_H */
