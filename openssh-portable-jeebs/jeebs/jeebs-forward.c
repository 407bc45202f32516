/* SPDX-License-Identifier: ISC */
/*
 * The far end of a forward lives on, on another host, like the client's: no
 * byte of the target is taken by TCP before the standby holds it, which jeebsd
 * sees to, and none is written to it before the record is committed that has
 * it.
 *
 *   NEW --FORWARD--> ASKED --FORWARD_ID--> KEPT --FORWARD_OVER--> gone
 *    ^                 +-----0------> LEFT <-0-+
 *    +------- attach ---+--------------+-------+
 *
 * What was read from the target and not sealed yet isn't recorded: the standby
 * has the target's packets, and its TCP gets them again. But what was read before
 * the connection was KEPT is nowhere but here.
 */
#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "openbsd-compat/sys-queue.h"
#include "channels.h"
#include "log.h"
#include "misc.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "xmalloc.h"
#include "jeebs/jeebs-forward.h"
#include "jeebs/jeebs-module.h"
#include "jeebs/jeebs-msg.h"
#include "jeebs/jeebs-relay.h"
#include "jeebs/jeebs-source.h"
#include "jeebs/jeebs-state.h"
#include "jeebs/jeebs-target.h"

/* Bytes in all: a record has a bound, and a checkpoint has them. */
#define MAX_DATA	(6 * 1024 * 1024)
/* Of a target's bytes that are in committed records jeebsd hears so often. */
#define TELL_BYTES	(64 * 1024)
#define MAX_ASKED	64
/* More than that isn't read before the client has taken some. */
#define MAX_UNSENT	(128 * 1024)
#define MIN_UNSENT	(8 * 1024)

enum phase { NEW, ASKED, KEPT, LEFT };

struct jeebs_forward {
	TAILQ_ENTRY(jeebs_forward) entry;
	u_int channel;
	enum phase phase;
	uint64_t id;		/* jeebsd's name for it */
	uint64_t free_after;	/* until this record is committed; 0: or so */
	int put;		/* in the record that is made */
	int due;		/* no record tells of the phase yet */
	int over_due;		/* LEFT, and jeebsd hasn't heard so */
	int unopened;		/* the client doesn't know of the channel */
	int end_told;		/* to jeebsd, which lets it out */
	int told;		/* jeebsd, that the standby knows it */
	uint64_t taken, taken_told;
	int taken_due;		/* jeebsd hasn't heard it */
	struct jeebs_relay relay;
};

static TAILQ_HEAD(jeebs_forwards, jeebs_forward) forwards =
    TAILQ_HEAD_INITIALIZER(forwards);
static u_int nforwards;
static int jeebsd = -1;
static int unsaid;		/* for want of room on the way to jeebsd */

static struct jeebs_forward *
forward_new(struct Channel *c)
{
	struct jeebs_forward *f = xcalloc(1, sizeof(*f));
	const int on = 1;

	/* an urgent byte is one of the stream's, or no offset would be right */
	if (setsockopt(c->sock, SOL_SOCKET, SO_OOBINLINE, &on,
	    sizeof(on)) == -1)
		debug_f("SO_OOBINLINE: %s", strerror(errno));
	f->channel = c->self;
	jeebs_relay_init(&f->relay);
	TAILQ_INSERT_TAIL(&forwards, f, entry);
	nforwards++;
	c->jeebs = f;
	return f;
}

static void
forward_free(struct jeebs_forward *f)
{
	TAILQ_REMOVE(&forwards, f, entry);
	nforwards--;
	jeebs_relay_clear(&f->relay);
	freezero(f, sizeof(*f));
}

/* The channel, if it still has f. */
static struct Channel *
channel_of(struct ssh *ssh, const struct jeebs_forward *f)
{
	struct Channel *c = channel_by_id(ssh, f->channel);

	return c != NULL && c->jeebs == f ? c : NULL;
}

