/* SPDX-License-Identifier: ISC */
/*
 * The bytes that a forward carries between its channel and its target: how far
 * they have come, what of that is recorded, and what of that the standby holds.
 * PA only. Offsets count the bytes of one direction since the socket was made.
 *
 * Functions that return int return 0 or SSH_ERR_*, unless it says otherwise.
 */
#ifndef JEEBS_RELAY_H
#define JEEBS_RELAY_H

#include <sys/types.h>
#include <stdint.h>

struct sshbuf;
struct jeebs_state;

#define JEEBS_RELAY_MARKS	32

/* What the record with this number has of a forward. */
struct jeebs_mark {
	uint64_t seq, end, taken;
	int ended;
};

/*
 * Others read it. They count in read what the target sends, say that the client
 * has ended, and take the gate away.
 */
struct jeebs_relay {
	uint64_t read;		/* offset of the next byte from the target */
	uint64_t early_end;	/* nobody else has what was read before it */
	uint64_t written;	/* offset of the next byte for write(2) */
	int gated;		/* only what is committed is written */
	uint64_t committed;	/* these may be written */
	struct sshbuf *data;	/* what the target may lack, from data_off */
	uint64_t data_off;
	struct sshbuf *resend;	/* another host had written it: goes first */
	/* What the client sends has ended: */
	int ended;		/* the kernel has FIN, jeebsd keeps it */
	int end_committed;	/* a committed record says so */
	uint64_t rec_off, rec_end;	/* of data, in the state */
	uint64_t rec_taken;
	size_t rec_early;
	int rec_ended;
	struct jeebs_mark marks[JEEBS_RELAY_MARKS];
	u_int nmarks;
};

/* Of a connection that is new. Fatal if memory fails. */
void	jeebs_relay_init(struct jeebs_relay *);
/*
 * Then, of one that another host had: data is what the target may lack, the
 * first resend bytes of it were written there; ended: the kernel has all of it.
 */
void	jeebs_relay_adopt(struct jeebs_relay *, const struct sshbuf *data,
	    size_t resend, int ended);
/* Frees what it owns. */
void	jeebs_relay_clear(struct jeebs_relay *);
/* A new incarnation, which has no records yet. */
void	jeebs_relay_attach(struct jeebs_relay *);
/*
 * From now on only what is committed is written, and the standby has all that
 * is read.
 */
void	jeebs_relay_gate(struct jeebs_relay *);

/* Offset behind all that is known to be for the target. */
uint64_t jeebs_relay_end(const struct jeebs_relay *);
/*
 * How many of the bytes that were read and are not sealed yet, the first of
 * them, must be in a record?
 */
size_t	jeebs_relay_early(const struct jeebs_relay *, size_t unsealed);
/* How many of len bytes may be written, apart from those to resend? */
size_t	jeebs_relay_may_write(const struct jeebs_relay *, size_t len);
/* sock took len bytes from p. */
void	jeebs_relay_did_write(struct jeebs_relay *, int sock, const u_char *p,
	    size_t len);
/* Writes what is to be resent as far as sock takes it; -1 if that failed. */
int	jeebs_relay_resend(struct jeebs_relay *, int sock);

/*
 * For a record: takes note of what is queued for sock, and then puts the
 * objects of the channel's forward, with jeebsd's name for it and the bytes that
 * were read and are not sealed yet. SSH_ERR_INVALID_FORMAT: some of
 * what was to be written was given up.
 */
int	jeebs_relay_gather(struct jeebs_relay *, int sock,
	    const struct sshbuf *queued);
int	jeebs_relay_put(struct jeebs_relay *, struct jeebs_state *,
	    uint32_t channel, uint64_t id, const struct sshbuf *unsealed);
/* What was put is in the record with this number. */
void	jeebs_relay_recorded(struct jeebs_relay *, uint64_t seq);
/*
 * The standby holds the records up to this one. Returns nonzero if one with
 * something of this forward is new among them; *taken is then the offset up to
 * which they have what came from the target.
 */
int	jeebs_relay_committed(struct jeebs_relay *, uint64_t seq,
	    uint64_t *taken);

#endif /* JEEBS_RELAY_H */
