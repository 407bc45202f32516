/* SPDX-License-Identifier: ISC */
/* What is left of a session that has ended. */
#ifndef JEEBS_ENDING_H
#define JEEBS_ENDING_H

struct sshbuf;

/*
 * Writes the stream to the client's socket, which doesn't block, and waits a
 * bounded time until the client has acknowledged all of it. What the client
 * still says is thrown away: bytes that nobody has read would make a reset of
 * the FIN. Returns the number of bytes that the client may lack.
 */
size_t	jeebs_ending_send(int sock, struct sshbuf *stream);

#endif /* JEEBS_ENDING_H */
