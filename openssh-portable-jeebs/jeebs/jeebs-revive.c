/* SPDX-License-Identifier: ISC */
/*
 * sshd-adopt, a worker: first as MON it decides whether the session may go
 * on here, then, in the user's process, it opens the records and puts the
 * session together again.
 */
#include "includes.h"

#include <sys/types.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openbsd-compat/sys-queue.h"
#include "hostfile.h"
#include "auth.h"
#include "auth-options.h"
#include "channels.h"
#include "compat.h"
#include "kex.h"
#include "log.h"
#include "misc.h"
#include "monitor.h"
#include "monitor_wrap.h"
#include "packet.h"
#include "servconf.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "xmalloc.h"
#include "jeebs/jeebs-account.h"
#include "jeebs/jeebs-adopt.h"
#include "jeebs/jeebs-chain.h"
#include "jeebs/jeebs-ending.h"
#include "jeebs/jeebs-export.h"
#include "jeebs/jeebs-host.h"
#include "jeebs/jeebs-module.h"
#include "jeebs/jeebs-msg.h"
#include "jeebs/jeebs-root.h"
#include "jeebs/jeebs-session.h"
#include "jeebs/jeebs-state.h"
#include "jeebs/jeebs-target.h"
#include "jeebs/jeebs-testing.h"

#define GO_TIMEOUT_MS	(30 * 1000)

extern ServerOptions options;
extern Authctxt *the_authctxt;
extern struct sshauthopt *auth_opts;
extern struct sshbuf *loginmsg;

/* What the records say, from keystate until the server loop. */
static struct {
	struct jeebs_state *state;
	struct sshbuf *stream;	/* from stream_off on */
	uint64_t stream_off;
	uint64_t in_off;
} rv;

static void
forget_secrets(void)
{
	if (jeebs_job == NULL)
		return;
	explicit_bzero(jeebs_job->session_key,
	    sizeof(jeebs_job->session_key));
	close(jeebs_job->records);
	close(jeebs_job->sock);
	jeebs_job->records = jeebs_job->sock = -1;
}

