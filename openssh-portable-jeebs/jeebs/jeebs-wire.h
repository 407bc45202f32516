/* SPDX-License-Identifier: ISC */
/*
 * The definition of every byte that sshd, sshd-adopt and jeebsd exchange on
 * one host, and of the session records that cross hosts. PROTOCOL.jeebs is
 * the same in prose. Encoding is RFC 4251's, through sshbuf.
 */
#ifndef JEEBS_WIRE_H
#define JEEBS_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/jeebs.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sshbuf;

#define JEEBS_PROTO_VERSION	3U	/* sockets of one host */
#define JEEBS_WIRE_VERSION	1	/* records: what we write */
#define JEEBS_WIRE_COMPAT	1	/* records: oldest reader allowed */

/* Bounds. Whoever sends more is refused. */
#define JEEBS_MAX_MSG		(160U * 1024)	/* one SEQPACKET message */
#define JEEBS_MAX_ROOT		(128U * 1024)	/* one root record */
#define JEEBS_MAX_STREAM	(4U * 1024 * 1024) /* stream, one record */
#define JEEBS_MAX_SEALED	(8U * 1024 * 1024) /* sealed, one record */
#define JEEBS_MAX_RECORD \
    (JEEBS_ENVELOPE_LEN + JEEBS_MAX_STREAM + JEEBS_MAX_SEALED + JEEBS_TAG_LEN)
#define JEEBS_MAX_NAME		256U		/* user, host, role … */
#define JEEBS_MAX_REASON	256U
#define JEEBS_MAX_FORWARDS	1024U		/* kept of one session */
#define JEEBS_MAX_RECOVERY	(16U * 1024)	/* signed recovery key */

#define JEEBS_ID_LEN		16	/* record id, recovery key id */
#define JEEBS_KEY_LEN		32
#define JEEBS_TAG_LEN		16
#define JEEBS_KEM_PK_LEN	(1184 + 32)	/* ML-KEM-768, X25519 */
#define JEEBS_KEM_CT_LEN	(1088 + 32)

/* What can be adopted by whom: sent in HELLO, recovery key and root. */
#define JEEBS_FORK_VERSION	"10.0p1-jeebs1"

/*
 * Recovery keys are good for a day and replaced long before, so that hosts
 * whose clocks are an hour apart still agree.
 */
#define JEEBS_RECOVERY_LIFETIME	(24 * 60 * 60)	/* seconds */

/*
 * Session record: an envelope in clear, stream_len bytes of the TCP stream as
 * sshd sealed them for the client (in clear: they are SSH ciphertext), then
 * sealed_len bytes of sealed state and JEEBS_TAG_LEN bytes of tag. The tag
 * covers all of it and the tag of the record before, except that a checkpoint
 * begins a new chain.
 */
#define JEEBS_MAGIC		0x4a454542U	/* "JEEB" */

enum jeebs_record_type {
	JEEBS_REC_ROOT = 1,	/* identity; see jeebs-root.h */
	JEEBS_REC_CHECKPOINT,	/* complete state after the stream bytes */
	JEEBS_REC_PROGRESS,	/* what changed since the record before */
	JEEBS_REC_END		/* last bytes; nothing to adopt after it */
};

struct jeebs_envelope {
	uint8_t  version;	/* JEEBS_WIRE_VERSION */
	uint8_t  compat;	/* JEEBS_WIRE_COMPAT */
	uint8_t  type;		/* enum jeebs_record_type */
	uint8_t  flags;		/* 0 */
	uint8_t  record_id[JEEBS_ID_LEN]; /* random, one per incarnation */
	uint64_t epoch;
	uint64_t seq;		/* root 0, then 1, 2, … without holes */
	uint64_t in_off;	/* client bytes consumed: offset of the next */
	uint64_t out_off;	/* offset of the first stream byte here */
	uint64_t acked_off;	/* our bytes before this the client ACKed */
	uint32_t stream_len;
	uint32_t sealed_len;
};
#define JEEBS_ENVELOPE_LEN	(4 + 4 + JEEBS_ID_LEN + 5 * 8 + 2 * 4)

/*
 * Return 0 or a negative SSH_ERR_* code. get consumes exactly
 * JEEBS_ENVELOPE_LEN bytes and refuses a wrong magic, an unknown type, a
 * compat newer than ours, non-zero flags and lengths over the bounds. Both
 * refuse a root with seq, offsets or stream_len, another record with seq 0,
 * acked_off > out_off, and an out_off + stream_len of 2^63 or more.
 */
int jeebs_envelope_put(struct sshbuf *, const struct jeebs_envelope *);
int jeebs_envelope_get(struct sshbuf *, struct jeebs_envelope *);

/*
 * A jeebs_tcp_state, JEEBS_TCP_LEN bytes; both refuse impossible values and
 * IPv4 addresses mapped to IPv6 (write them as AF_INET). Same returns.
 */
#define JEEBS_TCP_LEN		(2 + 3 * 2 + 2 * 16 + 3 * 4 + 2 + 4 * 4)
int jeebs_tcp_put(struct sshbuf *, const struct jeebs_tcp_state *);
int jeebs_tcp_get(struct sshbuf *, struct jeebs_tcp_state *);

/*
 * A string without any NUL in it, as a new C string. sshbuf_get_cstring() takes
 * one at the end of the string, too, which gives each text two encodings.
 */
