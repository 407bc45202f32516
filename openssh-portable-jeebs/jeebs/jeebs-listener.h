/* SPDX-License-Identifier: ISC */
/* sshd's side of adoption: starts sshd-adopt and starts it again. */
#ifndef JEEBS_LISTENER_H
#define JEEBS_LISTENER_H

/* argv is sshd-session's and stays in use. A no-op with "Jeebs no". */
void	jeebs_listener_start(char **argv);
/* Each turn of the accept loop: is it still there? */
void	jeebs_listener_check(void);

#endif /* JEEBS_LISTENER_H */
