/* SPDX-License-Identifier: ISC */
/* The shared memory, its header and the pipes beside it. */
#include "includes.h"

#include <sys/types.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "sshbuf.h"
#include "jeebs/jeebs-hostile.h"
#include "jeebs/jeebs-ring.h"

#define PIPE_MAX	(1024 * 1024)

static void
frame_length(struct hostile *h, uint32_t len)
{
	u_char frame[4];

	POKE_U32(frame, len);
	hostile_write(h, frame, sizeof(frame));
}

static void
oversized_frame(struct hostile *h)
{
	frame_length(h, UINT32_MAX);
}

static void
empty_frame(struct hostile *h)
{
	frame_length(h, 0);
}

static void
head_ahead(struct hostile *h)
{
	h->ring->head += 1ULL << 40;
	hostile_kick(h);
}

/* Until jeebsd has taken all. */
static void
wait_empty(struct hostile *h)
{
	u_int i;

	for (i = 0; i < 5000 && h->ring->tail < h->ring->head; i++)
		usleep(1000);
}

static void
head_back(struct hostile *h)
{
	wait_empty(h);
	h->ring->head = 1;
	hostile_kick(h);
}

static void
head_max(struct hostile *h)
{
	h->ring->head = UINT64_MAX;
	hostile_kick(h);
}

/* jeebsd's own fields: it must not read what it wrote there. */
static void
header(struct hostile *h)
{
	uint64_t never = 1ULL << 60, was;

	was = h->ring->committed;
	h->ring->magic = 0;
	h->ring->size = UINT32_MAX;
	h->ring->tail = h->ring->head + (1ULL << 50);
	h->ring->committed = never;
	hostile_kick(h);
	/*
	 * Put right again, or this side would get stuck, or fool itself: unless
	 * jeebsd has written it since.
	 */
	usleep(100 * 1000);
	h->ring->tail = h->ring->head;
	(void)__atomic_compare_exchange_n(&h->ring->committed, &never, was, 0,
	    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void
must_fail(struct hostile *h, const char *what, int r)
{
	hostile_say(h, "%s: %s", what, r == -1 ? strerror(errno) : "WORKED");
}

static void
resize(struct hostile *h)
{
	if (h->memfd == -1)
		fatal_f("no memfd");
	must_fail(h, "ftruncate to 0", ftruncate(h->memfd, 0));
	must_fail(h, "ftruncate to 1 page", ftruncate(h->memfd, 4096));
	must_fail(h, "ftruncate to 1 GB", ftruncate(h->memfd, 1 << 30));
	must_fail(h, "fallocate beyond the end", fallocate(h->memfd, 0,
	    1 << 24, 1 << 24));
	must_fail(h, "fallocate beyond the end, size kept",
	    fallocate(h->memfd, FALLOC_FL_KEEP_SIZE, 1 << 24, 1 << 24));
	must_fail(h, "pwrite beyond the end", (int)pwrite(h->memfd, "x", 1,
	    1 << 24));
	must_fail(h, "seal against writing", fcntl(h->memfd, F_ADD_SEALS,
	    F_SEAL_WRITE));
	must_fail(h, "seal against jeebsd's writing", fcntl(h->memfd,
	    F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	/* That one works, and must do no harm. */
	wait_empty(h);
	if (fallocate(h->memfd, FALLOC_FL_PUNCH_HOLE|FALLOC_FL_KEEP_SIZE,
	    JEEBS_RING_HEADER, h->ring_size) == -1)
		fatal_f("punch: %s", strerror(errno));
	hostile_kick(h);
}

/* Full pipes, and nobody who reads: jeebsd must not wait for this process. */
static void
pipes(struct hostile *h)
{
	u_char tokens[4096];
	int fds[2] = { h->kick, h->commit }, i;

	memset(tokens, 1, sizeof(tokens));
	for (i = 0; i < 2; i++) {
		(void)fcntl(fds[i], F_SETPIPE_SZ, PIPE_MAX);
		(void)fcntl(fds[i], F_SETFL, O_NONBLOCK);
		while (write(fds[i], tokens, sizeof(tokens)) > 0)
			;
		/* if the flags were shared, the other side would block */
		(void)fcntl(fds[i], F_SETFL, 0);
	}
	hostile_say(h, "pipes are full");
}

/* A pipe that never is empty, filled faster than it is read. */
static void
kick_flood(struct hostile *h)
{
	u_char *tokens;
	pid_t pid;
	int i;

	if ((tokens = calloc(1, PIPE_MAX)) == NULL)
		fatal_f("calloc");
	(void)fcntl(h->kick, F_SETPIPE_SZ, PIPE_MAX);
	(void)fcntl(h->kick, F_SETFL, 0);
	for (i = 0; i < 3; i++) {
		if ((pid = fork()) == -1)
			fatal_f("fork: %s", strerror(errno));
		if (pid == 0) {
			alarm(60);
			while (hostile_on(h))
				(void)write(h->kick, tokens, PIPE_MAX);
			_exit(0);
		}
	}
	while (hostile_on(h))
		usleep(10 * 1000);
	_exit(0);
}

/* What jeebsd reads changes while it reads. */
static void
scribble(struct hostile *h)
{
	u_char *data = (u_char *)h->ring + JEEBS_RING_HEADER;
	struct sshbuf *nothing, *record;
	uint64_t at = h->ring->head;
	pid_t pid;
	u_int i;

	if ((nothing = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new");
	(void)madvise(h->ring, JEEBS_RING_HEADER + h->ring_size,
	    MADV_DOFORK);
	if ((pid = fork()) == -1)
		fatal_f("fork: %s", strerror(errno));
	if (pid == 0) {
		alarm(60);
		while (hostile_on(h)) {
			for (i = 0; i < 1000000; i++)
				data[(at + i % 600) & (h->ring_size - 1)] ^=
				    (u_char)(i >> 4 | 1);
		}
		_exit(0);
	}
	for (i = 0; i < 2000 && hostile_on(h); i++) {
		at = h->ring->head;
		record = hostile_record(h, JEEBS_REC_PROGRESS, NULL, 0,
		    nothing);
		hostile_frame(h, record);
		sshbuf_free(record);
	}
	while (hostile_on(h))
		usleep(10 * 1000);
	_exit(0);
}

/* The ring moves on by a byte at a time, as fast as it goes. */
static void
byte_by_byte(struct hostile *h)
{
	const u_char one[1] = { 0 };

	frame_length(h, JEEBS_MAX_RECORD);
	while (hostile_on(h)) {
		u_int i;

		for (i = 0; i < 4096; i++) {
			(void)jeebs_ring_write(h->ring, h->ring_size, one, 1);
			if (i % 64 == 0)
				hostile_kick(h);
		}
		/* before it is complete, and wrong */
		if (h->ring->head > JEEBS_MAX_RECORD / 2)
			break;
	}
	while (hostile_on(h))
		usleep(10 * 1000);
	_exit(0);
}

const struct hostile_attack hostile_ring_attacks[] = {
	{ "attack-oversized-frame", oversized_frame },
	{ "attack-empty-frame", empty_frame },
	{ "attack-head-ahead", head_ahead },
	{ "attack-head-back", head_back },
	{ "attack-head-max", head_max },
	{ "attack-header", header },
	{ "attack-resize", resize },
	{ "attack-pipes", pipes },
	{ "attack-kick-flood", kick_flood },
	{ "attack-scribble", scribble },
	{ "attack-byte-by-byte", byte_by_byte },
	{ NULL, NULL }
};
