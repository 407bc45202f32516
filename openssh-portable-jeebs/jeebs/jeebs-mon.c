/* SPDX-License-Identifier: ISC */
/*
 * MON's side of protection: the connection to jeebsd, and the root record,
 * which only MON can write since it alone knows who the user is without
 * asking a process that the user owns.
 */
#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "openbsd-compat/sys-queue.h"
#include "hostfile.h"
#include "auth.h"
#include "auth-options.h"
#include "kex.h"
#include "log.h"
#include "misc.h"
#include "monitor.h"
#include "packet.h"
#include "servconf.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "xmalloc.h"
#include "jeebs/jeebs-export.h"
#include "jeebs/jeebs-hooks.h"
#include "jeebs/jeebs-host.h"
#include "jeebs/jeebs-msg.h"
#include "jeebs/jeebs-root.h"
#include "jeebs/jeebs-session.h"
#include "jeebs/jeebs-socket.h"
#include "jeebs/jeebs-tcp.h"
#include "jeebs/jeebs-testing.h"

/*
 * Until jeebsd is tried again, in ms: soon, as one that was started again has
 * sessions that wait for it; then twice as long each time, up to the second
 * while there is none and up to the third if it hangs up at once, but less than
 * the standby keeps what isn't offered anew.
 */
#define RECONNECT_MS		10
#define RECONNECT_ABSENT	1000
#define RECONNECT_MAX		32000
#define ROOT_LIFETIME		(24 * 60 * 60)

extern ServerOptions options;
extern struct monitor *pmonitor;
extern struct sshauthopt *auth_opts;

static struct {
	int started;
	int jeebsd;		/* channel, -1 while there is none */
	int timer;		/* armed while there is none */
	int delay;		/* ms */
	double connected;	/* since when there is one */
	int attached;		/* PA was, and wasn't told to go on alone */
	char told[JEEBS_MAX_REASON + 1];	/* why not protected */
	int pa, pa_end;		/* socketpair with PA */
	int sock;
	int adopted;
	struct jeebs_tcp_state tcp;
	struct jeebs_offsets off;
	uint64_t in_base;	/* where the socket began to count */
	struct Authctxt *authctxt;
} mon = { .jeebsd = -1, .timer = -1, .pa = -1, .pa_end = -1, .sock = -1 };

void (*jeebs_on_monitor)(void) = NULL;

void
jeebs_mon_adopted(const struct jeebs_tcp_state *tcp, uint64_t in_off)
{
	mon.tcp = *tcp;
	mon.in_base = in_off;
	mon.adopted = 1;
}

int
jeebs_mon_fd(void)
{
	if (!mon.started)
		return -1;
	return mon.jeebsd != -1 ? mon.jeebsd : mon.timer;
}

static void
close_fds(int *fds, int nfds)
{
	int i;

	for (i = 0; i < nfds; i++) {
		if (fds[i] != -1)
			close(fds[i]);
		fds[i] = -1;
	}
}

static int
say_hello(int fd)
{
	struct sshbuf *m = NULL, *tcp = NULL;
	int r;

	if ((m = sshbuf_new()) == NULL || (tcp = sshbuf_new()) == NULL) {
		r = SSH_ERR_ALLOC_FAIL;
		goto out;
	}
	if ((r = jeebs_tcp_put(tcp, &mon.tcp)) != 0 ||
	    (r = sshbuf_put_u8(m, JEEBS_MSG_HELLO)) != 0 ||
	    (r = sshbuf_put_u32(m, JEEBS_PROTO_VERSION)) != 0 ||
	    (r = sshbuf_put_cstring(m, JEEBS_FORK_VERSION)) != 0 ||
	    (r = sshbuf_put_cstring(m, mon.authctxt->user)) != 0 ||
	    (r = sshbuf_put_stringb(m, tcp)) != 0 ||
	    (r = sshbuf_put_u64(m, mon.in_base)) != 0 ||
	    (r = sshbuf_put_u8(m, mon.attached)) != 0 ||
	    (r = jeebs_msg_send(fd, m, &mon.sock, 1, MSG_DONTWAIT)) != 0)
		goto out;
 out:
	sshbuf_free(m);
	sshbuf_free(tcp);
	return r;
}

static void
reconnect_later(void)
{
	struct itimerspec when;

	memset(&when, 0, sizeof(when));
	when.it_value.tv_sec = mon.delay / 1000;
	when.it_value.tv_nsec = mon.delay % 1000 * 1000000L;
	if (timerfd_settime(mon.timer, 0, &when, NULL) == -1)
		fatal_f("timerfd_settime: %s", strerror(errno));
}

