/* SPDX-License-Identifier: ISC */
/*
 * The sealed part of a record: a set of objects, each a blob named by a tag
 * and an id. A checkpoint holds all of them, a progress record those that
 * changed. PROTOCOL.jeebs, section 7.
 */
#ifndef JEEBS_STATE_H
#define JEEBS_STATE_H

#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ssh;
struct sshbuf;
struct jeebs_state;
struct Channel;
struct Forward;
struct ForwardOptions;
struct Session;

/* What the user is told about a takeover. */
struct jeebs_notice {
	const char *from, *to;	/* host names, not trusted to be printable */
	uint64_t when;		/* unix seconds */
};

enum jeebs_tag {
	JEEBS_TAG_TRANSPORT = 1, /* keys, algorithms; id 0 */
	JEEBS_TAG_COUNTERS,	/* sequence numbers, IVs; id 0 */
	JEEBS_TAG_CONNECTION,	/* flags of the connection layer; id 0 */
	JEEBS_TAG_CHANNEL,	/* id: our channel number */
	JEEBS_TAG_SESSION,	/* id: our channel number */
	JEEBS_TAG_KEX,		/* key exchange under way; id 0 */
	JEEBS_TAG_FORWARD,	/* id: our channel number */
	JEEBS_TAG_FORWARD_DATA,	/* bytes for its target; same id */
	JEEBS_TAG_ATTEMPT,	/* to connect to a target; id as above */
	JEEBS_TAG_FORWARD_EARLY, /* what its target said before the connection
				 * was kept, and the client hasn't been sent */
	JEEBS_TAG_LISTENER,	/* of the client's; id: its channel number */
	JEEBS_TAG_AGENT,	/* where the client's is reached; id 0 */
	JEEBS_TAG_TUNNEL	/* id: our channel number */
};
#define JEEBS_TAG_LAST	JEEBS_TAG_TUNNEL

#define JEEBS_MAX_OBJECTS	65536U

struct jeebs_state *jeebs_state_new(void);
void	jeebs_state_free(struct jeebs_state *);

/*
 * Exporting: between begin and end, put every object that is alive, in any
 * order, or keep one that is known not to have changed. What changed is
 * appended to out by put; what was neither put nor kept is gone and end says
 * so. full: begin forgets what was exported before, so that all is appended.
 */
void	jeebs_state_begin(struct jeebs_state *, struct sshbuf *out, int full);
int	jeebs_state_put(struct jeebs_state *, enum jeebs_tag, uint32_t id,
	    const struct sshbuf *body);
/*
 * The same for one whose body loses bytes at its front, and then gets more at
 * its end: whole is the body as it is now. No copy of it is kept.
 */
int	jeebs_state_grow(struct jeebs_state *, enum jeebs_tag, uint32_t id,
	    const struct sshbuf *whole, size_t dropped, size_t added);
void	jeebs_state_keep(struct jeebs_state *, enum jeebs_tag, uint32_t id);
int	jeebs_state_end(struct jeebs_state *);

/*
 * Importing: applies one record's objects. full: what is not in it is
 * forgotten. Returns 0 or SSH_ERR_*; strict about every byte.
 */
int	jeebs_state_apply(struct jeebs_state *, struct sshbuf *in, int full);

/* The object's body, owned by the state, or NULL. */
struct sshbuf *jeebs_state_get(struct jeebs_state *, enum jeebs_tag,
	    uint32_t id);

/* Calls fn for each object with this tag in ascending order of id. */
int	jeebs_state_each(struct jeebs_state *, enum jeebs_tag,
	    int (*fn)(struct ssh *, uint32_t id, struct sshbuf *, void *),
	    struct ssh *, void *);

/*
 * The live counterparts, at the end of the upstream files that own the
 * structures. All return 0 or SSH_ERR_*.
 */
/* packet.c */
int	jeebs_packet_transport(struct ssh *, struct sshbuf *);
int	jeebs_packet_counters(struct ssh *, struct sshbuf *);
int	jeebs_packet_kex(struct ssh *, struct sshbuf *);
int	jeebs_packet_set_counters(struct ssh *, struct sshbuf *);
int	jeebs_packet_set_kex(struct ssh *, struct sshbuf *);
int	jeebs_packet_compressed(struct ssh *);
int	jeebs_packet_exportable(struct ssh *);
/* kex.c */
void	jeebs_kex_expect_newkeys(struct ssh *);
/* kexgexs.c */
int	jeebs_kexgex_export(struct ssh *, struct sshbuf *);
int	jeebs_kexgex_import(struct ssh *, struct sshbuf *);
/* channels.c */
/*
 * Puts one object for each channel that is one of these. put may return
 * SSH_ERR_SYSTEM_ERROR: there is nothing to say of it.
 */
int	jeebs_channels_put(struct ssh *, struct jeebs_state *, enum jeebs_tag,
	    int (*is)(const struct Channel *),
	    int (*put)(struct sshbuf *, const struct Channel *));
int	jeebs_channels_export(struct ssh *, struct jeebs_state *);
int	jeebs_channel_import(struct ssh *, uint32_t id, struct sshbuf *);
int	jeebs_channel_revived(struct ssh *, uint32_t id);
int	jeebs_channel_lost(struct ssh *, uint32_t id, const char *message);
/* Is a connection to fd's peer one that may be forwarded here? */
int	jeebs_channel_target_permitted(struct ssh *, int fd);
/* Or, the other way round, one of those that came to its port? */
int	jeebs_channel_accepted(const struct Channel *);
int	jeebs_channel_listener_permitted(struct ssh *, int fd);
/* Asks the client to open one. */
void	jeebs_channel_open_accepted(struct ssh *, struct Channel *);
/*
 * Gives an imported channel its target again, by way of fd. data: what the
 * target may lack; the first *resend bytes had been written by another host;
 * early: what the target had said and the client hasn't been sent; ended: the
 * client ended its direction of it.
 */
int	jeebs_channel_reconnect(struct ssh *, uint32_t id, int fd,
	    const struct sshbuf *data, const struct sshbuf *early, int ended,
	    size_t *resend);
int	jeebs_channel_set_fds(struct ssh *, struct Channel *);
/* The connection that was being made, of an imported channel, made anew. */
int	jeebs_channel_attempt(struct ssh *, uint32_t id, const char *host,
	    u_short port);
/* What listened for the client; returns whether it does again. */
int	jeebs_channel_listen(struct ssh *, struct Forward *, const char *addr,
	    u_int asked, struct ForwardOptions *);
/* The device of an imported channel. */
int	jeebs_channel_tunnel(struct ssh *, uint32_t id, int fd,
	    int (*infilter)(struct ssh *, struct Channel *, char *, int),
	    u_char *(*outfilter)(struct ssh *, struct Channel *, u_char **,
	    size_t *));
/* session.c */
int	jeebs_agent_export(struct ssh *, struct jeebs_state *);
int	jeebs_agent_import(struct ssh *, struct sshbuf *);
int	jeebs_sessions_export(struct ssh *, struct jeebs_state *);
int	jeebs_session_import(struct ssh *, uint32_t id, struct sshbuf *,
	    const struct jeebs_notice *);
void	jeebs_session_exec(struct ssh *, struct Session *, const char *);
void	jeebs_session_child(struct ssh *, struct Session *);
/* serverloop.c */
int	jeebs_connection_export(struct sshbuf *);
int	jeebs_connection_import(struct sshbuf *);

#ifdef __cplusplus
}
#endif

#endif /* JEEBS_STATE_H */
