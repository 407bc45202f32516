/* SPDX-License-Identifier: ISC */
/*
 * Adoption: the targets of a session's forwards, from its records to its
 * channels. jeebsd restores the connections to them. PA only.
 *
 * All functions that return int return 0 or SSH_ERR_*, unless they ask
 * something.
 */
#ifndef JEEBS_TARGET_H
#define JEEBS_TARGET_H

#include <stddef.h>
#include <stdint.h>

struct ssh;
struct sshbuf;
struct jeebs_state;

/* May what setting (AllowTcpForwarding, ...) allows be forwarded in a direction? */
int	jeebs_forwarding_allowed(int setting, int direction);
/* Do this host's settings allow connections to targets at all? */
int	jeebs_target_allowed(void);

/* Appends to READY what can go on, of no state (NULL) nothing. */
int	jeebs_target_list(struct ssh *, struct jeebs_state *,
	    struct sshbuf *ready);
/* What jeebsd sent back for one of these; fd is taken, on error too. */
int	jeebs_target_take(uint32_t channel, uint64_t acked, int fd);
/*
 * Gives an imported channel its target again. *data is what the target may
 * lack, until jeebs_target_forget(), of which another host had written the
 * first *resend bytes; *ended: nothing comes after it, and all of it is the
 * kernel's already. What the target had said before waits for the client again.
 */
int	jeebs_target_connect(struct ssh *, uint32_t channel,
	    const struct sshbuf **data, size_t *resend, int *ended);
/* After the channels are restored: closes what wasn't used. */
void	jeebs_target_forget(void);

#endif /* JEEBS_TARGET_H */
