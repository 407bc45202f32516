/* SPDX-License-Identifier: ISC */
/*
 * PA's side of protection. Output stays in the packet layer's buffer until
 * the standby holds the record that contains it (invariant I1); everything
 * else of sshd goes on meanwhile.
 *
 *   OFF ---ATTACH---> WAITING ---checkpoint sent---> PROTECTED
 *    ^                 |  ^                             |
 *    +----UNATTACH-----+  +----------ATTACH-------------+
 *    +------------------------UNATTACH------------------+
 *
 * While WAITING the bytes that the client hasn't acknowledged yet aren't all
 * known (the authentication process wrote some); nothing of the stream is held
 * back that wasn't before.
 */
#include "includes.h"

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/timerfd.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "openbsd-compat/sys-queue.h"
#include "channels.h"
#include "log.h"
#include "misc.h"
#include "packet.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "xmalloc.h"
#include "jeebs/jeebs-chain.h"
#include "jeebs/jeebs-export.h"
#include "jeebs/jeebs-forward.h"
#include "jeebs/jeebs-hooks.h"
#include "jeebs/jeebs-module.h"
#include "jeebs/jeebs-msg.h"
#include "jeebs/jeebs-ring.h"
#include "jeebs/jeebs-session.h"
#include "jeebs/jeebs-source.h"
#include "jeebs/jeebs-state.h"
#include "jeebs/jeebs-testing.h"

/* A checkpoint at least so often, so that the standby can forget. */
#define CHECKPOINT_BYTES	(256 * 1024)
#define CHECKPOINT_RECORDS	128
/*
 * After a record of bulk, more bulk waits until the standby has answered or there
 * is more of it: each record costs three processes a turn.
 */
#define GATHER_MIN		(4 * 1024)
#define GATHER_MAX		(128 * 1024)
/* How much farther than upstream sshd may seal ahead of the client. */
#define PIPELINE_FACTOR		8
/* Unsent records beyond this: jeebsd is stuck, stop sealing. */
#define BACKLOG_MAX		(2 * 1024 * 1024)
#define WAITING_RETRY_MS	10	/* at first, then twice as long */
#define WAITING_RETRY_MAX	1000
/* Room for what one turn seals beyond it. */
#define FULL_BYTES		(JEEBS_MAX_STREAM / 4 * 3)
#define CLOSING_MS		2000
/* Each gives a channel no more than a packet. */
#define REKEY_TURNS		4

enum phase { OFF, WAITING, PROTECTED };

static struct {
	enum phase phase;
	int gated;		/* PROTECTED, or WAITING after it */
	int mon_fd;
	int sock;
	int timer;		/* timerfd, armed while WAITING */
	int retry_ms;
	int kick, commit;	/* tokens of eight bytes */
	struct jeebs_ring *ring;
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
	uint64_t bytes;
} ex = { .mon_fd = -1, .sock = -1, .timer = -1, .kick = -1, .commit = -1 };

void (*jeebs_on_resume)(struct ssh *) = NULL;
void (*jeebs_on_child)(void) = NULL;

void
jeebs_export_init(int mon_fd, int sock, uint64_t in, uint64_t out)
{
	ex.mon_fd = mon_fd;
	ex.sock = sock;
	if ((ex.tail = sshbuf_new()) == NULL ||
	    (ex.backlog = sshbuf_new()) == NULL ||
	    (ex.head = sshbuf_new()) == NULL ||
	    (ex.sealed = sshbuf_new()) == NULL ||
	    (ex.objects = sshbuf_new()) == NULL ||
	    (ex.state = jeebs_state_new()) == NULL)
		fatal_f("out of memory");
	if ((ex.timer = timerfd_create(CLOCK_MONOTONIC,
	    TFD_CLOEXEC|TFD_NONBLOCK)) == -1)
		fatal_f("timerfd_create: %s", strerror(errno));
	jeebs_export_offsets(in, out);
}

void
jeebs_export_offsets(uint64_t in, uint64_t out)
{
	ex.in_read = in;
	ex.out_written = ex.tail_start = ex.committed = out;
	sshbuf_reset(ex.tail);
}

