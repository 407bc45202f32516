/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "openbsd-compat/sys-tree.h"
#include "digest.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "jeebs/jeebs-once.h"

/* Of the SHA-256 of a session id, which itself is a digest. */
#define NAME_LEN	16

struct opened {
	RB_ENTRY(opened) entry;
	u_char name[NAME_LEN];
	uint64_t epoch;
};

static int
opened_cmp(struct opened *a, struct opened *b)
{
	return memcmp(a->name, b->name, sizeof(a->name));
}

RB_HEAD(jeebs_once, opened);
RB_GENERATE_STATIC(jeebs_once, opened, entry, opened_cmp)

struct jeebs_once *
jeebs_once_new(void)
{
	struct jeebs_once *once;

	if ((once = calloc(1, sizeof(*once))) != NULL)
		RB_INIT(once);
	return once;
}

void
jeebs_once_free(struct jeebs_once *once)
{
	struct opened *o;

	if (once == NULL)
		return;
	while ((o = RB_MIN(jeebs_once, once)) != NULL) {
		RB_REMOVE(jeebs_once, once, o);
		free(o);
	}
	free(once);
}

int
jeebs_once_claim(struct jeebs_once *once, const struct sshbuf *session_id,
    uint64_t epoch)
{
	struct opened key, *o;
	u_char digest[SSH_DIGEST_MAX_LENGTH];
	int r;

	if ((r = ssh_digest_buffer(SSH_DIGEST_SHA256, session_id, digest,
	    sizeof(digest))) != 0)
		return r;
	memcpy(key.name, digest, sizeof(key.name));
	if ((o = RB_FIND(jeebs_once, once, &key)) != NULL) {
		if (epoch <= o->epoch)
			return SSH_ERR_INVALID_ARGUMENT;
		o->epoch = epoch;
		return 0;
	}
	if ((o = calloc(1, sizeof(*o))) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	memcpy(o->name, key.name, sizeof(o->name));
	o->epoch = epoch;
	RB_INSERT(jeebs_once, once, o);
	return 0;
}
