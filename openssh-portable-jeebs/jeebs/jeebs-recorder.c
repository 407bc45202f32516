/* SPDX-License-Identifier: ISC */
/*
 * A record goes into the ring at once if it has room, or else into the backlog.
 * What was written to the client stays in the tail until the client has
 * acknowledged it: the next incarnation's first record reaches back to there.
 */
#include "includes.h"

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "log.h"
#include "misc.h"
#include "packet.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "xmalloc.h"
#include "jeebs/jeebs-chain.h"
#include "jeebs/jeebs-forward.h"
#include "jeebs/jeebs-module.h"
#include "jeebs/jeebs-recorder.h"
#include "jeebs/jeebs-ring.h"
#include "jeebs/jeebs-state.h"
#include "jeebs/jeebs-testing.h"

/*
 * A checkpoint about so often, so that the standby can forget; where one is large,
 * when some times as much was recorded since.
 */
#define CHECKPOINT_BYTES	(256 * 1024)
#define CHECKPOINT_RECORDS	128
#define CHECKPOINT_TIMES	4
#define MANY_RECORDS		1024
#define MANY_BYTES		(16 * 1024 * 1024)
/*
 * After a record of bulk, more bulk waits until the standby has answered or there
 * is more of it: each record costs three processes a turn.
 */
#define GATHER_MIN		(4 * 1024)
#define GATHER_MAX		(128 * 1024)
/* Unsent records beyond this: jeebsd is stuck, stop sealing. */
#define BACKLOG_MAX		(2 * 1024 * 1024)

struct jeebs_recorder {
	int sock;
	int kick, commit;	/* tokens of eight bytes */
	struct jeebs_ring *ring;	/* NULL while there is no incarnation */
	uint32_t ring_size;
	struct jeebs_chain *chain;
	struct jeebs_state *state;
	struct sshbuf *backlog;	/* sealed, not yet in the ring */
	struct sshbuf *head, *sealed;	/* of the record in the making */
	struct sshbuf *objects;
	int transport_dirty;

	uint64_t in_read;	/* offset of the next byte from the client */
	uint64_t out_written;	/* offset of the next byte to write(2) */
	uint64_t committed;	/* highest offset any standby held */
	uint64_t in_recorded, out_recorded;
	uint64_t last_seq, last_bytes;	/* of the last record */
	struct sshbuf *tail;	/* written, perhaps not acknowledged */
	uint64_t tail_start;
	u_int records;		/* since the last checkpoint */
	uint64_t bytes, objects_bytes, checkpoint_bytes;
};

struct jeebs_recorder *
jeebs_recorder_new(int sock)
{
	struct jeebs_recorder *rec = xcalloc(1, sizeof(*rec));

	rec->sock = sock;
	rec->kick = rec->commit = -1;
	if ((rec->tail = sshbuf_new()) == NULL ||
	    (rec->backlog = sshbuf_new()) == NULL ||
	    (rec->head = sshbuf_new()) == NULL ||
	    (rec->sealed = sshbuf_new()) == NULL ||
	    (rec->objects = sshbuf_new()) == NULL ||
	    (rec->state = jeebs_state_new()) == NULL)
		fatal_f("out of memory");
	return rec;
}

