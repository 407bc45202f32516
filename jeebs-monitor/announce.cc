// SPDX-License-Identifier: ISC
#include "announce.hh"

#include <algorithm>
#include <array>
#include <list>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "neighbor.hh"
#include "rtnl.hh"
#include "unique_fd.hh"

namespace jeebs {

namespace {

constexpr int solicitations = 3;
constexpr int frames_per_turn = 64;

/** Untagged ARP, NS and NA. */
constexpr std::array<sock_filter, 12> neighbor_filter{{
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	    static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 9),
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETHERTYPE_ARP, 6, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETHERTYPE_IPV6, 0, 6),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 20),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 4),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 54),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_NEIGHBOR_SOLICIT, 1, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_NEIGHBOR_ADVERT, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 2048),
	BPF_STMT(BPF_RET | BPF_K, 0),
}};

} // namespace

struct Announcer::Impl : std::enable_shared_from_this<Announcer::Impl> {
	/** One solicit() under way. */
	struct Question {
		Question(asio::io_context &io, IpAddr a, AnswerCallback cb)
			: addr(a), callback(std::move(cb)), timer(io) {}
		IpAddr addr;
		AnswerCallback callback;
		asio::steady_timer timer;
		std::chrono::nanoseconds interval{};
		int left = solicitations;
	};

	Impl(asio::io_context &context, std::string name)
		: io(context), interface(std::move(name)), descriptor(io) {}

	[[nodiscard]] Result<void> open();
	[[nodiscard]] Result<void> send(std::span<const uint8_t> frame);
	void close();
	void wait();
	void read_frames();
	void heard(const NeighborFact &);
	void wait_for_answer(const std::shared_ptr<Question> &);
	void answer(const std::shared_ptr<Question> &,
	    std::optional<MacAddr>);

	asio::io_context &io;
	std::string interface;
	asio::posix::stream_descriptor descriptor;
	unsigned index = 0;
	MacAddr mac;
	std::list<std::shared_ptr<Question>> questions;
	std::vector<IpAddr> watched;
	ClaimCallback on_claim;
};

Result<void>
Announcer::Impl::open()
{
	close();
	const auto found = interface_index(interface);
	if (!found)
		return tl::unexpected(found.error());
	index = *found;
	/* Protocol 0: nothing arrives before the filter is in place. */
	UniqueFd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0));
	if (!fd)
		return fail_errno("cannot open a packet socket");
	ifreq request{};
	interface.copy(request.ifr_name, IFNAMSIZ - 1);
	if (ioctl(fd.get(), SIOCGIFHWADDR, &request) != 0)
		return fail_errno("hardware address of " + interface);
	if (request.ifr_hwaddr.sa_family != 1 /* ARPHRD_ETHER */)
		return fail(interface + " is not an Ethernet interface");
	std::copy_n(reinterpret_cast<const uint8_t *>(
	    request.ifr_hwaddr.sa_data), 6, mac.bytes.begin());

	const sock_fprog program{neighbor_filter.size(),
	    const_cast<sock_filter *>(neighbor_filter.data())};
	if (setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program,
	    sizeof(program)) != 0)
		return fail_errno("packet filter for " + interface);
	sockaddr_ll address{};
	address.sll_family = AF_PACKET;
	address.sll_protocol = htons(ETH_P_ALL);
	address.sll_ifindex = static_cast<int>(index);
	if (bind(fd.get(), reinterpret_cast<sockaddr *>(&address),
	    sizeof(address)) != 0)
		return fail_errno("cannot listen on " + interface);
	descriptor.assign(fd.release());
	wait();
	return {};
}

void
Announcer::Impl::close()
{
	boost::system::error_code ignored;
	descriptor.close(ignored);
	for (const auto &question : questions)
		question->timer.cancel();
	questions.clear();
}

