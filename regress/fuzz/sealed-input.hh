// SPDX-License-Identifier: ISC
// What the fuzz targets of jeebs-wire, -seal and -root share.
// Owner: the fuzz programs. Single-threaded.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <sys/socket.h>

extern "C" {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wattributes"
#include "includes.h"

#include "log.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "sshkey.h"

#include "jeebs-aead.h"
#include "jeebs-chain.h"
#include "jeebs-msg.h"
#include "jeebs-root.h"
#pragma GCC diagnostic pop

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
}

// assert() that no build switches off.
#define MUST(x) do { if (!(x)) abort(); } while (0)

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
