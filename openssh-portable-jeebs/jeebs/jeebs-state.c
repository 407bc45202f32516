/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "openbsd-compat/sys-tree.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "jeebs/jeebs-state.h"

#define OP_SET	1
#define OP_GONE	2
#define OP_GROW	3

struct object {
	RB_ENTRY(object) entry;
	enum jeebs_tag tag;
	uint32_t id;
	struct sshbuf *body;
	int seen;
};

static int
object_cmp(struct object *a, struct object *b)
{
	if (a->tag != b->tag)
		return a->tag < b->tag ? -1 : 1;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return 0;
}

RB_HEAD(objects, object);
RB_GENERATE_STATIC(objects, object, entry, object_cmp)

struct jeebs_state {
	struct objects tree;
	u_int n;
	struct sshbuf *out;
};

struct jeebs_state *
jeebs_state_new(void)
{
	struct jeebs_state *st;

	if ((st = calloc(1, sizeof(*st))) != NULL)
		RB_INIT(&st->tree);
	return st;
}

static void
object_drop(struct jeebs_state *st, struct object *o)
{
	RB_REMOVE(objects, &st->tree, o);
	sshbuf_free(o->body);
	freezero(o, sizeof(*o));
	st->n--;
}

static void
state_clear(struct jeebs_state *st)
{
	struct object *o;

	while ((o = RB_MIN(objects, &st->tree)) != NULL)
		object_drop(st, o);
}

void
jeebs_state_free(struct jeebs_state *st)
{
	if (st == NULL)
		return;
	state_clear(st);
	free(st);
}

static struct object *
object_find(struct jeebs_state *st, enum jeebs_tag tag, uint32_t id)
{
	struct object key;

	memset(&key, 0, sizeof(key));
	key.tag = tag;
	key.id = id;
	return RB_FIND(objects, &st->tree, &key);
}

/* Finds or makes the object and gives it a copy of body. */
static int
object_set(struct jeebs_state *st, enum jeebs_tag tag, uint32_t id,
    const u_char *body, size_t len, struct object **op)
{
	struct object *o;
	int r;

	if ((o = object_find(st, tag, id)) == NULL) {
		if (st->n >= JEEBS_MAX_OBJECTS)
			return SSH_ERR_NO_BUFFER_SPACE;
		if ((o = calloc(1, sizeof(*o))) == NULL)
			return SSH_ERR_ALLOC_FAIL;
		if ((o->body = sshbuf_new()) == NULL) {
			free(o);
			return SSH_ERR_ALLOC_FAIL;
		}
		o->tag = tag;
		o->id = id;
		RB_INSERT(objects, &st->tree, o);
		st->n++;
	}
	sshbuf_reset(o->body);
	if ((r = sshbuf_put(o->body, body, len)) != 0) {
		object_drop(st, o);
		return r;
	}
	if (op != NULL)
		*op = o;
	return 0;
}

void
jeebs_state_begin(struct jeebs_state *st, struct sshbuf *out, int full)
{
	struct object *o;

	st->out = out;
	if (full)
		state_clear(st);
	RB_FOREACH(o, objects, &st->tree)
		o->seen = 0;
}

int
jeebs_state_put(struct jeebs_state *st, enum jeebs_tag tag, uint32_t id,
    const struct sshbuf *body)
{
	struct object *o;
	int r;

	if ((o = object_find(st, tag, id)) != NULL &&
	    sshbuf_len(o->body) == sshbuf_len(body) &&
	    memcmp(sshbuf_ptr(o->body), sshbuf_ptr(body),
	    sshbuf_len(body)) == 0) {
		o->seen = 1;
		return 0;
	}
	if ((r = object_set(st, tag, id, sshbuf_ptr(body), sshbuf_len(body),
	    &o)) != 0)
		return r;
	o->seen = 1;
	if ((r = sshbuf_put_u8(st->out, OP_SET)) != 0 ||
	    (r = sshbuf_put_u8(st->out, tag)) != 0 ||
	    (r = sshbuf_put_u32(st->out, id)) != 0 ||
	    (r = sshbuf_put_stringb(st->out, body)) != 0)
		return r;
	return 0;
}

