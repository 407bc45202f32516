// SPDX-License-Identifier: ISC
// Any bytes as a message: the first says how many descriptors come with it,
// the second how many are expected. None may leak.
// fuzzes: jeebs-msg.c
#include "descriptors.hh"
#include "sealed-input.hh"

#include <unistd.h>

namespace {

void send_raw(int sock, const uint8_t *data, size_t len, unsigned fds)
{
	union {
		cmsghdr hdr;
		char space[CMSG_SPACE(sizeof(int) * 255)];
	} control{};
	iovec iov = { const_cast<uint8_t *>(data), len };
	msghdr hdr{};

	hdr.msg_iov = &iov;
	hdr.msg_iovlen = 1;
	if (fds > 0) {
		hdr.msg_control = &control;
		hdr.msg_controllen = CMSG_SPACE(sizeof(int) * fds);
		control.hdr.cmsg_level = SOL_SOCKET;
		control.hdr.cmsg_type = SCM_RIGHTS;
		control.hdr.cmsg_len = CMSG_LEN(sizeof(int) * fds);
		for (unsigned i = 0; i < fds; i++)
			memcpy(CMSG_DATA(&control.hdr) + i * sizeof(int),
			    &sock, sizeof(sock));
	}
	must(sendmsg(sock, &hdr, MSG_NOSIGNAL) == (ssize_t)len);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const NoLeaks check;
	if (len < 2)
		return 0;
	const unsigned sent = data[0] % 253;	// SCM_MAX_FD
	const int max = data[1] % (JEEBS_MAX_FDS + 1);
	int s[2], fds[JEEBS_MAX_FDS], nfds;

	data += 2;
	len -= 2;
	must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) == 0);
	send_raw(s[0], data, len, sent);

	sshbuf *b = sshbuf_new();
	const int r = jeebs_msg_recv(s[1], b, fds, max, &nfds, 0);
	if (r == 0) {
		must(sent == (unsigned)nfds && nfds <= max);
		must(len > 0 && len <= JEEBS_MAX_MSG);
		must(sshbuf_len(b) == len);
		must(memcmp(sshbuf_ptr(b), data, len) == 0);
		for (int i = 0; i < nfds; i++)
			must(close(fds[i]) == 0);
	} else {
		must(nfds == 0 && sshbuf_len(b) == 0);
		must(len == 0 || len > JEEBS_MAX_MSG || sent > (unsigned)max);
		for (int i = 0; i < max; i++)
			must(fds[i] == -1);
	}
	sshbuf_free(b);
	close(s[0]);
	close(s[1]);
	return 0;
}
