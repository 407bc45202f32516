/* SPDX-License-Identifier: ISC */
/*
 * sshd's own code for fuzz targets: its C files are included by those here, so
 * that what is static there can be called.
 * Owner: the fuzz programs. Single-threaded.
 */
#ifndef PARTS_H
#define PARTS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct jeebs_recovery_pub;
struct ssh;
struct sshbuf;
struct sshkey;

/*
 * What main() of sshd-session sets up before a session: options, a host key,
 * a user. Once, by the target. From then on fatal() aborts.
 */
void	parts_setup(void);
struct sshkey *parts_hostkey(void);

/* A session whose keys are those of jeebs_adopt_keystate(). */
struct ssh *parts_ssh(void);
void	parts_ssh_free(struct ssh *);

/* Calls of fork() in sshd: 0 fails them, else the child that is said to run. */
extern int parts_fork;

/* session.c: imports a channel and its session, and exports them again. */
void	parts_session(uint32_t id, const uint8_t *chan, size_t chanlen,
	    const uint8_t *sess, size_t sesslen, int may_tty);

/*
 * The n'th of the recovery modules that have no target of their own: gives it what is
 * kept of a channel, or of none, and exports all again. possible: there is what it
 * wants to bind or open.
 */
void	parts_module(unsigned n, uint32_t id, const uint8_t *chan,
	    size_t chanlen, const uint8_t *body, size_t len, int possible);

/*
 * jeebs-adopt.c: sshd-adopt gets one message from the socket, which it closes.
 * Before it, once: makes the recovery key whose public half is returned.
 */
const struct jeebs_recovery_pub *parts_adopt_init(void);
void	parts_adopt_serve(int sock);
/*
 * The root record at the start of the file, verified and opened as for an
 * adoption; session_key has JEEBS_KEY_LEN bytes. What was adopted before is
 * forgotten. 0 or SSH_ERR_*.
 */
int	parts_adopt_root(int memfd, uint8_t *session_key);

/*
 * jeebs-mon.c: MON gets one message from jeebsd. Returns MON's end of the
 * socketpair with PA, where ATTACH and UNATTACH arrive.
 */
int	parts_mon_init(void);
void	parts_mon_event(struct ssh *, int sock);

/* What the records of a file say; the buffers are the caller's. */
struct parts_said {
	uint8_t last;			/* type of the last record */
	uint64_t in_off, stream_off;
	struct sshbuf *stream;		/* from stream_off on */
	struct sshbuf *objects;		/* tag, then id and body of each */
};

/* jeebs-revive.c: opens the file; 0 if it is good. said may be NULL. */
int	parts_records(int memfd, const uint8_t *key, const uint8_t *record_id,
	    uint64_t epoch, struct parts_said *said);

#ifdef __cplusplus
}
#endif

#endif /* PARTS_H */
