/* SPDX-License-Identifier: ISC */
/* Only in the programs of "make testing"; jeebsd's too. */
#include "includes.h"

#include <sys/types.h>
#include <sys/stat.h>

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "jeebs/jeebs-testing.h"

#define MAX_SWITCHES	4096

static char switches[MAX_SWITCHES];	/* '\n' NAME '\n' NAME ... '\n' */
static struct timespec read_at;
static ino_t read_inode;

static void
read_switches(void)
{
	struct stat sb;
	size_t n;
	FILE *f;

	if (stat(JEEBS_TESTING_FILE, &sb) == -1 ||
	    (sb.st_ino == read_inode &&
	    sb.st_mtim.tv_sec == read_at.tv_sec &&
	    sb.st_mtim.tv_nsec == read_at.tv_nsec))
		return;
	if ((f = fopen(JEEBS_TESTING_FILE, "re")) == NULL)
		return;
	if (fstat(fileno(f), &sb) == -1 || sb.st_uid != 0 ||
	    !S_ISREG(sb.st_mode) || (sb.st_mode & (S_IWGRP|S_IWOTH)) != 0) {
		error("%s: not root's alone; ignored", JEEBS_TESTING_FILE);
		fclose(f);
		return;
	}
	switches[0] = '\n';
	n = fread(switches + 1, 1, sizeof(switches) - 2, f);
	switches[n + 1] = '\0';
	fclose(f);
	read_inode = sb.st_ino;
	read_at = sb.st_mtim;
}

int
jeebs_testing(const char *name)
{
	char line[128];

	read_switches();
	snprintf(line, sizeof(line), "\n%s\n", name);
	return strstr(switches, line) != NULL;
}

void
jeebs_testing_stop(const char *point)
{
	char name[64];

	snprintf(name, sizeof(name), "stop %s", point);
	if (!jeebs_testing(name))
		return;
	logit("jeebs testing: process %ld stops at %s", (long)getpid(), point);
	(void)raise(SIGSTOP);
}

#ifdef __SANITIZE_THREAD__
static void *
planted_race(void *n)
{
	++*(volatile int *)n;
	return NULL;
}

static void
plant(void)
{
	pthread_t t;
	volatile int n = 0;

	if (pthread_create(&t, NULL, planted_race, (void *)&n) != 0)
		return;
	(void)planted_race((void *)&n);
	(void)pthread_join(t, NULL);
}
#else
static void
plant(void)
{
	/* The compiler mustn't see what is wrong. */
	volatile size_t end = 4;
	volatile int sum = INT_MAX;
	volatile char *p;

	if ((p = malloc(end)) == NULL)
		return;
	sum = sum + 1;
	p[end] = 0;
	free((char *)p);
}
#endif

void
jeebs_testing_fault(const char *point)
{
	char name[64];

	snprintf(name, sizeof(name), "fault %s", point);
	if (!jeebs_testing(name))
		return;
	logit("jeebs testing: process %ld is at fault: %s", (long)getpid(),
	    point);
	plant();
}
