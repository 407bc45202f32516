// SPDX-License-Identifier: ISC
#include "msg.hh"

#include <sys/socket.h>

#include <array>

#include <fmt/format.h>

#include "jeebs-msg.h"
#include "sshbuf.hh"

namespace jeebs {

namespace {

tl::unexpected<Error> message_error(const char *what, int r, int e)
{
	if (r == SSH_ERR_SYSTEM_ERROR)
		return fail_errno(what, e);
	return fail(fmt::format("{}: {}", what, ssh_err(r)),
	    r == SSH_ERR_CONN_CLOSED ? EPIPE : EBADMSG);
}

} // namespace

Result<std::optional<HostMessage>> receive_message(int sock)
{
	SshbufPtr b(sshbuf_new());
	if (b == nullptr)
		return fail("out of memory", ENOMEM);
	std::array<int, JEEBS_MAX_FDS> fds{};
	int nfds = 0;
	int r = jeebs_msg_recv(sock, b.get(), fds.data(),
	    static_cast<int>(fds.size()), &nfds, MSG_DONTWAIT);
	int e = errno;
	if (r == SSH_ERR_SYSTEM_ERROR && (e == EAGAIN || e == EINTR))
		return std::nullopt;
	if (r != 0)
		return message_error("receive", r, e);
	HostMessage m;
	for (int i = 0; i < nfds; i++)
		m.fds.emplace_back(fds[static_cast<size_t>(i)]);
	Bytes all{sshbuf_ptr(b.get()), sshbuf_len(b.get())};
	m.type = all[0];
	m.fields.append(all.subspan(1));
	return m;
}

Result<void> send_message(int sock, uint8_t type, Bytes fields,
    std::span<const int> fds)
{
	SshbufPtr b(sshbuf_new());
	int r = b == nullptr ? SSH_ERR_ALLOC_FAIL : 0;
	if (r == 0 && (r = sshbuf_put_u8(b.get(), type)) == 0 &&
	    (r = sshbuf_put(b.get(), fields.data(), fields.size())) == 0)
		r = jeebs_msg_send(sock, b.get(), fds.data(),
		    static_cast<int>(fds.size()), MSG_DONTWAIT);
	if (r != 0)
		return message_error("send", r, errno);
	return {};
}

} // namespace jeebs
