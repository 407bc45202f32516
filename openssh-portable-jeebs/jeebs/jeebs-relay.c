/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include <sys/types.h>
#include <sys/ioctl.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "log.h"
#include "misc.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "jeebs/jeebs-relay.h"
#include "jeebs/jeebs-state.h"
#include "jeebs/jeebs-testing.h"

/* Acknowledged bytes are looked for when there are so many. */
#define TRIM_BYTES	(64 * 1024)

void
jeebs_relay_init(struct jeebs_relay *rl)
{
	memset(rl, 0, sizeof(*rl));
	if ((rl->data = sshbuf_new()) == NULL ||
	    (rl->resend = sshbuf_new()) == NULL)
		fatal_f("out of memory");
}

void
jeebs_relay_adopt(struct jeebs_relay *rl, const struct sshbuf *data,
    size_t resend, int ended)
{
	int r;

	if ((r = sshbuf_putb(rl->data, data)) != 0 ||
	    (r = sshbuf_put(rl->resend, sshbuf_ptr(data), resend)) != 0)
		fatal_fr(r, "data");
	rl->committed = jeebs_relay_end(rl);
	if (ended) {
		rl->written = rl->committed;
		rl->ended = 1;
		sshbuf_reset(rl->resend);
	}
}

void
jeebs_relay_clear(struct jeebs_relay *rl)
{
	sshbuf_free(rl->data);
	sshbuf_free(rl->resend);
}

void
jeebs_relay_attach(struct jeebs_relay *rl)
{
	rl->nmarks = 0;
	rl->end_committed = 0;
}

void
jeebs_relay_gate(struct jeebs_relay *rl)
{
	/* what isn't in a record now will be in the next one */
	if (!rl->gated)
		rl->committed = rl->written;
	rl->gated = 1;
	rl->early_end = rl->read;
}

uint64_t
jeebs_relay_end(const struct jeebs_relay *rl)
{
	return rl->data_off + sshbuf_len(rl->data);
}

size_t
jeebs_relay_early(const struct jeebs_relay *rl, size_t unsealed)
{
	uint64_t later = rl->read - rl->early_end;

	return later < unsealed ? unsealed - later : 0;
}

