/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <string.h>

#include "canohost.h"
#include "log.h"
#include "misc.h"
#include "servconf.h"
#include "jeebs/jeebs-export.h"
#include "jeebs/jeebs-source.h"

/* of <linux/in.h>, which <netinet/in.h> leaves out */
#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT	24
#endif

extern ServerOptions options;

static int
same_addr(const struct sockaddr *a, const struct sockaddr *b)
{
	if (a->sa_family != b->sa_family)
		return 0;
	if (a->sa_family == AF_INET)
		return memcmp(&((const struct sockaddr_in *)a)->sin_addr,
		    &((const struct sockaddr_in *)b)->sin_addr,
		    sizeof(struct in_addr)) == 0;
	return a->sa_family == AF_INET6 &&
	    memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
	    &((const struct sockaddr_in6 *)b)->sin6_addr,
	    sizeof(struct in6_addr)) == 0;
}

/* A target on this host dies with it. */
static int
is_here(const struct sockaddr *sa)
{
	struct ifaddrs *all, *i;
	int found = 0;

	if (getifaddrs(&all) == -1)
		return 1;
	for (i = all; i != NULL && !found; i = i->ifa_next)
		found = i->ifa_addr != NULL && same_addr(i->ifa_addr, sa);
	freeifaddrs(all);
	return found;
}

/* Can a connection to it go on from another host on the same segment? */
static int
can_move(const struct sockaddr *sa)
{
	const struct in6_addr *a6;
	uint32_t a4;

	switch (sa->sa_family) {
	case AF_INET:
		a4 = ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr);
		/* loopback, "this host", link-local, multicast and beyond */
		return a4 >> 24 != 127 && a4 >> 24 != 0 &&
		    a4 >> 16 != 0xa9fe && a4 >> 28 < 0xe && !is_here(sa);
	case AF_INET6:
		a6 = &((const struct sockaddr_in6 *)sa)->sin6_addr;
		return !IN6_IS_ADDR_LOOPBACK(a6) &&
		    !IN6_IS_ADDR_UNSPECIFIED(a6) &&
		    !IN6_IS_ADDR_LINKLOCAL(a6) &&
		    !IN6_IS_ADDR_MULTICAST(a6) &&
		    !IN6_IS_ADDR_V4MAPPED(a6) && !is_here(sa);
	default:
		return 0;
	}
}

/* The address at which the client reached us, with port 0; its length or 0. */
static socklen_t
client_side(struct sockaddr_storage *ss)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
	socklen_t len = sizeof(*ss);

	memset(ss, 0, sizeof(*ss));
	if (getsockname(jeebs_export_socket(), (struct sockaddr *)ss,
	    &len) == -1)
		return 0;
	ipv64_normalise_mapped(ss, &len);
	if (ss->ss_family == AF_INET) {
		in->sin_port = 0;
		return sizeof(*in);
	}
	if (ss->ss_family != AF_INET6)
		return 0;
	in6->sin6_port = 0;
	return sizeof(*in6);
}

void
jeebs_source_bind(int sock, const struct addrinfo *ai)
{
	struct sockaddr_storage source;
	const int on = 1;
	socklen_t len;

	/* One that is asked for at once comes before its session is protected. */
	if (!options.jeebs_forward_source || jeebs_export_socket() == -1 ||
	    !can_move(ai->ai_addr))
		return;
	if ((len = client_side(&source)) == 0 ||
	    source.ss_family != ai->ai_family)
		return;
	/*
	 * A port is taken by connect(2), where only the whole 4-tuple must be
	 * unused: on the standby nothing has this source before it moves there.
	 */
	if (setsockopt(sock, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
	    sizeof(on)) == -1 ||
	    bind(sock, (struct sockaddr *)&source, len) == -1)
		debug_f("bind: %s; the forward can't move to another host",
		    strerror(errno));
}

int
jeebs_source_ours(int sock)
{
	struct sockaddr_storage source, ss;
	socklen_t len = sizeof(ss);

	return client_side(&source) != 0 &&
	    getsockname(sock, (struct sockaddr *)&ss, &len) == 0 &&
	    same_addr((struct sockaddr *)&ss, (struct sockaddr *)&source);
}
