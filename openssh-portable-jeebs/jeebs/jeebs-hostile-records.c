/* SPDX-License-Identifier: ISC */
/* Records that aren't what they should be. */
#include "includes.h"

#include <sys/types.h>

#include <stdint.h>
#include <string.h>

#include "log.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "jeebs/jeebs-hostile.h"
#include "jeebs/jeebs-state.h"

/* Where the fields of an envelope are. */
enum { AT_MAGIC = 0, AT_VERSION = 4, AT_COMPAT = 5, AT_TYPE = 6,
    AT_FLAGS = 7, AT_ID = 8, AT_EPOCH = 24, AT_SEQ = 32, AT_IN = 40,
    AT_OUT = 48, AT_ACKED = 56, AT_STREAM = 64, AT_SEALED = 68 };

static struct sshbuf *
next_record(struct hostile *h, enum jeebs_record_type type)
{
	struct sshbuf *nothing, *record;

	if ((nothing = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new");
	record = hostile_record(h, type, NULL, 0, nothing);
	sshbuf_free(nothing);
	return record;
}

/* One field of an envelope, at an offset, to be added to or set. */
static const struct edit {
	const char *name;
	u_int at, width;
	int add;
	uint64_t value;
} edits[] = {
	{ "attack-magic", AT_MAGIC, 4, 1, 1 },
	{ "attack-compat", AT_COMPAT, 1, 0, 0xff },
	{ "attack-flags", AT_FLAGS, 1, 0, 1 },
	{ "attack-type", AT_TYPE, 1, 0, 9 },
	{ "attack-other-session", AT_ID, 8, 1, 1 },
	{ "attack-epoch-older", AT_EPOCH, 8, 1, UINT64_MAX },
	{ "attack-epoch-newer", AT_EPOCH, 8, 1, 1 },
	{ "attack-seq-twice", AT_SEQ, 8, 1, UINT64_MAX },
	{ "attack-seq-hole", AT_SEQ, 8, 1, 1 },
	{ "attack-seq-wrap", AT_SEQ, 8, 0, UINT64_MAX },
	{ "attack-in-back", AT_IN, 8, 0, 0 },
	{ "attack-in-wrap", AT_IN, 8, 0, UINT64_MAX },
	{ "attack-out-hole", AT_OUT, 8, 1, 1 },
	{ "attack-out-back", AT_OUT, 8, 0, 0 },
	{ "attack-out-wrap", AT_OUT, 8, 0, UINT64_MAX },
	{ "attack-acked-back", AT_ACKED, 8, 0, 0 },
	{ "attack-acked-beyond", AT_ACKED, 8, 1, 1ULL << 40 },
	{ "attack-stream-long", AT_STREAM, 4, 0, 1 },
	{ "attack-stream-max", AT_STREAM, 4, 0, UINT32_MAX },
	/* 32 bits of sums come out right */
	{ "attack-length-wrap", AT_SEALED, 4, 0, 0x100000000ULL - 16 },
	{ NULL, 0, 0, 0, 0 }
};

static void
run_edit(struct hostile *h)
{
	const struct edit *e;
	struct sshbuf *record;
	uint64_t v = 0;
	u_char *p;
	u_int i;

	for (e = edits; strcmp(e->name, h->name) != 0; e++)
		;
	/* so that there is something to go back to */
	record = next_record(h, JEEBS_REC_PROGRESS);
	hostile_frame(h, record);
	sshbuf_free(record);
	record = next_record(h, JEEBS_REC_PROGRESS);
	p = sshbuf_mutable_ptr(record) + e->at;
	for (i = 0; i < e->width; i++)
		v = v << 8 | p[i];
	v = e->add ? v + e->value : e->value;
	for (i = e->width; i > 0; i--, v >>= 8)
		p[i - 1] = v & 0xff;
	hostile_frame(h, record);
	sshbuf_free(record);
}

/* A root record, well-formed as far as jeebsd looks; the caller's. */
struct sshbuf *
hostile_root(struct hostile *h)
{
	struct jeebs_envelope env = h->last;
	struct sshbuf *b;
	u_char filler[512];
	int r;

	if ((b = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new");
	env.type = JEEBS_REC_ROOT;
	env.seq = env.in_off = env.out_off = env.acked_off = 0;
	env.stream_len = 0;
	env.sealed_len = sizeof(filler) - JEEBS_TAG_LEN;
	memset(filler, 'r', sizeof(filler));
	if ((r = jeebs_envelope_put(b, &env)) != 0 ||
	    (r = sshbuf_put(b, filler, sizeof(filler))) != 0)
		fatal_fr(r, "root");
	return b;
}

static void
root_record(struct hostile *h)
{
	struct sshbuf *b = hostile_root(h);

	hostile_frame(h, b);
	sshbuf_free(b);
}

static void
cut_short(struct hostile *h)
{
	struct sshbuf *record = next_record(h, JEEBS_REC_PROGRESS);

	(void)sshbuf_consume_end(record, 1);
	hostile_frame(h, record);
	sshbuf_free(record);
}

static void
too_long(struct hostile *h)
{
	struct sshbuf *record = next_record(h, JEEBS_REC_PROGRESS);

	(void)sshbuf_put_u8(record, 0);
	hostile_frame(h, record);
	sshbuf_free(record);
}

static void
swapped(struct hostile *h)
{
	struct sshbuf *first = next_record(h, JEEBS_REC_PROGRESS);
	struct sshbuf *second = next_record(h, JEEBS_REC_PROGRESS);

	hostile_frame(h, second);
	hostile_frame(h, first);
	sshbuf_free(first);
	sshbuf_free(second);
}

static void
twice(struct hostile *h)
{
	struct sshbuf *record = next_record(h, JEEBS_REC_PROGRESS);

	hostile_frame(h, record);
	hostile_frame(h, record);
	sshbuf_free(record);
}

static void
after_end(struct hostile *h)
{
	struct sshbuf *end = next_record(h, JEEBS_REC_END);

	hostile_frame(h, end);
	/* sealing one is refused: the same once more, a number later */
	POKE_U64(sshbuf_mutable_ptr(end) + AT_SEQ, h->last.seq + 1);
	hostile_frame(h, end);
	sshbuf_free(end);
}

/* What follows looks right to all jeebsd: sshd-adopt must refuse it. */

static void
bad_tag(struct hostile *h)
{
	struct sshbuf *record = next_record(h, JEEBS_REC_PROGRESS);

	sshbuf_mutable_ptr(record)[sshbuf_len(record) - 1] ^= 1;
	hostile_frame(h, record);
	sshbuf_free(record);
}

static void
seal_state(struct hostile *h, const struct sshbuf *state)
{
	struct sshbuf *record;

	record = hostile_record(h, JEEBS_REC_CHECKPOINT, NULL, 0, state);
	hostile_frame(h, record);
	sshbuf_free(record);
}

static void
garbage_state(struct hostile *h)
{
	struct sshbuf *state;
	u_char noise[3000];
	u_int i;

	for (i = 0; i < sizeof(noise); i++)
		noise[i] = (u_char)(i * 37 + 11);
	if ((state = sshbuf_from(noise, sizeof(noise))) == NULL)
		fatal_f("sshbuf_from");
	seal_state(h, state);
	sshbuf_free(state);
}

/* n objects of one kind with this body. */
static void
many_objects(struct hostile *h, enum jeebs_tag tag, u_int n, size_t len)
{
	struct sshbuf *state;
	u_char body[64];
	u_int i;
	int r;

	memset(body, 0xff, sizeof(body));
	if ((state = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new");
	for (i = 0; i < n; i++) {
		if ((r = sshbuf_put_u8(state, 1)) != 0 ||
		    (r = sshbuf_put_u8(state, tag)) != 0 ||
		    (r = sshbuf_put_u32(state, i)) != 0 ||
		    (r = sshbuf_put_string(state, body, len)) != 0)
			fatal_fr(r, "state");
	}
	seal_state(h, state);
	sshbuf_free(state);
}

static void
too_many_objects(struct hostile *h)
{
	many_objects(h, JEEBS_TAG_CHANNEL, 70000, 0);
}

static void
no_keys(struct hostile *h)
{
	many_objects(h, JEEBS_TAG_CHANNEL, 1000, 64);
}

static void
garbage_keys(struct hostile *h)
{
	many_objects(h, JEEBS_TAG_TRANSPORT, 1, 64);
}

/* The client's bytes up to some gigabytes from now are consumed, it says. */
static void
consumed_ahead(struct hostile *h)
{
	struct sshbuf *record;

	h->last.in_off += 3ULL << 30;
	record = next_record(h, JEEBS_REC_PROGRESS);
	hostile_frame(h, record);
	sshbuf_free(record);
}

const struct hostile_attack hostile_record_attacks[] = {
	{ "attack-magic", run_edit },
	{ "attack-compat", run_edit },
	{ "attack-flags", run_edit },
	{ "attack-type", run_edit },
	{ "attack-other-session", run_edit },
	{ "attack-epoch-older", run_edit },
	{ "attack-epoch-newer", run_edit },
	{ "attack-seq-twice", run_edit },
	{ "attack-seq-hole", run_edit },
	{ "attack-seq-wrap", run_edit },
	{ "attack-in-back", run_edit },
	{ "attack-in-wrap", run_edit },
	{ "attack-out-hole", run_edit },
	{ "attack-out-back", run_edit },
	{ "attack-out-wrap", run_edit },
	{ "attack-acked-back", run_edit },
	{ "attack-acked-beyond", run_edit },
	{ "attack-stream-long", run_edit },
	{ "attack-stream-max", run_edit },
	{ "attack-length-wrap", run_edit },
	{ "attack-root", root_record },
	{ "attack-cut", cut_short },
	{ "attack-long", too_long },
	{ "attack-swapped", swapped },
	{ "attack-twice", twice },
	{ "attack-after-end", after_end },
	{ "attack-bad-tag", bad_tag },
	{ "attack-garbage-state", garbage_state },
	{ "attack-garbage-keys", garbage_keys },
	{ "attack-no-keys", no_keys },
	{ "attack-too-many-objects", too_many_objects },
	{ "attack-consumed-ahead", consumed_ahead },
	{ NULL, NULL }
};
