/* SPDX-License-Identifier: ISC */
/*
 * Call sites of jeebs in upstream files. Everything is a no-op, and upstream
 * behaves as it always did, while jeebs_hooks is NULL: in all programs but
 * sshd-session and sshd-adopt, and there too before authentication or with
 * "Jeebs no".
 */
#ifndef JEEBS_HOOKS_H
#define JEEBS_HOOKS_H

#include <sys/types.h>

struct ssh;
struct Channel;
struct Session;
struct addrinfo;
struct pollfd;

struct jeebs_hooks {
	/* packet layer */
	void	(*did_read)(struct ssh *, size_t);
	size_t	(*may_write)(struct ssh *, size_t);
	void	(*did_write)(struct ssh *, const u_char *, size_t);
	size_t	(*bound)(struct ssh *, size_t);
	int	(*full)(struct ssh *);
	void	(*rekeying)(struct ssh *);
	void	(*newkeys)(struct ssh *);
	void	(*closing)(struct ssh *);
	/* server loop */
	u_int	(*npoll)(void);
	void	(*prepare_poll)(struct ssh *, struct pollfd *);
	int	(*after_poll)(struct ssh *, struct pollfd *, int *);
	void	(*resume)(struct ssh *);
	/* channels and sessions */
	void	(*connecting)(int, const struct addrinfo *);
	int	(*connected)(struct ssh *, struct Channel *);
	int	(*accepted)(struct ssh *, struct Channel *);
	int	(*unopened)(const struct Channel *);
	void	(*want)(struct ssh *, struct Channel *);
	void	(*did_receive)(struct Channel *, size_t);
	size_t	(*may_send)(struct Channel *, size_t);
	int	(*unsent)(const struct Channel *);
	void	(*did_send)(struct Channel *, const u_char *, size_t);
	int	(*set_fds)(struct ssh *, struct Channel *);
	void	(*exec)(struct ssh *, struct Session *, const char *);
	void	(*child)(struct ssh *, struct Session *);
	/* monitor */
	int	(*monitor_fd)(void);
	void	(*monitor_event)(struct ssh *);
};

extern const struct jeebs_hooks *jeebs_hooks;

/* len bytes arrived from the client. */
static inline void
jeebs_did_read(struct ssh *ssh, size_t len)
{
	if (jeebs_hooks != NULL)
		jeebs_hooks->did_read(ssh, len);
}

/* How many of len buffered bytes may be handed to write(2) now. */
static inline size_t
jeebs_may_write(struct ssh *ssh, size_t len)
{
	return jeebs_hooks != NULL ? jeebs_hooks->may_write(ssh, len) : len;
}

/* The first len buffered bytes were written and are about to be dropped. */
static inline void
jeebs_did_write(struct ssh *ssh, const u_char *p, size_t len)
{
	if (jeebs_hooks != NULL)
		jeebs_hooks->did_write(ssh, p, len);
}

/* Upstream's bound on buffered output, or a wider one for the pipeline. */
static inline size_t
jeebs_bound(struct ssh *ssh, size_t upstream)
{
	return jeebs_hooks != NULL ? jeebs_hooks->bound(ssh, upstream) :
	    upstream;
}

/* Nonzero: what is sealed in this turn is as much as one record carries. */
static inline int
jeebs_full(struct ssh *ssh)
{
	return jeebs_hooks != NULL ? jeebs_hooks->full(ssh) : 0;
}

/* The peer has begun a key exchange that we have not. */
static inline void
jeebs_rekeying(struct ssh *ssh)
{
	if (jeebs_hooks != NULL)
		jeebs_hooks->rekeying(ssh);
}

static inline void
jeebs_newkeys(struct ssh *ssh)
{
	if (jeebs_hooks != NULL)
		jeebs_hooks->newkeys(ssh);
}

/* The connection is about to be closed; last chance for buffered output. */
static inline void
jeebs_closing(struct ssh *ssh)
{
	if (jeebs_hooks != NULL)
		jeebs_hooks->closing(ssh);
}

/* Number of pollfd entries that jeebs wants. */
static inline u_int
jeebs_npoll(void)
{
	return jeebs_hooks != NULL ? jeebs_hooks->npoll() : 0;
}

