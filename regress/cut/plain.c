/* SPDX-License-Identifier: ISC */
/*
 * LD_PRELOAD for a jeebsd: what it reads from its links, in clear, one file
 * $JEEBS_CUT_LINK.N for the Nth TLS connection.
 */
#define _GNU_SOURCE
#include <openssl/ssl.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int slot = -1, links;

/* A new connection gets the next number. */
SSL *
SSL_new(SSL_CTX *ctx)
{
	SSL *(*next)(SSL_CTX *);
	SSL *ssl;

	*(void **)&next = dlsym(RTLD_NEXT, "SSL_new");
	if (slot == -1)
		slot = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	if ((ssl = next(ctx)) != NULL &&
	    SSL_set_ex_data(ssl, slot, (void *)(long)++links) != 1)
		abort();
	return ssl;
}

/* Keeps what was read; a record with a hole in it is worth nothing. */
int
SSL_read_ex(SSL *ssl, void *buf, size_t len, size_t *got)
{
	static int (*next)(SSL *, void *, size_t, size_t *);
	char name[256];
	int fd, r;

	if (next == NULL)
		*(void **)&next = dlsym(RTLD_NEXT, "SSL_read_ex");
	if ((r = next(ssl, buf, len, got)) != 1)
		return r;
	snprintf(name, sizeof(name), "%s.%ld", getenv("JEEBS_CUT_LINK"),
	    (long)SSL_get_ex_data(ssl, slot));
	if ((fd = open(name, O_WRONLY|O_CREAT|O_APPEND|O_CLOEXEC|O_NOFOLLOW,
	    0600)) == -1 || write(fd, buf, *got) != (ssize_t)*got ||
	    close(fd) == -1)
		abort();
	return r;
}
