// SPDX-License-Identifier: ISC
// Any bytes as a channel and the session in it, as packet.c, channels.c and
// session.c read them in the user's process: taken or refused, and what is
// taken can be exported again. No program is started.
// fuzzes: jeebs-session.inc jeebs-channels.inc
// with: main.c session.c
// links: -Wl,--wrap=fork,--wrap=mm_pty_allocate,--wrap=mm_session_pty_cleanup2
#include <algorithm>

#include "no-leak-check.hh"
#include "sealed-input.hh"
#include "sshd/parts.h"

// In front: the channel's number, flags (1: fork() works, 2: terminals are
// allowed), the length of the channel's part in two bytes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static bool ready = (parts_setup(), true);
	(void)ready;
	if (len < 4)
		return 0;
	const size_t rest = len - 4;
	const size_t chan = std::min<size_t>(data[2] << 8 | data[3], rest);
	const uint8_t *p = data + 4;
	parts_fork = data[1] & 1;
	parts_session(data[0], p, chan, p + chan, rest - chan, data[1] & 2);
	return 0;
}
