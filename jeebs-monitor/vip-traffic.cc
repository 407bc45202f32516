// SPDX-License-Identifier: ISC
#include "vip-traffic.hh"

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "rtnl.hh"
#include "unique_fd.hh"

namespace jeebs {

using boost::asio::posix::stream_descriptor;

namespace {

constexpr size_t max_askers = 256;
constexpr std::chrono::seconds repeated_within(3);
constexpr int packets_per_turn = 256;
constexpr uint8_t icmpv6 = 58;
constexpr uint8_t neighbor_solicit = 135;

} // namespace

bool
VipTrafficJudge::is_vip(std::span<const uint8_t> bytes) const
{
	IpAddr a = IpAddr::from_bytes(bytes);
	return std::find(vips_.begin(), vips_.end(), a) != vips_.end();
}

// Resolving is repeated after a second (RFC 1122 2.3.2.1, RFC 4861 10): once
// may have been answered to the asker alone, and so may what is asked for anew
// later. Who asks one host only takes that one for the owner.
std::optional<ClientSign>
VipTrafficJudge::asked(int pkttype, const Question &q, Time now)
{
	if (pkttype == PACKET_OTHERHOST)
		return ClientSign::away;
	if (asked_.size() >= max_askers)
		asked_.clear();
	auto [it, first] = asked_.try_emplace(q, now);
	bool repeated = !first && now - it->second <= repeated_within;
	it->second = now;
	if (!repeated)
		return std::nullopt;
	return ClientSign::here;
}

std::optional<ClientSign>
VipTrafficJudge::packet(int pkttype, uint16_t protocol, const MacAddr &sender,
    std::span<const uint8_t> p, Time now)
{
	if (pkttype == PACKET_OUTGOING)
		return std::nullopt;
	std::span<const uint8_t> src, dst;
	if (protocol == ETH_P_ARP) {
		// RFC 826: op 1, sender not 0.0.0.0 (that is a probe).
		if (p.size() < 28 || p[7] != 1 || p[5] != 4 ||
		    std::all_of(p.begin() + 14, p.begin() + 18,
		    [](uint8_t b) { return b == 0; }) ||
		    !is_vip(p.subspan(24, 4)) || is_vip(p.subspan(14, 4)))
			return std::nullopt;
		return asked(pkttype, {sender,
		    IpAddr::from_bytes(p.subspan(24, 4))}, now);
	}
	if (protocol == ETH_P_IP) {
		if (p.size() < 20 || p[0] >> 4 != 4)
			return std::nullopt;
		src = p.subspan(12, 4);
		dst = p.subspan(16, 4);
	} else if (protocol == ETH_P_IPV6) {
		if (p.size() < 40 || p[0] >> 4 != 6)
			return std::nullopt;
		src = p.subspan(8, 16);
		dst = p.subspan(24, 16);
		bool unspecified = std::all_of(p.begin() + 8, p.begin() + 24,
		    [](uint8_t b) { return b == 0; });
		if (p[6] == icmpv6 && p.size() >= 64 &&
		    p[40] == neighbor_solicit) {
			if (unspecified || !is_vip(p.subspan(48, 16)))
				return std::nullopt;
			return asked(pkttype, {sender,
			    IpAddr::from_bytes(p.subspan(48, 16))}, now);
		}
	} else {
		return std::nullopt;
	}
	if (is_vip(src))
		return ClientSign::elsewhere;
	if (!is_vip(dst))
		return std::nullopt;
	if (pkttype == PACKET_HOST)
		return ClientSign::here;
	if (pkttype == PACKET_OTHERHOST)
		return ClientSign::away;
	return std::nullopt;
}

struct VipTraffic::Impl : std::enable_shared_from_this<Impl> {
	Impl(boost::asio::io_context &io, std::string i,
	    std::vector<IpAddr> v, Callback cb)
	    : socket(io), interface(std::move(i)), vips(std::move(v)),
	      callback(std::move(cb)), judge(vips) {}

	void wait();
	void read();

	stream_descriptor socket;
	std::string interface;
	std::vector<IpAddr> vips;
	Callback callback;
	VipTrafficJudge judge;
};

void
VipTraffic::Impl::wait()
{
	socket.async_wait(stream_descriptor::wait_read,
	    [w = weak_from_this()](boost::system::error_code ec) {
		auto self = w.lock();
		if (!self || ec)
			return;
		self->read();
		if (self->socket.is_open())
			self->wait();
	});
}

void
VipTraffic::Impl::read()
{
	std::array<uint8_t, 128> buf;

	for (int i = 0; i < packets_per_turn && socket.is_open(); i++) {
		sockaddr_ll from{};
		socklen_t len = sizeof(from);
		ssize_t n = ::recvfrom(socket.native_handle(), buf.data(),
		    buf.size(), MSG_DONTWAIT,
		    reinterpret_cast<sockaddr *>(&from), &len);
		if (n < 0)
			return;
		MacAddr sender;
		std::copy_n(from.sll_addr, sender.bytes.size(),
		    sender.bytes.begin());
		auto sign = judge.packet(from.sll_pkttype,
		    ntohs(from.sll_protocol), sender,
		    {buf.data(), static_cast<size_t>(n)}, BootClock::now());
		if (sign)
			callback(*sign);
	}
}

VipTraffic::VipTraffic(boost::asio::io_context &io, std::string interface,
    std::vector<IpAddr> vips, Callback cb)
    : impl_(std::make_shared<Impl>(io, std::move(interface), std::move(vips),
      std::move(cb)))
{
}

VipTraffic::~VipTraffic()
{
	stop();
}

Result<void>
VipTraffic::start()
{
	if (impl_->socket.is_open())
		return {};
	auto index = interface_index(impl_->interface);
	if (!index)
		return tl::unexpected(index.error());
	UniqueFd fd(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0));
	sockaddr_ll sa{};
	sa.sll_family = AF_PACKET;
	sa.sll_protocol = htons(ETH_P_ALL);
	sa.sll_ifindex = static_cast<int>(*index);
	packet_mreq all{};
	all.mr_ifindex = sa.sll_ifindex;
	all.mr_type = PACKET_MR_PROMISC;
	if (!fd || setsockopt(fd.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP,
	    &all, sizeof(all)) == -1 || bind(fd.get(),
	    reinterpret_cast<sockaddr *>(&sa), sizeof(sa)) == -1)
		return fail_errno("listening on " + impl_->interface);
	impl_->judge = VipTrafficJudge(impl_->vips);
	impl_->socket.assign(fd.release());
	impl_->wait();
	return {};
}

void
VipTraffic::stop()
{
	boost::system::error_code ignored;
	impl_->socket.close(ignored);
}

} // namespace jeebs
