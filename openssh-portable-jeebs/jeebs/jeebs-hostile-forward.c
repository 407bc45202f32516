/* SPDX-License-Identifier: ISC */
/*
 * What jeebsd is given as connections of forwards, on the socket that takes
 * them. Targets are on the client's host.
 */
#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "packet.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "jeebs/jeebs-forward.h"
#include "jeebs/jeebs-hostile.h"
#include "jeebs/jeebs-msg.h"
#include "jeebs/jeebs-source.h"
#include "jeebs/jeebs-testing.h"

#define TARGET_PORT	"7000"
#define ANSWER_MS	5000
#define LINGERING	8
#define RACES		300

#ifndef TCP_REPAIR
#define TCP_REPAIR	19
#endif

/* To TARGET_PORT there, from the address that moves. */
static int
target(struct hostile *h)
{
	struct addrinfo hints, *ai;
	int fd;

	memset(&hints, 0, sizeof(hints));
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_NUMERICHOST;
	if (getaddrinfo(ssh_remote_ipaddr(h->ssh), TARGET_PORT, &hints,
	    &ai) != 0)
		fatal_f("getaddrinfo");
	if ((fd = socket(ai->ai_family, SOCK_STREAM, 0)) == -1)
		fatal_f("socket: %s", strerror(errno));
	jeebs_source_bind(fd, ai);
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) == -1)
		fatal_f("connect: %s", strerror(errno));
	freeaddrinfo(ai);
	return fd;
}

static int
tell(enum jeebs_msg type, uint32_t channel, const uint64_t *n, const int *fds,
    int nfds)
{
	struct sshbuf *m;
	int r;

	if ((m = sshbuf_new()) == NULL ||
	    sshbuf_put_u8(m, type) != 0 || sshbuf_put_u32(m, channel) != 0 ||
	    (n != NULL && sshbuf_put_u64(m, *n) != 0))
		fatal_f("out of memory");
	r = jeebs_msg_send(jeebs_forward_fd(), m, fds, nfds, 0);
	sshbuf_free(m);
	return r;
}