Authctxt *
jeebs_adopt_authctxt(struct ssh *ssh, struct monitor **pmonitorp)
{
	struct jeebs_root *root = jeebs_job->root;
	struct monitor *m;
	u_char policy[JEEBS_POLICY_LEN];
	Authctxt *a;
	int r;

	ssh_packet_set_nonblocking(ssh);
	ssh->compat = root->compat;
	a = xcalloc(1, sizeof(*a));
	ssh->authctxt = the_authctxt = a;
	if ((loginmsg = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new");
	auth_debug_reset();
	a->loginmsg = loginmsg;
	a->user = xstrdup(root->user);
	a->service = xstrdup("ssh-connection");
	a->style = root->style == NULL ? NULL : xstrdup(root->style);
	a->role = root->role == NULL ? NULL : xstrdup(root->role);
	a->force_pwchange = root->force_pwchange;
	if ((a->session_info = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new");
	if (root->session_info != NULL &&
	    (r = sshbuf_put(a->session_info, root->session_info,
	    strlen(root->session_info))) != 0)
		fatal_fr(r, "session info");
	jeebs_connection_check(ssh, root);
	if ((r = sshauthopt_deserialise(root->auth_opts, &auth_opts)) != 0)
		jeebs_job_fail("authentication options: %s", ssh_err(r));
	if (sshbuf_len(root->auth_opts) != 0)
		jeebs_job_fail("authentication options: trailing data");
	jeebs_account_check(ssh, a, root);
	a->valid = 1;
	a->attempt = 1;
	if ((r = jeebs_policy_digest(policy, sizeof(policy))) != 0)
		fatal_fr(r, "policy digest");
	if (timingsafe_bcmp(policy, root->policy, sizeof(policy)) != 0)
		logit("jeebs: sshd_config differs from %s's; this host's "
		    "applies", root->host);
	if ((r = sshbuf_put(ssh->kex->client_version, root->client_version,
	    strlen(root->client_version))) != 0 ||
	    (r = sshbuf_put(ssh->kex->server_version, root->server_version,
	    strlen(root->server_version))) != 0)
		fatal_fr(r, "versions");

	m = xcalloc(1, sizeof(*m));
	m->m_recvfd = m->m_sendfd = -1;
	m->m_log_recvfd = m->m_log_sendfd = -1;
	m->m_pid = -1;
	m->m_pkex = &ssh->kex;
	*pmonitorp = m;
	jeebs_monitor_adopt(a, root->session_id);
	jeebs_mon_adopted(&root->tcp, jeebs_job->in_off);
	jeebs_on_monitor = forget_secrets;
	ssh->authctxt = NULL;
	ssh_packet_set_log_preamble(ssh, "user %s", a->user);
	setproctitle("%s [priv]", a->user);
	logit("Adopting session for %s from %.200s port %d, from host %.100s",
	    a->user, ssh_remote_ipaddr(ssh), ssh_remote_port(ssh),
	    root->host);
	return a;
}

static void
forget_records(void)
{
	jeebs_state_free(rv.state);
	rv.state = NULL;
	sshbuf_free(rv.stream);
	rv.stream = NULL;
}

/* Applies one record of the chain. */
static int
apply_record(struct jeebs_chain *chain, const u_char *rec, size_t len,
    u_char *last)
{
	struct jeebs_envelope env;
	struct sshbuf *objects;
	const u_char *stream;
	int r;

	if ((objects = sshbuf_new()) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	if ((r = jeebs_chain_open(chain, rec, len, &env, &stream,
	    objects)) != 0)
		goto out;
	if (*last == 0)
		rv.stream_off = env.out_off;
	*last = env.type;
	rv.in_off = env.in_off;
	if ((r = sshbuf_put(rv.stream, stream, env.stream_len)) != 0)
		goto out;
	if (env.type != JEEBS_REC_END)
		r = jeebs_state_apply(rv.state, objects,
		    env.type == JEEBS_REC_CHECKPOINT);
 out:
	sshbuf_free(objects);
	return r;
}

/* Opens all records in p, which holds the file behind the root record. */
static int
open_records(const u_char *p, size_t len, u_char *last)
{
	struct jeebs_chain *chain;
	uint32_t n;
	int r = 0;

	if ((chain = jeebs_chain_new(jeebs_job->session_key,
	    jeebs_job->root->record_id, jeebs_job->root->epoch)) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	*last = 0;
	while (len != 0) {
		if (jeebs_testing("nonce-reused") && *last != 0 &&
		    4 + (size_t)PEEK_U32(p) == len)
			break;
		r = SSH_ERR_INVALID_FORMAT;
		if (len < 4 || (n = PEEK_U32(p)) > len - 4 ||
		    *last == JEEBS_REC_END ||
		    (r = apply_record(chain, p + 4, n, last)) != 0)
			break;
		p += 4 + n;
		len -= 4 + n;
	}
	jeebs_chain_free(chain);
	return r;
}

static int
map_records(u_char *last)
{
	struct stat sb;
	u_char *map;
	size_t off;
	int r = SSH_ERR_INVALID_FORMAT;

	if (fstat(jeebs_job->records, &sb) == -1)
		return SSH_ERR_SYSTEM_ERROR;
	if (sb.st_size < 4 || (uint64_t)sb.st_size > SIZE_MAX)
		return SSH_ERR_INVALID_FORMAT;
	/* The supervisor has seen that it is sealed and can't change. */
	if ((map = mmap(NULL, sb.st_size, PROT_READ, MAP_PRIVATE,
	    jeebs_job->records, 0)) == MAP_FAILED)
		return SSH_ERR_SYSTEM_ERROR;
	off = 4 + (size_t)PEEK_U32(map);
	if (off < (size_t)sb.st_size)
		r = open_records(map + off, sb.st_size - off, last);
	munmap(map, sb.st_size);
	return r;
}

/* Takes what the client has acknowledged off the stream. */
static void
skip_acked(void)
{
	uint64_t out_end = rv.stream_off + sshbuf_len(rv.stream);
	int r;

	if ((r = sshbuf_consume(rv.stream,
	    jeebs_job->acked - rv.stream_off)) != 0)
		fatal_fr(r, "stream");
	rv.stream_off = out_end;
}

static void
take_target(struct sshbuf *m, int fd)
{
	uint64_t acked;
	uint32_t channel;
	int r;

	if ((r = sshbuf_get_u32(m, &channel)) != 0 ||
	    (r = sshbuf_get_u64(m, &acked)) != 0)
		fatal_fr(r, "jeebsd");
	if (sshbuf_len(m) != 0 || fd == -1)
		fatal_f("malformed message from jeebsd");
	if ((r = jeebs_target_take(channel, acked, fd)) != 0)
		error_r(r, "channel %u: target", channel);
}

/* Takes the targets of forwards, which come before it. */
static void
wait_for_go(struct ssh *ssh, int ended)
{
	struct sshbuf *m;
	struct pollfd pfd;
	u_char type = 0;
	int fd, nfds, r;

	if ((m = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new");
	if ((r = sshbuf_put_u8(m, JEEBS_MSG_READY)) != 0 ||
	    (r = sshbuf_put_u64(m, rv.stream_off)) != 0)
		fatal_fr(r, "ready");
	/* One that had ended has none: what is left of them ends, too. */
	if ((r = jeebs_target_list(ssh, ended ? NULL : rv.state, m)) != 0)
		jeebs_job_fail("forwards: %s", ssh_err(r));
	if ((r = jeebs_msg_send(jeebs_job->sock, m, NULL, 0, 0)) != 0)
		fatal_fr(r, "ready");
	pfd.fd = jeebs_job->sock;
	pfd.events = POLLIN;
	while (type != JEEBS_MSG_GO) {
		do {
			r = poll(&pfd, 1, GO_TIMEOUT_MS);
		} while (r == -1 && errno == EINTR);
		if (r != 1)
			jeebs_job_fail("jeebsd didn't say go");
		if ((r = jeebs_msg_recv(jeebs_job->sock, m, &fd, 1, &nfds,
		    0)) != 0)
			fatal_fr(r, "jeebsd");
		if ((r = sshbuf_get_u8(m, &type)) != 0)
			fatal_fr(r, "jeebsd");
		if (type == JEEBS_MSG_TARGET)
			take_target(m, fd);
		else if (type != JEEBS_MSG_GO || sshbuf_len(m) != 0 ||
		    nfds != 0)
			fatal_f("unexpected message from jeebsd");
	}
	sshbuf_free(m);
	close(jeebs_job->sock);
	jeebs_job->sock = -1;
}

/*
 * The session had ended when its host died: the client gets what it lacks and
 * then FIN. As for any other adoption the records prove that it is so, to a
 * process that may do no more than the user; jeebsd could tell neither the
 * bytes nor the end from forged ones.
 */
static void
finish(struct ssh *ssh)
{
	size_t lost;

	skip_acked();
	wait_for_go(ssh, 1);
	lost = jeebs_ending_send(ssh_packet_get_connection_out(ssh),
	    rv.stream);
	logit("jeebs: the session had ended; %zu bytes of it didn't reach "
	    "the client", lost);
	forget_records();
	mm_terminate();
	exit(0);
}

/*
 * As the user, in the chroot if there is one: gives
 * monitor_apply_keystate() what authentication would have given it.
 */
void
jeebs_adopt_keystate(struct ssh *ssh)
{
	struct sshbuf *transport, *copy;
	u_char last = 0;
	int r;

	jeebs_on_resume = jeebs_revive;
	jeebs_on_child = forget_records;
	if ((rv.state = jeebs_state_new()) == NULL ||
	    (rv.stream = sshbuf_new()) == NULL)
		fatal_f("out of memory");
	if ((r = map_records(&last)) != 0)
		jeebs_job_fail("records: %s", ssh_err(r));
	explicit_bzero(jeebs_job->session_key,
	    sizeof(jeebs_job->session_key));
	close(jeebs_job->records);
	jeebs_job->records = -1;
	if (jeebs_job->acked < rv.stream_off || jeebs_job->acked >
	    rv.stream_off + sshbuf_len(rv.stream))
		jeebs_job_fail("the client's acknowledgement %llu is outside of what "
		    "is recorded", (unsigned long long)jeebs_job->acked);
	if (last == JEEBS_REC_END)
		finish(ssh);
	if ((transport = jeebs_state_get(rv.state, JEEBS_TAG_TRANSPORT,
	    0)) == NULL)
		jeebs_job_fail("records: no keys");
	if ((copy = sshbuf_new()) == NULL ||
	    (r = sshbuf_putb(copy, transport)) != 0)
		fatal_f("sshbuf_putb");
	jeebs_monitor_set_keystate(copy);
}

static int
import_channel(struct ssh *ssh, uint32_t id, struct sshbuf *body, void *ctx)
{
	return jeebs_channel_import(ssh, id, body);
}

static int
revive_channel(struct ssh *ssh, uint32_t id, struct sshbuf *body, void *ctx)
{
	const struct jeebs_module *m;
	struct sshbuf *b;
	u_int i;
	int r;

	for (i = 0; (m = jeebs_modules[i]) != NULL; i++) {
		if (m->restore == NULL)
			continue;
		b = jeebs_state_get(rv.state, m->tag, id);
		if (b != NULL && (r = m->restore(ssh, id, b, ctx)) != 0)
			error_r(r, "channel %u: %s is closed", id, m->name);
	}
	return jeebs_channel_revived(ssh, id);
}

/* Bytes that the client may not have go first. */
static void
import_transport(struct ssh *ssh)
{
	struct sshbuf *b, *output = ssh_packet_get_output(ssh);
	int r;

	jeebs_export_offsets(rv.in_off, jeebs_job->acked);
	/* it would be sealed with counters that were used before */
	if (sshbuf_len(output) != 0)
		fatal_f("output before the session was restored");
	skip_acked();
	if ((r = sshbuf_putb(output, rv.stream)) != 0)
		fatal_fr(r, "output");
	if ((b = jeebs_state_get(rv.state, JEEBS_TAG_COUNTERS, 0)) == NULL)
		jeebs_job_fail("records: no counters");
	if ((r = jeebs_packet_set_counters(ssh, b)) != 0)
		jeebs_job_fail("counters: %s", ssh_err(r));
	if ((b = jeebs_state_get(rv.state, JEEBS_TAG_KEX, 0)) != NULL &&
	    (r = jeebs_packet_set_kex(ssh, b)) != 0)
		jeebs_job_fail("key exchange under way: %s", ssh_err(r));
	if ((b = jeebs_state_get(rv.state, JEEBS_TAG_CONNECTION, 0)) == NULL)
		jeebs_job_fail("records: no connection");
	if ((r = jeebs_connection_import(b)) != 0)
		jeebs_job_fail("connection: %s", ssh_err(r));
}

static void
prepare(struct ssh *ssh)
{
	const struct jeebs_module *m;
	u_int i;
	int r;

	for (i = 0; (m = jeebs_modules[i]) != NULL; i++) {
		if (m->prepare != NULL && (r = m->prepare(ssh, rv.state)) != 0)
			jeebs_job_fail("%s: %s", m->name, ssh_err(r));
	}
}

void
jeebs_revive(struct ssh *ssh)
{
	struct jeebs_notice notice;
	int compat = ssh->compat, r;

	/*
	 * Upstream's DEBUG messages wait until they are written. Nothing may be
	 * yet, and then the client may not read.
	 */
	ssh->compat |= SSH_BUG_DEBUG;
	notice.from = jeebs_job->from;
	notice.to = jeebs_job->to;
	notice.when = jeebs_job->when;
	import_transport(ssh);
	if ((r = jeebs_state_each(rv.state, JEEBS_TAG_CHANNEL,
	    import_channel, ssh, NULL)) != 0)
		jeebs_job_fail("channels: %s", ssh_err(r));
	prepare(ssh);
	wait_for_go(ssh, 0);
	/* What is started from here on is started once. */
	if ((r = jeebs_state_each(rv.state, JEEBS_TAG_CHANNEL,
	    revive_channel, ssh, &notice)) != 0)
		fatal_r(r, "channels");
	ssh->compat = compat;
	jeebs_target_forget();
	forget_records();
}
