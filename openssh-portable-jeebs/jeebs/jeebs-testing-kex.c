/* SPDX-License-Identifier: ISC */
/* Only in the programs of "make testing". */
#include "includes.h"

#include <sys/types.h>

#include <stdint.h>
#include <stdio.h>

#include "log.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "jeebs/jeebs-state.h"
#include "jeebs/jeebs-testing.h"

void
jeebs_testing_kex(struct ssh *ssh, const char *when)
{
	struct sshbuf *m;
	char point[64];
	u_char stage;
	int r;

	if ((m = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new");
	if ((r = jeebs_packet_kex(ssh, m)) != 0)
		fatal_fr(r, "key exchange");
	if (sshbuf_len(m) != 0) {
		if ((r = sshbuf_get_u8(m, &stage)) != 0)
			fatal_fr(r, "stage");
		snprintf(point, sizeof(point), "kex-%u-%s", stage, when);
		jeebs_testing_stop(point);
	}
	sshbuf_free(m);
}
