// SPDX-License-Identifier: ISC
// Any bytes as what MON gets from jeebsd: an offer is taken up or refused with
// a reason, never half of either, and the process goes on.
// fuzzes: jeebs-mon.c jeebs-recovery.c jeebs-root.c
// with: main.c mon.c
#include <algorithm>
#include <ctime>

#include <fcntl.h>
#include <unistd.h>

#include "descriptors.hh"
#include "no-leak-check.hh"
#include "sealed-input.hh"
#include "sshd/parts.h"

namespace {

struct Setup {
	ssh *session;
	sshbuf *key = sshbuf_new();	// a good recovery key
	int pa;

	Setup()
	{
		jeebs_recovery *r = nullptr;

		parts_setup();
		session = parts_ssh();
		must(sshbuf_put(session->kex->client_version, "c", 1) == 0 &&
		    sshbuf_put(session->kex->server_version, "s", 1) == 0);
		pa = parts_mon_init();
		must(jeebs_recovery_new(&r) == 0 && jeebs_recovery_blob(r,
		    "fuzz", static_cast<uint64_t>(time(nullptr)) + 86400 * 365,
		    parts_hostkey(), nullptr, nullptr, key) == 0);
		jeebs_recovery_free(r);
	}
};

// The type of the message that waits, and its descriptors; 0: none does.
int next_type(int sock, int want_fds)
{
	sshbuf *m = sshbuf_new();
	int fds[JEEBS_MAX_FDS], nfds = 0;
	u_char type = 0;

	if (jeebs_msg_recv(sock, m, fds, JEEBS_MAX_FDS, &nfds,
	    MSG_DONTWAIT) == 0) {
		must(sshbuf_get_u8(m, &type) == 0);
		must(nfds == (type == JEEBS_MSG_ATTACH ? want_fds : 0));
		for (int i = 0; i < nfds; i++)
			close(fds[i]);
	}
	sshbuf_free(m);
	return type;
}

} // namespace

// In front: flags (1: a good recovery key follows the first nine bytes) and
// the number of descriptors.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const Setup up;
	const NoLeaks check;
	if (len < 3 || len > JEEBS_MAX_MSG)
		return 0;
	const int fds[] = {STDERR_FILENO, STDERR_FILENO, STDERR_FILENO,
	    STDERR_FILENO, STDERR_FILENO};
	const size_t front = std::min<size_t>(len - 2, 9);
	int s[2];
	sshbuf *m = sshbuf_new();

	must(sshbuf_put(m, data + 2, front) == 0);
	if (data[0] & 1)
		must(sshbuf_put_stringb(m, up.key) == 0);
	must(sshbuf_put(m, data + 2 + front, len - 2 - front) == 0);
	must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) == 0);
	if (jeebs_msg_send(s[0], m, fds, data[1] % 6, 0) == 0) {
		const bool offered = data[2] == JEEBS_MSG_OFFER &&
		    data[1] % 6 <= 4;
		parts_mon_event(up.session, s[1]);
		const int answer = next_type(s[0], 0);
		const int told = next_type(up.pa, 4);
		must(next_type(s[0], 0) == 0 && next_type(up.pa, 4) == 0);
		if (offered && answer == JEEBS_MSG_ROOT)
			must(told == JEEBS_MSG_ATTACH && (data[0] & 1));
		else if (offered)
			must(answer == JEEBS_MSG_REFUSE && told == 0);
		else
			must(answer == 0 && (told == 0 ||
			    (told == JEEBS_MSG_UNATTACH &&
			    data[2] == JEEBS_MSG_DETACH)));
	} else
		close(s[1]);
	sshbuf_free(m);
	close(s[0]);
	return 0;
}