int
jeebs_state_grow(struct jeebs_state *st, enum jeebs_tag tag, uint32_t id,
    const struct sshbuf *whole, size_t dropped, size_t added)
{
	struct object *o;
	int r, fresh;

	fresh = (o = object_find(st, tag, id)) == NULL;
	if (fresh && (r = object_set(st, tag, id, NULL, 0, &o)) != 0)
		return r;
	o->seen = 1;
	if (!fresh && dropped == 0 && added == 0)
		return 0;
	if (!fresh && (dropped > UINT32_MAX || added > sshbuf_len(whole)))
		return SSH_ERR_INVALID_ARGUMENT;
	if ((r = sshbuf_put_u8(st->out, fresh ? OP_SET : OP_GROW)) != 0 ||
	    (r = sshbuf_put_u8(st->out, tag)) != 0 ||
	    (r = sshbuf_put_u32(st->out, id)) != 0)
		return r;
	if (fresh)
		return sshbuf_put_stringb(st->out, whole);
	if ((r = sshbuf_put_u32(st->out, (uint32_t)dropped)) != 0)
		return r;
	return sshbuf_put_string(st->out, sshbuf_ptr(whole) +
	    sshbuf_len(whole) - added, added);
}

void
jeebs_state_keep(struct jeebs_state *st, enum jeebs_tag tag, uint32_t id)
{
	struct object *o;

	if ((o = object_find(st, tag, id)) != NULL)
		o->seen = 1;
}

int
jeebs_state_end(struct jeebs_state *st)
{
	struct object *o, *next;
	int r;

	RB_FOREACH_SAFE(o, objects, &st->tree, next) {
		if (o->seen)
			continue;
		if ((r = sshbuf_put_u8(st->out, OP_GONE)) != 0 ||
		    (r = sshbuf_put_u8(st->out, o->tag)) != 0 ||
		    (r = sshbuf_put_u32(st->out, o->id)) != 0)
			return r;
		object_drop(st, o);
	}
	st->out = NULL;
	return 0;
}

int
jeebs_state_apply(struct jeebs_state *st, struct sshbuf *in, int full)
{
	struct object *o;
	const u_char *body;
	size_t len;
	u_char op, tag;
	u_int id, dropped;
	int r;

	if (full)
		state_clear(st);
	while (sshbuf_len(in) != 0) {
		if ((r = sshbuf_get_u8(in, &op)) != 0 ||
		    (r = sshbuf_get_u8(in, &tag)) != 0 ||
		    (r = sshbuf_get_u32(in, &id)) != 0)
			return r;
		if (tag < JEEBS_TAG_TRANSPORT || tag > JEEBS_TAG_LAST)
			return SSH_ERR_INVALID_FORMAT;
		switch (op) {
		case OP_SET:
			if ((r = sshbuf_get_string_direct(in, &body,
			    &len)) != 0 ||
			    (r = object_set(st, tag, id, body, len,
			    NULL)) != 0)
				return r;
			break;
		case OP_GROW:
			if (full || (o = object_find(st, tag, id)) == NULL)
				return SSH_ERR_INVALID_FORMAT;
			if ((r = sshbuf_get_u32(in, &dropped)) != 0 ||
			    (r = sshbuf_get_string_direct(in, &body,
			    &len)) != 0 ||
			    (r = sshbuf_consume(o->body, dropped)) != 0 ||
			    (r = sshbuf_put(o->body, body, len)) != 0)
				return r;
			break;
		case OP_GONE:
			if (full || (o = object_find(st, tag, id)) == NULL)
				return SSH_ERR_INVALID_FORMAT;
			object_drop(st, o);
			break;
		default:
			return SSH_ERR_INVALID_FORMAT;
		}
	}
	return 0;
}

struct sshbuf *
jeebs_state_get(struct jeebs_state *st, enum jeebs_tag tag, uint32_t id)
{
	struct object *o = object_find(st, tag, id);

	return o == NULL ? NULL : o->body;
}

int
jeebs_state_each(struct jeebs_state *st, enum jeebs_tag tag,
    int (*fn)(struct ssh *, uint32_t, struct sshbuf *, void *),
    struct ssh *ssh, void *ctx)
{
	struct object *o;
	int r;

	RB_FOREACH(o, objects, &st->tree) {
		if (o->tag == tag && (r = fn(ssh, o->id, o->body, ctx)) != 0)
			return r;
	}
	return 0;
}
