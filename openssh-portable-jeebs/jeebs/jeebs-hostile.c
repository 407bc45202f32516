/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include <sys/types.h>

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "jeebs/jeebs-chain.h"
#include "jeebs/jeebs-hostile.h"
#include "jeebs/jeebs-ring.h"
#include "jeebs/jeebs-testing.h"

static struct hostile kept = { .memfd = -1 };

int
hostile_on(const struct hostile *h)
{
	return jeebs_testing(h->name);
}

void
hostile_say(const struct hostile *h, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	logit("%s: %s", h->name, text);
}

void
hostile_kick(struct hostile *h)
{
	const uint64_t one = 1;

	if (write(h->kick, &one, sizeof(one)) == -1 && errno != EAGAIN)
		fatal_f("write: %s", strerror(errno));
}

void
hostile_write(struct hostile *h, const void *p, size_t len)
{
	size_t n;

	while (len != 0) {
		n = jeebs_ring_write(h->ring, h->ring_size, p, len);
		p = (const u_char *)p + n;
		len -= n;
		if (n != 0)
			hostile_kick(h);
		else if (!hostile_on(h))
			return;
		else
			usleep(100);
	}
}

void
hostile_frame(struct hostile *h, const struct sshbuf *record)
{
	u_char len[4];

	POKE_U32(len, (uint32_t)sshbuf_len(record));
	hostile_write(h, len, sizeof(len));
	hostile_write(h, sshbuf_ptr(record), sshbuf_len(record));
}

struct sshbuf *
hostile_record(struct hostile *h, enum jeebs_record_type type,
    const u_char *stream, size_t len, const struct sshbuf *state)
{
	struct sshbuf *out, *sealed;
	int r;

	if ((out = sshbuf_new()) == NULL || (sealed = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new");
	h->last.type = type;
	h->last.out_off += h->last.stream_len;
	if ((r = jeebs_chain_seal(h->chain, &h->last, stream, len, state,
	    out, sealed)) != 0 ||
	    (r = sshbuf_put(out, stream, len)) != 0 ||
	    (r = sshbuf_putb(out, sealed)) != 0)
		fatal_fr(r, "seal");
	sshbuf_free(sealed);
	return out;
}

/* The checkpoint, which is the first thing in the ring. */
static void
read_last(struct hostile *h)
{
	const u_char *data = (const u_char *)h->ring + JEEBS_RING_HEADER;
	struct sshbuf *b;
	int r;

	if ((b = sshbuf_from(data + 4, JEEBS_ENVELOPE_LEN)) == NULL)
		fatal_f("sshbuf_from");
	if ((r = jeebs_envelope_get(b, &h->last)) != 0)
		fatal_fr(r, "envelope");
	sshbuf_free(b);
}

void
jeebs_testing_attached(int memfd, int kick, int commit,
    struct jeebs_ring *ring, uint32_t ring_size, struct jeebs_chain *chain)
{
	if (kept.memfd != -1)
		close(kept.memfd);
	kept.memfd = dup(memfd);
	kept.kick = kick;
	kept.commit = commit;
	kept.ring = ring;
	kept.ring_size = ring_size;
	kept.chain = chain;
}

void
jeebs_testing_attack(struct ssh *ssh, int mon_fd)
{
	static const struct hostile_attack *const all[] = {
		hostile_record_attacks, hostile_ring_attacks,
		hostile_flood_attacks, hostile_mon_attacks,
		hostile_forward_attacks
	};
	const struct hostile_attack *a;
	struct hostile h;
	size_t i;

	/* root is honest: tests need somebody who is */
	if (getuid() == 0)
		return;
	h = kept;
	h.ssh = ssh;
	h.mon_fd = mon_fd;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		for (a = all[i]; a->name != NULL; a++) {
			if (!jeebs_testing(a->name))
				continue;
			h.name = a->name;
			read_last(&h);
			hostile_say(&h, "begins, pid %ld", (long)getpid());
			a->run(&h);
			hostile_say(&h, "is done");
		}
	}
}
