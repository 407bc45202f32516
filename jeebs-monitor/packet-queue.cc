// SPDX-License-Identifier: ISC
#include "packet-queue.hh"

#include <array>
#include <chrono>
#include <optional>
#include <thread>

// Before the kernel's headers, which then leave its types alone.
#include <netinet/in.h>
#include <poll.h>
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
constexpr size_t drain_at_most = 1U << 18;
constexpr int answer_patience = 500;	// ms
constexpr int answer_tries = 3;

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
	void drain();
	[[nodiscard]] std::optional<int> answer(uint32_t to);
	[[nodiscard]] Result<void> configure(nlmsghdr *);
	[[nodiscard]] Result<void> bind(uint32_t length, bool whole);
	void message(const nlmsghdr *);
	bool verdict(uint16_t type, uint32_t id, uint32_t verdict);
	[[nodiscard]] Result<void> repeat_all();

	uint16_t number;
	Callback callback;
	std::function<void()> turn_end;
	UniqueFd fd;
	ReadWaiter waiter;
	uint64_t overruns = 0;
	bool paused = false;
	/* Not those of verdicts, 0, nor likely an earlier process's. */
	uint32_t next_request = static_cast<uint32_t>(
	    std::chrono::steady_clock::now().time_since_epoch().count()) | 1;
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

/** What is in the socket; the packets stay in the kernel. */
void
PacketQueue::Impl::drain()
{
	for (size_t i = 0; i < drain_at_most; i++)
		if (::recv(fd.get(), buffer.data(), buffer.size(),
		    MSG_DONTWAIT) < 0 && errno != ENOBUFS)
			return;
}

/** The kernel's error for that request; nothing: it was lost. */
std::optional<int>
PacketQueue::Impl::answer(uint32_t to)
{
	for (size_t i = 0; i < drain_at_most; i++) {
		pollfd p{fd.get(), POLLIN, 0};
		if (poll(&p, 1, answer_patience) != 1)
			return std::nullopt;
		const ssize_t n = ::recv(fd.get(), buffer.data(), buffer.size(),
		    MSG_DONTWAIT);
		const auto *message =
		    reinterpret_cast<const nlmsghdr *>(buffer.data());
		if (n < 0 || !mnl_nlmsg_ok(message, static_cast<int>(n)))
			return std::nullopt;
		/* Of an earlier process there may be others. */
		if (message->nlmsg_type == NLMSG_ERROR &&
		    message->nlmsg_seq == to &&
		    mnl_nlmsg_get_payload_len(message) >= sizeof(nlmsgerr))
			return -static_cast<const nlmsgerr *>(
			    mnl_nlmsg_get_payload(message))->error;
	}
	return std::nullopt;
}

Result<void>
PacketQueue::Impl::configure(nlmsghdr *request)
{
	request->nlmsg_flags |= NLM_F_ACK;
	for (int tries = 0; tries < answer_tries; tries++) {
		/*
		 * A socket that once was full gets nothing, answers neither, until
		 * it is empty (net/netlink/af_netlink.c, NETLINK_S_CONGESTED).
		 */
		drain();
		request->nlmsg_seq = next_request++;
		if (::send(fd.get(), request, request->nlmsg_len, 0) < 0)
			return fail_errno("cannot configure the packet queue");
		const auto error = answer(request->nlmsg_seq);
		if (!error)
			continue;
		if (*error == 0)
			return {};
		errno = *error;
		return fail_errno("cannot bind packet queue " +
		    std::to_string(number) + " (is another jeebsd using it?)");
	}
	return fail("the packet queue doesn't answer", ETIMEDOUT);
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
	return configure(config).and_then([this] { return repeat_all(); });
}

/**
 * Whatever waits, and wasn't read by this process: what it accepts all before a
 * packet by it must have read. Ids are compared as 32 bits of a circle and begin
 * anywhere: a half, the other one, and what was behind that. Of an empty one the
 * kernel says that it is.
 */
Result<void>
PacketQueue::Impl::repeat_all()
{
	for (uint32_t last : {uint32_t{INT32_MAX}, UINT32_MAX,
	    uint32_t{INT32_MAX}})
		if (!verdict(NFQNL_MSG_VERDICT_BATCH, last, NF_REPEAT))
			return fail_errno("cannot have the packet queue repeat");
	return {};
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
	auto r = set_up(length, whole);
	if (!r)
		fd.reset();
	return r;
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

bool
PacketQueue::Impl::verdict(uint16_t type, uint32_t id, uint32_t what)
{
	alignas(nlmsghdr) std::array<char, 128> request;
	nlmsghdr *answer = nfq_nlmsg_put(request.data(), type, number);
	nfq_nlmsg_verdict_put(answer, static_cast<int>(id),
	    static_cast<int>(what));
	/* An answer means that the packet is gone from the queue already. */
	return ::send(fd.get(), answer, answer->nlmsg_len, 0) >= 0;
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
