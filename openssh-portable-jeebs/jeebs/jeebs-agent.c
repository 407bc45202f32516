/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include <sys/types.h>

#include "sshbuf.h"
#include "jeebs/jeebs-module.h"

/* The client's agent: jeebs-agent.inc. */

static int
prepare(struct ssh *ssh, struct jeebs_state *st)
{
	struct sshbuf *body = jeebs_state_get(st, JEEBS_TAG_AGENT, 0);

	return body == NULL ? 0 : jeebs_agent_import(ssh, body);
}

const struct jeebs_module jeebs_module_agent = {
	.name = "agent",
	.tag = JEEBS_TAG_AGENT,
	.snapshot = jeebs_agent_export,
	.prepare = prepare,
};
