/* SPDX-License-Identifier: ISC */
/* The reading of records in an adopted session, jeebs-revive.c itself. */
#include "jeebs/jeebs-revive.c"

#include "parts.h"

static int
put_object(struct ssh *ssh, uint32_t id, struct sshbuf *body, void *ctx)
{
	if (sshbuf_put_u32(ctx, id) != 0 || sshbuf_put_stringb(ctx, body) != 0)
		abort();
	return 0;
}

static void
say(struct parts_said *said, u_char last)
{
	size_t before;
	u_int tag;

	said->last = last;
	said->in_off = rv.in_off;
	said->stream_off = rv.stream_off;
	if (sshbuf_putb(said->stream, rv.stream) != 0)
		abort();
	for (tag = JEEBS_TAG_TRANSPORT; tag <= JEEBS_TAG_LAST; tag++) {
		before = sshbuf_len(said->objects) + 1;
		if (sshbuf_put_u8(said->objects, tag) != 0 ||
		    jeebs_state_each(rv.state, tag, put_object, NULL,
		    said->objects) != 0)
			abort();
		/* a new tag changes nothing where there is none of it */
		if (sshbuf_len(said->objects) == before &&
		    sshbuf_consume_end(said->objects, 1) != 0)
			abort();
	}
}

int
parts_records(int memfd, const uint8_t *key, const uint8_t *record_id,
    uint64_t epoch, struct parts_said *said)
{
	struct jeebs_job job;
	struct jeebs_root root;
	u_char last = 0;
	int r;

	memset(&job, 0, sizeof(job));
	memset(&root, 0, sizeof(root));
	memcpy(job.session_key, key, sizeof(job.session_key));
	memcpy(root.record_id, record_id, sizeof(root.record_id));
	root.epoch = epoch;
	job.root = &root;
	job.records = memfd;
	jeebs_job = &job;
	rv.stream_off = rv.in_off = 0;
	if ((rv.state = jeebs_state_new()) == NULL ||
	    (rv.stream = sshbuf_new()) == NULL)
		abort();
	r = map_records(&last);
	/* what was opened begins with a checkpoint, or there is nothing */
	if (last == 0 && (sshbuf_len(rv.stream) != 0 ||
	    jeebs_state_get(rv.state, JEEBS_TAG_TRANSPORT, 0) != NULL))
		abort();
	if (rv.stream_off + sshbuf_len(rv.stream) > (uint64_t)INT64_MAX)
		abort();
	if (r == 0 && said != NULL)
		say(said, last);
	forget_records();
	jeebs_job = NULL;
	return r;
}