/*
 * The last that happens before the loop waits: the state is consistent, and
 * what was to be sent is in the output, also what a timeout made.
 */
static inline void
jeebs_prepare_poll(struct ssh *ssh, struct pollfd *pfd)
{
	if (jeebs_hooks != NULL)
		jeebs_hooks->prepare_poll(ssh, pfd);
}

/*
 * Returns nonzero if output may have become writable. Takes our entries off
 * *ret: a client that is to be probed for life is probed when nothing else
 * happens.
 */
static inline int
jeebs_after_poll(struct ssh *ssh, struct pollfd *pfd, int *ret)
{
	return jeebs_hooks != NULL ?
	    jeebs_hooks->after_poll(ssh, pfd, ret) : 0;
}

/* The loop is about to start. */
static inline void
jeebs_resume(struct ssh *ssh)
{
	if (jeebs_hooks != NULL)
		jeebs_hooks->resume(ssh);
}

/* sock is about to be connected to the target of a forward. */
static inline void
jeebs_connecting(int sock, const struct addrinfo *ai)
{
	if (jeebs_hooks != NULL)
		jeebs_hooks->connecting(sock, ai);
}

/*
 * c is connected to the target of a forward. Nonzero: it will be when a standby
 * has it, too.
 */
static inline int
jeebs_connected(struct ssh *ssh, struct Channel *c)
{
	return jeebs_hooks != NULL ? jeebs_hooks->connected(ssh, c) : 0;
}

/*
 * c, a channel, is a connection that was just accepted. Nonzero: the client is
 * asked to open it later; until then it is unopened.
 */
static inline int
jeebs_accepted(struct ssh *ssh, struct Channel *c)
{
	return jeebs_hooks != NULL ? jeebs_hooks->accepted(ssh, c) : 0;
}

static inline int
jeebs_unopened(const struct Channel *c)
{
	return jeebs_hooks != NULL && jeebs_hooks->unopened(c);
}

/*
 * For channels whose target is to outlive this host, those with c->jeebs: what
 * c waits for has been decided; bytes that came from the target; how many of
 * len bytes may be sent to it; is there more for it than the output buffer has;
 * these were sent.
 */
#define jeebs_want(ssh, c) do {						\
	if ((c)->jeebs != NULL)						\
		jeebs_hooks->want(ssh, c);				\
} while (0)
#define jeebs_did_receive(c, len) do {					\
	if ((c)->jeebs != NULL)						\
		jeebs_hooks->did_receive(c, len);			\
} while (0)
#define jeebs_may_send(c, len)						\
	((c)->jeebs != NULL ? jeebs_hooks->may_send(c, len) : (len))
#define jeebs_unsent(c)							\
	((c)->jeebs != NULL && jeebs_hooks->unsent(c))
#define jeebs_did_send(c, p, len) do {					\
	if ((c)->jeebs != NULL)						\
		jeebs_hooks->did_send(c, p, len);			\
} while (0)

/* Nonzero: c is being revived and its state was set; announce no window. */
static inline int
jeebs_set_fds(struct ssh *ssh, struct Channel *c)
{
	return jeebs_hooks != NULL ? jeebs_hooks->set_fds(ssh, c) : 0;
}

/* s is about to run command (NULL: a shell). */
static inline void
jeebs_exec(struct ssh *ssh, struct Session *s, const char *command)
{
	if (jeebs_hooks != NULL)
		jeebs_hooks->exec(ssh, s, command);
}

/* In the child of s, as the user, in the home directory, before exec. */
static inline void
jeebs_child(struct ssh *ssh, struct Session *s)
{
	if (jeebs_hooks != NULL)
		jeebs_hooks->child(ssh, s);
}

/* Descriptor that the monitor polls beside its own, or -1. */
static inline int
jeebs_monitor_fd(void)
{
	return jeebs_hooks != NULL ? jeebs_hooks->monitor_fd() : -1;
}

static inline void
jeebs_monitor_event(struct ssh *ssh)
{
	if (jeebs_hooks != NULL)
		jeebs_hooks->monitor_event(ssh);
}

#endif /* JEEBS_HOOKS_H */
