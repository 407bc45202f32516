// SPDX-License-Identifier: ISC
#include "msg.hh"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

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

Result<bool>
receive_user_message(int sock, const std::string &user, UserMessage &m)
{
	// As many as there can be (SCM_MAX_FD in include/net/scm.h): one that
	// doesn't fit the kernel would close.
	constexpr size_t most = 253;
	alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(int) * most)>
	    control{};
	std::array<uint8_t, JEEBS_MAX_MSG> bytes;
	iovec iov{.iov_base = bytes.data(), .iov_len = bytes.size()};
	msghdr hdr{};
	hdr.msg_iov = &iov;
	hdr.msg_iovlen = 1;
	hdr.msg_control = control.data();
	hdr.msg_controllen = control.size();
	const ssize_t n = ::recvmsg(sock, &hdr,
	    MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n == -1)
		return fail_errno("receive",
		    errno == ECONNRESET ? EPIPE : errno);
	for (cmsghdr *c = CMSG_FIRSTHDR(&hdr); c != nullptr;
	    c = CMSG_NXTHDR(&hdr, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd),
			    sizeof(fd));
			m.fds.emplace_back(UniqueFd(fd), user);
		}
	}
	if (n == 0)
		return fail("receive: the connection is closed", EPIPE);
	if (hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return fail("receive: too long a message", EBADMSG);
	m.type = bytes[0];
	m.fields.append({bytes.data() + 1, static_cast<size_t>(n) - 1});
	return true;
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
