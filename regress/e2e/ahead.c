/* SPDX-License-Identifier: ISC */
/*
 * LD_PRELOAD: for sshd-adopt, and what it starts, the clock that counts from the
 * start of the host is ahead by as many seconds as the file JEEBS_LAB_AHEAD says.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char file[4096];

static void __attribute__((__constructor__))
where(void)
{
	const char *name = getenv("JEEBS_LAB_AHEAD");

	/* setproctitle(3) takes the memory of the environment */
	if (name != NULL &&
	    strstr(program_invocation_name, "sshd-adopt") != NULL)
		(void)snprintf(file, sizeof(file), "%s", name);
}

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	int r = (int)syscall(SYS_clock_gettime, clock, ts);
	long ahead;
	FILE *f;

	if (r != 0 || clock != CLOCK_BOOTTIME || file[0] == 0 ||
	    (f = fopen(file, "re")) == NULL)
		return r;
	if (fscanf(f, "%ld", &ahead) == 1)
		ts->tv_sec += ahead;
	fclose(f);
	return 0;
}
