/* SPDX-License-Identifier: ISC */
#include "includes.h"

#include <sys/types.h>

#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "openbsd-compat/sys-queue.h"
#include "hostfile.h"
#include "auth.h"
#include "auth-options.h"
#ifdef USE_PAM
#include "auth-pam.h"
#endif
#include "log.h"
#include "misc.h"
#include "packet.h"
#include "servconf.h"
#include "ssherr.h"
#include "xmalloc.h"
#include "jeebs/jeebs-account.h"
#include "jeebs/jeebs-adopt.h"
#include "jeebs/jeebs-root.h"
#include "jeebs/jeebs-tcp.h"

extern ServerOptions options;

void
jeebs_connection_check(struct ssh *ssh, const struct jeebs_root *root)
{
	const struct jeebs_tcp_state *want = &root->tcp;
	struct jeebs_tcp_state have;
	int r;

	memset(&have, 0, sizeof(have));
	if ((r = jeebs_tcp_addrs(ssh_packet_get_connection_in(ssh),
	    &have)) != 0)
		jeebs_job_fail("connection: %s", ssh_err(r));
	if (have.family != want->family ||
	    have.local_port != want->local_port ||
	    have.remote_port != want->remote_port ||
	    memcmp(have.local, want->local, sizeof(have.local)) != 0 ||
	    memcmp(have.remote, want->remote, sizeof(have.remote)) != 0)
		jeebs_job_fail("the connection isn't the one of the root "
		    "record");
}

/*
 * Were the methods enough by this host's AuthenticationMethods, and are they
 * switched on here? info has a line for each that succeeded:
 * method[/submethod][ key][ more]. Leaves the last one, which completed the
 * authentication, in *lastp.
 */
static void
check_methods(Authctxt *a, const char *info, char **lastp)
{
	char *copy, *next, *line, *submethod;
	int complete = 0;

	*lastp = NULL;
	if (auth2_setup_methods_lists(a) != 0)
		jeebs_job_fail("no authentication method is left here");
	next = copy = xstrdup(info == NULL ? "" : info);
	while ((line = strsep(&next, "\n")) != NULL) {
		line[strcspn(line, " ")] = '\0';
		if (*line == '\0')
			continue;
		if ((submethod = strchr(line, '/')) != NULL)
			*submethod++ = '\0';
		free(*lastp);
		*lastp = xstrdup(line);
		if (strcmp(line, "none") == 0 ? !options.permit_empty_passwd :
		    auth2_methods_valid(line, 1) != 0)
			jeebs_job_fail("user %s: authentication by %s isn't "
			    "allowed here", a->user, line);
		if (a->num_auth_methods == 0)
			complete = 1;
		else if (!complete && auth2_method_allowed(a, line, submethod))
			complete = auth2_update_methods_lists(a, line,
			    submethod);
	}
	free(copy);
	if (!complete)
		jeebs_job_fail("user %s: AuthenticationMethods asks for more "
		    "than the session had", a->user);
}

void
jeebs_account_check(struct ssh *ssh, Authctxt *a, const struct jeebs_root *root)
{
	char *method;

	if ((a->pw = getpwnamallow(ssh, a->user)) == NULL)
		jeebs_job_fail("user %s: no such account, or not allowed here",
		    a->user);
	if (a->pw->pw_uid != root->uid)
		jeebs_job_fail("user %s: uid %lu here, %lu on %s", a->user,
		    (u_long)a->pw->pw_uid, (u_long)root->uid, root->host);
	if (!options.jeebs)
		jeebs_job_fail("user %s: Jeebs is off here", a->user);
	check_methods(a, root->session_info, &method);
	if (root->uid == 0 && !auth_root_allowed(ssh, method))
		jeebs_job_fail("PermitRootLogin doesn't allow this session "
		    "here");
	free(method);
#ifdef USE_PAM
	if (options.use_pam) {
		start_pam(ssh);
		if (do_pam_account() != 1)
			jeebs_job_fail("user %s: PAM says that the account "
			    "may not be used now", a->user);
	}
#endif
}