Result<void>
Announcer::Impl::send(std::span<const uint8_t> frame)
{
	sockaddr_ll to{};
	to.sll_family = AF_PACKET;
	to.sll_ifindex = static_cast<int>(index);
	to.sll_protocol = htons(static_cast<uint16_t>(
	    frame[12] * 256U + frame[13]));
	if (!descriptor.is_open())
		return fail("announcer on " + interface + " is not open",
		    EBADF);
	if (sendto(descriptor.native_handle(), frame.data(), frame.size(), 0,
	    reinterpret_cast<sockaddr *>(&to), sizeof(to)) < 0)
		return fail_errno("cannot send on " + interface);
	return {};
}

void
Announcer::Impl::wait()
{
	descriptor.async_wait(descriptor.wait_read,
	    [weak = weak_from_this()](boost::system::error_code error) {
		auto self = weak.lock();
		if (!self || error)
			return;
		self->read_frames();
		if (self->descriptor.is_open())
			self->wait();
	});
}

void
Announcer::Impl::read_frames()
{
	std::array<uint8_t, 2048> buffer;
	for (int i = 0; i < frames_per_turn && descriptor.is_open(); i++) {
		sockaddr_ll from{};
		socklen_t length = sizeof(from);
		const ssize_t n = recvfrom(descriptor.native_handle(),
		    buffer.data(), buffer.size(), MSG_DONTWAIT,
		    reinterpret_cast<sockaddr *>(&from), &length);
		if (n < 0)
			return;
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		const auto fact = parse_neighbor_frame(
		    {buffer.data(), static_cast<size_t>(n)});
		if (fact && fact->mac != mac)
			heard(*fact);
	}
}

void
Announcer::Impl::heard(const NeighborFact &fact)
{
	const auto asked = questions;
	for (const auto &question : asked)
		if (question->addr == fact.addr)
			answer(question, fact.mac);
	if (fact.kind == NeighborFact::Kind::claim && on_claim &&
	    std::find(watched.begin(), watched.end(), fact.addr) !=
	    watched.end()) {
		const auto callback = on_claim;
		callback(fact.addr, fact.mac);
	}
}

void
Announcer::Impl::answer(const std::shared_ptr<Question> &question,
    std::optional<MacAddr> who)
{
	question->timer.cancel();
	questions.remove(question);
	if (auto callback = std::exchange(question->callback, {}))
		callback(who);
}

/** After one solicitation; sends the next one, or gives up. */
void
Announcer::Impl::wait_for_answer(const std::shared_ptr<Question> &question)
{
	question->timer.expires_after(question->interval);
	question->timer.async_wait([weak = weak_from_this(), question](
	    boost::system::error_code error) {
		auto self = weak.lock();
		if (!self || error || !question->callback)
			return;
		if (--question->left == 0) {
			self->answer(question, {});
			return;
		}
		/* One was sent; another that fails is one that is lost. */
		(void)self->send(solicitation_frame(question->addr,
		    self->mac));
		self->wait_for_answer(question);
	});
}

Announcer::Announcer(asio::io_context &io, std::string interface)
	: impl_(std::make_shared<Impl>(io, std::move(interface))) {}

Announcer::~Announcer() { impl_->close(); }

Result<void>
Announcer::open()
{
	return impl_->open();
}

void
Announcer::close()
{
	impl_->close();
}

Result<void>
Announcer::announce(const IpAddr &addr)
{
	for (const auto &frame : announcement_frames(addr, impl_->mac))
		if (auto r = impl_->send(frame); !r)
			return r;
	return {};
}

Result<void>
Announcer::solicit(const IpAddr &addr, std::chrono::milliseconds wait,
    AnswerCallback callback)
{
	if (auto r = impl_->send(solicitation_frame(addr, impl_->mac)); !r)
		return r;
	auto question = std::make_shared<Impl::Question>(impl_->io, addr,
	    std::move(callback));
	question->interval = std::chrono::nanoseconds(wait) / solicitations;
	impl_->questions.push_back(question);
	impl_->wait_for_answer(question);
	return {};
}

void
Announcer::watch(std::vector<IpAddr> addrs, ClaimCallback callback)
{
	impl_->watched = std::move(addrs);
	impl_->on_claim = std::move(callback);
}

MacAddr
Announcer::mac() const
{
	return impl_->mac;
}

} // namespace jeebs
