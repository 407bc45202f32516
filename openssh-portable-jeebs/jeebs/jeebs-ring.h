/* SPDX-License-Identifier: ISC */
/*
 * Producer's side of the shared-memory ring (struct jeebs_ring): the PA
 * writes frames, jeebsd takes them. Needs libc only. One thread per ring.
 */
#ifndef JEEBS_RING_H
#define JEEBS_RING_H

#include <sys/uio.h>

#include "jeebs-wire.h"

#ifdef __cplusplus
extern "C" {
#endif

#define JEEBS_RING_MIN	4096U
#define JEEBS_RING_MAX	(64U << 20)

/*
 * Maps a ring and checks seals, size and magic. *size is the data area's
 * size, to be used from then on instead of the header's. Returns 0,
 * SSH_ERR_SYSTEM_ERROR with errno, or SSH_ERR_INVALID_FORMAT.
 */
int	jeebs_ring_map(int memfd, struct jeebs_ring **, uint32_t *size);
void	jeebs_ring_unmap(struct jeebs_ring *, uint32_t size);

/*
 * Appends all n pieces, and then shows them to the consumer at once, or none:
 * returns 1 or 0. The caller kicks the consumer.
 */
int	jeebs_ring_put(struct jeebs_ring *, uint32_t size,
    const struct iovec *, int n);

/*
 * Appends as much of the len bytes as fits; returns how many that was. The
 * caller kicks the consumer. A tail that can't be counts as a full ring.
 */
size_t	jeebs_ring_write(struct jeebs_ring *, uint32_t size,
    const u_char *, size_t len);

/* Stream offset that the standby holds. */
uint64_t jeebs_ring_committed(const struct jeebs_ring *);
/* Sequence number of the last record that it holds; 0: none. */
uint64_t jeebs_ring_committed_seq(const struct jeebs_ring *);

#ifdef __cplusplus
}
#endif

#endif /* JEEBS_RING_H */
