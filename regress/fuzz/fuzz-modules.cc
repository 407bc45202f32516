// SPDX-License-Identifier: ISC
// Any bytes as what recovery modules keep of a session, as they read them in the
// user's process: taken or refused, and what is taken can be exported again. Nothing
// is bound, made or opened.
// fuzzes: jeebs-listen.c jeebs-listening.inc jeebs-agent.inc jeebs-tun.c jeebs-tunnel.inc jeebs-attempt.c
// with: main.c modules.c
// links: -Wl,--wrap=bind,--wrap=connect,--wrap=mkdir,--wrap=unlink,--wrap=rmdir,--wrap=sys_tun_open
#include <algorithm>

#include "no-leak-check.hh"
#include "sealed-input.hh"
#include "sshd/parts.h"

// In front: which module, the channel's number, flags (1: there are devices, and
// addresses are free), the length of the channel's part in two bytes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static bool ready = (parts_setup(), true);
	(void)ready;
	if (len < 5)
		return 0;
	const size_t rest = len - 5;
	const size_t chan = std::min<size_t>(data[3] << 8 | data[4], rest);
	const uint8_t *p = data + 5;
	parts_module(data[0], data[1], p, chan, p + chan, rest - chan,
	    data[2] & 1);
	return 0;
}
