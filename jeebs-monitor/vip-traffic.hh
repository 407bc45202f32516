// SPDX-License-Identifier: ISC
// Whom do clients take for the VIPs' owner? Listens on an interface while
// somebody needs to know: packets for a VIP that come to this host's MAC, hosts
// that ask for a VIP again (nobody answered them), and what others say as a
// VIP, which a mirroring switch shows.
// Owner: ServiceNet; event loop's thread only. Opening needs CAP_NET_RAW.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "clock.hh"
#include "flow.hh"
#include "result.hh"

namespace jeebs {

enum class ClientSign {
	here,		// clients address a VIP to us, or nobody answers them
	elsewhere,	// another host speaks as a VIP
	away		// clients address a VIP to another MAC, perhaps in vain
};

// One received packet, pure: pkttype and protocol as in packet(7), bytes from
// the network header on.
class VipTrafficJudge {
public:
	explicit VipTrafficJudge(std::vector<IpAddr> vips)
	    : vips_(std::move(vips)) {}
	// sender: hardware address, for those who ask.
	std::optional<ClientSign> packet(int pkttype, uint16_t protocol,
	    const MacAddr &sender, std::span<const uint8_t>, Time now);

private:
	using Question = std::pair<MacAddr, IpAddr>;	// who asks for whom
	std::optional<ClientSign> asked(int pkttype, const Question &,
	    Time now);
	bool is_vip(std::span<const uint8_t>) const;
	std::vector<IpAddr> vips_;
	std::map<Question, Time> asked_;	// when
};

class VipTraffic {
public:
	using Callback = std::function<void(ClientSign)>;
	VipTraffic(boost::asio::io_context &, std::string interface,
	    std::vector<IpAddr> vips, Callback);
	~VipTraffic();
	VipTraffic(const VipTraffic &) = delete;
	VipTraffic &operator=(const VipTraffic &) = delete;

	[[nodiscard]] Result<void> start();
	void stop();

private:
	struct Impl;
	std::shared_ptr<Impl> impl_;
};

} // namespace jeebs
