/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include <sys/types.h>

#include "openbsd-compat/sys-queue.h"
#include "hostfile.h"
#include "auth.h"
#include "authfd.h"
#include "digest.h"
#include "log.h"
#include "misc.h"
#include "servconf.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "sshkey.h"
#include "jeebs/jeebs-host.h"

extern ServerOptions options;
extern struct include_list includes;
extern struct sshbuf *cfg;
extern int auth_sock;

int
jeebs_own_key(const struct sshkey *key, void *ctx)
{
	/* get_hostkey_index() doesn't change the key it compares with */
	return get_hostkey_index((struct sshkey *)key, 1, ctx) != -1;
}

int
jeebs_host_signer(struct sshkey *key, u_char **sigp, size_t *lenp,
    const u_char *data, size_t datalen, const char *alg, const char *provider,
    const char *pin, u_int compat, void *ctx)
{
	int *agent = ctx;

	if (agent == NULL)
		return sshkey_sign(key, sigp, lenp, data, datalen, alg,
		    provider, pin, compat);
	return ssh_agent_sign(*agent, key, sigp, lenp, data, datalen, alg,
	    compat);
}

/* Small and fast to verify first; it signs once per login and takeover. */
struct sshkey *
jeebs_signing_key(void **signer_ctx)
{
	static const int types[] = { KEY_ED25519, KEY_ECDSA, KEY_RSA };
	struct sshkey *key;
	u_int i, j;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		for (j = 0; j < options.num_host_key_files; j++) {
			*signer_ctx = NULL;
			if ((key = get_hostkey_by_index(j)) == NULL &&
			    auth_sock > 0) {
				*signer_ctx = &auth_sock;
				key = get_hostkey_public_by_index(j, NULL);
			}
			if (key != NULL && key->type == types[i])
				return key;
		}
	}
	return NULL;
}

int
jeebs_policy_digest(u_char *out, size_t len)
{
	struct ssh_digest_ctx *ctx;
	struct include_item *item;
	int r = SSH_ERR_LIBCRYPTO_ERROR;

	if ((ctx = ssh_digest_start(SSH_DIGEST_SHA256)) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	if (ssh_digest_update_buffer(ctx, cfg) != 0)
		goto out;
	TAILQ_FOREACH(item, &includes, entry) {
		if (ssh_digest_update_buffer(ctx, item->contents) != 0)
			goto out;
	}
	if (ssh_digest_final(ctx, out, len) == 0)
		r = 0;
 out:
	ssh_digest_free(ctx);
	return r;
}
