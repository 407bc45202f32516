/* SPDX-License-Identifier: ISC */
/*
 * LD_PRELOAD: for PROGRAM, and what it executes of that name, CLOCK is ahead by as
 * many seconds as the file JEEBS_LAB_AHEAD says, which never shrinks.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *ahead;

static void __attribute__((__constructor__))
begin(void)
{
	const char *name = getenv("JEEBS_LAB_AHEAD");
	void *p;
	int fd;

	if (name == NULL || strstr(program_invocation_name, PROGRAM) == NULL ||
	    (fd = open(name, O_RDONLY|O_CLOEXEC)) == -1)
		return;
	/* its user can't open it later */
	if ((p = mmap(NULL, 16, PROT_READ, MAP_SHARED, fd, 0)) != MAP_FAILED)
		ahead = p;
	close(fd);
}

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	int r = (int)syscall(SYS_clock_gettime, clock, ts);

	if (r == 0 && clock == CLOCK && ahead != NULL)
		ts->tv_sec += atol(ahead);
	return r;
}