static int
put_early(struct jeebs_relay *rl, struct jeebs_state *st, uint32_t channel,
    const struct sshbuf *unsealed, size_t len)
{
	struct sshbuf *early;
	int r;

	if ((early = sshbuf_from(sshbuf_ptr(unsealed), len)) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	r = jeebs_state_grow(st, JEEBS_TAG_FORWARD_EARLY, channel, early,
	    rl->rec_early - len, 0);
	sshbuf_free(early);
	return r;
}

/* What the target has acknowledged is of no use any more. */
static void
trim(struct jeebs_relay *rl, int sock)
{
	uint64_t upto;
	int outq, r;

	if (sshbuf_len(rl->data) == 0 || ioctl(sock, SIOCOUTQ, &outq) == -1 ||
	    outq < 0 || (uint64_t)outq > rl->written)
		return;
	/* a FIN counts as a byte: never go back */
	if ((upto = rl->written - outq) <= rl->data_off)
		return;
	if ((r = sshbuf_consume(rl->data, upto - rl->data_off)) != 0)
		fatal_fr(r, "consume");
	rl->data_off = upto;
}

size_t
jeebs_relay_may_write(const struct jeebs_relay *rl, size_t len)
{
	if (!rl->gated || jeebs_testing("forward-commit-ignored"))
		return len;
	return rl->committed <= rl->written ? 0 :
	    MINIMUM(len, rl->committed - rl->written);
}

void
jeebs_relay_did_write(struct jeebs_relay *rl, int sock, const u_char *p,
    size_t len)
{
	uint64_t end = jeebs_relay_end(rl);
	size_t known = 0;
	int r;

	if (end > rl->written)
		known = MINIMUM(len, end - rl->written);
	if ((r = sshbuf_put(rl->data, p + known, len - known)) != 0)
		fatal_fr(r, "data");
	rl->written += len;
	if (sshbuf_len(rl->data) > TRIM_BYTES)
		trim(rl, sock);
}

int
jeebs_relay_resend(struct jeebs_relay *rl, int sock)
{
	ssize_t n;
	int r;

	while (sshbuf_len(rl->resend) != 0) {
		if ((n = write(sock, sshbuf_ptr(rl->resend),
		    sshbuf_len(rl->resend))) <= 0)
			return n == -1 &&
			    (errno == EAGAIN || errno == EINTR) ? 0 : -1;
		if ((r = sshbuf_consume(rl->resend, n)) != 0)
			fatal_fr(r, "consume");
		rl->written += n;
	}
	return 0;
}

int
jeebs_relay_gather(struct jeebs_relay *rl, int sock,
    const struct sshbuf *queued)
{
	size_t len = sshbuf_len(queued);
	uint64_t total = rl->written + sshbuf_len(rl->resend) + len;
	size_t more = total - jeebs_relay_end(rl);

	trim(rl, sock);
	/* as when what was to be written is given up */
	if (total < jeebs_relay_end(rl) || more > len)
		return SSH_ERR_INVALID_FORMAT;
	return sshbuf_put(rl->data, sshbuf_ptr(queued) + len - more, more);
}

int
jeebs_relay_put(struct jeebs_relay *rl, struct jeebs_state *st,
    uint32_t channel, uint64_t id, const struct sshbuf *unsealed)
{
	size_t early = jeebs_relay_early(rl, sshbuf_len(unsealed));
	struct sshbuf *m;
	int r;

	if ((m = sshbuf_new()) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	rl->rec_taken = rl->read - (sshbuf_len(unsealed) - early);
	rl->rec_ended = rl->ended;
	if ((r = sshbuf_put_u64(m, id)) != 0 ||
	    (r = sshbuf_put_u64(m, rl->data_off)) != 0 ||
	    (r = sshbuf_put_u64(m, rl->rec_taken)) != 0 ||
	    (r = sshbuf_put_u8(m, rl->rec_ended)) != 0 ||
	    (r = jeebs_state_put(st, JEEBS_TAG_FORWARD, channel, m)) != 0 ||
	    (r = jeebs_state_grow(st, JEEBS_TAG_FORWARD_DATA, channel,
	    rl->data, rl->data_off - rl->rec_off, jeebs_relay_end(rl) -
	    MAXIMUM(rl->rec_end, rl->data_off))) != 0 ||
	    (early != 0 &&
	    (r = put_early(rl, st, channel, unsealed, early)) != 0))
		goto out;
	rl->rec_off = rl->data_off;
	rl->rec_end = jeebs_relay_end(rl);
	rl->rec_early = early;
 out:
	sshbuf_free(m);
	return r;
}

void
jeebs_relay_recorded(struct jeebs_relay *rl, uint64_t seq)
{
	struct jeebs_mark *m;

	/* the last one waits for more, when there are too many */
	m = &rl->marks[rl->nmarks < JEEBS_RELAY_MARKS ?
	    rl->nmarks++ : JEEBS_RELAY_MARKS - 1];
	m->seq = seq;
	m->end = rl->rec_end;
	m->taken = rl->rec_taken;
	m->ended = rl->rec_ended;
}

int
jeebs_relay_committed(struct jeebs_relay *rl, uint64_t seq, uint64_t *taken)
{
	const struct jeebs_mark *last;
	u_int n;

	for (n = 0; n < rl->nmarks && rl->marks[n].seq <= seq; n++)
		;
	if (n == 0)
		return 0;
	last = &rl->marks[n - 1];
	rl->committed = MAXIMUM(rl->committed, last->end);
	*taken = last->taken;
	rl->end_committed |= last->ended;
	rl->nmarks -= n;
	memmove(rl->marks, rl->marks + n, rl->nmarks * sizeof(*rl->marks));
	return 1;
}