static void
connect_jeebsd(void)
{
	int fd, r;

	if ((fd = jeebs_socket_connect(options.jeebs_socket)) == -1)
		return;
	if ((r = say_hello(fd)) != 0) {
		error_fr(r, "hello");
		close(fd);
		return;
	}
	mon.jeebsd = fd;
	mon.connected = monotime_double();
}

static void
close_jeebsd(void)
{
	close(mon.jeebsd);
	mon.jeebsd = -1;
	mon.delay = (monotime_double() - mon.connected) * 1000 > mon.delay ?
	    RECONNECT_MS : MINIMUM(mon.delay * 2, RECONNECT_MAX);
	reconnect_later();
}

/* What PA was told before stays in force until jeebsd says otherwise. */
static void
lost_jeebsd(void)
{
	close_jeebsd();
	do_log2(mon.delay <= 2 * RECONNECT_MS ? SYSLOG_LEVEL_INFO :
	    SYSLOG_LEVEL_DEBUG1, "jeebs: lost jeebsd; trying to reach it "
	    "again in %d ms", mon.delay);
}

static void
send_reason(enum jeebs_msg type, const char *reason)
{
	struct sshbuf *m;
	int r;

	if ((m = sshbuf_new()) == NULL)
		return;
	if ((r = sshbuf_put_u8(m, type)) != 0 ||
	    (r = sshbuf_put_cstring(m, reason)) != 0 ||
	    (r = jeebs_msg_send(mon.jeebsd, m, NULL, 0, MSG_DONTWAIT)) != 0)
		error_fr(r, "send");
	sshbuf_free(m);
}

/* The version strings of the connection, without line ends. */
static int
version_string(const struct sshbuf *b, char **out)
{
	char *s;

	if ((s = sshbuf_dup_string((struct sshbuf *)b)) == NULL)
		return SSH_ERR_INVALID_FORMAT;
	s[strcspn(s, "\r\n")] = '\0';
	*out = s;
	return 0;
}

static int
fill_root(struct ssh *ssh, struct jeebs_root *root, uint64_t epoch)
{
	struct Authctxt *a = mon.authctxt;
	char host[NI_MAXHOST];
	int r;

	arc4random_buf(root->record_id, sizeof(root->record_id));
	root->epoch = epoch;
	root->not_after = (uint64_t)time(NULL) + ROOT_LIFETIME;
	if (gethostname(host, sizeof(host)) == -1)
		return SSH_ERR_SYSTEM_ERROR;
	host[sizeof(host) - 1] = '\0';
	root->host = xstrdup(host);
	root->tcp = mon.tcp;
	root->user = xstrdup(a->user);
	root->style = a->style == NULL ? NULL : xstrdup(a->style);
	root->role = a->role == NULL ? NULL : xstrdup(a->role);
	if (a->session_info != NULL && sshbuf_len(a->session_info) != 0 &&
	    (root->session_info = sshbuf_dup_string(a->session_info)) == NULL)
		return SSH_ERR_INVALID_FORMAT;
	root->uid = a->pw->pw_uid;
	root->gid = a->pw->pw_gid;
	root->force_pwchange = a->force_pwchange != 0;
	root->compat = ssh->compat;
	root->fork_version = xstrdup(JEEBS_FORK_VERSION);
	if ((r = jeebs_monitor_session_id(root->session_id)) != 0 ||
	    (r = sshauthopt_serialise(auth_opts, root->auth_opts, 0)) != 0 ||
	    (r = version_string(ssh->kex->client_version,
	    &root->client_version)) != 0 ||
	    (r = version_string(ssh->kex->server_version,
	    &root->server_version)) != 0 ||
	    (r = jeebs_policy_digest(root->policy,
	    sizeof(root->policy))) != 0)
		return r;
	return 0;
}