/* Does the client know of a channel with this far end? */
static int
is_public(const struct jeebs_forward *f, const struct Channel *c)
{
	return c->type == SSH_CHANNEL_OPEN ||
	    (c->type == SSH_CHANNEL_OPENING && !f->unopened);
}

/* It goes on without a standby, but for what is recorded already. */
static void
leave(struct jeebs_forward *f)
{
	f->due = f->relay.gated;
	f->phase = LEFT;
	f->id = 0;
	f->free_after = 0;
}

/* Nobody keeps them any more; MON will say what to do next. */
static void
hung_up(void)
{
	struct jeebs_forward *f;

	close(jeebsd);
	jeebsd = -1;
	TAILQ_FOREACH(f, &forwards, entry) {
		if (f->phase != LEFT)
			leave(f);
		f->over_due = 0;
	}
}

/* Returns 0, or -1 if jeebsd must be asked again later, or is gone. */
static int
say(enum jeebs_msg type, const struct jeebs_forward *f, const uint64_t *n,
    const int *fd)
{
	struct sshbuf *m;
	int r;

	if (jeebsd == -1)
		return -1;
	if ((m = sshbuf_new()) == NULL ||
	    (r = sshbuf_put_u8(m, type)) != 0 ||
	    (r = sshbuf_put_u32(m, f->channel)) != 0 ||
	    (n != NULL && (r = sshbuf_put_u64(m, *n)) != 0))
		fatal_f("out of memory");
	r = jeebs_msg_send(jeebsd, m, fd, fd != NULL, MSG_DONTWAIT);
	sshbuf_free(m);
	if (r == 0)
		return 0;
	if (r == SSH_ERR_SYSTEM_ERROR && errno == EAGAIN)
		unsaid = 1;
	else {
		debug_fr(r, "jeebsd");
		hung_up();
	}
	return -1;
}

/* Is the channel's number still that of one that is over, for jeebsd? */
static int
number_taken(const struct jeebs_forward *f)
{
	const struct jeebs_forward *o;

	TAILQ_FOREACH(o, &forwards, entry) {
		if (o == f)
			return 0;
		if (o->channel == f->channel)
			return 1;
	}
	return 0;
}

/*
 * Until the answer is there the socket is left alone: read(2) and write(2) fail
 * in repair mode.
 */
static void
ask(struct jeebs_forward *f, struct Channel *c)
{
	const struct jeebs_forward *o;
	u_int asked = 0;

	TAILQ_FOREACH(o, &forwards, entry)
		asked += o->phase == ASKED;
	/* jeebsd hangs up on who has no room for its answers */
	if (asked < MAX_ASKED && say(f->relay.ended ?
	    JEEBS_MSG_FORWARD_ENDED : JEEBS_MSG_FORWARD, f,
	    &f->relay.written, &c->sock) == 0) {
		f->phase = ASKED;
		/* this turn, too: what is ready counts only if it is wanted */
		c->io_want &= ~(SSH_CHAN_IO_RFD|SSH_CHAN_IO_WFD);
		c->io_ready &= ~(SSH_CHAN_IO_RFD|SSH_CHAN_IO_WFD);
	}
}

void
jeebs_forward_attach(struct ssh *ssh, int sock, int free)
{
	struct jeebs_forward *f;
	struct Channel *c;

	if (jeebsd != -1)
		close(jeebsd);
	jeebsd = sock;
	TAILQ_FOREACH(f, &forwards, entry) {
		f->phase = NEW;
		f->id = 0;
		jeebs_relay_attach(&f->relay);
		f->told = f->taken_due = 0;
		f->taken_told = 0;
		f->end_told = 0;
		f->free_after = 0;
		f->over_due = 0;
		if (free)
			f->relay.gated = 0;
	}
	/* after that, since a hang-up here is about all of them */
	TAILQ_FOREACH(f, &forwards, entry) {
		if (jeebsd != -1 && (c = channel_of(ssh, f)) != NULL)
			ask(f, c);
	}
}

int
jeebs_forward_fd(void)
{
	return jeebsd;
}

int
jeebs_forward_unsaid(void)
{
	return unsaid;
}

