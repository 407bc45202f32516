// SPDX-License-Identifier: ISC
// The service side of the network as one thing: every interface that carries a
// VIP with its firewall, announcer, hold and tap.
// Owner: the daemon; event loop's thread only. An error of one interface
// doesn't keep the others from being done; the first is returned.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "announce.hh"
#include "clock.hh"
#include "config.hh"
#include "firewall.hh"
#include "flow.hh"
#include "hold.hh"
#include "new-connections.hh"
#include "result.hh"
#include "tap.hh"
#include "vip.hh"
#include "vip-traffic.hh"

namespace jeebs {

class ServiceNet {
public:
	using PacketCallback = Tap::Callback;
	// by: "10.0.0.100 is at 02:00:…", or nothing if nobody answered for a
	// VIP; neighbours: somebody answered for one of the others.
	using ProbeCallback = std::function<void(
	    std::optional<std::string> by, bool neighbours)>;

	ServiceNet(boost::asio::io_context &, const Config &,
	    PacketCallback tapped, VipTraffic::Callback clients);
	ServiceNet(const ServiceNet &) = delete;
	ServiceNet &operator=(const ServiceNet &) = delete;

	// Opens everything, locked: nothing of a VIP leaves this host. Flows
	// that an earlier run protected stay so.
	[[nodiscard]] Result<void> open();
	// Whatever they were isn't protected by now: it has ended. False: it is
	// logged why not, and to be called again.
	bool forget_earlier();
	// Removes the rules. With serve the VIPs stay as they are, reachable.
	void close(bool serve);

	// The firewall's part; see Firewall.
	[[nodiscard]] Result<void> block();
	[[nodiscard]] Result<void> lease(Duration remaining);
	[[nodiscard]] Result<void> no_lease_needed();
	bool protect(const Flow &);	// or it is logged why not
	void unprotect(const Flow &);
	void let_fin(const Flow &);

	[[nodiscard]] Result<bool> any_vip_here() const;
	[[nodiscard]] Result<void> vips_up();
	void vips_down();
	// Now, and again a few times; stops with vips_down and block.
	void announce();
	bool announcing() const { return announcing_; }
	// Asks for every VIP, and for the others, for this long.
	void probe(std::chrono::milliseconds wait,
	    std::span<const IpAddr> others, ProbeCallback);
	// Hosts on these interfaces that this one has talked to (IPv4).
	std::vector<IpAddr> known_neighbours() const;
	// Reports to whom clients address the VIPs, until turned off.
	void watch_clients(bool on);

	bool is_vip(const IpAddr &) const;
	// Does it leave by the interface of its local address, a VIP? What
	// keeps packets from a kernel without its socket is there only.
	bool leaves_by_vip(const Flow &) const;

	[[nodiscard]] Result<void> hold(std::span<const Flow>);
	void release(std::span<const Flow>);
	void pass_but_resets(std::span<const Flow>);
	void pass_resets(std::span<const Flow>);
	// New connections to the VIPs, but the service's, wait until end_new(), which
	// lets them go on or drops them.
	void hold_new();
	void end_new(bool go_on);
	void drain_hold();
	Hold::Packets take_held(const Flow &);

	[[nodiscard]] Result<void> tap_start();
	void tap_stop();
	void tap_drain();
	// The tap sees the targets of forwards, too.
	void tap_targets(bool on);
	uint64_t tap_dropped() const;

private:
	struct Port {
		std::string interface;
		std::vector<Vip> vips;
		std::unique_ptr<Firewall> firewall;
		std::unique_ptr<Announcer> announcer;
		std::unique_ptr<Hold> hold;
		std::unique_ptr<NewConnections> fresh;
		std::unique_ptr<Tap> tap, tap_targets;
		std::unique_ptr<VipTraffic> traffic;
	};
	Port *port_of(const IpAddr &vip);
	std::vector<Flow> flows_of(const Port &, std::span<const Flow>) const;
	void announce_round(size_t round);
	void claimed(const IpAddr &, const MacAddr &);

	boost::asio::io_context &io_;
	std::vector<Port> ports_;
	boost::asio::steady_timer announce_timer_;
	bool earlier_ = false;	// there may be such flows
	bool announcing_ = false;	// the VIPs are ours to announce
	bool tapping_ = false, tapping_targets_ = false, watching_ = false;
	Time last_claim_log_{};
	std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace jeebs
