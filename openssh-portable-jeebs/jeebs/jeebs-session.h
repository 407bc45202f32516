/* SPDX-License-Identifier: ISC */
/*
 * A session's two processes and jeebs. The monitor (MON) talks to jeebsd and
 * says who the session is; the user's process (PA) exports the rest through
 * a ring that MON hands to it. PROTOCOL.jeebs, section 2.
 */
#ifndef JEEBS_SESSION_H
#define JEEBS_SESSION_H

#include <stdint.h>

#include "jeebs-wire.h"

struct ssh;
struct sshbuf;
struct Authctxt;
struct monitor;
struct jeebs_hooks;

/*
 * MON, after authentication and before PA is forked: gets ready to export the
 * session if Jeebs is on for it. Never blocks and never fails the session.
 */
void	jeebs_session_start(struct ssh *, struct Authctxt *);
/* Each process drops what belongs to the other. */
void	jeebs_session_in_monitor(void);
void	jeebs_session_in_child(void);

/* MON's side: jeebs-mon.c */
int	jeebs_mon_fd(void);
void	jeebs_mon_event(struct ssh *);
/* Called in MON when PA was forked; sshd-adopt sets it. */
extern void (*jeebs_on_monitor)(void);
/* For adopted sessions: connection and identity come from the record. */
void	jeebs_mon_adopted(const struct jeebs_tcp_state *, uint64_t in_off);

/* PA's side: jeebs-export.c */
extern const struct jeebs_hooks jeebs_session_hooks;

/* monitor.c */
int	jeebs_monitor_session_id(struct sshbuf *);
void	jeebs_monitor_adopt(struct Authctxt *, const struct sshbuf *);
void	jeebs_monitor_set_keystate(struct sshbuf *);

/*
 * sshd-adopt only, in the places where sshd-session accepts, authenticates
 * and gets its keys: jeebs-adopt.c, jeebs-revive.c. serve takes what the
 * process was started with and returns the connection, in workers only.
 */
int	jeebs_adopt_serve(char **argv, int *lifeline);
struct Authctxt *jeebs_adopt_authctxt(struct ssh *, struct monitor **);
void	jeebs_adopt_keystate(struct ssh *);
void	jeebs_revive(struct ssh *);

#endif /* JEEBS_SESSION_H */
