// SPDX-License-Identifier: ISC
// What the ServiceNet says to the VIPs' LAN, asks it, and hears there of others.
#include "service-net.hh"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <sstream>

#include <boost/asio/post.hpp>

#include "log.hh"

namespace jeebs {

namespace {

using std::chrono::milliseconds;

// After a takeover some hosts take a claim for a mistake and look again; a
// switch may still be learning.
constexpr milliseconds announce_pauses[] = {
	milliseconds(50), milliseconds(200), milliseconds(750),
	milliseconds(2000), milliseconds(5000)
};

} // namespace

void
ServiceNet::announce()
{
	announcing_ = true;
	announce_round(0);
}

void
ServiceNet::announce_round(size_t round)
{
	if (!announcing_)
		return;
	// Without a lease it doesn't leave the host (ENOBUFS).
	for (Port &p : ports_)
		for (const Vip &v : p.vips)
			if (auto r = p.announcer->announce(v.addr);
			    !r && r.error().errnum != ENOBUFS)
				log::warning("announcing {}: {}",
				    v.addr.to_string(), r.error().what);
	if (round >= std::size(announce_pauses))
		return;
	announce_timer_.expires_after(announce_pauses[round]);
	announce_timer_.async_wait([this, round]
	    (boost::system::error_code ec) {
		if (!ec)
			announce_round(round + 1);
	});
}

void
ServiceNet::claimed(const IpAddr &addr, const MacAddr &mac)
{
	if (!announcing_)
		return;
	Time now = BootClock::now();
	// One answer a second: two hosts that both insist mustn't flood.
	if (now - last_claim_log_ < std::chrono::seconds(1))
		return;
	last_claim_log_ = now;
	log::warning("{} is claimed by {}, announcing it again",
	    addr.to_string(), mac.to_string());
	if (Port *p = port_of(addr))
		(void)p->announcer->announce(addr);
}

void
ServiceNet::probe(milliseconds wait, std::span<const IpAddr> others,
    ProbeCallback callback)
{
	struct Round {
		size_t left = 0;
		bool neighbours = false;
		std::optional<std::string> by;
		ProbeCallback callback;
	};
	auto round = std::make_shared<Round>();
	std::weak_ptr<bool> alive = alive_;

	round->callback = std::move(callback);
	// One more, so that it can't end before all are asked.
	round->left = 1;
	auto finish = [round, alive] {
		if (--round->left == 0 && !alive.expired())
			round->callback(round->by, round->neighbours);
	};
	for (Port &p : ports_)
		for (const Vip &v : p.vips) {
			round->left++;
			auto r = p.announcer->solicit(v.addr, wait,
			    [round, finish, addr = v.addr]
			    (std::optional<MacAddr> mac) {
				if (mac && !round->by)
					round->by = addr.to_string() +
					    " is at " + mac->to_string();
				finish();
			});
			if (!r) {
				// Not knowing is no permission.
				round->by = "can't ask for " +
				    v.addr.to_string() + ": " +
				    r.error().what;
				finish();
			}
		}
	for (const IpAddr &other : others)
		for (Port &p : ports_) {
			round->left++;
			auto r = p.announcer->solicit(other, wait,
			    [round, finish](std::optional<MacAddr> mac) {
				round->neighbours |= mac.has_value();
				finish();
			});
			if (!r)
				finish();
		}
	boost::asio::post(io_, finish);
}

std::vector<IpAddr>
ServiceNet::known_neighbours() const
{
	std::vector<IpAddr> all;
	std::ifstream table("/proc/net/arp");
	std::string line;

	std::getline(table, line);	// names of the columns
	while (std::getline(table, line) && all.size() < 4096) {
		std::istringstream in(line);
		std::string address, type, flags, mac, mask, device;
		if (!(in >> address >> type >> flags >> mac >> mask >> device))
			continue;
		for (const Port &p : ports_)
			if (p.interface == device)
				if (auto a = IpAddr::parse(address))
					all.push_back(*a);
	}
	return all;
}

void
ServiceNet::watch_clients(bool on)
{
	if (on == watching_)
		return;
	watching_ = on;
	for (Port &p : ports_) {
		if (!on)
			p.traffic->stop();
		else if (auto r = p.traffic->start(); !r)
			log::warning("{}", r.error().what);
	}
}

} // namespace jeebs
