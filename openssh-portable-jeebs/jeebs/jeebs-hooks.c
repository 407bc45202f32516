/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include "jeebs/jeebs-hooks.h"

const struct jeebs_hooks *jeebs_hooks = NULL;
