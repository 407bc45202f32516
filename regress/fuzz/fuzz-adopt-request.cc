// SPDX-License-Identifier: ISC
// Any bytes as what comes to sshd-adopt's socket: a message, how many
// descriptors are with it, and the file with the records. Every request that
// has a job socket is answered there; none gets a worker.
// fuzzes: jeebs-adopt.c
// with: main.c adopt.c
// links: -Wl,--wrap=jeebs_worker_give
#include <sys/mman.h>

#include <algorithm>
#include <ctime>

#include <fcntl.h>
#include <unistd.h>

#include "descriptors.hh"
#include "no-leak-check.hh"
#include "sealed-input.hh"
#include "sshd/parts.h"

extern "C" {
struct jeebs_job;

int __wrap_jeebs_worker_give(const jeebs_job *)
{
	return SSH_ERR_SYSTEM_ERROR;
}
}

namespace {

// A root record that is good, sealed to the recovery key in use.
sshbuf *good_root(const jeebs_recovery_pub *pub)
{
	jeebs_root *root = jeebs_root_new();
	sshbuf *rec = sshbuf_new();
	u_char key[JEEBS_KEY_LEN];
	const u_char zero[32] = {};

	must(root != nullptr && rec != nullptr);
	root->not_after = static_cast<uint64_t>(time(nullptr)) + 86400 * 365;
	root->host = strdup("from");
	root->user = strdup("fuzz");
	root->client_version = strdup("SSH-2.0-x");
	root->server_version = strdup("SSH-2.0-y");
	root->fork_version = strdup(JEEBS_FORK_VERSION);
	root->tcp.family = AF_INET;
	root->tcp.local[0] = root->tcp.remote[0] = 10;
	root->tcp.local_port = root->tcp.remote_port = 22;
	root->tcp.mss = 1460;
	must(sshbuf_put(root->session_id, zero, sizeof(zero)) == 0 &&
	    sshbuf_put(root->auth_opts, zero, 1) == 0 &&
	    jeebs_root_seal(root, pub, parts_hostkey(), nullptr, nullptr, rec,
	    key) == 0);
	jeebs_root_free(root);
	return rec;
}

struct Setup {
	const jeebs_recovery_pub *pub;
	sshbuf *root;

	Setup()
	{
		parts_setup();
		pub = parts_adopt_init();
		root = good_root(pub);
	}
};

void put(int fd, const void *p, size_t n)
{
	must(write(fd, p, n) == static_cast<ssize_t>(n));
}

// flags 1: sealed, 2: the good root comes first, 4: with one byte changed
int records(const Setup &up, unsigned flags, unsigned at, const uint8_t *p,
    size_t n)
{
	int fd = memfd_create("records", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	must(fd != -1);
	if (flags & 2) {
		u_char len[4];
		sshbuf *copy = sshbuf_new();
		must(sshbuf_putb(copy, up.root) == 0);
		if (flags & 4)
			sshbuf_mutable_ptr(copy)[at % sshbuf_len(copy)] ^= 0x20;
		POKE_U32(len, sshbuf_len(copy));
		put(fd, len, sizeof(len));
		put(fd, sshbuf_ptr(copy), sshbuf_len(copy));
		sshbuf_free(copy);
	}
	put(fd, p, n);
	if (flags & 1)
		must(fcntl(fd, F_ADD_SEALS,
		    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
	return fd;
}

// FAILED, and nothing else, in the job socket.
void check_answer(int job)
{
	sshbuf *m = sshbuf_new();
	int nfds = 0;
	u_char type;
	char *why = nullptr;

	if (jeebs_msg_recv(job, m, nullptr, 0, &nfds, MSG_DONTWAIT) == 0) {
		must(sshbuf_get_u8(m, &type) == 0 && type == JEEBS_MSG_FAILED);
		must(sshbuf_get_cstring(m, &why, nullptr) == 0);
		must(sshbuf_len(m) == 0 && strlen(why) < JEEBS_MAX_REASON);
		free(why);
	}
	sshbuf_free(m);
}

} // namespace

// In front: flags, number of descriptors, which byte of the root is changed
// (two), length of the message (two).
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const Setup up;
	const NoLeaks check;
	if (len < 6)
		return 0;
	const size_t rest = len - 6;
	const size_t n = std::min<size_t>(data[4] << 8 | data[5], rest);
	const unsigned at = data[2] << 8 | data[3];
	int s[2], job[2], tcp;

	if (n == 0)
		return 0;
	must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) == 0);
	must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, job) == 0);
	must((tcp = dup(job[0])) != -1);
	const int file = records(up, data[0], at, data + 6 + n, rest - n);
	const int fds[] = {tcp, file, job[1], tcp};
	sshbuf *m = sshbuf_from(data + 6, n);
	must(jeebs_msg_send(s[0], m, fds, data[1] % 5, 0) == 0);
	sshbuf_free(m);
	close(tcp);
	close(file);
	close(job[1]);

	parts_adopt_serve(s[1]);
	check_answer(job[0]);
	close(s[0]);
	close(job[0]);
	return 0;
}