void
jeebs_recorder_offsets(struct jeebs_recorder *rec, uint64_t in, uint64_t out)
{
	rec->in_read = in;
	rec->out_written = rec->tail_start = rec->committed = out;
	sshbuf_reset(rec->tail);
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/* The highest offset that any standby held. */
static uint64_t
committed(struct jeebs_recorder *rec)
{
	uint64_t c;

	if (rec->ring != NULL && (c = jeebs_ring_committed(rec->ring)) >
	    rec->committed)
		rec->committed = c;
	return rec->committed;
}

int
jeebs_recorder_attach(struct jeebs_recorder *rec, int memfd, int kick,
    int commit, const u_char key[JEEBS_KEY_LEN],
    const u_char record_id[JEEBS_ID_LEN], uint64_t epoch)
{
	int r;

	rec->kick = kick;
	rec->commit = commit;
	if ((r = jeebs_ring_map(memfd, &rec->ring, &rec->ring_size)) != 0)
		goto out;
	/* a program that we start has no business with it */
	(void)madvise(rec->ring, JEEBS_RING_HEADER + rec->ring_size,
	    MADV_DONTFORK);
	if ((rec->chain = jeebs_chain_new(key, record_id, epoch)) == NULL) {
		r = SSH_ERR_ALLOC_FAIL;
		goto out;
	}
	jeebs_testing_attached(memfd, kick, commit, rec->ring, rec->ring_size,
	    rec->chain);
 out:
	close(memfd);
	if (r != 0)
		jeebs_recorder_detach(rec);
	return r;
}

void
jeebs_recorder_detach(struct jeebs_recorder *rec)
{
	(void)committed(rec);
	jeebs_chain_free(rec->chain);
	rec->chain = NULL;
	if (rec->ring != NULL)
		jeebs_ring_unmap(rec->ring, rec->ring_size);
	rec->ring = NULL;
	close_fd(&rec->kick);
	close_fd(&rec->commit);
	sshbuf_reset(rec->backlog);
}

void
jeebs_recorder_forget(struct jeebs_recorder *rec)
{
	jeebs_chain_free(rec->chain);
	rec->chain = NULL;
	jeebs_state_free(rec->state);
	rec->state = NULL;
	sshbuf_free(rec->objects);
	rec->objects = NULL;
}

int
jeebs_recorder_fd(const struct jeebs_recorder *rec)
{
	return rec->commit;
}

void
jeebs_recorder_answered(struct jeebs_recorder *rec)
{
	if (rec->ring != NULL)
		jeebs_forward_committed(jeebs_ring_committed_seq(rec->ring));
}

/* The offset before which the client has acknowledged everything. */
static uint64_t
acked(struct jeebs_recorder *rec)
{
	uint64_t upto;
	int outq, r;

	if (ioctl(rec->sock, SIOCOUTQ, &outq) == -1 || outq < 0 ||
	    (uint64_t)outq > rec->out_written)
		return rec->tail_start;
	upto = rec->out_written - outq;
	/* a FIN or SYN in the queue counts as a byte: never go back */
	if (upto <= rec->tail_start)
		return upto;
	if ((r = sshbuf_consume(rec->tail, upto - rec->tail_start)) != 0)
		fatal_fr(r, "tail");
	rec->tail_start = upto;
	return upto;
}

void
jeebs_recorder_did_read(struct jeebs_recorder *rec, size_t len)
{
	rec->in_read += len;
}

void
jeebs_recorder_did_write(struct jeebs_recorder *rec, const u_char *p,
    size_t len)
{
	int r;

	if ((r = sshbuf_put(rec->tail, p, len)) != 0)
		fatal_fr(r, "tail");
	rec->out_written += len;
	if (sshbuf_len(rec->tail) > CHECKPOINT_BYTES)
		(void)acked(rec);
}

uint64_t
jeebs_recorder_may_write(struct jeebs_recorder *rec)
{
	uint64_t upto = committed(rec);

	return upto <= rec->out_written ? 0 : upto - rec->out_written;
}

size_t
jeebs_recorder_unacked(const struct jeebs_recorder *rec, struct ssh *ssh)
{
	return rec->out_written - rec->tail_start + sshbuf_len(
	    (struct sshbuf *)ssh_packet_get_output(ssh));
}

static void
kick(struct jeebs_recorder *rec)
{
	const uint64_t one = 1;

	if (write(rec->kick, &one, sizeof(one)) == -1 && errno != EAGAIN)
		error_f("kick: %s", strerror(errno));
}

void
jeebs_recorder_flush(struct jeebs_recorder *rec)
{
	size_t n;
	int r;

	if (rec->ring == NULL || sshbuf_len(rec->backlog) == 0)
		return;
	if ((n = jeebs_ring_write(rec->ring, rec->ring_size,
	    sshbuf_ptr(rec->backlog), sshbuf_len(rec->backlog))) == 0)
		return;
	if ((r = sshbuf_consume(rec->backlog, n)) != 0)
		fatal_fr(r, "backlog");
	kick(rec);
}

/* Queues a record whose envelope and sealed part are in head and sealed. */
static int
queue(struct jeebs_recorder *rec, const u_char *stream, size_t streamlen)
{
	struct iovec iov[4];
	u_char len[4];
	int i, r;

	POKE_U32(len, sshbuf_len(rec->head) + streamlen +
	    sshbuf_len(rec->sealed));
	iov[0].iov_base = len;
	iov[0].iov_len = sizeof(len);
	iov[1].iov_base = sshbuf_mutable_ptr(rec->head);
	iov[1].iov_len = sshbuf_len(rec->head);
	iov[2].iov_base = (void *)stream;
	iov[2].iov_len = streamlen;
	iov[3].iov_base = sshbuf_mutable_ptr(rec->sealed);
	iov[3].iov_len = sshbuf_len(rec->sealed);
	if (sshbuf_len(rec->backlog) == 0 &&
	    jeebs_ring_put(rec->ring, rec->ring_size, iov, 4)) {
		kick(rec);
		return 0;
	}
	for (i = 0; i < 4; i++) {
		if ((r = sshbuf_put(rec->backlog, iov[i].iov_base,
		    iov[i].iov_len)) != 0)
			return r;
	}
	jeebs_recorder_flush(rec);
	return 0;
}

/* Collects the objects that changed, or all of them. */
static int
collect(struct jeebs_recorder *rec, struct ssh *ssh, int full)
{
	struct sshbuf *m;
	u_int i;
	int r;

	if ((m = sshbuf_new()) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	sshbuf_reset(rec->objects);
	jeebs_state_begin(rec->state, rec->objects, full);
	if (full || rec->transport_dirty) {
		if ((r = jeebs_packet_transport(ssh, m)) != 0 ||
		    (r = jeebs_state_put(rec->state, JEEBS_TAG_TRANSPORT, 0,
		    m)) != 0)
			goto out;
		rec->transport_dirty = 0;
	} else
		jeebs_state_keep(rec->state, JEEBS_TAG_TRANSPORT, 0);
	sshbuf_reset(m);
	if ((r = jeebs_packet_counters(ssh, m)) != 0 ||
	    (r = jeebs_state_put(rec->state, JEEBS_TAG_COUNTERS, 0, m)) != 0)
		goto out;
	sshbuf_reset(m);
	if ((r = jeebs_packet_kex(ssh, m)) != 0)
		goto out;
	if (sshbuf_len(m) != 0 &&
	    (r = jeebs_state_put(rec->state, JEEBS_TAG_KEX, 0, m)) != 0)
		goto out;
	sshbuf_reset(m);
	if ((r = jeebs_connection_export(m)) != 0 ||
	    (r = jeebs_state_put(rec->state, JEEBS_TAG_CONNECTION, 0,
	    m)) != 0)
		goto out;
	if ((r = jeebs_channels_export(ssh, rec->state)) != 0)
		goto out;
	for (i = 0; jeebs_modules[i] != NULL; i++) {
		if ((r = jeebs_modules[i]->snapshot(ssh, rec->state)) != 0)
			goto out;
	}
	r = jeebs_state_end(rec->state);
 out:
	sshbuf_free(m);
	return r;
}

/*
 * Seals one record with the stream bytes from offset from on and queues it.
 * Only the first record of an incarnation reaches back to bytes that were
 * written already.
 */
static int
record(struct jeebs_recorder *rec, struct ssh *ssh,
    enum jeebs_record_type type, uint64_t from)
{
	struct sshbuf *output = ssh_packet_get_output(ssh);
	struct sshbuf *input = ssh_packet_get_input(ssh);
	struct sshbuf *all = NULL;
	struct jeebs_envelope env;
	const u_char *stream;
	size_t streamlen;
	uint64_t out_end = rec->out_written + sshbuf_len(output);
	int r;

	streamlen = out_end - from;
	if (from >= rec->out_written)
		stream = sshbuf_ptr(output) + (from - rec->out_written);
	else {
		if (from < rec->tail_start)
			return SSH_ERR_INTERNAL_ERROR;
		if ((all = sshbuf_new()) == NULL)
			return SSH_ERR_ALLOC_FAIL;
		if ((r = sshbuf_put(all, sshbuf_ptr(rec->tail) +
		    (from - rec->tail_start), rec->out_written - from)) != 0 ||
		    (r = sshbuf_putb(all, output)) != 0)
			goto out;
		stream = sshbuf_ptr(all);
	}
	sshbuf_reset(rec->objects);
	if (type != JEEBS_REC_END &&
	    (r = collect(rec, ssh, type == JEEBS_REC_CHECKPOINT)) != 0)
		goto out;
	memset(&env, 0, sizeof(env));
	env.type = type;
	env.in_off = rec->in_read - sshbuf_len(input);
	env.out_off = from;
	env.acked_off = MINIMUM(acked(rec), from);
	sshbuf_reset(rec->head);
	sshbuf_reset(rec->sealed);
	if ((r = jeebs_chain_seal(rec->chain, &env, stream, streamlen,
	    rec->objects, rec->head, rec->sealed)) != 0 ||
	    (r = queue(rec, stream, streamlen)) != 0)
		goto out;
	jeebs_forward_recorded(env.seq);
	rec->last_seq = env.seq;
	rec->last_bytes = env.in_off - rec->in_recorded + streamlen;
	rec->in_recorded = env.in_off;
	rec->out_recorded = out_end;
	if (type == JEEBS_REC_CHECKPOINT) {
		rec->checkpoint_bytes = sshbuf_len(rec->objects);
		rec->records = 0;
		rec->bytes = rec->objects_bytes = 0;
	} else
		rec->objects_bytes += sshbuf_len(rec->objects);
	rec->records++;
	rec->bytes += streamlen;
	jeebs_testing_recorded(ssh, &env, stream, rec->objects, rec->state);
 out:
	sshbuf_free(all);
	return r;
}

int
jeebs_recorder_can_start(struct jeebs_recorder *rec, struct ssh *ssh)
{
	uint64_t from = acked(rec);

	return from >= rec->tail_start &&
	    jeebs_recorder_unacked(rec, ssh) <= JEEBS_MAX_STREAM;
}

int
jeebs_recorder_start(struct jeebs_recorder *rec, struct ssh *ssh)
{
	uint64_t from = rec->tail_start;
	int r;

	if ((r = record(rec, ssh, JEEBS_REC_CHECKPOINT, from)) == 0)
		debug_f("exported from offset %llu on",
		    (unsigned long long)from);
	return r;
}

int
jeebs_recorder_due(const struct jeebs_recorder *rec, struct ssh *ssh)
{
	struct sshbuf *output = ssh_packet_get_output(ssh);
	struct sshbuf *input = ssh_packet_get_input(ssh);
	uint64_t n = rec->in_read - sshbuf_len(input) - rec->in_recorded +
	    rec->out_written + sshbuf_len(output) - rec->out_recorded;

	if (n >= GATHER_MIN && n < GATHER_MAX &&
	    rec->last_bytes >= GATHER_MIN &&
	    jeebs_ring_committed_seq(rec->ring) < rec->last_seq)
		return 0;
	return n != 0 || jeebs_forward_due();
}

static int
checkpoint_due(const struct jeebs_recorder *rec)
{
	uint64_t all = rec->bytes + rec->objects_bytes;

	if (rec->records >= MANY_RECORDS || all >= MANY_BYTES)
		return 1;
	return (rec->records >= CHECKPOINT_RECORDS ||
	    rec->bytes >= CHECKPOINT_BYTES) &&
	    all >= CHECKPOINT_TIMES * rec->checkpoint_bytes;
}

int
jeebs_recorder_next(struct jeebs_recorder *rec, struct ssh *ssh)
{
	return record(rec, ssh, checkpoint_due(rec) ?
	    JEEBS_REC_CHECKPOINT : JEEBS_REC_PROGRESS, rec->out_recorded);
}

int
jeebs_recorder_end(struct jeebs_recorder *rec, struct ssh *ssh)
{
	return record(rec, ssh, JEEBS_REC_END, rec->out_recorded);
}

void
jeebs_recorder_newkeys(struct jeebs_recorder *rec)
{
	rec->transport_dirty = 1;
}

int
jeebs_recorder_stuck(const struct jeebs_recorder *rec)
{
	return sshbuf_len(rec->backlog) > BACKLOG_MAX;
}

int
jeebs_recorder_all_committed(struct jeebs_recorder *rec)
{
	return committed(rec) == rec->out_recorded;
}
