// SPDX-License-Identifier: ISC
#include "service-net.hh"

#include <algorithm>
#include <utility>

#include "commit-log.hh"
#include "log.hh"
#include "route.hh"
#include "rtnl.hh"

namespace jeebs {

namespace {

using std::chrono::milliseconds;

constexpr uint16_t first_queue = 74, first_new_queue = 574;
// To be had in some ms: opening it holds the event loop.
constexpr uint32_t tap_ring = 8U << 20;

void
keep_first(Result<void> &result, Result<void> r)
{
	if (result && !r)
		result = std::move(r);
}

milliseconds
whole_ms(Duration d)
{
	// Rounded down: a lease never gets longer.
	return std::chrono::duration_cast<milliseconds>(d);
}

} // namespace

ServiceNet::ServiceNet(boost::asio::io_context &io, const Config &c,
    PacketCallback tapped, VipTraffic::Callback clients)
    : io_(io), announce_timer_(io)
{
	for (const VipConfig &v : c.vips) {
		auto it = std::find_if(ports_.begin(), ports_.end(),
		    [&v](const Port &p) { return p.interface == v.interface; });
		if (it == ports_.end()) {
			ports_.push_back({v.interface, {}, {}, {}, {}, {}, {}, {}, {}});
			it = std::prev(ports_.end());
		}
		IpAddr addr = IpAddr::parse(v.address).value();
		it->vips.push_back({addr, static_cast<uint8_t>(
		    addr.bytes().size() * 8), v.interface});
	}
	uint16_t queue = first_queue, fresh = first_new_queue;
	for (Port &p : ports_) {
		std::vector<IpAddr> addrs;
		for (const Vip &v : p.vips)
			addrs.push_back(v.addr);
		p.firewall = std::make_unique<Firewall>(
		    FirewallConfig{p.interface, addrs});
		p.announcer = std::make_unique<Announcer>(io, p.interface);
		HoldConfig h;
		h.interface = p.interface;
		h.queue_number = queue++;
		p.hold = std::make_unique<Hold>(io, h);
		p.fresh = std::make_unique<NewConnections>(io, p.interface,
		    fresh++, c.service_port);
		TapConfig t;
		t.interface = p.interface;
		t.vips = addrs;
		t.port = c.service_port;
		t.ring_bytes = tap_ring;
		p.tap = std::make_unique<Tap>(io, t, tapped);
		t.others = true;
		p.tap_targets = std::make_unique<Tap>(io, t, tapped);
		p.traffic = std::make_unique<VipTraffic>(io, p.interface,
		    addrs, clients);
	}
}

Result<void>
ServiceNet::open()
{
	for (Port &p : ports_) {
		if (auto r = p.firewall->install(true); !r)
			return fail("firewall of " + p.interface + ": " +
			    r.error().what, r.error().errnum);
		if (auto r = p.announcer->open(); !r)
			return fail("vip.interface " + p.interface + ": " +
			    r.error().what, r.error().errnum);
		std::vector<IpAddr> addrs;
		for (const Vip &v : p.vips)
			addrs.push_back(v.addr);
		p.announcer->watch(addrs, [this](const IpAddr &a, MacAddr m) {
			claimed(a, m);
		});
		if (auto r = p.hold->install(); !r)
			return fail("hold on " + p.interface + ": " +
			    r.error().what, r.error().errnum);
		log::debug("{}: hold by {}", p.interface, p.hold->backend());
		if (auto r = p.fresh->install(); !r)
			return fail("new connections on " + p.interface + ": " +
			    r.error().what, r.error().errnum);
		for (const IpAddr &a : addrs)
			commit_log::line("vip addr={} mac={}", a.to_string(),
			    p.announcer->mac().to_string());
	}
	commit_log::line("gate closed");
	earlier_ = true;
	return {};
}

bool
ServiceNet::forget_earlier()
{
	if (!earlier_)
		return true;
	for (Port &p : ports_)
		if (auto r = p.firewall->forget_earlier(); !r) {
			log::error("{}: sessions that ended while jeebsd was "
			    "away can't say goodbye: {}", p.interface,
			    r.error().what);
			return false;
		}
	earlier_ = false;
	return true;
}

void
ServiceNet::close(bool serve)
{
	announcing_ = false;
	announce_timer_.cancel();
	tap_stop();
	tap_targets(false);
	if (serve)
		commit_log::line("gate open");
	for (Port &p : ports_) {
		if (!serve)
			for (const Vip &v : p.vips)
				(void)vip_del(v);
		for (auto r : { p.hold->remove(), p.fresh->remove(),
		    p.firewall->remove() })
			if (!r)
				log::warning("{}: {}", p.interface,
				    r.error().what);
		p.announcer->close();
	}
	if (!serve)
		commit_log::line("vips down");
}

Result<void>
ServiceNet::block()
{
	Result<void> result;
	announcing_ = false;
	announce_timer_.cancel();
	for (Port &p : ports_)
		keep_first(result, p.firewall->drop_all_from_vip());
	if (result)
		commit_log::line("gate closed");
	return result;
}

Result<void>
ServiceNet::lease(Duration remaining)
{
	Result<void> result;
	if (remaining > Duration::zero())
		commit_log::line("gate lease={}", remaining.count());
	for (Port &p : ports_)
		keep_first(result, p.firewall->refresh(whole_ms(remaining)));
	if (result && remaining <= Duration::zero())
		commit_log::line("gate closed");
	return result;
}

Result<void>
ServiceNet::no_lease_needed()
{
	Result<void> result;
	commit_log::line("gate open");
	for (Port &p : ports_)
		keep_first(result, p.firewall->unlimited());
	return result;
}

bool
ServiceNet::protect(const Flow &f)
{
	Port *p = port_of(f.local);
	if (p == nullptr)
		return true;
	auto r = p->firewall->protect({&f, 1});
	if (!r)
		log::error("{}: FIN and RST of a dying sshd could pass: {}",
		    f.to_string(), r.error().what);
	return r.has_value();
}

void
ServiceNet::unprotect(const Flow &f)
{
	Port *p = port_of(f.local);
	if (p == nullptr)
		return;
	if (auto r = p->firewall->unprotect({&f, 1}); !r)
		log::error("{}: it can't say goodbye: {}", f.to_string(),
		    r.error().what);
}

void
ServiceNet::let_fin(const Flow &f)
{
	Port *p = port_of(f.local);
	if (p == nullptr)
		return;
	if (auto r = p->firewall->let_fin({&f, 1}); !r)
		log::error("{}: it can't end its direction: {}", f.to_string(),
		    r.error().what);
}

Result<bool>
ServiceNet::any_vip_here() const
{
	for (const Port &p : ports_)
		for (const Vip &v : p.vips) {
			auto here = vip_present(v);
			if (!here)
				return tl::unexpected(here.error());
			if (*here)
				return true;
		}
	return false;
}

Result<void>
ServiceNet::vips_up()
{
	Result<void> result;
	commit_log::line("vips up");
	for (Port &p : ports_)
		for (const Vip &v : p.vips)
			keep_first(result, vip_add(v));
	return result;
}

void
ServiceNet::vips_down()
{
	announcing_ = false;
	announce_timer_.cancel();
	for (Port &p : ports_)
		for (const Vip &v : p.vips)
			if (auto r = vip_del(v); !r)
				log::error("{}: {}", v.addr.to_string(),
				    r.error().what);
	commit_log::line("vips down");
}

bool
ServiceNet::leaves_by_vip(const Flow &f) const
{
	for (const Port &p : ports_)
		for (const Vip &v : p.vips) {
			if (v.addr != f.local)
				continue;
			auto by = route_interface(f.local, f.remote);
			auto own = interface_index(p.interface);
			return by && own && *by == *own;
		}
	return false;
}

bool
ServiceNet::is_vip(const IpAddr &a) const
{
	for (const Port &p : ports_)
		for (const Vip &v : p.vips)
			if (v.addr == a)
				return true;
	return false;
}

ServiceNet::Port *
ServiceNet::port_of(const IpAddr &vip)
{
	for (Port &p : ports_)
		for (const Vip &v : p.vips)
			if (v.addr == vip)
				return &p;
	return nullptr;
}

std::vector<Flow>
ServiceNet::flows_of(const Port &p, std::span<const Flow> flows) const
{
	std::vector<Flow> mine;
	for (const Flow &f : flows)
		for (const Vip &v : p.vips)
			if (v.addr == f.local)
				mine.push_back(f);
	return mine;
}

Result<void>
ServiceNet::hold(std::span<const Flow> flows)
{
	Result<void> result;
	for (Port &p : ports_)
		keep_first(result, p.hold->hold(flows_of(p, flows)));
	return result;
}

void
ServiceNet::release(std::span<const Flow> flows)
{
	for (Port &p : ports_)
		if (auto r = p.hold->release(flows_of(p, flows)); !r)
			log::error("{}: packets stay held: {}", p.interface,
			    r.error().what);
}

void
ServiceNet::pass_but_resets(std::span<const Flow> flows)
{
	for (Port &p : ports_)
		p.hold->pass_but_resets(flows_of(p, flows));
}

void
ServiceNet::pass_resets(std::span<const Flow> flows)
{
	for (Port &p : ports_)
		p.hold->pass_resets(flows_of(p, flows));
}

void
ServiceNet::hold_new()
{
	for (Port &p : ports_) {
		std::vector<IpAddr> addrs;
		for (const Vip &v : p.vips)
			addrs.push_back(v.addr);
		if (auto r = p.fresh->hold(addrs); !r)
			log::warning("{}: new connections are not held: {}",
			    p.interface, r.error().what);
	}
}

void
ServiceNet::end_new(bool go_on)
{
	for (Port &p : ports_)
		if (auto r = p.fresh->end(go_on); !r)
			log::warning("{}: new connections still wait: {}",
			    p.interface, r.error().what);
}

void
ServiceNet::drain_hold()
{
	for (Port &p : ports_)
		p.hold->drain();
}

Hold::Packets
ServiceNet::take_held(const Flow &f)
{
	Port *p = port_of(f.local);
	return p == nullptr ? Hold::Packets{} : p->hold->take(f);
}

Result<void>
ServiceNet::tap_start()
{
	Result<void> result;
	if (tapping_)
		return result;
	for (Port &p : ports_)
		keep_first(result, p.tap->start());
	tapping_ = result.has_value();
	if (!tapping_)
		for (Port &p : ports_)
			p.tap->stop();
	return result;
}

void
ServiceNet::tap_stop()
{
	if (!tapping_)
		return;
	for (Port &p : ports_)
		p.tap->stop();
	tapping_ = false;
}

void
ServiceNet::tap_drain()
{
	for (Port &p : ports_) {
		if (tapping_)
			p.tap->drain();
		if (tapping_targets_)
			p.tap_targets->drain();
	}
}

void
ServiceNet::tap_targets(bool on)
{
	if (on == std::exchange(tapping_targets_, on))
		return;
	for (Port &p : ports_) {
		if (!on)
			p.tap_targets->stop();
		else if (auto ok = p.tap_targets->start(); !ok)
			log::warning("{}", ok.error().what);
	}
}

uint64_t
ServiceNet::tap_dropped() const
{
	uint64_t n = 0;
	for (const Port &p : ports_)
		n += p.tap->stats().dropped;
	return n;
}

} // namespace jeebs
