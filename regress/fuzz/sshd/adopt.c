/* SPDX-License-Identifier: ISC */
/* sshd-adopt's supervisor, jeebs-adopt.c itself: see parts.h. */
#include "jeebs/jeebs-adopt.c"

#include "parts.h"

static struct jeebs_recovery_pub pub;

/* The public half of the key that is in use, to seal root records to. */
const struct jeebs_recovery_pub *
parts_adopt_init(void)
{
	int i;

	for (i = 0; i < MAX_CLIENTS; i++)
		ad.client[i] = -1;
	ad.once = jeebs_once_new();
	rotate();
	if (ad.now.key == NULL || jeebs_recovery_verify(
	    sshbuf_ptr(ad.now.blob), sshbuf_len(ad.now.blob), jeebs_own_key,
	    NULL, time(NULL), &pub) != 0)
		abort();
	return &pub;
}

/* One message; closes sock in any case. */
void
parts_adopt_serve(int sock)
{
	ad.client[0] = sock;
	serve_client(0);
	if (ad.client[0] != -1)
		drop_client(0);
	/* what was adopted is remembered: not here, where it would pile up */
	jeebs_once_free(ad.once);
	ad.once = jeebs_once_new();
}

int
parts_adopt_root(int memfd, uint8_t *session_key)
{
	struct jeebs_job job;
	const char *why;
	int r;

	memset(&job, 0, sizeof(job));
	job.records = memfd;
	r = open_root(&job, &why);
	memcpy(session_key, job.session_key, sizeof(job.session_key));
	jeebs_root_free(job.root);
	jeebs_once_free(ad.once);
	ad.once = jeebs_once_new();
	return r;
}
