/* SPDX-License-Identifier: ISC */
/* Connections to the targets of forwards (direct-tcpip). PA only. */
#ifndef JEEBS_FORWARD_H
#define JEEBS_FORWARD_H

struct addrinfo;

/*
 * hook: sock, which is nonblocking and new, is about to be connected to ai.
 * Binds it to the address at which the client reached this host, if that can
 * be the source of a connection that moves to another host.
 */
void	jeebs_forward_connecting(int sock, const struct addrinfo *ai);

#endif /* JEEBS_FORWARD_H */
