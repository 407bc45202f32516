/* SPDX-License-Identifier: ISC */
/* Only in the programs of "make testing". */
#include "includes.h"

#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "openbsd-compat/sys-queue.h"
#include "channels.h"
#include "digest.h"
#include "log.h"
#include "packet.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "jeebs/jeebs-state.h"
#include "jeebs/jeebs-testing.h"
#include "jeebs/jeebs-wire.h"

static void
must(int r, const char *what)
{
	if (r != 0)
		fatal_fr(r, "%s", what);
}

static void
skip(struct sshbuf *m, size_t len)
{
	must(sshbuf_consume(m, len), "skip");
}

static void
skip_strings(struct sshbuf *m, u_int n)
{
	while (n-- > 0)
		must(sshbuf_get_string_direct(m, NULL, NULL), "skip");
}

/* A channel's body: PROTOCOL.jeebs, section 7.4. */
static int
channel_points(struct ssh *ssh, uint32_t id, struct sshbuf *body, void *ctx)
{
	struct sshbuf *m = sshbuf_fromb(body);
	u_char type, flags;
	u_int window, output, eof, closed;

	if (m == NULL)
		fatal_f("out of memory");
	must(sshbuf_get_u8(m, &type), "type");
	skip_strings(m, 3);
	skip(m, 1 + 4 + 1 + 1);
	must(sshbuf_get_u8(m, &flags), "flags");
	skip(m, 1);
	must(sshbuf_get_u32(m, &window), "window");
	skip(m, 6 * 4);
	must(sshbuf_get_u32(m, &output), "output");
	sshbuf_free(m);

	eof = flags & (CHAN_EOF_SENT|CHAN_EOF_RCVD);
	closed = flags & (CHAN_CLOSE_SENT|CHAN_CLOSE_RCVD);
	if (type == SSH_CHANNEL_LARVAL)
		jeebs_testing_stop("cut-larval");
	if (type == SSH_CHANNEL_OPENING)
		jeebs_testing_stop("cut-opening");
	if (type == SSH_CHANNEL_CONNECTING)
		jeebs_testing_stop("cut-connecting");
	if (type == SSH_CHANNEL_OPEN && window == 0)
		jeebs_testing_stop("cut-window");
	if (output != 0)
		jeebs_testing_stop("cut-output");
	if (closed == 0 && eof == CHAN_EOF_SENT)
		jeebs_testing_stop("cut-eof-sent");
	if (closed == 0 && eof == CHAN_EOF_RCVD)
		jeebs_testing_stop("cut-eof-received");
	if (closed == 0 && eof == (CHAN_EOF_SENT|CHAN_EOF_RCVD))
		jeebs_testing_stop("cut-eof-both");
	if (closed == CHAN_CLOSE_SENT)
		jeebs_testing_stop("cut-close-sent");
	if (closed == CHAN_CLOSE_RCVD)
		jeebs_testing_stop("cut-close-received");
	return 0;
}

/* The packet length at the end of the counters: section 7.2. */
static u_int
first_block(struct sshbuf *body)
{
	struct sshbuf *m = sshbuf_fromb(body);
	u_int len;

	if (m == NULL)
		fatal_f("out of memory");
	skip(m, 4 + 8 + 4 + 8);
	skip_strings(m, 1);
	skip(m, 4 + 8 + 4 + 8);
	skip_strings(m, 1);
	must(sshbuf_get_u32(m, &len), "packet length");
	sshbuf_free(m);
	return len;
}

static void
stop_at_points(struct ssh *ssh, struct jeebs_state *st)
{
	const struct sshbuf *input = ssh_packet_get_input(ssh);
	struct sshbuf *counters, *kex;

	counters = jeebs_state_get(st, JEEBS_TAG_COUNTERS, 0);
	kex = jeebs_state_get(st, JEEBS_TAG_KEX, 0);
	if (first_block(counters) != 0)
		jeebs_testing_stop(kex != NULL ? "cut-kex-block" :
		    "cut-input-block");
	if (sshbuf_len(input) != 0)
		jeebs_testing_stop("cut-input");
	(void)jeebs_state_each(st, JEEBS_TAG_CHANNEL, channel_points, ssh,
	    NULL);
}

static int
put_object(struct ssh *ssh, uint32_t id, struct sshbuf *body, void *ctx)
{
	struct sshbuf *m = ctx;

	must(sshbuf_put_u32(m, id), "object");
	must(sshbuf_put_stringb(m, body), "object");
	return 0;
}

/* The state as this side knows it, which no record tells. */
static void
put_digest(struct sshbuf *m, struct jeebs_state *st)
{
	struct sshbuf *all = sshbuf_new();
	u_char digest[32];
	size_t before;
	u_int tag;

	if (all == NULL)
		fatal_f("out of memory");
	for (tag = JEEBS_TAG_TRANSPORT; tag <= JEEBS_TAG_LAST; tag++) {
		before = sshbuf_len(all) + 1;
		must(sshbuf_put_u8(all, tag), "tag");
		must(jeebs_state_each(st, tag, put_object, NULL, all), "each");
		/* a new tag changes nothing where there is none of it */
		if (sshbuf_len(all) == before)
			must(sshbuf_consume_end(all, 1), "tag");
	}
	must(ssh_digest_buffer(SSH_DIGEST_SHA256, all, digest,
	    sizeof(digest)), "digest");
	must(sshbuf_put(m, digest, sizeof(digest)), "digest");
	sshbuf_free(all);
}

static void
write_run(const struct jeebs_envelope *env, const u_char *stream,
    const struct sshbuf *objects, struct jeebs_state *st)
{
	struct sshbuf *m = sshbuf_new();
	int fd;

	if (m == NULL)
		fatal_f("out of memory");
	must(sshbuf_put_u8(m, env->type), "type");
	must(sshbuf_put_u64(m, env->in_off), "in");
	must(sshbuf_put_u64(m, env->out_off), "out");
	must(sshbuf_put_u64(m, env->acked_off), "acked");
	must(sshbuf_put_string(m, stream, env->stream_len), "stream");
	must(sshbuf_put_stringb(m, objects), "objects");
	put_digest(m, st);
	if ((fd = open(JEEBS_TESTING_RUN, O_WRONLY|O_CREAT|O_APPEND|O_CLOEXEC|
	    O_NOFOLLOW, 0600)) == -1 ||
	    write(fd, sshbuf_ptr(m), sshbuf_len(m)) !=
	    (ssize_t)sshbuf_len(m) || close(fd) == -1)
		fatal_f("%s: %s", JEEBS_TESTING_RUN, strerror(errno));
	sshbuf_free(m);
}

void
jeebs_testing_recorded(struct ssh *ssh, const struct jeebs_envelope *env,
    const u_char *stream, const struct sshbuf *objects, struct jeebs_state *st)
{
	if (jeebs_testing("recorded-run"))
		write_run(env, stream, objects, st);
	if (!jeebs_testing("recorded-points"))
		return;
	logit("jeebs testing: recorded out=%llu in=%llu",
	    (unsigned long long)(env->out_off + env->stream_len),
	    (unsigned long long)env->in_off);
	stop_at_points(ssh, st);
}
