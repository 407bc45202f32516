// SPDX-License-Identifier: ISC
// What the fuzz targets around OpenSSH's libraries share: their headers, and
// little besides.
// Owner: the fuzz programs. Single-threaded.
#pragma once

#include <cstring>

#include <sys/socket.h>

extern "C" {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wattributes"
#include "includes.h"

#include "packet.h"

#include "channels.h"
#include "kex.h"
#include "log.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "sshkey.h"

#include "jeebs-aead.h"
#include "jeebs-chain.h"
#include "jeebs-msg.h"
#include "jeebs-root.h"
#include "jeebs-state.h"
#include "jeebs-target.h"
#pragma GCC diagnostic pop
}

#include "target.hh"

// sshsig logs each bad signature.
inline void quiet()
{
	static bool done = false;
	if (!done)
		log_init("fuzz", SYSLOG_LEVEL_QUIET, SYSLOG_FACILITY_USER, 1);
	done = true;
}

// jeebs_own_hostkey that lets every key pass, so that signatures are checked.
inline int any_hostkey(const sshkey *, void *)
{
	return 1;
}