static void
answer(uint32_t channel, uint64_t id)
{
	struct jeebs_forward *f;

	TAILQ_FOREACH(f, &forwards, entry) {
		if (f->channel == channel && f->phase == ASKED)
			break;
	}
	if (f == NULL)
		return;
	if (id == 0) {
		leave(f);
		return;
	}
	f->phase = KEPT;
	f->id = id;
	f->due = 1;
	jeebs_relay_gate(&f->relay);
}

static void
lost(uint32_t channel, uint64_t id)
{
	struct jeebs_forward *f;

	TAILQ_FOREACH(f, &forwards, entry) {
		if (f->channel == channel && f->phase == KEPT && f->id == id)
			leave(f);
	}
}

void
jeebs_forward_event(struct ssh *ssh)
{
	struct sshbuf *m;
	uint64_t id;
	uint32_t channel;
	u_char type;
	int nfds, r;

	unsaid = 0;
	if ((m = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new");
	while (jeebsd != -1) {
		if ((r = jeebs_msg_recv(jeebsd, m, NULL, 0, &nfds,
		    MSG_DONTWAIT)) == SSH_ERR_SYSTEM_ERROR &&
		    (errno == EAGAIN || errno == EINTR))
			break;
		if (r != 0)
			hung_up();
		else if ((r = sshbuf_get_u8(m, &type)) != 0 ||
		    (r = sshbuf_get_u32(m, &channel)) != 0 ||
		    (r = sshbuf_get_u64(m, &id)) != 0 ||
		    sshbuf_len(m) != 0 || (type != JEEBS_MSG_FORWARD_ID &&
		    type != JEEBS_MSG_FORWARD_LOST))
			fatal_f("malformed message from jeebsd");
		else if (type == JEEBS_MSG_FORWARD_ID)
			answer(channel, id);
		else
			lost(channel, id);
	}
	sshbuf_free(m);
}

/* hooks */

/*
 * Is the answer to the client to wait? It hears of a connection that is protected,
 * or else it could have one that is closed when this host dies in the next moment.
 */
static int
answer_waits(const struct jeebs_forward *f)
{
	return f->phase == ASKED || (f->phase == NEW && jeebsd != -1);
}

int
jeebs_forward_connected(struct ssh *ssh, struct Channel *c)
{
	struct jeebs_forward *f = c->jeebs;

	if (f == NULL) {
		if (strcmp(c->ctype, "direct-tcpip") != 0 || c->sock == -1 ||
		    !jeebs_source_ours(c->sock))
			return 0;
		f = forward_new(c);
		if (jeebsd != -1 && !number_taken(f))
			ask(f, c);
	}
	return answer_waits(f);
}

int
jeebs_forward_accepted(struct ssh *ssh, struct Channel *c)
{
	struct jeebs_forward *f;

	if (strcmp(c->ctype, "forwarded-tcpip") != 0 ||
	    !jeebs_source_may_move(c->sock))
		return 0;
	f = forward_new(c);
	if (jeebsd != -1 && !number_taken(f))
		ask(f, c);
	return f->unopened = answer_waits(f);
}

int
jeebs_forward_unopened(const struct Channel *c)
{
	return c->jeebs != NULL && c->jeebs->unopened;
}

void
jeebs_forward_want(struct ssh *ssh, struct Channel *c)
{
	struct jeebs_forward *f = c->jeebs;

	/* a record may have to have it, with that of the others */
	if (sshbuf_len(c->input) >= MAXIMUM(MIN_UNSENT,
	    MINIMUM(MAX_UNSENT, MAX_DATA / 4 / nforwards)))
		c->io_want &= ~SSH_CHAN_IO_RFD;
	if (c->type == SSH_CHANNEL_CONNECTING) {
		if (answer_waits(f))
			c->io_want &= ~SSH_CHAN_IO_SOCK_W;
	} else if (f->phase == ASKED)
		c->io_want &= ~(SSH_CHAN_IO_RFD|SSH_CHAN_IO_WFD);
	else if (sshbuf_len(f->relay.resend) != 0 && c->wfd != -1)
		c->io_want |= SSH_CHAN_IO_WFD;
	else if (jeebs_forward_may_write(c, sshbuf_len(c->output)) == 0)
		c->io_want &= ~SSH_CHAN_IO_WFD;
}

void
jeebs_forward_did_read(struct Channel *c, size_t len)
{
	c->jeebs->relay.read += len;
}

size_t
jeebs_forward_may_write(struct Channel *c, size_t len)
{
	return jeebs_forward_unsent(c) ? 0 :
	    jeebs_relay_may_write(&c->jeebs->relay, len);
}

int
jeebs_forward_unsent(const struct Channel *c)
{
	const struct jeebs_forward *f = c->jeebs;

	return sshbuf_len(f->relay.resend) != 0 || f->phase == ASKED;
}

void
jeebs_forward_did_write(struct Channel *c, const u_char *p, size_t len)
{
	jeebs_relay_did_write(&c->jeebs->relay, c->sock, p, len);
}

/* What a host that died had written, and the target may have or not. */
static void
write_again(struct ssh *ssh, struct jeebs_forward *f, struct Channel *c)
{
	if (c->wfd != -1 && f->phase != ASKED &&
	    jeebs_relay_resend(&f->relay, c->wfd) == -1)
		chan_write_failed(ssh, c);
}

/* Has the client said that nothing more comes, and is all of it written? */
static int
is_ended(const struct jeebs_forward *f, const struct Channel *c)
{
	return c->ostate == CHAN_OUTPUT_CLOSED &&
	    c->istate != CHAN_INPUT_CLOSED &&
	    (c->flags & CHAN_EOF_RCVD) != 0 &&
	    (c->flags & (CHAN_CLOSE_SENT|CHAN_CLOSE_RCVD)) == 0 &&
	    sshbuf_len(f->relay.resend) == 0 &&
	    f->relay.written == jeebs_relay_end(&f->relay);
}

static void
tell_taken(struct jeebs_forward *f)
{
	if (f->phase != KEPT || !f->taken_due ||
	    say(JEEBS_MSG_FORWARD_TAKEN, f, &f->taken, NULL) != 0)
		return;
	f->told = 1;
	f->taken_due = 0;
	f->taken_told = f->taken;
}

static void
observe(struct ssh *ssh)
{
	struct jeebs_forward *f, *next;
	struct Channel *c;

	TAILQ_FOREACH_SAFE(f, &forwards, entry, next) {
		c = channel_of(ssh, f);
		if (c != NULL && (c->type == SSH_CHANNEL_CONNECTING ||
		    c->type == SSH_CHANNEL_OPENING)) {
			if (f->phase == NEW && jeebsd != -1 && !number_taken(f))
				ask(f, c);
			if (f->unopened && !answer_waits(f)) {
				f->unopened = 0;
				jeebs_channel_open_accepted(ssh, c);
			}
			continue;
		}
		if (f->over_due && say(JEEBS_MSG_FORWARD_OVER, f, NULL,
		    NULL) == 0)
			f->over_due = 0;
		if (c != NULL)
			write_again(ssh, f, c);
		/* The FIN is jeebsd's to let go. */
		if (c != NULL && !f->relay.ended && is_ended(f, c))
			f->relay.ended = f->due = 1;
		if (c == NULL || c->type != SSH_CHANNEL_OPEN ||
		    c->sock == -1 || (c->ostate != CHAN_OUTPUT_OPEN &&
		    c->ostate != CHAN_OUTPUT_WAIT_DRAIN && !is_ended(f, c))) {
			if (c != NULL)
				c->jeebs = NULL;
			/* an answer is on its way, or must be said later */
			if (jeebsd == -1 || (f->phase != ASKED &&
			    ((f->phase != KEPT && !f->over_due) ||
			    say(JEEBS_MSG_FORWARD_OVER, f, NULL, NULL) == 0)))
				forward_free(f);
			continue;
		}
		if (f->phase == NEW && jeebsd != -1 && !number_taken(f))
			ask(f, c);
		if (f->phase == KEPT && f->relay.end_committed &&
		    !f->end_told &&
		    say(JEEBS_MSG_FORWARD_END, f, NULL, NULL) == 0)
			f->end_told = 1;
		tell_taken(f);
	}
}

/* Bytes of it in a checkpoint. */
static size_t
recorded(const struct jeebs_forward *f, const struct Channel *c)
{
	return sshbuf_len(f->relay.data) +
	    jeebs_relay_early(&f->relay, sshbuf_len(c->input));
}

static int
snapshot(struct ssh *ssh, struct jeebs_state *st)
{
	struct jeebs_forward *f;
	struct Channel *c;
	size_t all = 0;
	int r = 0;

	TAILQ_FOREACH(f, &forwards, entry) {
		f->put = 0;
		if (f->phase != KEPT || (c = channel_of(ssh, f)) == NULL ||
		    !is_public(f, c))
			continue;
		if ((r = jeebs_relay_gather(&f->relay, c->sock,
		    c->output)) == SSH_ERR_INVALID_FORMAT || (r == 0 &&
		    all + recorded(f, c) > MAX_DATA)) {
			verbose("jeebs: channel %u: %s, it can't move to "
			    "another host", f->channel, r != 0 ?
			    "its target is gone" :
			    "too much waits for its target or its client");
			f->over_due = 1;
			leave(f);
			r = 0;
			continue;
		}
		if (r != 0)
			break;
		all += recorded(f, c);
		if ((r = jeebs_relay_put(&f->relay, st, f->channel, f->id,
		    c->input)) != 0)
			break;
		f->put = 1;
	}
	return r;
}

u_int
jeebs_forward_unanswered(struct ssh *ssh)
{
	const struct jeebs_forward *f;
	const struct Channel *c;
	u_int n = 0;

	TAILQ_FOREACH(f, &forwards, entry)
		n += answer_waits(f) && (c = channel_of(ssh, f)) != NULL &&
		    is_public(f, c);
	return n;
}

int
jeebs_forward_due(void)
{
	const struct jeebs_forward *f;

	TAILQ_FOREACH(f, &forwards, entry) {
		if (f->due)
			return 1;
	}
	return 0;
}

void
jeebs_forward_recorded(uint64_t seq)
{
	struct jeebs_forward *f;

	TAILQ_FOREACH(f, &forwards, entry) {
		f->due = 0;
		if (f->phase == LEFT && f->relay.gated && f->free_after == 0)
			f->free_after = seq;
		if (f->phase == KEPT && f->put)
			jeebs_relay_recorded(&f->relay, seq);
	}
}

void
jeebs_forward_committed(uint64_t seq)
{
	struct jeebs_forward *f;

	TAILQ_FOREACH(f, &forwards, entry) {
		if (f->phase == LEFT && f->free_after != 0 &&
		    f->free_after <= seq)
			f->relay.gated = 0;
		if (f->phase == KEPT &&
		    jeebs_relay_committed(&f->relay, seq, &f->taken) &&
		    (!f->told || f->taken - f->taken_told >= TELL_BYTES))
			f->taken_due = 1;
		tell_taken(f);
	}
}

/* The connection counts anew, from what its target had acknowledged. */
static int
restore(struct ssh *ssh, uint32_t channel, struct sshbuf *body,
    const struct jeebs_notice *notice)
{
	const struct sshbuf *data;
	struct Channel *c;
	size_t resend;
	int ended, r;

	if ((r = jeebs_target_connect(ssh, channel, &data, &resend,
	    &ended)) != 0)
		return r;
	if ((c = channel_by_id(ssh, channel)) == NULL)
		return SSH_ERR_INTERNAL_ERROR;
	jeebs_relay_adopt(&forward_new(c)->relay, data, resend, ended);
	return 0;
}

const struct jeebs_module jeebs_module_forward = {
	.name = "forward",
	.tag = JEEBS_TAG_FORWARD,
	.observe = observe,
	.snapshot = snapshot,
	.restore = restore,
};
