/* SPDX-License-Identifier: ISC */

#include "includes.h"

#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sshbuf.h"
#include "ssherr.h"
#include "sshkey.h"

#include "jeebs-aead.h"
#include "jeebs-root.h"

#define ROOT_NAMESPACE		"session-root@jeebs"
#define SESSION_ID_MIN		20	/* SHA-1 */
#define SESSION_ID_MAX		64	/* SHA-512 */

/* Where the parts of a root record lie in it. */
struct parts {
	struct jeebs_envelope env;
	const u_char *keyid;	/* JEEBS_ID_LEN */
	const u_char *ct;	/* JEEBS_KEM_CT_LEN */
	size_t aadlen;		/* all before sealed, from the start */
	const u_char *sealed;	/* env.sealed_len + JEEBS_TAG_LEN */
	size_t signedlen;	/* all before the signature */
	const u_char *sig;
	size_t siglen;
};

struct jeebs_root *
jeebs_root_new(void)
{
	struct jeebs_root *root;

	if ((root = calloc(1, sizeof(*root))) == NULL)
		return NULL;
	if ((root->session_id = sshbuf_new()) == NULL ||
	    (root->auth_opts = sshbuf_new()) == NULL) {
		jeebs_root_free(root);
		return NULL;
	}
	return root;
}

void
jeebs_root_free(struct jeebs_root *root)
{
	if (root == NULL)
		return;
	free(root->host);
	sshbuf_free(root->session_id);
	free(root->user);
	free(root->style);
	free(root->role);
	free(root->session_info);
	sshbuf_free(root->auth_opts);
	free(root->client_version);
	free(root->server_version);
	free(root->fork_version);
	freezero(root, sizeof(*root));
}

/* A string that must be there, or one that needn't. */
static int
text_check(const char *s, size_t max, int required)
{
	size_t len = s == NULL ? 0 : strlen(s);

	if (len > max || (required && len == 0))
		return SSH_ERR_INVALID_FORMAT;
	return 0;
}

static int
root_check(const struct jeebs_root *root)
{
	int r;

	if (root->session_id == NULL || root->auth_opts == NULL ||
	    sshbuf_len(root->session_id) < SESSION_ID_MIN ||
	    sshbuf_len(root->session_id) > SESSION_ID_MAX ||
	    sshbuf_len(root->auth_opts) == 0 ||
	    sshbuf_len(root->auth_opts) > JEEBS_MAX_AUTH_OPTS ||
	    root->not_after == 0 || root->force_pwchange > 1)
		return SSH_ERR_INVALID_FORMAT;
	if ((r = text_check(root->host, JEEBS_MAX_NAME, 1)) != 0 ||
	    (r = text_check(root->user, JEEBS_MAX_NAME, 1)) != 0 ||
	    (r = text_check(root->style, JEEBS_MAX_NAME, 0)) != 0 ||
	    (r = text_check(root->role, JEEBS_MAX_NAME, 0)) != 0 ||
	    (r = text_check(root->session_info, JEEBS_MAX_SESSION_INFO,
	    0)) != 0 ||
	    (r = text_check(root->client_version, JEEBS_MAX_BANNER, 1)) != 0 ||
	    (r = text_check(root->server_version, JEEBS_MAX_BANNER, 1)) != 0 ||
	    (r = text_check(root->fork_version, JEEBS_MAX_NAME, 1)) != 0)
		return r;
	return 0;
}

