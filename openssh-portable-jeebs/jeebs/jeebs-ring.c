/* SPDX-License-Identifier: ISC */

#include "includes.h"

#include <sys/types.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ssherr.h"

#include "jeebs-ring.h"

#define RING_SEALS	(F_SEAL_SHRINK|F_SEAL_GROW|F_SEAL_SEAL)

_Static_assert(offsetof(struct jeebs_ring, head) == 64 &&
    offsetof(struct jeebs_ring, tail) == 128 &&
    offsetof(struct jeebs_ring, committed) == 136 &&
    offsetof(struct jeebs_ring, committed_seq) == 144 &&
    sizeof(struct jeebs_ring) <= JEEBS_RING_HEADER, "ring layout");

int
jeebs_ring_map(int memfd, struct jeebs_ring **ringp, uint32_t *sizep)
{
	struct jeebs_ring *ring;
	struct stat st;
	uint32_t size;
	int seals;

	*ringp = NULL;
	*sizep = 0;
	/* Without these seals the file could be cut under our writes: SIGBUS */
	if ((seals = fcntl(memfd, F_GET_SEALS)) == -1 ||
	    fstat(memfd, &st) == -1)
		return SSH_ERR_SYSTEM_ERROR;
	if ((seals & RING_SEALS) != RING_SEALS ||
	    st.st_size < (off_t)(JEEBS_RING_HEADER + JEEBS_RING_MIN) ||
	    st.st_size > (off_t)(JEEBS_RING_HEADER + JEEBS_RING_MAX))
		return SSH_ERR_INVALID_FORMAT;
	size = (uint32_t)st.st_size - JEEBS_RING_HEADER;
	if ((size & (size - 1)) != 0)
		return SSH_ERR_INVALID_FORMAT;
	if ((ring = mmap(NULL, (size_t)st.st_size, PROT_READ|PROT_WRITE,
	    MAP_SHARED, memfd, 0)) == MAP_FAILED)
		return SSH_ERR_SYSTEM_ERROR;
	if (ring->magic != JEEBS_RING_MAGIC || ring->size != size) {
		jeebs_ring_unmap(ring, size);
		return SSH_ERR_INVALID_FORMAT;
	}
	*ringp = ring;
	*sizep = size;
	return 0;
}

void
jeebs_ring_unmap(struct jeebs_ring *ring, uint32_t size)
{
	if (ring != NULL)
		(void)munmap(ring, (size_t)JEEBS_RING_HEADER + size);
}

/* Room for the producer; a tail that can't be counts as a full ring. */
static size_t
room(const struct jeebs_ring *ring, uint32_t size, uint64_t head)
{
	uint64_t used = head - __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);

	return used > size ? 0 : (size_t)(size - used);
}

/* Copies to where head says, without moving it. */
static void
copy_in(struct jeebs_ring *ring, uint32_t size, uint64_t head,
    const void *p, size_t len)
{
	u_char *data = (u_char *)ring + JEEBS_RING_HEADER;
	size_t at = head & (size - 1);
	size_t first = len < size - at ? len : size - at;

	if (len == 0)
		return;
	memcpy(data + at, p, first);
	memcpy(data, (const u_char *)p + first, len - first);
}

int
jeebs_ring_put(struct jeebs_ring *ring, uint32_t size, const struct iovec *iov,
    int n)
{
	uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_RELAXED);
	size_t left = room(ring, size, head);
	int i;

	for (i = 0; i < n; i++) {
		if (iov[i].iov_len > left)
			return 0;
		left -= iov[i].iov_len;
	}
	for (i = 0; i < n; i++) {
		copy_in(ring, size, head, iov[i].iov_base, iov[i].iov_len);
		head += iov[i].iov_len;
	}
	__atomic_store_n(&ring->head, head, __ATOMIC_RELEASE);
	return 1;
}

size_t
jeebs_ring_write(struct jeebs_ring *ring, uint32_t size, const u_char *p,
    size_t len)
{
	uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_RELAXED);
	size_t left = room(ring, size, head);

	if (len > left)
		len = left;
	if (len == 0)
		return 0;
	copy_in(ring, size, head, p, len);
	__atomic_store_n(&ring->head, head + len, __ATOMIC_RELEASE);
	return len;
}

uint64_t
jeebs_ring_committed(const struct jeebs_ring *ring)
{
	return __atomic_load_n(&ring->committed, __ATOMIC_ACQUIRE);
}

uint64_t
jeebs_ring_committed_seq(const struct jeebs_ring *ring)
{
	return __atomic_load_n(&ring->committed_seq, __ATOMIC_ACQUIRE);
}
