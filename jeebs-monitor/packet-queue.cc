// SPDX-License-Identifier: ISC
#include "packet-queue.hh"

#include <array>
#include <chrono>
#include <thread>

// Before the kernel's headers, which then leave its types alone.
#include <netinet/in.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>

#include "log.hh"
#include "read-waiter.hh"

namespace jeebs {

namespace {

constexpr int receive_buffer = 32 << 20;
constexpr int bind_tries = 100;
constexpr std::chrono::milliseconds bind_pause(10);
constexpr size_t packets_per_turn = 256;

} // namespace

struct PacketQueue::Impl {
	Impl(boost::asio::io_context &io, uint16_t n, Callback cb,
	    std::function<void()> end)
		: number(n), callback(std::move(cb)), turn_end(std::move(end)),
		  waiter(io) {}

	[[nodiscard]] Result<void> open_socket();
	[[nodiscard]] Result<void> go_on(UniqueFd earlier, uint32_t length,
	    bool whole);
	[[nodiscard]] Result<void> set_up(uint32_t length, bool whole);
	[[nodiscard]] Result<void> configure(nlmsghdr *);
	[[nodiscard]] Result<void> bind(uint32_t length, bool whole);
	void message(const nlmsghdr *);
	void verdict(uint16_t type, uint32_t id, uint32_t verdict);

	uint16_t number;
	Callback callback;
	std::function<void()> turn_end;
	UniqueFd fd;
	ReadWaiter waiter;
	uint64_t overruns = 0;
	bool paused = false;
	std::array<uint8_t, 0xffff + 4096> buffer;
};

Result<void>
PacketQueue::Impl::open_socket()
{
	fd.reset(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_NETFILTER));
	sockaddr_nl kernel{};
	kernel.nl_family = AF_NETLINK;
	if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr *>(&kernel),
	    sizeof(kernel)) != 0 ||
	    ::connect(fd.get(), reinterpret_cast<sockaddr *>(&kernel),
	    sizeof(kernel)) != 0)
		return fail_errno("cannot open the packet queue");
	/* Best effort: what doesn't fit is dropped and sent again. */
	(void)setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE,
	    &receive_buffer, sizeof(receive_buffer));
	return {};
}

Result<void>
PacketQueue::Impl::configure(nlmsghdr *request)
{
	request->nlmsg_flags |= NLM_F_ACK;
	if (::send(fd.get(), request, request->nlmsg_len, 0) < 0)
		return fail_errno("cannot configure the packet queue");
	/* Packets of an earlier process may come before the answer. */
	for (;;) {
		const ssize_t n = ::recv(fd.get(), buffer.data(), buffer.size(),
		    0);
		const auto *answer =
		    reinterpret_cast<const nlmsghdr *>(buffer.data());
		if (n < 0 && errno == ENOBUFS)
			continue;
		if (n < 0 || !mnl_nlmsg_ok(answer, static_cast<int>(n)))
			return fail_errno("cannot configure the packet queue");
		if (answer->nlmsg_type != NLMSG_ERROR)
			continue;
		if (mnl_cb_run(answer, static_cast<size_t>(n), 0, 0, nullptr,
		    nullptr) < 0)
			return fail_errno("cannot bind packet queue " +
			    std::to_string(number) +
			    " (is another jeebsd using it?)");
		return {};
	}
}

Result<void>
PacketQueue::Impl::bind(uint32_t length, bool whole)
{
	alignas(nlmsghdr) std::array<char, 512> request;
	for (int tries = 0;; tries++) {
		nlmsghdr *command = nfq_nlmsg_put(request.data(),
		    NFQNL_MSG_CONFIG, number);
		nfq_nlmsg_cfg_put_cmd(command, AF_UNSPEC,
		    NFQNL_CFG_CMD_BIND);
		auto bound = configure(command);
		if (bound)
			break;
		/* One that was killed has it until the kernel is done. */
		const int why = bound.error().errnum;
		if (tries == bind_tries || (why != EPERM && why != EBUSY))
			return bound;
		std::this_thread::sleep_for(bind_pause);
	}
	return set_up(length, whole);
}

Result<void>
PacketQueue::Impl::set_up(uint32_t length, bool whole)
{
	alignas(nlmsghdr) std::array<char, 512> request;
	/* Without NFQA_CFG_F_GSO the kernel segments, completes checksums. */
	nlmsghdr *config = nfq_nlmsg_put(request.data(), NFQNL_MSG_CONFIG, number);
	nfq_nlmsg_cfg_put_params(config, NFQNL_COPY_PACKET, 0xffff);
	nfq_nlmsg_cfg_put_qmaxlen(config, length);
	mnl_attr_put_u32(config, NFQA_CFG_FLAGS,
	    htonl(whole ? NFQA_CFG_F_GSO : 0));
	mnl_attr_put_u32(config, NFQA_CFG_MASK,
	    htonl(NFQA_CFG_F_FAIL_OPEN | NFQA_CFG_F_GSO));
	return configure(config);
}

