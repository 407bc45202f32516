// SPDX-License-Identifier: ISC
#include "carrier.hh"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "local-address.hh"
#include "unique_fd.hh"

namespace jeebs {

using boost::asio::posix::stream_descriptor;

struct CarrierWatch::Impl : std::enable_shared_from_this<Impl> {
	Impl(boost::asio::io_context &io, std::vector<std::string> a,
	    Callback cb)
	    : socket(io), addresses(std::move(a)), callback(std::move(cb)) {}

	void find();
	void wait();
	void read();

	stream_descriptor socket;
	std::vector<std::string> addresses;
	std::vector<unsigned> indices;	// interface of each, 0: unknown
	Callback callback;
};

void
CarrierWatch::Impl::find()
{
	auto on = local_addresses();

	indices.clear();
	for (const std::string &a : addresses) {
		auto it = on.find(a);
		indices.push_back(it == on.end() ? 0 :
		    if_nametoindex(it->second.c_str()));
	}
}

void
CarrierWatch::Impl::wait()
{
	socket.async_wait(stream_descriptor::wait_read,
	    [w = weak_from_this()](boost::system::error_code ec) {
		auto self = w.lock();
		if (!self || ec)
			return;
		self->read();
		self->wait();
	});
}

void
CarrierWatch::Impl::read()
{
	alignas(nlmsghdr) char buf[32768];

	for (;;) {
		ssize_t n = ::recv(socket.native_handle(), buf, sizeof(buf),
		    MSG_DONTWAIT);
		if (n <= 0)
			return;
		// Signed: NLMSG_NEXT takes the padding of the last one off, too.
		auto len = static_cast<int>(n);
		for (auto *h = reinterpret_cast<nlmsghdr *>(buf);
		    NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
			if (h->nlmsg_type != RTM_NEWLINK ||
			    h->nlmsg_len < NLMSG_LENGTH(sizeof(ifinfomsg)))
				continue;
			auto *info = static_cast<ifinfomsg *>(NLMSG_DATA(h));
			for (size_t i = 0; i < indices.size(); i++)
				if (indices[i] != 0 && indices[i] ==
				    static_cast<unsigned>(info->ifi_index))
					callback(i, (info->ifi_flags &
					    IFF_RUNNING) != 0);
		}
	}
}

CarrierWatch::CarrierWatch(boost::asio::io_context &io,
    std::vector<std::string> addresses, Callback callback)
    : impl_(std::make_shared<Impl>(io, std::move(addresses),
      std::move(callback)))
{
}

CarrierWatch::~CarrierWatch()
{
	boost::system::error_code ignored;
	impl_->socket.close(ignored);
}

Result<void>
CarrierWatch::start()
{
	UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, NETLINK_ROUTE));
	sockaddr_nl sa{};
	sa.nl_family = AF_NETLINK;
	sa.nl_groups = RTMGRP_LINK;
	if (!fd || bind(fd.get(), reinterpret_cast<sockaddr *>(&sa),
	    sizeof(sa)) == -1)
		return fail_errno("carrier watch");
	impl_->find();
	impl_->socket.assign(fd.release());
	impl_->wait();
	return {};
}

} // namespace jeebs
