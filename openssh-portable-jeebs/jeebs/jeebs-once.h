/* SPDX-License-Identifier: ISC */
/*
 * Which sessions this sshd-adopt has opened, so that none is adopted twice:
 * neither from one record nor from two records of the same session that a
 * primary wrote in one epoch. Needs sshbuf and libc only.
 */
#ifndef JEEBS_ONCE_H
#define JEEBS_ONCE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sshbuf;
struct jeebs_once;

struct jeebs_once *jeebs_once_new(void);
void	jeebs_once_free(struct jeebs_once *);

/*
 * Remembers the session and the epoch of its record, for ever. Returns 0,
 * SSH_ERR_INVALID_ARGUMENT if the session was opened in this or a later epoch
 * before, or SSH_ERR_ALLOC_FAIL; after an error nothing has changed.
 */
int	jeebs_once_claim(struct jeebs_once *, const struct sshbuf *session_id,
	    uint64_t epoch);

#ifdef __cplusplus
}
#endif

#endif /* JEEBS_ONCE_H */