static int
put_tcp(struct sshbuf *b, const struct jeebs_tcp_state *tcp)
{
	struct sshbuf *tmp;
	int r;

	if ((tmp = sshbuf_new()) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	if ((r = jeebs_tcp_put(tmp, tcp)) == 0)
		r = sshbuf_put_stringb(b, tmp);
	sshbuf_free(tmp);
	return r;
}

static int
get_tcp(struct sshbuf *b, struct jeebs_tcp_state *tcp)
{
	struct sshbuf *tmp = NULL;
	int r;

	if ((r = sshbuf_froms(b, &tmp)) != 0)
		return r;
	if ((r = jeebs_tcp_get(tmp, tcp)) == 0 && sshbuf_len(tmp) != 0)
		r = SSH_ERR_UNEXPECTED_TRAILING_DATA;
	sshbuf_free(tmp);
	return r;
}

static int
put_body(struct sshbuf *b, const struct jeebs_root *root)
{
	int r;

	if ((r = root_check(root)) != 0 ||
	    (r = sshbuf_put_cstring(b, root->host)) != 0 ||
	    (r = sshbuf_put_u64(b, root->not_after)) != 0 ||
	    (r = sshbuf_put_stringb(b, root->session_id)) != 0 ||
	    (r = put_tcp(b, &root->tcp)) != 0 ||
	    (r = sshbuf_put_cstring(b, root->user)) != 0 ||
	    (r = sshbuf_put_cstring(b, root->style)) != 0 ||
	    (r = sshbuf_put_cstring(b, root->role)) != 0 ||
	    (r = sshbuf_put_cstring(b, root->session_info)) != 0 ||
	    (r = sshbuf_put_u32(b, root->uid)) != 0 ||
	    (r = sshbuf_put_u32(b, root->gid)) != 0 ||
	    (r = sshbuf_put_stringb(b, root->auth_opts)) != 0 ||
	    (r = sshbuf_put_cstring(b, root->client_version)) != 0 ||
	    (r = sshbuf_put_cstring(b, root->server_version)) != 0 ||
	    (r = sshbuf_put_u32(b, root->compat)) != 0 ||
	    (r = sshbuf_put(b, root->policy, JEEBS_POLICY_LEN)) != 0 ||
	    (r = sshbuf_put_cstring(b, root->fork_version)) != 0 ||
	    (r = sshbuf_put_u8(b, root->force_pwchange)) != 0)
		return r;
	return 0;
}

/* An empty string reads back as NULL. */
static int
get_optional(struct sshbuf *b, char **sp)
{
	int r;

	if ((r = jeebs_get_text(b, sp)) == 0 && **sp == '\0') {
		free(*sp);
		*sp = NULL;
	}
	return r;
}

static int
get_body(struct sshbuf *b, struct jeebs_root *root)
{
	int r;

	if ((r = jeebs_get_text(b, &root->host)) != 0 ||
	    (r = sshbuf_get_u64(b, &root->not_after)) != 0 ||
	    (r = sshbuf_get_stringb(b, root->session_id)) != 0 ||
	    (r = get_tcp(b, &root->tcp)) != 0 ||
	    (r = jeebs_get_text(b, &root->user)) != 0 ||
	    (r = get_optional(b, &root->style)) != 0 ||
	    (r = get_optional(b, &root->role)) != 0 ||
	    (r = get_optional(b, &root->session_info)) != 0 ||
	    (r = sshbuf_get_u32(b, &root->uid)) != 0 ||
	    (r = sshbuf_get_u32(b, &root->gid)) != 0 ||
	    (r = sshbuf_get_stringb(b, root->auth_opts)) != 0 ||
	    (r = jeebs_get_text(b, &root->client_version)) != 0 ||
	    (r = jeebs_get_text(b, &root->server_version)) != 0 ||
	    (r = sshbuf_get_u32(b, &root->compat)) != 0 ||
	    (r = sshbuf_get(b, root->policy, JEEBS_POLICY_LEN)) != 0 ||
	    (r = jeebs_get_text(b, &root->fork_version)) != 0 ||
	    (r = sshbuf_get_u8(b, &root->force_pwchange)) != 0)
		return r;
	if (sshbuf_len(b) != 0)
		return SSH_ERR_UNEXPECTED_TRAILING_DATA;
	return root_check(root);
}

int
jeebs_root_put(struct sshbuf *b, const struct jeebs_root *root)
{
	int r;

	if ((r = sshbuf_put(b, root->record_id, JEEBS_ID_LEN)) != 0 ||
	    (r = sshbuf_put_u64(b, root->epoch)) != 0)
		return r;
	return put_body(b, root);
}

int
jeebs_root_get(struct sshbuf *b, struct jeebs_root **rootp)
{
	struct jeebs_root *root;
	int r;

	*rootp = NULL;
	if ((root = jeebs_root_new()) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	if ((r = sshbuf_get(b, root->record_id, JEEBS_ID_LEN)) != 0 ||
	    (r = sshbuf_get_u64(b, &root->epoch)) != 0 ||
	    (r = get_body(b, root)) != 0) {
		jeebs_root_free(root);
		return r;
	}
	*rootp = root;
	return 0;
}

/*
 * K = KEM to the recovery key with the encoded envelope as info; subkeys for
 * the root record and for the session's chain.
 */
static int
subkeys(const u_char key[JEEBS_KEY_LEN], u_char root_key[JEEBS_KEY_LEN],
    u_char session_key[JEEBS_KEY_LEN])
{
	int r;

	if ((r = jeebs_derive(key, JEEBS_LABEL_ROOT, root_key)) != 0)
		return r;
	return jeebs_derive(key, JEEBS_LABEL_SESSION, session_key);
}

int
jeebs_root_seal(const struct jeebs_root *root,
    const struct jeebs_recovery_pub *pub, struct sshkey *hostkey,
    sshsig_signer *signer, void *signer_ctx, struct sshbuf *out,
    u_char session_key[JEEBS_KEY_LEN])
{
	struct jeebs_envelope env;
	struct sshbuf *rec = NULL, *body = NULL, *ct = NULL, *sealed = NULL;
	struct sshbuf *sig = NULL;
	u_char key[JEEBS_KEY_LEN], root_key[JEEBS_KEY_LEN];
	int r;

	if ((rec = sshbuf_new()) == NULL || (body = sshbuf_new()) == NULL ||
	    (ct = sshbuf_new()) == NULL || (sealed = sshbuf_new()) == NULL ||
	    (sig = sshbuf_new()) == NULL) {
		r = SSH_ERR_ALLOC_FAIL;
		goto out;
	}
	if ((r = put_body(body, root)) != 0)
		goto out;
	memset(&env, 0, sizeof(env));
	env.version = JEEBS_WIRE_VERSION;
	env.compat = JEEBS_WIRE_COMPAT;
	env.type = JEEBS_REC_ROOT;
	memcpy(env.record_id, root->record_id, JEEBS_ID_LEN);
	env.epoch = root->epoch;
	env.sealed_len = (uint32_t)sshbuf_len(body);
	if ((r = jeebs_envelope_put(rec, &env)) != 0 ||
	    (r = jeebs_encap(pub, sshbuf_ptr(rec), sshbuf_len(rec), ct,
	    key)) != 0 ||
	    (r = subkeys(key, root_key, session_key)) != 0 ||
	    (r = sshbuf_put_string(rec, pub->id, JEEBS_ID_LEN)) != 0 ||
	    (r = sshbuf_put_stringb(rec, ct)) != 0 ||
	    (r = jeebs_seal_once(root_key, sshbuf_ptr(rec), sshbuf_len(rec),
	    body, sealed)) != 0 ||
	    (r = sshbuf_putb(rec, sealed)) != 0 ||
	    (r = jeebs_sign(rec, ROOT_NAMESPACE, hostkey, signer, signer_ctx,
	    sig)) != 0 ||
	    (r = sshbuf_put_stringb(rec, sig)) != 0)
		goto out;
	if (sshbuf_len(rec) > JEEBS_MAX_ROOT) {
		r = SSH_ERR_NO_BUFFER_SPACE;
		goto out;
	}
	r = sshbuf_putb(out, rec);
 out:
	if (r != 0)
		explicit_bzero(session_key, JEEBS_KEY_LEN);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(root_key, sizeof(root_key));
	sshbuf_free(rec);
	sshbuf_free(body);
	sshbuf_free(ct);
	sshbuf_free(sealed);
	sshbuf_free(sig);
	return r;
}

/* Find the parts of a record; strict. They point into rec. */
static int
root_parse(const u_char *rec, size_t len, struct parts *parts)
{
	struct sshbuf *b;
	size_t idlen, ctlen;
	int r;

	memset(parts, 0, sizeof(*parts));
	if (len > JEEBS_MAX_ROOT)
		return SSH_ERR_INVALID_FORMAT;
	if ((b = sshbuf_from(rec, len)) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	if ((r = jeebs_envelope_get(b, &parts->env)) != 0)
		goto out;
	if (parts->env.type != JEEBS_REC_ROOT) {
		r = SSH_ERR_INVALID_FORMAT;
		goto out;
	}
	if ((r = sshbuf_get_string_direct(b, &parts->keyid, &idlen)) != 0 ||
	    (r = sshbuf_get_string_direct(b, &parts->ct, &ctlen)) != 0)
		goto out;
	if (idlen != JEEBS_ID_LEN || ctlen != JEEBS_KEM_CT_LEN) {
		r = SSH_ERR_INVALID_FORMAT;
		goto out;
	}
	parts->aadlen = len - sshbuf_len(b);
	parts->sealed = sshbuf_ptr(b);
	if ((r = sshbuf_consume(b, (size_t)parts->env.sealed_len +
	    JEEBS_TAG_LEN)) != 0)
		goto out;
	parts->signedlen = len - sshbuf_len(b);
	if ((r = sshbuf_get_string_direct(b, &parts->sig,
	    &parts->siglen)) != 0)
		goto out;
	if (sshbuf_len(b) != 0)
		r = SSH_ERR_UNEXPECTED_TRAILING_DATA;
 out:
	sshbuf_free(b);
	return r;
}

int
jeebs_root_peek(const u_char *rec, size_t len, struct jeebs_envelope *env,
    u_char keyid[JEEBS_ID_LEN])
{
	struct parts parts;
	int r;

	memset(env, 0, sizeof(*env));
	if ((r = root_parse(rec, len, &parts)) != 0)
		return r;
	*env = parts.env;
	memcpy(keyid, parts.keyid, JEEBS_ID_LEN);
	return 0;
}

int
jeebs_root_verify(const u_char *rec, size_t len, jeebs_own_hostkey *is_own,
    void *ctx, struct jeebs_envelope *env, u_char keyid[JEEBS_ID_LEN])
{
	struct parts parts;
	int r;

	memset(env, 0, sizeof(*env));
	if ((r = root_parse(rec, len, &parts)) != 0 ||
	    (r = jeebs_verify(parts.sig, parts.siglen, rec, parts.signedlen,
	    ROOT_NAMESPACE, is_own, ctx)) != 0)
		return r;
	*env = parts.env;
	memcpy(keyid, parts.keyid, JEEBS_ID_LEN);
	return 0;
}

int
jeebs_root_open(const u_char *rec, size_t len, struct jeebs_recovery *recovery,
    struct jeebs_root **rootp, u_char session_key[JEEBS_KEY_LEN])
{
	struct parts parts;
	struct jeebs_root *root = NULL;
	struct sshbuf *body = NULL, *ct = NULL;
	u_char key[JEEBS_KEY_LEN], root_key[JEEBS_KEY_LEN];
	int r;

	*rootp = NULL;
	explicit_bzero(session_key, JEEBS_KEY_LEN);
	if ((r = root_parse(rec, len, &parts)) != 0)
		return r;
	if (memcmp(parts.keyid, jeebs_recovery_id(recovery),
	    JEEBS_ID_LEN) != 0)
		return SSH_ERR_KEY_NOT_FOUND;
	if ((ct = sshbuf_from(parts.ct, JEEBS_KEM_CT_LEN)) == NULL ||
	    (body = sshbuf_new()) == NULL ||
	    (root = jeebs_root_new()) == NULL) {
		r = SSH_ERR_ALLOC_FAIL;
		goto out;
	}
	if ((r = jeebs_decap(recovery, ct, rec, JEEBS_ENVELOPE_LEN,
	    key)) != 0 ||
	    (r = subkeys(key, root_key, session_key)) != 0 ||
	    (r = jeebs_open_once(root_key, rec, parts.aadlen, parts.sealed,
	    (size_t)parts.env.sealed_len + JEEBS_TAG_LEN, body)) != 0 ||
	    (r = get_body(body, root)) != 0)
		goto out;
	memcpy(root->record_id, parts.env.record_id, JEEBS_ID_LEN);
	root->epoch = parts.env.epoch;
	*rootp = root;
	root = NULL;
 out:
	if (r != 0)
		explicit_bzero(session_key, JEEBS_KEY_LEN);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(root_key, sizeof(root_key));
	jeebs_root_free(root);
	sshbuf_free(body);
	sshbuf_free(ct);
	return r;
}
