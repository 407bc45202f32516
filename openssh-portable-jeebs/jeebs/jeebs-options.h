/* SPDX-License-Identifier: ISC */
/* Defaults of the options that jeebs adds to sshd_config(5). */
#ifndef JEEBS_OPTIONS_H
#define JEEBS_OPTIONS_H

#include "servconf.h"
#include "kex.h"
#include "xmalloc.h"

#define JEEBS_DEFAULT_SOCKET	"/run/jeebs/export.sock"

/*
 * Called from fill_default_server_options(). Compression isn't offered to
 * sessions that are to survive, since the compressor's state stays in sshd,
 * nor is GSSAPI key exchange.
 */
static inline void
jeebs_fill_options(ServerOptions *o)
{
	if (o->jeebs == -1)
		o->jeebs = 0;
	if (o->jeebs_socket == NULL)
		o->jeebs_socket = xstrdup(JEEBS_DEFAULT_SOCKET);
	if (o->jeebs_forward_source == -1)
		o->jeebs_forward_source = 1;
	if (o->sshd_adopt_path == NULL)
		o->sshd_adopt_path = xstrdup(_PATH_SSHD_ADOPT);
	if (o->jeebs) {
		o->compression = COMP_NONE;
		/* a rekey by it reads from the socket behind our back */
		o->gss_keyex = 0;
	}
}

#endif /* JEEBS_OPTIONS_H */
