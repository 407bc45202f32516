/* SPDX-License-Identifier: ISC */
/*
 * Connections to the targets of forwards (direct-tcpip) as parts of the session
 * records. PA only.
 */
#ifndef JEEBS_FORWARD_H
#define JEEBS_FORWARD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ssh;
struct Channel;

/*
 * A new incarnation, with jeebsd at the other end of sock, which is taken, or
 * none (-1). free: nothing waits for a standby any more.
 */
void	jeebs_forward_attach(struct ssh *, int sock, int free);
/*
 * What to poll for input, or -1; whether for room to write, too; and what to do
 * when there is either.
 */
int	jeebs_forward_fd(void);
int	jeebs_forward_unsaid(void);
void	jeebs_forward_event(struct ssh *);
/*
 * Of so many jeebsd has yet to say whether they are kept. The first record of an
 * incarnation is to name all that are: with it the standby forgets the one before.
 */
u_int	jeebs_forward_unanswered(struct ssh *);
/* Nonzero: a record is due although nothing of the session's stream moved. */
int	jeebs_forward_due(void);
/* The snapshot is in the record with this number. */
void	jeebs_forward_recorded(uint64_t seq);
/* The standby holds the records up to this one. */
void	jeebs_forward_committed(uint64_t seq);

/* hooks */
/* c, a channel, is connected to its target. Nonzero: say so to nobody yet. */
int	jeebs_forward_connected(struct ssh *, struct Channel *);
/* So was c, by us. Nonzero: so. And so it is. */
int	jeebs_forward_accepted(struct ssh *, struct Channel *);
int	jeebs_forward_unopened(const struct Channel *);
/* Called before c is polled: what can't be done isn't waited for. */
void	jeebs_forward_want(struct ssh *, struct Channel *);
void	jeebs_forward_did_read(struct Channel *, size_t len);
/* How many of len buffered bytes may go to the target. */
size_t	jeebs_forward_may_write(struct Channel *, size_t len);
/* Its end must wait for these. */
int	jeebs_forward_unsent(const struct Channel *);
void	jeebs_forward_did_write(struct Channel *, const u_char *, size_t len);

#endif /* JEEBS_FORWARD_H */
