/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openbsd-compat/sys-queue.h"
#include "log.h"
#include "misc.h"
#include "servconf.h"
#include "xmalloc.h"
#include "jeebs/jeebs-adopt-socket.h"

#define ADOPT_SOCKET	"adopt.sock"
#define BACKLOG		4

extern ServerOptions options;

static struct {
	int fd;
	uid_t owner;		/* of the directory: whom jeebsd runs as */
	char *dir;
	struct sockaddr_un sun;
} listener = { .fd = -1 };

/* Its name is known from here on. What is its directory? */
static int
look(struct stat *sb)
{
	char *path;
	int n;

	if (listener.dir == NULL) {
		path = xstrdup(options.jeebs_socket);
		listener.dir = xstrdup(dirname(path));
		free(path);
		listener.sun.sun_family = AF_UNIX;
		n = snprintf(listener.sun.sun_path,
		    sizeof(listener.sun.sun_path), "%s/%s", listener.dir,
		    ADOPT_SOCKET);
		if (n < 0 || (size_t)n >= sizeof(listener.sun.sun_path))
			fatal("JeebsSocket %s: path too long",
			    options.jeebs_socket);
	}
	if (stat(listener.dir, sb) == -1) {
		debug("%s: %s", listener.dir, strerror(errno));
		return -1;
	}
	return 0;
}

/*
 * Binds as the owner of the directory: by root's hand, names in a directory
 * of another user would lead wherever that user likes.
 */
static int
bind_as(int fd, const struct sockaddr_un *sun, uid_t owner)
{
	mode_t mask;
	int r, oerrno;

	if (seteuid(owner) == -1)
		return -1;
	mask = umask(0177);
	if (unlink(sun->sun_path) == -1 && errno != ENOENT)
		debug("unlink %s: %s", sun->sun_path, strerror(errno));
	r = bind(fd, (const struct sockaddr *)sun, sizeof(*sun));
	oerrno = errno;
	(void)umask(mask);
	if (seteuid(0) == -1)
		fatal_f("seteuid: %s", strerror(errno));
	errno = oerrno;
	return r;
}

void
jeebs_adopt_socket_open(void)
{
	struct stat sb;
	int fd;

	if (listener.fd != -1 || look(&sb) == -1)
		return;
	if ((sb.st_mode & (S_IWGRP|S_IWOTH)) != 0) {
		error("JeebsSocket: %s is writable by group or others; "
		    "make it mode 0755 or stricter", listener.dir);
		return;
	}
	listener.owner = sb.st_uid;
	if ((fd = socket(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC|SOCK_NONBLOCK,
	    0)) == -1) {
		error_f("socket: %s", strerror(errno));
		return;
	}
	if (bind_as(fd, &listener.sun, sb.st_uid) == -1 ||
	    listen(fd, BACKLOG) == -1) {
		error("%s: %s", listener.sun.sun_path, strerror(errno));
		close(fd);
		return;
	}
	listener.fd = fd;
}

/*
 * The directory comes and goes with jeebsd's service, and is root's for a moment
 * when it is made: nobody would ever come by what was bound there then. A name
 * that another sshd-adopt has made is that one's.
 */
void
jeebs_adopt_socket_check(void)
{
	struct stat sb, name;

	if (listener.fd == -1 || look(&sb) == -1 ||
	    (sb.st_uid == listener.owner &&
	    (lstat(listener.sun.sun_path, &name) == 0 || errno != ENOENT)))
		return;
	debug("%s is gone", listener.sun.sun_path);
	close(listener.fd);
	listener.fd = -1;
}

int
jeebs_adopt_socket_fd(void)
{
	return listener.fd;
}

int
jeebs_adopt_socket_accept(void)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd;

	if ((fd = accept4(listener.fd, NULL, NULL,
	    SOCK_CLOEXEC|SOCK_NONBLOCK)) == -1)
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1 ||
	    (cred.uid != 0 && cred.uid != listener.owner)) {
		error("refused connection of uid %lu", (u_long)cred.uid);
		close(fd);
		return -1;
	}
	return fd;
}
