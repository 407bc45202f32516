/* SPDX-License-Identifier: ISC */
/*
 * Preloaded into jeebsd: writes what it reads from and writes to TLS into the
 * file TLS_PLAIN names, as somebody would have it who broke the link.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ssl_st;

static const char *name;

/* Not for the programs that jeebsd runs. */
__attribute__((constructor)) static void
start(void)
{
	if (strcmp(program_invocation_short_name, "jeebsd") == 0 &&
	    ((name = getenv("TLS_PLAIN")) == NULL ||
	    unsetenv("LD_PRELOAD") != 0))
		_exit(99);
}

/* jeebsd closes what it didn't open, so not at the start. */
static void
keep(const void *p, size_t len)
{
	static int out = -1;

	if (out == -1)
		out = open(name, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (write(out, p, len) != (ssize_t)len)
		_exit(99);
}

int
SSL_read_ex(struct ssl_st *s, void *p, size_t len, size_t *n)
{
	int (*next)(struct ssl_st *, void *, size_t, size_t *);
	int r;

	*(void **)&next = dlsym(RTLD_NEXT, "SSL_read_ex");
	if ((r = next(s, p, len, n)) == 1)
		keep(p, *n);
	return r;
}

int
SSL_write_ex(struct ssl_st *s, const void *p, size_t len, size_t *n)
{
	int (*next)(struct ssl_st *, const void *, size_t, size_t *);
	int r;

	*(void **)&next = dlsym(RTLD_NEXT, "SSL_write_ex");
	if ((r = next(s, p, len, n)) == 1)
		keep(p, *n);
	return r;
}
