// SPDX-License-Identifier: ISC
// For targets around sshd and libssh, which keep what lives until the process
// exits. Owner: a target's one source file.
#pragma once

extern "C" const char *__asan_default_options()
{
	return "detect_leaks=0";
}
