/* SPDX-License-Identifier: ISC */
/* More than anybody can hold: each obeys the rules of the chain. */
#include "includes.h"

#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "jeebs/jeebs-hostile.h"

/* Records of this form until the switch is off; then this process ends. */
static void
flood(struct hostile *h, enum jeebs_record_type type, size_t streamlen,
    size_t sealedlen, int acked)
{
	struct sshbuf *state, *record;
	u_char *stream, *p;
	uint64_t first, n = 0;
	int r;

	if ((state = sshbuf_new()) == NULL ||
	    (stream = calloc(1, streamlen + 1)) == NULL)
		fatal_f("out of memory");
	if ((r = sshbuf_reserve(state, sealedlen, &p)) != 0)
		fatal_fr(r, "state");
	memset(p, 's', sealedlen);
	/* jeebsd can't tell: one is sealed, the others differ in numbers */
	record = hostile_record(h, type, stream, streamlen, state);
	p = sshbuf_mutable_ptr(record);
	first = h->last.acked_off;
	while (hostile_on(h)) {
		hostile_frame(h, record);
		n++;
		h->last.seq++;
		h->last.out_off += h->last.stream_len;
		POKE_U64(p + 32, h->last.seq);
		POKE_U64(p + 48, h->last.out_off);
		POKE_U64(p + 56, acked ? h->last.out_off : first);
	}
	hostile_say(h, "%llu records of %zu bytes", (unsigned long long)n,
	    sshbuf_len(record));
	_exit(0);
}

static void
tiny_progress(struct hostile *h)
{
	flood(h, JEEBS_REC_PROGRESS, 0, 0, 1);
}

static void
tiny_checkpoints(struct hostile *h)
{
	flood(h, JEEBS_REC_CHECKPOINT, 0, 0, 1);
}

static void
large_checkpoints(struct hostile *h)
{
	flood(h, JEEBS_REC_CHECKPOINT, 0, JEEBS_MAX_SEALED, 1);
}

/* Bytes that the client never acknowledges. */
static void
never_acked(struct hostile *h)
{
	flood(h, JEEBS_REC_CHECKPOINT, 64 * 1024, 64, 0);
}

/* A record that never ends, as long as one may be. */
static void
unfinished(struct hostile *h)
{
	u_char *p;

	if ((p = calloc(1, JEEBS_MAX_RECORD)) == NULL)
		fatal_f("calloc");
	POKE_U32(p, JEEBS_MAX_RECORD);
	hostile_write(h, p, JEEBS_MAX_RECORD - 1);
	free(p);
	hostile_say(h, "one byte is missing");
	while (hostile_on(h))
		usleep(10 * 1000);
	_exit(0);
}

/* As much as one session may keep, and no more. */
static void
hoard(struct hostile *h)
{
	struct sshbuf *state, *record;
	u_char *p;
	u_int i;
	int r;

	if ((state = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new");
	if ((r = sshbuf_reserve(state, JEEBS_MAX_SEALED, &p)) != 0)
		fatal_fr(r, "state");
	memset(p, 's', JEEBS_MAX_SEALED);
	for (i = 0; i < 3; i++) {
		record = hostile_record(h, JEEBS_REC_PROGRESS, NULL, 0,
		    state);
		hostile_frame(h, record);
		sshbuf_free(record);
	}
	sshbuf_free(state);
	hostile_say(h, "hoard is full");
	while (hostile_on(h))
		usleep(10 * 1000);
	_exit(0);
}

const struct hostile_attack hostile_flood_attacks[] = {
	{ "attack-tiny-progress", tiny_progress },
	{ "attack-tiny-checkpoints", tiny_checkpoints },
	{ "attack-large-checkpoints", large_checkpoints },
	{ "attack-never-acked", never_acked },
	{ "attack-unfinished", unfinished },
	{ "attack-hoard", hoard },
	{ NULL, NULL }
};
