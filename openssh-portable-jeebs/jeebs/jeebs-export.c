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
#include <sys/timerfd.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "openbsd-compat/sys-queue.h"
#include "channels.h"
#include "log.h"
#include "misc.h"
#include "packet.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "jeebs/jeebs-export.h"
#include "jeebs/jeebs-forward.h"
#include "jeebs/jeebs-hooks.h"
#include "jeebs/jeebs-module.h"
#include "jeebs/jeebs-msg.h"
#include "jeebs/jeebs-recorder.h"
#include "jeebs/jeebs-session.h"
#include "jeebs/jeebs-source.h"
#include "jeebs/jeebs-state.h"
#include "jeebs/jeebs-testing.h"

/*
 * How much farther than upstream sshd may seal ahead of the client; and of what
 * waits for the standby so many bytes don't count.
 */
#define PIPELINE_FACTOR		8
#define PIPELINE_MORE		(1024 * 1024)
#define WAITING_RETRY_MS	10	/* at first, then twice as long */
#define WAITING_RETRY_MAX	1000
#define ASKING_MAX		1	/* seconds */
/* Room for what one turn seals beyond it. */
#define FULL_BYTES		(JEEBS_MAX_STREAM / 4 * 3)
#define CLOSING_MS		2000
/* Each gives a channel no more than a packet. */
#define REKEY_TURNS		4

enum phase { OFF, WAITING, PROTECTED };

static struct {
	enum phase phase;
	int gated;		/* PROTECTED, or WAITING after it */
	int closing;		/* no channel has anything to say any more */
	int mon_fd;
	int sock;
	int timer;		/* timerfd, armed while WAITING */
	int retry_ms;
	u_int unanswered;	/* forwards, when it was looked at last */
	struct timespec asking_until;
	struct jeebs_recorder *recorder;
} ex = { .mon_fd = -1, .sock = -1, .timer = -1 };

void (*jeebs_on_resume)(struct ssh *) = NULL;
void (*jeebs_on_child)(void) = NULL;

void
jeebs_export_init(int mon_fd, int sock, uint64_t in, uint64_t out)
{
	ex.mon_fd = mon_fd;
	ex.sock = sock;
	ex.recorder = jeebs_recorder_new(sock);
	if ((ex.timer = timerfd_create(CLOCK_MONOTONIC,
	    TFD_CLOEXEC|TFD_NONBLOCK)) == -1)
		fatal_f("timerfd_create: %s", strerror(errno));
	jeebs_export_offsets(in, out);
}

void
jeebs_export_offsets(uint64_t in, uint64_t out)
{
	jeebs_recorder_offsets(ex.recorder, in, out);
}

int
jeebs_export_socket(void)
{
	return ex.sock;
}

