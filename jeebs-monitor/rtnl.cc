// SPDX-License-Identifier: ISC
#include "rtnl.hh"

#include <array>
#include <memory>

#include <libmnl/libmnl.h>
#include <net/if.h>

namespace jeebs {

namespace {

struct SocketCloser {
	void operator()(mnl_socket *s) const { mnl_socket_close(s); }
};

using Visitor = std::function<void(const nlmsghdr *)>;

int
visit(const nlmsghdr *message, void *visitor)
{
	(*static_cast<const Visitor *>(visitor))(message);
	return MNL_CB_OK;
}

Result<void>
transact(nlmsghdr *request, uint16_t flags, const Visitor &visitor)
{
	constexpr uint32_t sequence = 1;
	std::unique_ptr<mnl_socket, SocketCloser> socket(
	    mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
	if (!socket || mnl_socket_bind(socket.get(), 0,
	    MNL_SOCKET_AUTOPID) < 0)
		return fail_errno("cannot open a netlink socket");
	const unsigned port = mnl_socket_get_portid(socket.get());

	request->nlmsg_flags |= flags;
	request->nlmsg_seq = sequence;
	if (mnl_socket_sendto(socket.get(), request,
	    request->nlmsg_len) < 0)
		return fail_errno("cannot send a netlink request");

	alignas(nlmsghdr) std::array<char, 32768> buffer;
	for (int r = MNL_CB_OK; r > MNL_CB_STOP;) {
		const ssize_t n = mnl_socket_recvfrom(socket.get(),
		    buffer.data(), buffer.size());
		if (n < 0)
			return fail_errno("cannot read a netlink answer");
		r = mnl_cb_run(buffer.data(), static_cast<size_t>(n), sequence,
		    port, visit, const_cast<Visitor *>(&visitor));
		if (r < 0)
			return fail_errno("netlink request refused");
	}
	return {};
}

} // namespace

Result<unsigned>
interface_index(const std::string &name)
{
	const unsigned index = if_nametoindex(name.c_str());
	if (index == 0)
		return fail_errno("interface \"" + name + "\"");
	return index;
}

Result<void>
rtnl_request(nlmsghdr *request)
{
	return rtnl_get(request, [](const nlmsghdr *) {});
}

Result<void>
rtnl_get(nlmsghdr *request, const Visitor &visitor)
{
	return transact(request, NLM_F_REQUEST | NLM_F_ACK, visitor);
}

Result<void>
rtnl_dump(nlmsghdr *request, const Visitor &visitor)
{
	return transact(request, NLM_F_REQUEST | NLM_F_DUMP, visitor);
}

} // namespace jeebs
