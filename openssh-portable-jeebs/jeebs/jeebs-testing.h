/* SPDX-License-Identifier: ISC */
/*
 * Switches for tests: mutants that the auditor must find, and points at which
 * a process stops. Only the programs of "make testing" (-DJEEBS_TESTING) have
 * them; in all others the calls expand to nothing.
 *
 * JEEBS_TESTING_FILE holds one switch a line. It must be root's and writable
 * by nobody else. It is read again whenever it has changed, as long as it can
 * be reached: in a chroot what was read before counts.
 */
#ifndef JEEBS_TESTING_H
#define JEEBS_TESTING_H

#ifdef JEEBS_TESTING

#include <sys/types.h>

#include <stdint.h>

#define JEEBS_TESTING_FILE	"/etc/jeebs/testing"
#define JEEBS_TESTING_RUN	"/run/jeebs-run/run"

#ifdef __cplusplus
extern "C" {
#endif

struct ssh;
struct jeebs_ring;
struct jeebs_chain;
struct jeebs_state;
struct jeebs_envelope;
struct sshbuf;

/* Nonzero if the switch is on. */
int	jeebs_testing(const char *name);
/* Stops this process (SIGSTOP) if there is a switch "stop POINT". */
void	jeebs_testing_stop(const char *point);
/*
 * Errors for the sanitizers, if there is a switch "fault POINT": a sum that
 * overflows, then a byte written behind its memory; with ThreadSanitizer, a
 * race of two threads.
 */
void	jeebs_testing_fault(const char *point);
/*
 * Stop points of a key exchange that is under way: "kex-STAGE-WHEN", with the
 * stage of PROTOCOL.jeebs, section 7.6.
 */
void	jeebs_testing_kex(struct ssh *, const char *when);
/*
 * A record was handed to jeebsd; st is the state after it. With the switch
 * "recorded-run", adds it to JEEBS_TESTING_RUN (regress/cut/README). With
 * "recorded-points", says up to which offsets it goes, and stops where the
 * state is one of the points "cut-NAME" of jeebs-testing-cut.c.
 */
void	jeebs_testing_recorded(struct ssh *, const struct jeebs_envelope *,
	    const u_char *stream, const struct sshbuf *objects,
	    struct jeebs_state *st);
/*
 * What the process of the user has of jeebs from now on. It keeps it; the memfd
 * of the ring, which others close when it is mapped, is duplicated.
 */
void	jeebs_testing_attached(int memfd, int kick, int commit,
	    struct jeebs_ring *, uint32_t ring_size, struct jeebs_chain *);
/*
 * That process, which has just become protected, turns hostile in the way of
 * the switch that is on: jeebs-hostile.c.
 */
void	jeebs_testing_attack(struct ssh *, int mon_fd);

#ifdef __cplusplus
}
#endif

#else /* JEEBS_TESTING */

#define jeebs_testing(name)		0
#define jeebs_testing_stop(point)	do { } while (0)
#define jeebs_testing_fault(point)	do { } while (0)
#define jeebs_testing_kex(ssh, when)	do { } while (0)
#define jeebs_testing_recorded(...)	do { } while (0)
#define jeebs_testing_attached(...)	do { } while (0)
#define jeebs_testing_attack(ssh, fd)	do { } while (0)

#endif /* JEEBS_TESTING */
#endif /* JEEBS_TESTING_H */
