/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>

#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

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

static const void *
address(const struct sockaddr *sa, size_t *len)
{
	switch (sa->sa_family) {
	case AF_INET:
		*len = sizeof(struct in_addr);
		return &((const struct sockaddr_in *)sa)->sin_addr;
	case AF_INET6:
		*len = sizeof(struct in6_addr);
		return &((const struct sockaddr_in6 *)sa)->sin6_addr;
	default:
		return NULL;
	}
}

static int
same_addr(const struct sockaddr *a, const struct sockaddr *b)
{
	const void *aa, *bb;
	size_t len;

	return a->sa_family == b->sa_family &&
	    (aa = address(a, &len)) != NULL && (bb = address(b, &len)) != NULL &&
	    memcmp(aa, bb, len) == 0;
}

/* Index of the interface that has the address, or 0. */
static u_int
interface_of(const struct sockaddr *sa)
{
	struct ifaddrs *all, *i;
	char name[IF_NAMESIZE];
	u_int found = 0;

	if (getifaddrs(&all) == -1)
		return 0;
	for (i = all; i != NULL && found == 0; i = i->ifa_next) {
		if (i->ifa_addr == NULL || !same_addr(i->ifa_addr, sa))
			continue;
		/* the label of an address may follow */
		strlcpy(name, i->ifa_name, sizeof(name));
		name[strcspn(name, ":")] = '\0';
		found = if_nametoindex(name);
	}
	freeifaddrs(all);
	return found;
}

/* Index of the interface by which it goes from src to dst, or 0: rtnetlink(7). */
static u_int
route_interface(const struct sockaddr *src, const struct sockaddr *dst)
{
	struct {
		struct nlmsghdr h;
		struct rtmsg r;
		u_char attrs[2 * RTA_SPACE(sizeof(struct in6_addr))];
	} q;
	union {
		struct nlmsghdr h;
		u_char space[4096];
	} a;
	const struct sockaddr *ends[] = { dst, src };
	const u_short types[] = { RTA_DST, RTA_SRC };
	const void *addr;
	struct rtattr *t;
	size_t len;
	ssize_t n = -1;
	int sock, left, i;

	memset(&q, 0, sizeof(q));
	q.h.nlmsg_len = NLMSG_LENGTH(sizeof(q.r));
	q.h.nlmsg_type = RTM_GETROUTE;
	q.h.nlmsg_flags = NLM_F_REQUEST;
	q.r.rtm_family = dst->sa_family;
	for (i = 0; i < 2; i++) {
		if ((addr = address(ends[i], &len)) == NULL)
			return 0;
		t = (struct rtattr *)((u_char *)&q +
		    NLMSG_ALIGN(q.h.nlmsg_len));
		t->rta_type = types[i];
		t->rta_len = RTA_LENGTH(len);
		memcpy(RTA_DATA(t), addr, len);
		q.h.nlmsg_len = NLMSG_ALIGN(q.h.nlmsg_len) + t->rta_len;
		if (i == 0)
			q.r.rtm_dst_len = len * 8;
		else
			q.r.rtm_src_len = len * 8;
	}
	if ((sock = socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC,
	    NETLINK_ROUTE)) == -1)
		return 0;
	if (send(sock, &q, q.h.nlmsg_len, 0) != -1)
		n = recv(sock, &a, sizeof(a), 0);
	close(sock);
	if (n < 0 || !NLMSG_OK(&a.h, (size_t)n) ||
	    a.h.nlmsg_type != RTM_NEWROUTE)
		return 0;
	left = RTM_PAYLOAD(&a.h);
	for (t = RTM_RTA(NLMSG_DATA(&a.h)); RTA_OK(t, left);
	    t = RTA_NEXT(t, left)) {
		if (t->rta_type == RTA_OIF &&
		    RTA_PAYLOAD(t) == sizeof(uint32_t))
			return *(uint32_t *)RTA_DATA(t);
	}
	return 0;
}

/* Is it one that another host on the same segment can have or reach? */
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
		    a4 >> 16 != 0xa9fe && a4 >> 28 < 0xe;
	case AF_INET6:
		a6 = &((const struct sockaddr_in6 *)sa)->sin6_addr;
		return !IN6_IS_ADDR_LOOPBACK(a6) &&
		    !IN6_IS_ADDR_UNSPECIFIED(a6) &&
		    !IN6_IS_ADDR_LINKLOCAL(a6) &&
		    !IN6_IS_ADDR_MULTICAST(a6) &&
		    !IN6_IS_ADDR_V4MAPPED(a6);
	default:
		return 0;
	}
}

/*
 * Can a connection from src to dst go on from another host? Not by another
 * interface than the one of src: there nobody would send to src. To one on this
 * host, which dies with it, it goes by loopback.
 */
static int
may_bind(const struct sockaddr *src, const struct sockaddr *dst)
{
	u_int interface;

	return src->sa_family == dst->sa_family && can_move(src) &&
	    can_move(dst) && (interface = interface_of(src)) != 0 &&
	    route_interface(src, dst) == interface;
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
	    (len = client_side(&source)) == 0 ||
	    !may_bind((struct sockaddr *)&source, ai->ai_addr))
		return;
	/*
	 * A port is taken by connect(2), where only the whole 4-tuple must be
	 * unused. On a host that takes over jeebsd holds the ports of what has
	 * yet to be restored.
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

int
jeebs_source_may_move(int sock)
{
	struct sockaddr_storage local, remote;
	socklen_t llen = sizeof(local), rlen = sizeof(remote);

	if (getsockname(sock, (struct sockaddr *)&local, &llen) == -1 ||
	    getpeername(sock, (struct sockaddr *)&remote, &rlen) == -1)
		return 0;
	ipv64_normalise_mapped(&local, &llen);
	ipv64_normalise_mapped(&remote, &rlen);
	return may_bind((struct sockaddr *)&local, (struct sockaddr *)&remote);
}
