/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include <stddef.h>

#include "jeebs/jeebs-module.h"

const struct jeebs_module *const jeebs_modules[] = {
	&jeebs_module_session,
	&jeebs_module_forward,
	&jeebs_module_attempt,
	&jeebs_module_listen,
	&jeebs_module_agent,
	&jeebs_module_tun,
	NULL
};
