/* SPDX-License-Identifier: ISC */
/*
 * Only in the programs of "make testing": a user's process that attacks what
 * it can reach, once it has become protected. Each attack is a switch
 * (jeebs-testing.h); floods and the like go on until theirs is off.
 */
#ifndef JEEBS_HOSTILE_H
#define JEEBS_HOSTILE_H

#include <stdint.h>

#include "jeebs-wire.h"

struct ssh;
struct sshbuf;
struct jeebs_chain;

/* What such a process has of jeebs. */
struct hostile {
	const char *name;	/* of the attack */
	struct ssh *ssh;
	int mon_fd;		/* socketpair with MON */
	int kick, commit;	/* pipes */
	int memfd;		/* of the ring */
	struct jeebs_ring *ring;
	uint32_t ring_size;
	struct jeebs_chain *chain;
	/* envelope of the one record that is in the ring */
	struct jeebs_envelope last;
};

struct hostile_attack {
	const char *name;
	void (*run)(struct hostile *);
};

extern const struct hostile_attack hostile_record_attacks[];
extern const struct hostile_attack hostile_ring_attacks[];
extern const struct hostile_attack hostile_flood_attacks[];
extern const struct hostile_attack hostile_mon_attacks[];
extern const struct hostile_attack hostile_forward_attacks[];

/* Appends to the ring, waiting for room as long as the switch is on. */
void	hostile_write(struct hostile *, const void *, size_t);
void	hostile_kick(struct hostile *);
/* The same for a frame with this record in it. */
void	hostile_frame(struct hostile *, const struct sshbuf *record);
struct sshbuf *hostile_root(struct hostile *);
/*
 * The next record of the chain, sealed with the session's key: type, stream
 * and state as said, and all offsets where they should be.
 */
struct sshbuf *hostile_record(struct hostile *, enum jeebs_record_type,
	    const u_char *stream, size_t, const struct sshbuf *state);
int	hostile_on(const struct hostile *);
/* To sshd's log: what came of it. */
void	hostile_say(const struct hostile *, const char *, ...)
	    __attribute__((__format__ (printf, 2, 3)));

#endif /* JEEBS_HOSTILE_H */
