/* SPDX-License-Identifier: ISC */
/* State of a live TCP connection, read from its descriptor. */
#ifndef JEEBS_TCP_H
#define JEEBS_TCP_H

#include "jeebs-wire.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Stream offsets at one moment. */
struct jeebs_offsets {
	uint64_t in;	/* client bytes that were read from the socket */
	uint64_t out;	/* bytes that were written to it */
	int fin;	/* so was FIN, which counts as one */
	int peer_fin;	/* the peer's has come, which counts as none */
};

/*
 * Reads state and offsets of a connection that nobody else uses at the moment.
 * The SYN of one that wasn't accepted counts as a byte that was written. Needs
 * CAP_NET_ADMIN: sequence numbers can be seen in repair mode only
 * (net/ipv4/tcp.c, TCP_QUEUE_SEQ). Returns 0 or SSH_ERR_*.
 */
int	jeebs_tcp_read(int fd, struct jeebs_tcp_state *,
	    struct jeebs_offsets *);

/*
 * Leaves repair mode, and gives SO_REUSEADDR the value reuse: the mode forces ports
 * to be reused, which its end doesn't take back. Whoever shares the socket may have
 * it listen just then: repair mode can't be left so (net/ipv4/tcp.c,
 * tcp_can_repair_sock), and would let him make up connections; then it is
 * disconnected. Returns 0, or SSH_ERR_SYSTEM_ERROR if it isn't the connection
 * any more that it was.
 */
int	jeebs_tcp_repair_off(int fd, int reuse);

/* Addresses and ports of fd. Returns 0 or SSH_ERR_*. */
int	jeebs_tcp_addrs(int fd, struct jeebs_tcp_state *);

#ifdef __cplusplus
}
#endif

#endif /* JEEBS_TCP_H */
