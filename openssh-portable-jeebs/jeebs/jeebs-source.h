/* SPDX-License-Identifier: ISC */
/* JeebsForwardSource: where connections to targets of forwards come from. */
#ifndef JEEBS_SOURCE_H
#define JEEBS_SOURCE_H

struct addrinfo;

/*
 * hook: sock, which is nonblocking and new, is about to be connected to ai.
 * Binds it to the address at which the client reached this host, if that can
 * be the source of a connection that moves to another host.
 */
void	jeebs_source_bind(int sock, const struct addrinfo *ai);
/* Has a connected socket that address? */
int	jeebs_source_ours(int sock);
/* Has it addresses that another host could have and reach? */
int	jeebs_source_may_move(int sock);

#endif /* JEEBS_SOURCE_H */
