/* SPDX-License-Identifier: ISC */
/*
 * The recorder: says in records what becomes of the session, brings them to
 * jeebsd through the ring, and knows which of them the standby holds. PA only.
 *
 * All offsets are those of the connection to the client, in bytes. Functions
 * that return int return 0 or a negative SSH_ERR_* code, unless they ask
 * something.
 */
#ifndef JEEBS_RECORDER_H
#define JEEBS_RECORDER_H

#include <sys/types.h>
#include <stdint.h>

#include "jeebs-wire.h"

struct ssh;
struct jeebs_recorder;

/* For the connection sock, which stays the caller's. Fatal if memory fails. */
struct jeebs_recorder *jeebs_recorder_new(int sock);
/* in and out are the offsets of the next byte to read and to write. */
void	jeebs_recorder_offsets(struct jeebs_recorder *, uint64_t in,
	    uint64_t out);

/*
 * A new incarnation, after detach: the ring's memfd, and the descriptors on
 * which eight bytes tell jeebsd of records (kick) and us of answers (commit).
 * All three are taken. On error it is detached again.
 */
int	jeebs_recorder_attach(struct jeebs_recorder *, int memfd, int kick,
	    int commit, const u_char key[JEEBS_KEY_LEN],
	    const u_char record_id[JEEBS_ID_LEN], uint64_t epoch);
/* What isn't in the ring yet is dropped. */
void	jeebs_recorder_detach(struct jeebs_recorder *);
/* In a child of PA: wipes what has keys in it. It records nothing any more. */
void	jeebs_recorder_forget(struct jeebs_recorder *);

/* What to poll for input, or -1, and what to do when it was read. */
int	jeebs_recorder_fd(const struct jeebs_recorder *);
void	jeebs_recorder_answered(struct jeebs_recorder *);

/* The connection gave len bytes; it took len bytes from p. */
void	jeebs_recorder_did_read(struct jeebs_recorder *, size_t len);
void	jeebs_recorder_did_write(struct jeebs_recorder *, const u_char *p,
	    size_t len);
/* So many bytes may be written next: the standby holds what has them. */
uint64_t jeebs_recorder_may_write(struct jeebs_recorder *);
/* How many bytes, those in the output included, may the client lack? */
size_t	jeebs_recorder_unacked(const struct jeebs_recorder *, struct ssh *);

/*
 * The first record of an incarnation has all that the client may lack: can
 * that be said now? Then start makes it.
 */
int	jeebs_recorder_can_start(struct jeebs_recorder *, struct ssh *);
int	jeebs_recorder_start(struct jeebs_recorder *, struct ssh *);
/* Is another due? Bulk may have to wait for more. Then next makes it. */
int	jeebs_recorder_due(const struct jeebs_recorder *, struct ssh *);
int	jeebs_recorder_next(struct jeebs_recorder *, struct ssh *);
/* The last one. */
int	jeebs_recorder_end(struct jeebs_recorder *, struct ssh *);
/* Keys have changed: the next record has them. */
void	jeebs_recorder_newkeys(struct jeebs_recorder *);

/* Brings what waits for room into the ring, as far as there is some. */
void	jeebs_recorder_flush(struct jeebs_recorder *);
/* Does so much wait that nothing more should be sealed for the client? */
int	jeebs_recorder_stuck(const struct jeebs_recorder *);
/* Does the standby hold all that was recorded? */
int	jeebs_recorder_all_committed(struct jeebs_recorder *);

#endif /* JEEBS_RECORDER_H */