int
jeebs_export_socket(void)
{
	return ex.sock;
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static uint64_t
committed(void)
{
	uint64_t c;

	if (ex.ring != NULL && (c = jeebs_ring_committed(ex.ring)) >
	    ex.committed)
		ex.committed = c;
	return ex.committed;
}

static void
detach(void)
{
	struct itimerspec never;

	(void)committed();
	jeebs_chain_free(ex.chain);
	ex.chain = NULL;
	if (ex.ring != NULL)
		jeebs_ring_unmap(ex.ring, ex.ring_size);
	ex.ring = NULL;
	close_fd(&ex.kick);
	close_fd(&ex.commit);
	sshbuf_reset(ex.backlog);
	memset(&never, 0, sizeof(never));
	(void)timerfd_settime(ex.timer, 0, &never, NULL);
	ex.phase = OFF;
}

/* The offset before which the client has acknowledged everything. */
static uint64_t
acked(void)
{
	uint64_t upto;
	int outq, r;

	if (ioctl(ex.sock, SIOCOUTQ, &outq) == -1 || outq < 0 ||
	    (uint64_t)outq > ex.out_written)
		return ex.tail_start;
	upto = ex.out_written - outq;
	/* a FIN or SYN in the queue counts as a byte: never go back */
	if (upto <= ex.tail_start)
		return upto;
	if ((r = sshbuf_consume(ex.tail, upto - ex.tail_start)) != 0)
		fatal_fr(r, "tail");
	ex.tail_start = upto;
	return upto;
}

static void
kick(void)
{
	const uint64_t one = 1;

	if (write(ex.kick, &one, sizeof(one)) == -1 && errno != EAGAIN)
		error_f("kick: %s", strerror(errno));
}

static void
flush(void)
{
	size_t n;
	int r;

	if (ex.ring == NULL || sshbuf_len(ex.backlog) == 0)
		return;
	if ((n = jeebs_ring_write(ex.ring, ex.ring_size,
	    sshbuf_ptr(ex.backlog), sshbuf_len(ex.backlog))) == 0)
		return;
	if ((r = sshbuf_consume(ex.backlog, n)) != 0)
		fatal_fr(r, "backlog");
	kick();
}

/* Queues a record whose envelope and sealed part are in ex.head, ex.sealed. */
static int
queue(const u_char *stream, size_t streamlen)
{
	struct iovec iov[4];
	u_char len[4];
	int i, r;

	POKE_U32(len, sshbuf_len(ex.head) + streamlen + sshbuf_len(ex.sealed));
	iov[0].iov_base = len;
	iov[0].iov_len = sizeof(len);
	iov[1].iov_base = sshbuf_mutable_ptr(ex.head);
	iov[1].iov_len = sshbuf_len(ex.head);
	iov[2].iov_base = (void *)stream;
	iov[2].iov_len = streamlen;
	iov[3].iov_base = sshbuf_mutable_ptr(ex.sealed);
	iov[3].iov_len = sshbuf_len(ex.sealed);
	if (sshbuf_len(ex.backlog) == 0 &&
	    jeebs_ring_put(ex.ring, ex.ring_size, iov, 4)) {
		kick();
		return 0;
	}
	for (i = 0; i < 4; i++) {
		if ((r = sshbuf_put(ex.backlog, iov[i].iov_base,
		    iov[i].iov_len)) != 0)
			return r;
	}
	flush();
	return 0;
}

/* Collects the objects that changed, or all of them, in ex.objects. */
static int
collect(struct ssh *ssh, int full)
{
	struct sshbuf *m;
	u_int i;
	int r;

	if ((m = sshbuf_new()) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	sshbuf_reset(ex.objects);
	jeebs_state_begin(ex.state, ex.objects, full);
	if (full || ex.transport_dirty) {
		if ((r = jeebs_packet_transport(ssh, m)) != 0 ||
		    (r = jeebs_state_put(ex.state, JEEBS_TAG_TRANSPORT, 0,
		    m)) != 0)
			goto out;
		ex.transport_dirty = 0;
	} else
		jeebs_state_keep(ex.state, JEEBS_TAG_TRANSPORT, 0);
	sshbuf_reset(m);
	if ((r = jeebs_packet_counters(ssh, m)) != 0 ||
	    (r = jeebs_state_put(ex.state, JEEBS_TAG_COUNTERS, 0, m)) != 0)
		goto out;
	sshbuf_reset(m);
	if ((r = jeebs_packet_kex(ssh, m)) != 0)
		goto out;
	if (sshbuf_len(m) != 0 &&
	    (r = jeebs_state_put(ex.state, JEEBS_TAG_KEX, 0, m)) != 0)
		goto out;
	sshbuf_reset(m);
	if ((r = jeebs_connection_export(m)) != 0 ||
	    (r = jeebs_state_put(ex.state, JEEBS_TAG_CONNECTION, 0, m)) != 0)
		goto out;
	if ((r = jeebs_channels_export(ssh, ex.state)) != 0)
		goto out;
	for (i = 0; jeebs_modules[i] != NULL; i++) {
		if ((r = jeebs_modules[i]->snapshot(ssh, ex.state)) != 0)
			goto out;
	}
	r = jeebs_state_end(ex.state);
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
record(struct ssh *ssh, enum jeebs_record_type type, uint64_t from)
{
	struct sshbuf *output = ssh_packet_get_output(ssh);
	struct sshbuf *input = ssh_packet_get_input(ssh);
	struct sshbuf *all = NULL;
	struct jeebs_envelope env;
	const u_char *stream;
	size_t streamlen;
	uint64_t out_end = ex.out_written + sshbuf_len(output);
	int r;

	streamlen = out_end - from;
	if (from >= ex.out_written)
		stream = sshbuf_ptr(output) + (from - ex.out_written);
	else {
		if (from < ex.tail_start)
			return SSH_ERR_INTERNAL_ERROR;
		if ((all = sshbuf_new()) == NULL)
			return SSH_ERR_ALLOC_FAIL;
		if ((r = sshbuf_put(all, sshbuf_ptr(ex.tail) +
		    (from - ex.tail_start), ex.out_written - from)) != 0 ||
		    (r = sshbuf_putb(all, output)) != 0)
			goto out;
		stream = sshbuf_ptr(all);
	}
	sshbuf_reset(ex.objects);
	if (type != JEEBS_REC_END &&
	    (r = collect(ssh, type == JEEBS_REC_CHECKPOINT)) != 0)
		goto out;
	memset(&env, 0, sizeof(env));
	env.type = type;
	env.in_off = ex.in_read - sshbuf_len(input);
	env.out_off = from;
	env.acked_off = MINIMUM(acked(), from);
	sshbuf_reset(ex.head);
	sshbuf_reset(ex.sealed);
	if ((r = jeebs_chain_seal(ex.chain, &env, stream, streamlen,
	    ex.objects, ex.head, ex.sealed)) != 0 ||
	    (r = queue(stream, streamlen)) != 0)
		goto out;
	jeebs_forward_recorded(env.seq);
	ex.last_seq = env.seq;
	ex.last_bytes = env.in_off - ex.in_recorded + streamlen;
	ex.in_recorded = env.in_off;
	ex.out_recorded = out_end;
	if (type == JEEBS_REC_CHECKPOINT) {
		ex.records = 0;
		ex.bytes = 0;
	}
	ex.records++;
	ex.bytes += streamlen;
	jeebs_testing_recorded(ssh, &env, stream, ex.objects, ex.state);
 out:
	sshbuf_free(all);
	return r;
}

/*
 * The session can't be exported any more. Records that the standby has stay
 * true until the next byte is sent, and none will be.
 */
static void
give_up(int r, const char *what)
{
	fatal_fr(r, "%s: this session can't be protected any more", what);
}

static void
retry_soon(void)
{
	struct itimerspec when;

	memset(&when, 0, sizeof(when));
	when.it_value.tv_sec = ex.retry_ms / 1000;
	when.it_value.tv_nsec = ex.retry_ms % 1000 * 1000000L;
	if (timerfd_settime(ex.timer, 0, &when, NULL) == -1)
		fatal_f("timerfd_settime: %s", strerror(errno));
	ex.retry_ms = MINIMUM(ex.retry_ms * 2, WAITING_RETRY_MAX);
}

/* Bytes that the client may lack. */
static size_t
outstanding(struct ssh *ssh)
{
	return ex.out_written - ex.tail_start + sshbuf_len(
	    (struct sshbuf *)ssh_packet_get_output(ssh));
}

static void
try_start(struct ssh *ssh)
{
	uint64_t from;
	int r;

	if (jeebs_packet_compressed(ssh)) {
		logit("jeebs: not protected: compression is on");
		detach();
		ex.gated = 0;
		jeebs_forward_attach(ssh, -1, 1);
		return;
	}
	from = acked();
	if (from < ex.tail_start || outstanding(ssh) > JEEBS_MAX_STREAM) {
		retry_soon();
		return;
	}
	ex.transport_dirty = 1;
	ex.phase = PROTECTED;
	ex.gated = 1;
	if ((r = record(ssh, JEEBS_REC_CHECKPOINT, from)) != 0)
		give_up(r, "checkpoint");
	debug_f("exported from offset %llu on", (unsigned long long)from);
	jeebs_testing_fault("session");
	jeebs_testing_attack(ssh, ex.mon_fd, ex.kick, ex.commit, ex.ring,
	    ex.ring_size, ex.chain);
}

static void
attach(struct ssh *ssh, struct sshbuf *m, int *fds, int nfds)
{
	const u_char *key, *id;
	size_t keylen, idlen;
	uint64_t epoch;
	int r;

	detach();
	ex.phase = WAITING;
	ex.retry_ms = WAITING_RETRY_MS;
	if ((r = sshbuf_get_string_direct(m, &key, &keylen)) != 0 ||
	    (r = sshbuf_get_string_direct(m, &id, &idlen)) != 0 ||
	    (r = sshbuf_get_u64(m, &epoch)) != 0)
		fatal_fr(r, "parse");
	if (sshbuf_len(m) != 0 || keylen != JEEBS_KEY_LEN ||
	    idlen != JEEBS_ID_LEN || nfds != 4)
		fatal_f("malformed");
	if ((r = jeebs_ring_map(fds[0], &ex.ring, &ex.ring_size)) != 0)
		fatal_fr(r, "map ring");
	/* a program that we start has no business with it */
	(void)madvise(ex.ring, JEEBS_RING_HEADER + ex.ring_size,
	    MADV_DONTFORK);
	jeebs_testing_memfd(fds[0]);
	close(fds[0]);
	ex.kick = fds[1];
	ex.commit = fds[2];
	if ((ex.chain = jeebs_chain_new(key, id, epoch)) == NULL)
		fatal_f("chain");
	jeebs_forward_attach(ssh, fds[3], 0);
	try_start(ssh);
}

static void
from_monitor(struct ssh *ssh)
{
	struct sshbuf *m;
	int fds[JEEBS_MAX_FDS], nfds, r;
	u_char type;

	if ((m = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new");
	if ((r = jeebs_msg_recv(ex.mon_fd, m, fds, 4, &nfds,
	    MSG_DONTWAIT)) != 0) {
		if (r == SSH_ERR_SYSTEM_ERROR &&
		    (errno == EAGAIN || errno == EINTR)) {
			sshbuf_free(m);
			return;
		}
		/* MON is gone, and we shall be soon. */
		debug_fr(r, "monitor");
		close_fd(&ex.mon_fd);
		sshbuf_free(m);
		return;
	}
	if ((r = sshbuf_get_u8(m, &type)) != 0)
		fatal_fr(r, "parse");
	switch (type) {
	case JEEBS_MSG_ATTACH:
		attach(ssh, m, fds, nfds);
		break;
	case JEEBS_MSG_UNATTACH:
		detach();
		ex.gated = 0;
		jeebs_forward_attach(ssh, -1, 1);
		debug("jeebs: going on unprotected");
		break;
	default:
		fatal_f("unexpected message %u", type);
	}
	sshbuf_free(m);
}

/* hooks */

static void
did_read(struct ssh *ssh, size_t len)
{
	ex.in_read += len;
}

static size_t
may_write(struct ssh *ssh, size_t len)
{
	uint64_t upto;

	/* What can't be exported at once is held until the client has less. */
	if (!ex.gated)
		return ex.phase == WAITING &&
		    outstanding(ssh) > JEEBS_MAX_STREAM / 2 ? 0 : len;
	if (jeebs_testing("commit-ignored"))
		return len;
	if ((upto = committed()) <= ex.out_written)
		return 0;
	jeebs_testing_kex(ssh, "committed");
	len = MINIMUM(len, upto - ex.out_written);
	if (jeebs_testing("stop part-written"))
		len = MAXIMUM(len / 2, 1);
	return len;
}

static void
did_write(struct ssh *ssh, const u_char *p, size_t len)
{
	int r;

	if ((r = sshbuf_put(ex.tail, p, len)) != 0)
		fatal_fr(r, "tail");
	ex.out_written += len;
	jeebs_testing_kex(ssh, "sent");
	if (len < sshbuf_len((struct sshbuf *)ssh_packet_get_output(ssh)))
		jeebs_testing_stop("part-written");
	if (sshbuf_len(ex.tail) > CHECKPOINT_BYTES)
		(void)acked();
}

static size_t
bound(size_t upstream)
{
	if (sshbuf_len(ex.backlog) > BACKLOG_MAX)
		return 0;
	return ex.phase == PROTECTED ? upstream * PIPELINE_FACTOR : upstream;
}

static int
full(struct ssh *ssh)
{
	return ex.phase != OFF && sshbuf_len(
	    (struct sshbuf *)ssh_packet_get_output(ssh)) > FULL_BYTES;
}

/*
 * What a client sends waits for the standby and comes in larger pieces: one that
 * rekeys often has the next KEXINIT in the piece that ends an exchange, each time.
 * Nothing of channels would ever go to it.
 */
static void
rekeying(struct ssh *ssh)
{
	u_int i;

	for (i = 0; i < REKEY_TURNS &&
	    ssh_packet_not_very_much_data_to_write(ssh); i++)
		channel_output_poll(ssh);
}

static void
newkeys(struct ssh *ssh)
{
	ex.transport_dirty = 1;
}

static u_int
npoll(void)
{
	return 3;
}

/* Is there anything that the last record doesn't say? */
static int
record_due(struct ssh *ssh)
{
	struct sshbuf *output = ssh_packet_get_output(ssh);
	struct sshbuf *input = ssh_packet_get_input(ssh);
	uint64_t n = ex.in_read - sshbuf_len(input) - ex.in_recorded +
	    ex.out_written + sshbuf_len(output) - ex.out_recorded;

	if (n >= GATHER_MIN && n < GATHER_MAX && ex.last_bytes >= GATHER_MIN &&
	    jeebs_ring_committed_seq(ex.ring) < ex.last_seq)
		return 0;
	return n != 0 || jeebs_forward_due();
}

static void
update(struct ssh *ssh)
{
	enum jeebs_record_type type;
	u_int i;
	int r;

	/* Broken input is being discarded, and then the connection ends. */
	if (!jeebs_packet_exportable(ssh))
		return;
	for (i = 0; jeebs_modules[i] != NULL; i++) {
		if (jeebs_modules[i]->observe != NULL)
			jeebs_modules[i]->observe(ssh);
	}
	if (ex.phase == WAITING)
		try_start(ssh);
	if (ex.phase != PROTECTED)
		return;
	if (record_due(ssh)) {
		type = ex.records >= CHECKPOINT_RECORDS ||
		    ex.bytes >= CHECKPOINT_BYTES ?
		    JEEBS_REC_CHECKPOINT : JEEBS_REC_PROGRESS;
		jeebs_testing_kex(ssh, "reached");
		if ((r = record(ssh, type, ex.out_recorded)) != 0)
			give_up(r, "progress");
	}
	flush();
}

static void
prepare_poll(struct ssh *ssh, struct pollfd *pfd)
{
	update(ssh);
	pfd[0].fd = ex.mon_fd;
	pfd[1].fd = ex.phase == PROTECTED ? ex.commit : ex.timer;
	pfd[2].fd = jeebs_forward_fd();
	pfd[0].events = pfd[1].events = pfd[2].events = POLLIN;
}

static int
after_poll(struct ssh *ssh, struct pollfd *pfd, int *ret)
{
	struct sshbuf *output = ssh_packet_get_output(ssh);
	uint64_t n;
	int woken = 0;

	*ret -= (pfd[0].revents != 0) + (pfd[1].revents != 0) +
	    (pfd[2].revents != 0);
	/* The client can't answer a probe that is held back here. */
	if (ex.gated && sshbuf_len(output) != 0 &&
	    may_write(ssh, sshbuf_len(output)) == 0)
		ssh_packet_set_alive_timeouts(ssh, 0);
	if (pfd[1].revents != 0 && pfd[1].fd != -1) {
		if (read(pfd[1].fd, &n, sizeof(n)) == -1 && errno != EAGAIN)
			error_f("read: %s", strerror(errno));
		if (ex.ring != NULL)
			jeebs_forward_committed(
			    jeebs_ring_committed_seq(ex.ring));
		woken = 1;
	}
	if (pfd[2].revents != 0)
		jeebs_forward_event(ssh);
	if (pfd[0].revents != 0 && pfd[0].fd != -1) {
		from_monitor(ssh);
		woken = 1;
	}
	return woken && ssh_packet_have_data_to_write(ssh);
}

/* Sleeps until there may be more to do for closing(). */
static int
closing_wait(struct ssh *ssh, const struct timespec *left, int may_send)
{
	struct pollfd pfd[2];
	uint64_t n;

	pfd[0].fd = ex.mon_fd;
	pfd[0].events = POLLIN;
	if (may_send) {
		pfd[1].fd = ex.sock;
		pfd[1].events = POLLOUT;
	} else {
		pfd[1].fd = ex.phase == PROTECTED ? ex.commit : ex.timer;
		pfd[1].events = POLLIN;
	}
	pfd[0].revents = pfd[1].revents = 0;
	if (ppoll(pfd, 2, left, NULL) == -1 && errno != EINTR)
		return -1;
	if ((pfd[1].revents & POLLIN) != 0 &&
	    read(pfd[1].fd, &n, sizeof(n)) == -1 && errno != EAGAIN)
		return -1;
	return pfd[0].revents != 0;
}

/*
 * Waits a bounded time until the standby holds all, or until MON says that
 * there is none any more, and sends it.
 */
static void
closing(struct ssh *ssh)
{
	struct sshbuf *output = ssh_packet_get_output(ssh);
	struct timespec deadline, now, left;
	int r, ended = 0;

	if (ex.phase == OFF || !ex.gated)
		return;
	if (clock_gettime(CLOCK_MONOTONIC, &deadline) == -1)
		return;
	deadline.tv_sec += CLOSING_MS / 1000;
	for (;;) {
		if (ex.phase == WAITING)
			try_start(ssh);
		if (ex.phase == PROTECTED && !ended) {
			if (record(ssh, JEEBS_REC_END, ex.out_recorded) != 0)
				break;
			ended = 1;
		}
		flush();
		if (ended && committed() == ex.out_recorded)
			jeebs_testing_stop("end-committed");
		if (may_write(ssh, sshbuf_len(output)) != 0 &&
		    ssh_packet_write_poll(ssh) != 0)
			break;
		if (sshbuf_len(output) == 0 && (ended || ex.phase == OFF))
			break;
		if (clock_gettime(CLOCK_MONOTONIC, &now) == -1)
			break;
		if (timespeccmp(&now, &deadline, >=)) {
			logit("jeebs: the standby doesn't answer: the last "
			    "%zu bytes were not sent", sshbuf_len(output));
			break;
		}
		timespecsub(&deadline, &now, &left);
		if ((r = closing_wait(ssh, &left, may_write(ssh,
		    sshbuf_len(output)) != 0)) == -1)
			break;
		if (r == 1) {
			/* a new incarnation needs an end of its own */
			from_monitor(ssh);
			ended = 0;
		}
	}
	detach();
	/* What was not committed is never sent. */
	ex.gated = 1;
}

static void
resume(struct ssh *ssh)
{
	if (jeebs_on_resume != NULL)
		jeebs_on_resume(ssh);
}

/*
 * A child of ours needs no keys, not even one that never execs. Upstream
 * wiped those of the packet layer.
 */
static void
child(struct ssh *ssh, struct Session *s)
{
	jeebs_chain_free(ex.chain);
	ex.chain = NULL;
	jeebs_state_free(ex.state);
	ex.state = NULL;
	sshbuf_free(ex.objects);
	ex.objects = NULL;
	if (jeebs_on_child != NULL)
		jeebs_on_child();
	jeebs_session_child(ssh, s);
}

const struct jeebs_hooks jeebs_session_hooks = {
	.did_read = did_read,
	.may_write = may_write,
	.did_write = did_write,
	.bound = bound,
	.full = full,
	.rekeying = rekeying,
	.newkeys = newkeys,
	.closing = closing,
	.npoll = npoll,
	.prepare_poll = prepare_poll,
	.after_poll = after_poll,
	.resume = resume,
	.connecting = jeebs_source_bind,
	.connected = jeebs_forward_connected,
	.want = jeebs_forward_want,
	.did_receive = jeebs_forward_did_read,
	.may_send = jeebs_forward_may_write,
	.unsent = jeebs_forward_unsent,
	.did_send = jeebs_forward_did_write,
	.set_fds = jeebs_channel_set_fds,
	.exec = jeebs_session_exec,
	.child = child,
	.monitor_fd = jeebs_mon_fd,
	.monitor_event = jeebs_mon_event,
};
