/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR ISC */
/*
 * The state of one TCP connection that is to go on on another host.
 * The only definition of it: session records, both restorers of jeebsd and
 * the kernel module use this struct.
 */
#ifndef _UAPI_LINUX_JEEBS_H
#define _UAPI_LINUX_JEEBS_H

#include <linux/types.h>

#define JEEBS_TCP_OPT_WSCALE	(1U << 0)	/* RFC 7323 window scale */
#define JEEBS_TCP_OPT_SACK	(1U << 1)	/* RFC 2018 */
#define JEEBS_TCP_OPT_TS	(1U << 2)	/* RFC 7323 timestamps */
#define JEEBS_TCP_OPT_ECN	(1U << 3)	/* RFC 3168 */
#define JEEBS_TCP_OPT_ALL	0x0fU

/*
 * Everything is in host byte order except the two addresses, which are in
 * network byte order; an IPv4 address takes the first four bytes and the rest
 * is zero. A stream offset is 64 bits wide and counts bytes of payload from
 * the first byte of the connection, so that the sequence number of offset o is
 * snd_base + (__u32)o (our bytes) or rcv_base + (__u32)o (the peer's).
 */
struct jeebs_tcp_state {
	__u16	family;		/* AF_INET or AF_INET6 */
	__u16	local_port;
	__u16	remote_port;
	__u16	mss;		/* clamp, bytes (TCP_MAXSEG) */
	__u8	local[16];
	__u8	remote[16];
	__u32	snd_base;	/* sequence number of our offset 0: ISN + 1 */
	__u32	rcv_base;	/* sequence number of the peer's offset 0 */
	__u32	options;	/* JEEBS_TCP_OPT_* */
	__u8	snd_wscale;	/* the peer's shift, 0..14 */
	__u8	rcv_wscale;	/* our shift, 0..14 */
	__u16	pad;		/* 0 */
	__u32	ts_val;		/* TCP_TIMESTAMP when the state was taken, ms */
	__u32	snd_wnd;	/* bytes the peer lets us send */
	__u32	max_window;	/* largest snd_wnd ever seen */
	__u32	rcv_wnd;	/* bytes we let the peer send */
};

#endif /* _UAPI_LINUX_JEEBS_H */
