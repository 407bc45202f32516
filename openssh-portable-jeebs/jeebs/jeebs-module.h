/* SPDX-License-Identifier: ISC */
/*
 * Recovery modules: what the far end of a channel needs to go on elsewhere. A
 * module owns one kind of channel, and one tag of the session records.
 */
#ifndef JEEBS_MODULE_H
#define JEEBS_MODULE_H

#include <stdint.h>

#include "jeebs-state.h"

struct ssh;
struct sshbuf;

struct jeebs_module {
	const char *name;
	enum jeebs_tag tag;
	/* Ahead of a snapshot, at each turn of the loop; may be NULL. */
	void	(*observe)(struct ssh *);
	/* Puts one object for each of its channels. Returns 0 or SSH_ERR_*. */
	int	(*snapshot)(struct ssh *, struct jeebs_state *);
	/*
	 * On another host, before the connection is live: what needs no channel
	 * of the client's. It mustn't wait, nor say anything to the client.
	 * SSH_ERR_*: the records are not such as we write. May be NULL.
	 */
	int	(*prepare)(struct ssh *, struct jeebs_state *);
	/*
	 * After jeebs_channel_import() of the same channel, once it has it:
	 * gives it a far end again. The body is consumed. On SSH_ERR_* the
	 * channel is closed in the orderly way. May be NULL.
	 */
	int	(*restore)(struct ssh *, uint32_t channel, struct sshbuf *body,
		    const struct jeebs_notice *);
};

/* In the order in which channels are restored; ends with NULL. */
extern const struct jeebs_module *const jeebs_modules[];

extern const struct jeebs_module jeebs_module_session;	/* session.c */
extern const struct jeebs_module jeebs_module_forward;
extern const struct jeebs_module jeebs_module_attempt;
extern const struct jeebs_module jeebs_module_listen;
extern const struct jeebs_module jeebs_module_agent;
extern const struct jeebs_module jeebs_module_tun;

#endif /* JEEBS_MODULE_H */