/* The next answer's id; UINT64_MAX if there is none. */
static uint64_t
answer(void)
{
	struct pollfd pfd = { .fd = jeebs_forward_fd(), .events = POLLIN };
	struct sshbuf *m;
	uint64_t id = UINT64_MAX;
	uint32_t channel;
	u_char type;
	int nfds;

	if ((m = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new");
	if (poll(&pfd, 1, ANSWER_MS) == 1 &&
	    jeebs_msg_recv(pfd.fd, m, NULL, 0, &nfds, MSG_DONTWAIT) == 0 &&
	    (sshbuf_get_u8(m, &type) != 0 || sshbuf_get_u32(m, &channel) != 0 ||
	    sshbuf_get_u64(m, &id) != 0))
		fatal_f("malformed answer");
	sshbuf_free(m);
	return id;
}

static uint64_t
offer(uint32_t channel, uint64_t written, int fd)
{
	return tell(JEEBS_MSG_FORWARD, channel, &written, &fd, 1) == 0 ?
	    answer() : UINT64_MAX;
}

/* Connections whose last close(2) waits for a target that has fallen silent. */
static void
lingers(struct hostile *h)
{
	const struct linger day = { .l_onoff = 1, .l_linger = 86400 };
	u_int i, kept = 0;
	int fd[LINGERING];

	for (i = 0; i < LINGERING; i++) {
		fd[i] = target(h);
		if (setsockopt(fd[i], SOL_SOCKET, SO_LINGER, &day,
		    sizeof(day)) == -1)
			fatal_f("SO_LINGER: %s", strerror(errno));
		kept += offer(i, 0, fd[i]) - 1 < UINT64_MAX - 1;
	}
	hostile_say(h, "%u of %d are kept", kept, LINGERING);
	while (!jeebs_testing("attack-forward-close"))
		usleep(10 * 1000);
	for (i = 0; i < LINGERING; i++)
		(void)tell(JEEBS_MSG_FORWARD_OVER, i, NULL, NULL, 0);
	hostile_say(h, "all are over");
	/* exit doesn't wait (net/ipv4/af_inet.c), and jeebsd has the last copy */
	_exit(0);
}

/* Has a say in a 4-tuple that jeebsd knows to be free again. */
static void
gone(struct hostile *h)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	const uint64_t much = 1000000;
	int fd = target(h);

	hostile_say(h, "%s", offer(0, 0, fd) - 1 < UINT64_MAX - 1 ?
	    "its own is kept" : "no answer");
	while (!jeebs_testing("attack-forward-cut"))
		usleep(10 * 1000);
	if (connect(fd, &none, sizeof(none)) == -1)
		fatal_f("connect: %s", strerror(errno));
	while (!jeebs_testing("attack-forward-end"))
		usleep(10 * 1000);
	(void)tell(JEEBS_MSG_FORWARD_TAKEN, 0, &much, NULL, 0);
	(void)tell(JEEBS_MSG_FORWARD_END, 0, NULL, NULL, 0);
	/* what is said is heard in order */
	hostile_say(h, "and %s", offer(1, 0, h->memfd) == 0 ? "said" : "lost");
	while (jeebs_testing("attack-forward-end"))
		usleep(10 * 1000);
	_exit(0);
}

/* Whatever isn't a connection of its own to a target. */
static void
descriptors(struct hostile *h)
{
	struct sockaddr_in here;
	socklen_t len = sizeof(here);
	int fds[8], pair[2], n = 0, kept = 0, i, one;

	memset(&here, 0, sizeof(here));
	here.sin_family = AF_INET;
	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* listens; is connected to it, by loopback; its other end */
	if ((fds[0] = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    bind(fds[0], (struct sockaddr *)&here, len) == -1 ||
	    listen(fds[0], 1) == -1 ||
	    getsockname(fds[0], (struct sockaddr *)&here, &len) == -1 ||
	    (fds[1] = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    connect(fds[1], (struct sockaddr *)&here, len) == -1 ||
	    (fds[2] = accept(fds[0], NULL, NULL)) == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1 ||
	    (fds[4] = socket(AF_INET, SOCK_DGRAM, 0)) == -1 ||
	    (fds[5] = open("/dev/zero", O_RDONLY)) == -1)
		fatal_f("%s", strerror(errno));
	fds[3] = pair[0];
	fds[6] = ssh_packet_get_connection_in(h->ssh);	/* the client's */
	fds[7] = h->memfd;
	for (i = 0; i < 8; i++) {
		switch (offer(i, 0, fds[i])) {
		case UINT64_MAX:
			hostile_say(h, "no answer to %d", i);
			break;
		case 0:
			n++;
			break;
		default:
			kept++;
		}
	}
	/* one that is, but for how much was written */
	one = target(h);
	if (offer(8, 5, one) == 0)
		n++;
	/* twice the same channel, and twice the same connection */
	if (offer(9, 0, one) - 1 < UINT64_MAX - 1)
		hostile_say(h, "its own is kept");
	if (offer(10, 0, one) == 0)
		n++;
	hostile_say(h, "%d refused, %d kept", n, kept);
	(void)tell(JEEBS_MSG_FORWARD, 11, NULL, fds, 8);
	hostile_say(h, "after 8 at once: %s",
	    answer() == UINT64_MAX ? "hung up" : "an answer");
	_exit(0);
}

static pthread_mutex_t race_lock = PTHREAD_MUTEX_INITIALIZER;
static int race_fd = -1, race_over;

static void *
race(void *arg)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	int over = 0;

	while (!over) {
		pthread_mutex_lock(&race_lock);
		if (race_fd != -1) {
			(void)connect(race_fd, &none, sizeof(none));
			(void)listen(race_fd, 1);
		}
		over = race_over;
		pthread_mutex_unlock(&race_lock);
	}
	return NULL;
}

/* From when this returns on the other thread uses this one and no other. */
static void
race_for(int fd, int over)
{
	pthread_mutex_lock(&race_lock);
	race_fd = fd;
	race_over = over;
	pthread_mutex_unlock(&race_lock);
}

/* The socket is made to listen while jeebsd has it in repair mode. */
static void
repair(struct hostile *h)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct sockaddr_in port;
	pthread_t thread;
	socklen_t len = sizeof(port);
	u_int i, left = 0, stolen = 0, kept = 0;
	int fd, other, mode;

	memset(&port, 0, sizeof(port));
	port.sin_family = AF_INET;
	if ((other = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    bind(other, (struct sockaddr *)&port, len) == -1 ||
	    listen(other, 1) == -1 ||
	    getsockname(other, (struct sockaddr *)&port, &len) == -1 ||
	    pthread_create(&thread, NULL, race, NULL) != 0)
		fatal_f("%s", strerror(errno));
	for (i = 0; i < RACES && jeebs_forward_fd() != -1; i++) {
		fd = target(h);
		race_for(fd, 0);
		kept += offer(i, 0, fd) - 1 < UINT64_MAX - 1;
		race_for(-1, 0);
		mode = 0;
		len = sizeof(mode);
		if (getsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &mode, &len) == 0 &&
		    mode == 1)
			left++;
		(void)connect(fd, &none, sizeof(none));
		if (bind(fd, (struct sockaddr *)&port, sizeof(port)) == 0 &&
		    listen(fd, 1) == 0)
			stolen++;
		(void)tell(JEEBS_MSG_FORWARD_OVER, i, NULL, NULL, 0);
		close(fd);
	}
	race_for(-1, 1);
	pthread_join(thread, NULL);
	hostile_say(h, "%u races, %u kept, %u in repair mode, %u ports stolen",
	    i, kept, left, stolen);
	_exit(0);
}

const struct hostile_attack hostile_forward_attacks[] = {
	{ "attack-forward-lingers", lingers },
	{ "attack-forward-descriptors", descriptors },
	{ "attack-forward-repair", repair },
	{ "attack-forward-gone", gone },
	{ NULL, NULL }
};