int jeebs_get_text(struct sshbuf *, char **);

/*
 * Shared-memory ring from PA (producer) to jeebsd (consumer), made by jeebsd
 * in a sealed memfd of JEEBS_RING_HEADER + size bytes. The data area holds a
 * byte stream of frames: uint32 length, then that many bytes of one record.
 * head and tail count bytes since the start and are reduced modulo size. The
 * consumer copies, then validates. Access with acquire/release atomics.
 */
#define JEEBS_RING_MAGIC	0x4a52494eU
#define JEEBS_RING_HEADER	4096U
#define JEEBS_RING_SIZE		(1U << 20)	/* power of two */

struct jeebs_ring {
	uint32_t magic;
	uint32_t size;		/* of the data; jeebsd keeps its own copy */
	uint8_t  pad0[56];
	uint64_t head;		/* producer: bytes written */
	uint8_t  pad1[56];
	uint64_t tail;		/* consumer: bytes taken */
	uint64_t committed;	/* consumer: stream offset the standby holds */
	uint64_t committed_seq;	/* consumer: last record that it holds */
	uint8_t  pad2[40];
};

/*
 * Messages on SOCK_SEQPACKET sockets: a type byte, then the fields. Strings
 * are RFC 4251 strings. Nothing may follow the last field.
 */
enum jeebs_msg {
	/* MON <-> jeebsd, JeebsSocket */
	JEEBS_MSG_HELLO = 1,	/* uint32 proto, string fork version,
				 * string user name (for status only),
				 * string tcp state, uint64 offset at which
				 * the socket began to count what it received,
				 * byte attached + TCP descriptor */
	JEEBS_MSG_OFFER,	/* jeebsd: uint64 epoch, string recovery key
				 * + ring memfd, kick and commit pipes,
				 * forward socket */
	JEEBS_MSG_ROOT,		/* MON: string root record */
	JEEBS_MSG_REFUSE,	/* MON: string reason; not protected */
	JEEBS_MSG_DETACH,	/* jeebsd: string reason; go on unprotected.
				 * Forget the ring: no standby holds it. */
	JEEBS_MSG_RETIRE,	/* jeebsd: no fields; another host owns the
				 * session: end at once, send nothing */

	/* jeebsd <-> sshd-adopt, adopt socket */
	JEEBS_MSG_KEY = 32,	/* sshd-adopt: string recovery key (signed),
				 * again at every rotation */
	JEEBS_MSG_ADOPT,	/* jeebsd: uint64 job, uint64 acked offset A,
				 * uint64 in_off of the last record,
				 * string host that died, string this host,
				 * uint64 time of the failure (unix seconds)
				 * + TCP socket (in repair mode), memfd with
				 * the records, job socket */

	/* jeebsd <-> worker, job socket */
	JEEBS_MSG_READY = 64,	/* worker: uint64 out_end: PA will write
				 * [A, out_end) when it gets GO; uint32 n, n
				 * forwards that it can go on with: uint32
				 * channel, uint64 id, uint64 data offset,
				 * uint64 data end, uint64 taken, byte ended */
	JEEBS_MSG_FAILED,	/* worker: string reason; reset the client */
	JEEBS_MSG_GO,		/* jeebsd: repair is off, write */
	JEEBS_MSG_TARGET,	/* jeebsd, before GO: uint32 channel, uint64
				 * acked offset of its target + TCP socket */

	/* MON -> PA, private socketpair */
	JEEBS_MSG_ATTACH = 96,	/* string key (32), string record id,
				 * uint64 epoch + ring memfd, kick, commit,
				 * forward socket */
	JEEBS_MSG_UNATTACH,	/* no fields: go on unprotected */

	/* PA <-> jeebsd, forward socket */
	JEEBS_MSG_FORWARD = 112, /* PA: uint32 channel, uint64 bytes that it
				 * wrote + TCP socket, which it leaves alone
				 * until the answer */
	JEEBS_MSG_FORWARD_ID,	/* jeebsd: uint32 channel, uint64 id, 0: not
				 * kept */
	JEEBS_MSG_FORWARD_OVER,	/* PA: uint32 channel */
	JEEBS_MSG_FORWARD_TAKEN, /* PA: uint32 channel, uint64 offset before
				 * which a committed record has all input;
				 * with the first such record, too */
	JEEBS_MSG_FORWARD_ENDED, /* PA: as FORWARD; it has sent its FIN */
	JEEBS_MSG_FORWARD_END,	/* PA: uint32 channel: a committed record has
				 * the end of what goes to it: FIN may go */
	JEEBS_MSG_FORWARD_LOST,	/* jeebsd: uint32 channel, uint64 id: it isn't
				 * kept any more */

	/* sshd-adopt: supervisor -> worker, private socketpair */
	JEEBS_MSG_JOB = 128	/* uint64 acked offset, uint64 in_off, string
				 * host that died, string this host, uint64
				 * time of failure,
				 * string session key, string root in clear
				 * + TCP socket, memfd, job socket */
};

/*
 * The memfd of JEEBS_MSG_ADOPT holds: uint32 length and root record, then
 * uint32 length and record for each record from the checkpoint on, in order,
 * to the end of the file.
 */

#ifdef __cplusplus
}
#endif

#endif /* JEEBS_WIRE_H */
