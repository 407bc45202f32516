// SPDX-License-Identifier: ISC
#include "nft-elements.hh"

#include <algorithm>
#include <array>
#include <cstring>

#include <arpa/inet.h>
#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

namespace jeebs {

namespace {

// More than one element with names and key takes (NFT_TABLE_MAXNAMELEN is 256).
constexpr size_t message_room = 1024;
// A larger one needs more of a send buffer than sockets have.
constexpr size_t usual_batch = 64U << 10;

nlmsghdr *
put_header(std::span<uint8_t> room, uint16_t type, uint16_t flags,
    uint8_t family, uint16_t resource)
{
	nlmsghdr *h = mnl_nlmsg_put_header(room.data());
	h->nlmsg_type = type;
	h->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
	auto *nf = static_cast<nfgenmsg *>(
	    mnl_nlmsg_put_extra_header(h, sizeof(nfgenmsg)));
	nf->nfgen_family = family;
	nf->version = NFNETLINK_V0;
	nf->res_id = htons(resource);
	return h;
}

void
append_batch_edge(std::vector<uint8_t> &to, uint16_t type)
{
	alignas(nlmsghdr) std::array<uint8_t, 64> room{};
	nlmsghdr *h = put_header(room, type, 0, AF_UNSPEC,
	    NFNL_SUBSYS_NFTABLES);
	to.insert(to.end(), room.data(), room.data() + h->nlmsg_len);
}

} // namespace

std::vector<uint8_t>
nft_key(const std::string &interface)
{
	std::vector<uint8_t> key(interface.begin(), interface.end());
	key.resize(IFNAMSIZ);
	return key;
}

std::vector<uint8_t>
nft_key(const Flow &flow)
{
	std::vector<uint8_t> key;
	// Each part fills registers of 32 bits.
	auto put = [&key](const IpAddr &addr, uint16_t port) {
		const auto bytes = addr.bytes();
		key.insert(key.end(), bytes.begin(), bytes.end());
		key.push_back(static_cast<uint8_t>(port >> 8));
		key.push_back(static_cast<uint8_t>(port));
		key.resize(key.size() + 2);
	};
	put(flow.local, flow.local_port);
	put(flow.remote, flow.remote_port);
	return key;
}

NftChange::NftChange(uint8_t family, std::string table)
    : family_(family), table_(std::move(table))
{
}

// In room that is taken at the end of messages_; end with its length.
nlmsghdr *
NftChange::begin(uint16_t type, uint16_t flags, const std::string &set)
{
	const size_t at = messages_.size();
	messages_.resize(at + message_room);
	nlmsghdr *h = put_header(std::span(messages_).subspan(at),
	    static_cast<uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type), flags,
	    family_, 0);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, table_.c_str());
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, set.c_str());
	return h;
}

void
NftChange::element(uint16_t type, uint16_t flags, const std::string &set,
    std::span<const uint8_t> key, std::optional<Milliseconds> timeout)
{
	const size_t at = messages_.size();
	nlmsghdr *h = begin(type, flags, set);
	nlattr *list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);
	nlattr *element = mnl_attr_nest_start(h, NFTA_LIST_ELEM);
	nlattr *data = mnl_attr_nest_start(h, NFTA_SET_ELEM_KEY);
	mnl_attr_put(h, NFTA_DATA_VALUE, key.size(), key.data());
	mnl_attr_nest_end(h, data);
	if (timeout)
		mnl_attr_put_u64(h, NFTA_SET_ELEM_TIMEOUT,
		    htobe64(static_cast<uint64_t>(timeout->count())));
	mnl_attr_nest_end(h, element);
	mnl_attr_nest_end(h, list);
	messages_.resize(at + h->nlmsg_len);
}

NftChange &
NftChange::flush(const std::string &set)
{
	const size_t at = messages_.size();
	nlmsghdr *h = begin(NFT_MSG_DELSETELEM, 0, set);
	messages_.resize(at + h->nlmsg_len);
	return *this;
}

NftChange &
NftChange::add(const std::string &set, std::span<const uint8_t> key,
    std::optional<Milliseconds> timeout)
{
	element(NFT_MSG_NEWSETELEM, NLM_F_CREATE, set, key, timeout);
	return *this;
}

NftChange &
NftChange::remove(const std::string &set, std::span<const uint8_t> key)
{
	element(NFT_MSG_DELSETELEM, 0, set, key, std::nullopt);
	return *this;
}

void
NftElements::Closer::operator()(mnl_socket *s) const
{
	mnl_socket_close(s);
}

NftElements::NftElements()
    : socket_(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC))
{
	if (socket_ && mnl_socket_bind(socket_.get(), 0,
	    MNL_SOCKET_AUTOPID) < 0)
		socket_.reset();
}

NftElements::~NftElements() = default;

Result<void>
NftElements::run(const NftChange &change)
{
	if (change.messages_.empty())
		return {};
	if (!socket_)
		return fail("no netlink socket for nftables", ENOTCONN);
	std::vector<uint8_t> batch;
	append_batch_edge(batch, NFNL_MSG_BATCH_BEGIN);
	batch.insert(batch.end(), change.messages_.begin(),
	    change.messages_.end());
	const size_t end = batch.size();
	append_batch_edge(batch, NFNL_MSG_BATCH_END);

	const uint32_t first = sequence_ + 1;
	uint32_t last_change = 0;
	for (size_t at = 0; at < batch.size();) {
		auto *h = reinterpret_cast<nlmsghdr *>(&batch[at]);
		h->nlmsg_seq = ++sequence_;
		at += h->nlmsg_len;
		if (at == end) {
			h->nlmsg_flags |= NLM_F_ACK;
			last_change = sequence_;
		}
	}
	const int fd = mnl_socket_get_fd(socket_.get());
	const int size = static_cast<int>(batch.size() * 2);
	if (batch.size() > usual_batch && ::setsockopt(fd, SOL_SOCKET,
	    SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		return fail_errno("nftables: send buffer");
	sockaddr_nl kernel{};
	kernel.nl_family = AF_NETLINK;
	if (::sendto(fd, batch.data(), batch.size(), 0,
	    reinterpret_cast<sockaddr *>(&kernel), sizeof(kernel)) < 0)
		return fail_errno("nftables");

	// The kernel has done it all by now, and its answers wait here: one for
	// each message that it refused, and for the last.
	int refused = 0;
	bool done = false;
	alignas(nlmsghdr) std::array<uint8_t, 8192> answer;
	for (;;) {
		const ssize_t n = ::recv(fd, answer.data(), answer.size(),
		    MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return fail_errno("nftables");
		int left = static_cast<int>(n);
		for (auto *h = reinterpret_cast<nlmsghdr *>(answer.data());
		    mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			if (h->nlmsg_type != NLMSG_ERROR ||
			    h->nlmsg_seq - first > sequence_ - first ||
			    mnl_nlmsg_get_payload_len(h) < sizeof(nlmsgerr))
				continue;
			const auto *e = static_cast<nlmsgerr *>(
			    mnl_nlmsg_get_payload(h));
			if (e->error != 0 && refused == 0)
				refused = -e->error;
			done = done || h->nlmsg_seq == last_change;
		}
	}
	if (refused != 0)
		return fail_errno("nftables", refused);
	if (!done)
		return fail("nftables: the kernel didn't answer", EPROTO);
	return {};
}

} // namespace jeebs
