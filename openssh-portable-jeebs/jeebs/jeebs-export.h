/* SPDX-License-Identifier: ISC */
/* PA's side of protection: when there is any, and output commit. */
#ifndef JEEBS_EXPORT_H
#define JEEBS_EXPORT_H

#include <stdint.h>

struct ssh;

/*
 * PA, right after fork: mon_fd is its end of the socketpair with MON, sock
 * the connection to the client, in and out the stream offsets of the next
 * byte to read and to write.
 */
void	jeebs_export_init(int mon_fd, int sock, uint64_t in, uint64_t out);
/* An adopted session knows its offsets only when its records are open. */
void	jeebs_export_offsets(uint64_t in, uint64_t out);
/* The connection to the client; -1 where Jeebs is off. */
int	jeebs_export_socket(void);
/* Called when the server loop is about to start; sshd-adopt sets it. */
extern void (*jeebs_on_resume)(struct ssh *);
/* Called in a child of PA that is to run a program; sshd-adopt sets it. */
extern void (*jeebs_on_child)(void);

#endif /* JEEBS_EXPORT_H */