static void
detach(void)
{
	struct itimerspec never;

	jeebs_recorder_detach(ex.recorder);
	memset(&never, 0, sizeof(never));
	(void)timerfd_settime(ex.timer, 0, &never, NULL);
	ex.phase = OFF;
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
retry_at(int flags, const struct timespec *at)
{
	struct itimerspec when;

	memset(&when, 0, sizeof(when));
	when.it_value = *at;
	if (timerfd_settime(ex.timer, flags, &when, NULL) == -1)
		fatal_f("timerfd_settime: %s", strerror(errno));
}

static void
retry_soon(void)
{
	struct timespec in = { ex.retry_ms / 1000,
	    ex.retry_ms % 1000 * 1000000L };

	retry_at(0, &in);
	ex.retry_ms = MINIMUM(ex.retry_ms * 2, WAITING_RETRY_MAX);
}

/*
 * Does the first record wait for what jeebsd says of the forwards? As long as it
 * goes on to answer.
 */
static int
asking(struct ssh *ssh)
{
	struct timespec now;
	u_int n;

	if (ex.closing || (n = jeebs_forward_unanswered(ssh)) == 0)
		return 0;
	if (clock_gettime(CLOCK_MONOTONIC, &now) == -1)
		fatal_f("clock_gettime: %s", strerror(errno));
	if (n < ex.unanswered) {
		ex.asking_until = now;
		ex.asking_until.tv_sec += ASKING_MAX;
	}
	ex.unanswered = n;
	if (timespeccmp(&now, &ex.asking_until, >=))
		return 0;
	retry_at(TFD_TIMER_ABSTIME, &ex.asking_until);
	return 1;
}

static void
try_start(struct ssh *ssh)
{
	int r;

	if (jeebs_packet_compressed(ssh)) {
		logit("jeebs: not protected: compression is on");
		detach();
		ex.gated = 0;
		jeebs_forward_attach(ssh, -1, 1);
		return;
	}
	if (!jeebs_recorder_can_start(ex.recorder, ssh)) {
		retry_soon();
		return;
	}
	if (asking(ssh))
		return;
	ex.phase = PROTECTED;
	ex.gated = 1;
	if ((r = jeebs_recorder_start(ex.recorder, ssh)) != 0)
		give_up(r, "checkpoint");
	jeebs_testing_stop("first-record");
	jeebs_testing_fault("session");
	jeebs_testing_attack(ssh, ex.mon_fd);
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
	ex.unanswered = UINT_MAX;
	if ((r = sshbuf_get_string_direct(m, &key, &keylen)) != 0 ||
	    (r = sshbuf_get_string_direct(m, &id, &idlen)) != 0 ||
	    (r = sshbuf_get_u64(m, &epoch)) != 0)
		fatal_fr(r, "parse");
	if (sshbuf_len(m) != 0 || keylen != JEEBS_KEY_LEN ||
	    idlen != JEEBS_ID_LEN || nfds != 4)
		fatal_f("malformed");
	if ((r = jeebs_recorder_attach(ex.recorder, fds[0], fds[1], fds[2],
	    key, id, epoch)) != 0)
		fatal_fr(r, "recorder");
	jeebs_forward_attach(ssh, fds[3], 0);
	jeebs_testing_stop("cut-at-attach");
	try_start(ssh);
}

/* Has a new incarnation begun? */
static int
from_monitor(struct ssh *ssh)
{
	struct sshbuf *m;
	int fds[JEEBS_MAX_FDS], nfds, r, attached = 0;
	u_char type;

	if ((m = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new");
	if ((r = jeebs_msg_recv(ex.mon_fd, m, fds, 4, &nfds,
	    MSG_DONTWAIT)) != 0) {
		if (r == SSH_ERR_SYSTEM_ERROR &&
		    (errno == EAGAIN || errno == EINTR)) {
			sshbuf_free(m);
			return 0;
		}
		/* MON is gone, and we shall be soon. */
		debug_fr(r, "monitor");
		close(ex.mon_fd);
		ex.mon_fd = -1;
		sshbuf_free(m);
		return 0;
	}
	if ((r = sshbuf_get_u8(m, &type)) != 0)
		fatal_fr(r, "parse");
	switch (type) {
	case JEEBS_MSG_ATTACH:
		attach(ssh, m, fds, nfds);
		attached = 1;
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
	return attached;
}

/* hooks */

static void
did_read(struct ssh *ssh, size_t len)
{
	jeebs_recorder_did_read(ex.recorder, len);
}

static size_t
may_write(struct ssh *ssh, size_t len)
{
	uint64_t n;

	/* What can't be exported at once is held until the client has less. */
	if (!ex.gated)
		return ex.phase == WAITING &&
		    jeebs_recorder_unacked(ex.recorder, ssh) >
		    JEEBS_MAX_STREAM / 2 ? 0 : len;
	if (jeebs_testing("commit-ignored"))
		return len;
	if ((n = jeebs_recorder_may_write(ex.recorder)) == 0)
		return 0;
	jeebs_testing_kex(ssh, "committed");
	len = MINIMUM(len, n);
	if (jeebs_testing("stop part-written"))
		len = MAXIMUM(len / 2, 1);
	return len;
}

static void
did_write(struct ssh *ssh, const u_char *p, size_t len)
{
	jeebs_recorder_did_write(ex.recorder, p, len);
	jeebs_testing_kex(ssh, "sent");
	if (len < sshbuf_len((struct sshbuf *)ssh_packet_get_output(ssh)))
		jeebs_testing_stop("part-written");
}

static size_t
bound(struct ssh *ssh, size_t upstream)
{
	size_t len = sshbuf_len((struct sshbuf *)ssh_packet_get_output(ssh));
	uint64_t ready;

	if (jeebs_recorder_stuck(ex.recorder))
		return 0;
	if (ex.phase != PROTECTED)
		return upstream;
	ready = MINIMUM(len, jeebs_recorder_may_write(ex.recorder));
	return upstream * PIPELINE_FACTOR +
	    MINIMUM(len - ready, PIPELINE_MORE);
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
	jeebs_recorder_newkeys(ex.recorder);
}

static u_int
npoll(void)
{
	return 3;
}

static void
update(struct ssh *ssh)
{
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
	if (jeebs_recorder_due(ex.recorder, ssh)) {
		jeebs_testing_kex(ssh, "reached");
		if ((r = jeebs_recorder_next(ex.recorder, ssh)) != 0)
			give_up(r, "progress");
	}
	jeebs_recorder_flush(ex.recorder);
}

static void
prepare_poll(struct ssh *ssh, struct pollfd *pfd)
{
	struct sshbuf *output = ssh_packet_get_output(ssh);
	size_t before = sshbuf_len(output);

	update(ssh);
	/* the connection's comes before ours, and didn't know of it */
	if (sshbuf_len(output) > before &&
	    may_write(ssh, sshbuf_len(output)) != 0)
		pfd[-1].events |= POLLOUT;
	pfd[0].fd = ex.mon_fd;
	pfd[1].fd = ex.phase == PROTECTED ?
	    jeebs_recorder_fd(ex.recorder) : ex.timer;
	pfd[2].fd = jeebs_forward_fd();
	pfd[0].events = pfd[1].events = pfd[2].events = POLLIN;
	if (jeebs_forward_unsaid())
		pfd[2].events |= POLLOUT;
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
		jeebs_recorder_answered(ex.recorder);
		woken = 1;
	}
	if (pfd[2].revents != 0)
		jeebs_forward_event(ssh);
	if (pfd[0].revents != 0 && pfd[0].fd != -1) {
		(void)from_monitor(ssh);
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
		pfd[1].fd = ex.phase == PROTECTED ?
		    jeebs_recorder_fd(ex.recorder) : ex.timer;
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
	ex.closing = 1;
	for (;;) {
		if (ex.phase == WAITING)
			try_start(ssh);
		if (ex.phase == PROTECTED && !ended) {
			if (jeebs_recorder_end(ex.recorder, ssh) != 0)
				break;
			ended = 1;
		}
		jeebs_recorder_flush(ex.recorder);
		if (ended && jeebs_recorder_all_committed(ex.recorder))
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
			if (from_monitor(ssh))
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
	jeebs_recorder_forget(ex.recorder);
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
	.accepted = jeebs_forward_accepted,
	.unopened = jeebs_forward_unopened,
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
