/* SPDX-License-Identifier: ISC */
/*
 * Only in the programs of "make testing": a user's process that attacks what
 * it can reach. Each attack is a switch.
 */
#include "includes.h"

#include <sys/types.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "jeebs/jeebs-ring.h"
#include "jeebs/jeebs-testing.h"

/* A frame that says it is longer than any record may be. */
static void
oversized_frame(int kick, struct jeebs_ring *ring, uint32_t ring_size)
{
	const u_char frame[4] = { 0xff, 0xff, 0xff, 0xff };
	const uint64_t one = 1;

	if (jeebs_ring_write(ring, ring_size, frame, sizeof(frame)) !=
	    sizeof(frame))
		fatal_f("no room");
	if (write(kick, &one, sizeof(one)) == -1)
		fatal_f("write: %s", strerror(errno));
}

void
jeebs_testing_attack(struct ssh *ssh, int mon_fd, int kick, int commit,
    struct jeebs_ring *ring, uint32_t ring_size, struct jeebs_chain *chain)
{
	if (jeebs_testing("attack-oversized-frame"))
		oversized_frame(kick, ring, ring_size);
}