Result<void>
PacketQueue::Impl::go_on(UniqueFd earlier, uint32_t length, bool whole)
{
	int family = 0, protocol = 0;
	socklen_t size = sizeof(int);
	if (getsockopt(earlier.get(), SOL_SOCKET, SO_DOMAIN, &family, &size) != 0 ||
	    getsockopt(earlier.get(), SOL_SOCKET, SO_PROTOCOL, &protocol,
	    &size) != 0 || family != AF_NETLINK || protocol != NETLINK_NETFILTER)
		return fail("isn't a socket of netfilter's");
	fd = std::move(earlier);
	if (auto r = set_up(length, whole); !r) {
		fd.reset();
		return r;
	}
	/*
	 * All ids, which are compared as 32 bits of a circle, and begin anywhere.
	 * Of an empty half the kernel says that it is.
	 */
	verdict(NFQNL_MSG_VERDICT_BATCH, INT32_MAX, NF_REPEAT);
	verdict(NFQNL_MSG_VERDICT_BATCH, UINT32_MAX, NF_REPEAT);
	return {};
}

void
PacketQueue::Impl::message(const nlmsghdr *message)
{
	std::array<nlattr *, NFQA_MAX + 1> attrs{};
	if (nfq_nlmsg_parse(message, attrs.data()) < 0 ||
	    !attrs[NFQA_PACKET_HDR])
		return;
	const auto *header = static_cast<const nfqnl_msg_packet_hdr *>(
	    mnl_attr_get_payload(attrs[NFQA_PACKET_HDR]));
	std::span<const uint8_t> payload;
	if (attrs[NFQA_PAYLOAD])
		payload = {static_cast<const uint8_t *>(
		    mnl_attr_get_payload(attrs[NFQA_PAYLOAD])),
		    mnl_attr_get_payload_len(attrs[NFQA_PAYLOAD])};
	callback(ntohl(header->packet_id), payload);
}

void
PacketQueue::Impl::verdict(uint16_t type, uint32_t id, uint32_t what)
{
	alignas(nlmsghdr) std::array<char, 128> request;
	nlmsghdr *answer = nfq_nlmsg_put(request.data(), type, number);
	nfq_nlmsg_verdict_put(answer, static_cast<int>(id),
	    static_cast<int>(what));
	/* An error means that the packet is gone from the queue already. */
	(void)::send(fd.get(), answer, answer->nlmsg_len, 0);
}

PacketQueue::PacketQueue(boost::asio::io_context &io, uint16_t number,
    Callback packet, std::function<void()> turn_end)
	: impl_(std::make_unique<Impl>(io, number, std::move(packet),
	    std::move(turn_end))) {}

PacketQueue::~PacketQueue() { close(); }

Result<void>
PacketQueue::open(uint32_t length, bool whole, UniqueFd earlier)
{
	close();
	impl_->paused = false;
	if (earlier)
		if (auto r = impl_->go_on(std::move(earlier), length, whole); !r)
			log::warning("the packet queue of an earlier process is "
			    "of no use: {}", r.error().what);
	Result<void> r;
	if (!impl_->fd)
		r = impl_->open_socket().and_then([&] {
			return impl_->bind(length, whole); });
	return r.and_then([&] { return impl_->waiter.start(impl_->fd.get(),
	    [this] { read(packets_per_turn); }); });
}

int
PacketQueue::fd() const
{
	return impl_->fd.get();
}

void
PacketQueue::pause(bool on)
{
	impl_->paused = on;
	if (on)
		impl_->waiter.pause();
	else
		impl_->waiter.resume();
}

void
PacketQueue::close()
{
	impl_->waiter.stop();
	impl_->fd.reset();
}

void
PacketQueue::read(size_t limit)
{
	for (size_t i = 0; i < limit && impl_->fd && !impl_->paused; i++) {
		const ssize_t n = ::recv(impl_->fd.get(),
		    impl_->buffer.data(), impl_->buffer.size(), MSG_DONTWAIT);
		if (n < 0 && errno == ENOBUFS) {
			impl_->overruns++;
			continue;
		}
		if (n <= 0)
			break;
		mnl_cb_run(impl_->buffer.data(), static_cast<size_t>(n), 0, 0,
		    [](const nlmsghdr *message, void *impl) {
			static_cast<Impl *>(impl)->message(message);
			return MNL_CB_OK;
		    }, impl_.get());
	}
	if (impl_->fd)
		impl_->turn_end();
}

void
PacketQueue::accept(uint32_t id)
{
	impl_->verdict(NFQNL_MSG_VERDICT, id, NF_ACCEPT);
}

void
PacketQueue::accept_up_to(uint32_t id)
{
	impl_->verdict(NFQNL_MSG_VERDICT_BATCH, id, NF_ACCEPT);
}

void
PacketQueue::drop(uint32_t id)
{
	impl_->verdict(NFQNL_MSG_VERDICT, id, NF_DROP);
}

void
PacketQueue::drop_up_to(uint32_t id)
{
	impl_->verdict(NFQNL_MSG_VERDICT_BATCH, id, NF_DROP);
}

void
PacketQueue::repeat(uint32_t id)
{
	impl_->verdict(NFQNL_MSG_VERDICT, id, NF_REPEAT);
}

uint64_t
PacketQueue::overruns() const
{
	return impl_->overruns;
}

} // namespace jeebs
