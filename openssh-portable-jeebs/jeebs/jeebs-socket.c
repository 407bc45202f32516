/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "xmalloc.h"
#include "jeebs/jeebs-socket.h"

/* Is whoever listens there jeebsd: root, or the owner of the directory? */
static int
peer_ok(int fd, const char *path)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct stat sb;
	char *dir, *cp;
	static int said;
	int ok = 0;

	dir = xstrdup(path);
	cp = dirname(dir);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
		error_f("SO_PEERCRED: %s", strerror(errno));
	else if (stat(cp, &sb) == -1)
		error_f("%s: %s", cp, strerror(errno));
	else if ((sb.st_mode & (S_IWGRP|S_IWOTH)) != 0)
		do_log2(said ? SYSLOG_LEVEL_DEBUG1 : SYSLOG_LEVEL_ERROR,
		    "JeebsSocket: %s is writable by group or others; "
		    "make it mode 0755 or stricter", cp);
	else if (cred.uid != 0 && cred.uid != sb.st_uid)
		do_log2(said ? SYSLOG_LEVEL_DEBUG1 : SYSLOG_LEVEL_ERROR,
		    "JeebsSocket: %s is served by uid %lu, which doesn't "
		    "own %s", path, (u_long)cred.uid, cp);
	else
		ok = 1;
	/* tried again each second: say it once */
	said = !ok;
	free(dir);
	return ok;
}

/*
 * The address of a socket that lies there itself. We are root: a link in a
 * directory of jeebsd's would have us talk to whatever root may talk to.
 */
static int
find_socket(const char *path, int *pathfd, struct sockaddr_un *sun)
{
	struct stat sb;

	if ((*pathfd = open(path, O_PATH|O_NOFOLLOW|O_CLOEXEC)) == -1)
		return -1;
	if (fstat(*pathfd, &sb) == -1 || !S_ISSOCK(sb.st_mode)) {
		close(*pathfd);
		errno = ENOTSOCK;
		return -1;
	}
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	snprintf(sun->sun_path, sizeof(sun->sun_path), "/proc/self/fd/%d",
	    *pathfd);
	return 0;
}

int
jeebs_socket_connect(const char *path)
{
	struct sockaddr_un sun;
	int pathfd, fd, r;

	if (find_socket(path, &pathfd, &sun) == -1) {
		debug("JeebsSocket %s: %s; not protected for now", path,
		    strerror(errno));
		return -1;
	}
	if ((fd = socket(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC|SOCK_NONBLOCK,
	    0)) == -1) {
		error_f("socket: %s", strerror(errno));
		close(pathfd);
		return -1;
	}
	r = connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	close(pathfd);
	if (r == -1) {
		debug("JeebsSocket %s: %s; not protected for now", path,
		    strerror(errno));
		close(fd);
		return -1;
	}
	if (!peer_ok(fd, path)) {
		close(fd);
		return -1;
	}
	return fd;
}