static int
send_root(struct sshbuf *record)
{
	struct sshbuf *m;
	int r;

	if ((m = sshbuf_new()) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	if ((r = sshbuf_put_u8(m, JEEBS_MSG_ROOT)) == 0 &&
	    (r = sshbuf_put_stringb(m, record)) == 0)
		r = jeebs_msg_send(mon.jeebsd, m, NULL, 0, MSG_DONTWAIT);
	sshbuf_free(m);
	return r;
}

static int
send_attach(const u_char key[JEEBS_KEY_LEN], const struct jeebs_root *root,
    const int *fds, int nfds)
{
	struct sshbuf *m;
	int r;

	if ((m = sshbuf_new()) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	if ((r = sshbuf_put_u8(m, JEEBS_MSG_ATTACH)) == 0 &&
	    (r = sshbuf_put_string(m, key, JEEBS_KEY_LEN)) == 0 &&
	    (r = sshbuf_put_string(m, root->record_id,
	    sizeof(root->record_id))) == 0 &&
	    (r = sshbuf_put_u64(m, root->epoch)) == 0)
		r = jeebs_msg_send(mon.pa, m, fds, nfds, MSG_DONTWAIT);
	sshbuf_free(m);
	return r;
}

static void
offer(struct ssh *ssh, struct sshbuf *m, const int *fds, int nfds)
{
	struct jeebs_recovery_pub pub;
	struct jeebs_root *root = NULL;
	struct sshbuf *record = NULL;
	struct sshkey *key;
	void *signer_ctx;
	u_char session_key[JEEBS_KEY_LEN];
	const u_char *blob;
	char reason[JEEBS_MAX_REASON];
	const char *what;
	size_t bloblen;
	uint64_t epoch;
	int r;

	memset(&pub, 0, sizeof(pub));
	memset(session_key, 0, sizeof(session_key));
	what = "offer";
	jeebs_testing_stop("cut-at-offer");
	if ((r = sshbuf_get_u64(m, &epoch)) != 0 ||
	    (r = sshbuf_get_string_direct(m, &blob, &bloblen)) != 0)
		goto out;
	if (sshbuf_len(m) != 0 || nfds != 4) {
		r = SSH_ERR_INVALID_FORMAT;
		goto out;
	}
	what = "recovery key of the standby";
	if ((r = jeebs_recovery_verify(blob, bloblen, jeebs_own_key, ssh,
	    time(NULL), &pub)) != 0)
		goto out;
	if (strcmp(pub.fork_version, JEEBS_FORK_VERSION) != 0)
		logit("jeebs: standby %.100s runs %.100s, this host %s",
		    pub.host, pub.fork_version, JEEBS_FORK_VERSION);
	what = "root record";
	if ((key = jeebs_signing_key(&signer_ctx)) == NULL) {
		r = SSH_ERR_KEY_NOT_FOUND;
		goto out;
	}
	if ((root = jeebs_root_new()) == NULL ||
	    (record = sshbuf_new()) == NULL) {
		r = SSH_ERR_ALLOC_FAIL;
		goto out;
	}
	if ((r = fill_root(ssh, root, epoch)) != 0 ||
	    (r = jeebs_root_seal(root, &pub, key, jeebs_host_signer,
	    signer_ctx, record, session_key)) != 0)
		goto out;
	what = "hand over";
	if ((r = send_root(record)) != 0)
		goto out;
	jeebs_testing_stop("cut-at-root");
	if ((r = send_attach(session_key, root, fds, nfds)) != 0) {
		/* PA has just ended, and with the channel so does the session */
		debug_fr(r, "%s", what);
		close_jeebsd();
		r = 0;
		goto out;
	}
	mon.attached = 1;
	mon.told[0] = '\0';
	debug("jeebs: offered protection by %s, epoch %llu", pub.host,
	    (unsigned long long)epoch);
 out:
	explicit_bzero(session_key, sizeof(session_key));
	if (r != 0) {
		snprintf(reason, sizeof(reason), "%s: %s", what,
		    jeebs_key_err(r));
		logit("jeebs: not protected: %s", reason);
		send_reason(JEEBS_MSG_REFUSE, reason);
	}
	jeebs_recovery_pub_clear(&pub);
	jeebs_root_free(root);
	sshbuf_free(record);
}

static int
send_unattach(void)
{
	struct sshbuf *m;
	int r;

	if ((m = sshbuf_new()) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	if ((r = sshbuf_put_u8(m, JEEBS_MSG_UNATTACH)) == 0)
		r = jeebs_msg_send(mon.pa, m, NULL, 0, MSG_DONTWAIT);
	sshbuf_free(m);
	return r;
}

static void
tell_unattach(struct sshbuf *m)
{
	char *reason = NULL;
	int r;

	if ((r = jeebs_get_text(m, &reason)) == 0 && sshbuf_len(m) != 0)
		r = SSH_ERR_UNEXPECTED_TRAILING_DATA;
	if (r != 0) {
		error_fr(r, "detach");
		free(reason);
		return;
	}
	/* whom jeebsd doesn't take hears that again and again */
	do_log2(strcmp(reason, mon.told) == 0 ? SYSLOG_LEVEL_DEBUG1 :
	    SYSLOG_LEVEL_INFO, "jeebs: going on unprotected: %.200s", reason);
	strlcpy(mon.told, reason, sizeof(mon.told));
	free(reason);
	if ((r = send_unattach()) != 0) {
		/* attached as before: jeebsd will say it again */
		error_fr(r, "unattach");
		lost_jeebsd();
		return;
	}
	mon.attached = 0;
}

void
jeebs_mon_event(struct ssh *ssh)
{
	struct sshbuf *m;
	uint64_t n;
	int fds[JEEBS_MAX_FDS], nfds = 0, r;
	u_char type;

	if (mon.jeebsd == -1) {
		if (read(mon.timer, &n, sizeof(n)) == -1 && errno != EAGAIN)
			fatal_f("timer: %s", strerror(errno));
		connect_jeebsd();
		if (mon.jeebsd == -1) {
			if (mon.delay < RECONNECT_ABSENT)
				mon.delay = MINIMUM(mon.delay * 2,
				    RECONNECT_ABSENT);
			reconnect_later();
		}
		return;
	}
	if ((m = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new");
	if ((r = jeebs_msg_recv(mon.jeebsd, m, fds, 4, &nfds,
	    MSG_DONTWAIT)) != 0) {
		if (r != SSH_ERR_SYSTEM_ERROR ||
		    (errno != EAGAIN && errno != EINTR))
			lost_jeebsd();
		sshbuf_free(m);
		return;
	}
	if ((r = sshbuf_get_u8(m, &type)) != 0)
		error_fr(r, "parse");
	else switch (type) {
	case JEEBS_MSG_OFFER:
		offer(ssh, m, fds, nfds);
		break;
	case JEEBS_MSG_DETACH:
		tell_unattach(m);
		break;
	case JEEBS_MSG_RETIRE:
		logit("jeebs: another host owns this session now");
		if (pmonitor->m_pid > 1)
			kill(pmonitor->m_pid, SIGKILL);
		break;
	default:
		error_f("unexpected message %u from jeebsd", type);
	}
	close_fds(fds, nfds);
	sshbuf_free(m);
}

void
jeebs_session_start(struct ssh *ssh, struct Authctxt *authctxt)
{
	int pair[2], r;

	if (!options.jeebs)
		return;
	if (!ssh_packet_connection_is_on_socket(ssh)) {
		logit("jeebs: not protected: not a socket");
		return;
	}
	mon.sock = ssh_packet_get_connection_in(ssh);
	mon.authctxt = authctxt;
	if (!mon.adopted && ((r = jeebs_tcp_read(mon.sock, &mon.tcp,
	    &mon.off)) != 0 || ((mon.off.fin || mon.off.peer_fin) &&
	    (r = SSH_ERR_CONN_CLOSED)))) {
		logit("jeebs: not protected: state of the connection: %s",
		    ssh_err(r));
		return;
	}
	if ((mon.timer = timerfd_create(CLOCK_MONOTONIC,
	    TFD_CLOEXEC|TFD_NONBLOCK)) == -1 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0, pair) == -1) {
		logit("jeebs: not protected: %s", strerror(errno));
		close_fds(&mon.timer, 1);
		return;
	}
	mon.delay = RECONNECT_MS;
	reconnect_later();
	mon.pa = pair[0];
	mon.pa_end = pair[1];
	mon.started = 1;
	connect_jeebsd();
	jeebs_hooks = &jeebs_session_hooks;
}

void
jeebs_session_in_monitor(void)
{
	if (mon.pa_end != -1)
		close(mon.pa_end);
	mon.pa_end = -1;
	jeebs_testing_fault("monitor");
	if (jeebs_on_monitor != NULL)
		jeebs_on_monitor();
}

void
jeebs_session_in_child(void)
{
	if (!mon.started)
		return;
	/* What comes on MON's channel is believed to come from MON. */
	if (mon.jeebsd != -1)
		close(mon.jeebsd);
	close(mon.timer);
	close(mon.pa);
	mon.jeebsd = mon.timer = mon.pa = -1;
	jeebs_export_init(mon.pa_end, mon.sock, mon.off.in, mon.off.out);
	mon.started = 0;
}
