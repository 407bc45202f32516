// SPDX-License-Identifier: ISC
#include "daemon.hh"

#include <sys/random.h>
#include <sys/resource.h>

#include <algorithm>
#include <stdexcept>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include "commit-log.hh"
#include "conntrack.hh"
#include "jeebs-testing.h"
#include "log.hh"

namespace jeebs {

using boost::system::error_code;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds tick_period(20);
constexpr milliseconds service_wait(400);
// ServiceNet's queues come behind it.
constexpr uint16_t input_queue = 73;

uint64_t
random_number()
{
	uint64_t n = 0;
	if (getentropy(&n, sizeof(n)) == -1)
		throw std::runtime_error("getentropy failed");
	return n;
}

LinkOptions
link_options(const Config &c)
{
	namespace ip = boost::asio::ip;
	LinkOptions o;
	auto peer = ip::make_address(c.peer.address);

	o.peer = {peer, c.peer.port};
	o.listen = {peer.is_v6() ? ip::tcp::v6() : ip::tcp::v4(),
	    c.peer.port};
	o.accept_from = peer;
	o.connects = link_connects(c.host, c.peer.name);
	o.peer_name = c.peer.name;
	o.peer_pin = c.peer.public_key;
	return o;
}

std::vector<std::string>
heartbeat_addresses(const Config &c)
{
	std::vector<std::string> v;
	for (const auto &h : c.heartbeats)
		v.push_back(h.local);
	return v;
}

// Descriptors of a session at most: channel, TCP connection, the ends of two
// pipes and the socket for forwards, those three once more for the next incarnation
// before they go, and one forward (there are as many places); and of all else:
// monitors that have just connected, a takeover's sockets, links.
constexpr rlim_t session_fds = 9, other_fds = 320;
constexpr rlim_t least_places = 8;

size_t
session_places()
{
	rlimit lim{};
	if (getrlimit(RLIMIT_NOFILE, &lim) == -1)
		return least_places;
	rlim_t left = std::max(lim.rlim_cur, other_fds) - other_fds;
	auto places = std::max(left / session_fds, least_places);
	log::info("places for {} sessions, by a limit of {} descriptors",
	    places, lim.rlim_cur);
	return places;
}

} // namespace

Daemon::Daemon(boost::asio::io_context &io, const Config &config,
    const LinkKey &key)
    : io_(io), config_(config), instance_(random_number()), role_(config),
      detector_(config.timing, config.heartbeats.size()),
      places_(session_places()), store_({.sessions = places_, .forwards = {}}),
      net_(io, config, [this](auto p) { tapped(p); },
	  [this](ClientSign s) {
		Time now = BootClock::now();
		perform(role_.clients(s, now));
		evaluate(now);
	}),
      restorer_(make_repair_restorer()),
      link_(io, key, link_options(config), link_handlers()),
      to_primary_(io, link_),
      replica_(store_, to_primary_.sink(), {[this](const StoredSession &s) {
		tap_.add(s.flow, s.tcp.snd_base, s.tcp.rcv_base,
		    {s.acked_off, s.out_end, s.in_off});
	}, [this](const Flow &f) { tap_.remove(f); },
	  [this] { return role_.epoch(); },
	  [this](Bytes root) { return known_keys_.opens(root); }}),
      gate_(config.input_commit == InputMode::hold ?
	  std::make_unique<InputGate>(io, link_, input_queue) : nullptr),
      export_(io, config.export_socket(), link_, gate_.get(),
	  export_handlers(), places_),
      adopt_(io, config.adopt_socket(), {[this](std::string k) {
		own_key(k);
	}, [this] { own_key_lost(); }}),
      takeover_({io, config, net_, store_, tap_, adopt_, *restorer_,
	  injector_, ack_probe_}, takeover_hooks()),
      heartbeat_(io, config, instance_, [this](const HeartbeatHeard &h) {
		heard(h);
	}),
      service_(io, config.peer.address, config.service_port),
      carrier_(io, heartbeat_addresses(config), [this](size_t i, bool up) {
		detector_.carrier(i, up);
		evaluate(BootClock::now());
	}),
      ctl_(io, config.ctl_socket(), [this](const auto &words)
	  -> Result<std::string> {
		if (words.size() == 1 && words[0] == "status")
			return status();
		return fail("unknown request");
	}),
      timer_(io), tap_timer_(io), forget_timer_(io), stop_timer_(io)
{
}

Daemon::~Daemon() = default;

Result<void>
Daemon::prepare()
{
	if (!config_.commit_log.empty())
		if (auto r = commit_log::open(config_.commit_log); !r)
			return r;
	if (auto r = injector_.prepare(); !r)
		return r;
	return ack_probe_.open();
}

Result<void>
Daemon::start(service_manager::Descriptors earlier)
{
	auto epoch = EpochFile::open(config_.epoch_file());
	if (!epoch)
		return tl::unexpected(epoch.error());
	epoch_file_ = std::move(*epoch);
	commit_log::line("start host={} peer={} epoch={} lease={} port={}",
	    config_.host, config_.peer.name, epoch_file_->value(),
	    Duration(config_.timing.lease).count(), config_.service_port);
	if (conntrack_wants_syn())
		log::warning("net.netfilter.nf_conntrack_tcp_loose is 0: a "
		    "stateful firewall on this host drops the connections that "
		    "it takes over; set it to 1, or let the VIPs' packets pass "
		    "untracked");
	auto vip_here = net_.any_vip_here();
	if (!vip_here)
		return tl::unexpected(vip_here.error());
	Result<void> r = net_.open();
	// What is of no use would have the queue for good.
	service_manager::forget(input_queue_name);
	if (r)
		r = gate_ ? gate_->install(std::move(earlier[input_queue_name])) :
		    InputGate(io_, link_, input_queue).remove();
	if (!r)
		return fail("input-commit: " + r.error().what);
	if (gate_)
		service_manager::keep(input_queue_name, gate_->fd());
	r = heartbeat_.start();
	if (r)
		r = carrier_.start();
	if (!r)
		return r;
	Time now = BootClock::now();
	last_tick_ = now;
	perform(role_.start(epoch_file_->value(), *vip_here, now));
	sync();
	if (r = link_.start(); !r)
		return r;
	if (r = export_.start(); !r)
		return r;
	if (r = ctl_.start(); !r)
		return r;
	adopt_.start();
	tick();
	return {};
}

bool
Daemon::is_standby() const
{
	RoleState s = role_.state();
	return s == RoleState::standby_joining ||
	    s == RoleState::standby_ready ||
	    s == RoleState::standby_suspecting;
}

ExportServer::Handlers
Daemon::export_handlers()
{
	ExportServer::Handlers h;
	h.wanted = [this](const Flow &f) { return net_.is_vip(f.local); };
	h.opened = [this](const SessionInfo &i) { return session_opened(i); };
	h.closed = [this](const SessionInfo &i, bool reused) {
		open_sessions_--;
		if (reused)
			return;
		net_.unprotect(i.flow);
		takeover_.forget(i.flow);
	};
	h.can_move = [this](const Flow &f) { return net_.leaves_by_vip(f); };
	h.may_end = [this](const Flow &f, bool may) {
		if (!may)
			return net_.protect(f);
		net_.unprotect(f);
		return true;
	};
	h.delivered = [this](const Flow &f) { return takeover_.delivered(f); };
	h.may_fin = [this](const Flow &f) { net_.let_fin(f); };
	h.rest = [this](const Flow &f) { return takeover_.rest(f); };
	return h;
}

Takeover::Hooks
Daemon::takeover_hooks()
{
	Takeover::Hooks h;
	h.silent_after = [this] { return role_.silent_after(); };
	h.take_by = [this] { return role_.take_by(); };
	h.commit = [this](bool fence_ok) -> std::optional<uint64_t> {
		Actions actions;
		bool go = role_.commit(fence_ok, BootClock::now(), actions);
		perform(std::move(actions));
		return go ? std::optional(role_.epoch()) : std::nullopt;
	};
	h.taken = [this](Result<void> r) {
		// Or it would stand in the way of what is adopted.
		if (r)
			forget_earlier();
		perform(role_.took_over(r.has_value(), BootClock::now()));
	};
	h.finished = [this] {
		const TakeoverReport *t = takeover_.report();
		log::info("takeover done: {} of {} sessions adopted, {:.0f} "
		    "ms after the last heartbeat", t->adopted, t->sessions,
		    to_ms(BootClock::now() - t->last_heard));
		store_.clear();
		stop_tap_later();
	};
	return h;
}

// What watches adopted sessions still wants to see the clients' packets.
void
Daemon::stop_tap_later()
{
	tap_timer_.expires_after(2 * config_.timing.gap_timeout);
	tap_timer_.async_wait([this](error_code ec) {
		if (ec || !role_.serving())
			return;
		if (takeover_.running() || takeover_.need_tap())
			return stop_tap_later();
		net_.tap_stop();
		tap_.clear();
	});
}

void
Daemon::heard(const HeartbeatHeard &h)
{
	const Heartbeat &b = h.beat;
	PeerReport r;

	detector_.heard(h.path, h.received);
	if (h.late)
		return;
	r.state = b.state;
	r.flags = b.flags;
	r.instance = b.instance;
	r.epoch = b.epoch;
	r.lease = milliseconds(b.lease_ms);
	r.alone = milliseconds(b.alone_ms);
	if (b.echo_counter != 0)
		r.echoed = Time(Duration(static_cast<int64_t>(b.echo_sent)));
	bool same = b.lease_ms == config_.timing.lease.count() &&
	    b.alone_ms == config_.timing.alone_after.count();
	if (!same && !told_timing_)
		log::warning("{} has lease {} ms and alone-after {} ms, this "
		    "host {} and {}: each keeps to what the primary has; use "
		    "the same timing on both", config_.peer.name, b.lease_ms,
		    b.alone_ms, config_.timing.lease.count(),
		    config_.timing.alone_after.count());
	told_timing_ = !same;
	Time now = BootClock::now();
	perform(role_.heartbeat(r, now));
	if (stopped_ && role_.peer() && (r.state == RoleState::starting ||
	    r.state == RoleState::probing))
		finish_stop(true);
}

void
Daemon::tapped(std::span<const uint8_t> packet)
{
	const auto whole = Segment::parse(packet);
	const auto s = whole ? whole : Segment::parse_headers(packet);
	if (!s)
		return;
	bool inward = net_.is_vip(s->destination());
	if (inward && !whole)
		return;
	Flow flow = inward ? s->flow_to_local() : s->flow_from_local();
	// Once we serve, the takeover watches what it adopted.
	if (auto at = store_.edges(flow); at && !role_.serving())
		tap_.edges(flow, *at);
	if (!inward)
		tap_.server(*s);
	else if (tap_.client(*s) && !role_.serving())
		(void)store_.tapped(packet);
}

bool
Daemon::session_opened(const SessionInfo &i)
{
	open_sessions_++;
	const bool ruled = net_.protect(i.flow);
	// sshd of a host that lost the VIP while no jeebsd was there to say it.
	if (is_standby())
		boost::asio::post(io_, [this] {
			if (is_standby())
				export_.retire();
		});
	return ruled;
}

void
Daemon::ask_service()
{
	service_.ask(service_wait, [this] {
		Time now = BootClock::now();
		detector_.service_answered(now);
		evaluate(now);
	});
}

void
Daemon::tick()
{
	Time now = BootClock::now();

	jeebs_testing_fault("jeebsd");
	heartbeat_.alive(now);
	role_.has_sessions(open_sessions_ > 0);
	Duration gap = now - last_tick_;
	last_tick_ = now;
	if (gap > config_.timing.suspect) {
		heartbeat_.drain();
		detector_.clock_gap(now);
		perform(role_.clock_gap(gap, now));
	}
	if (role_.state() == RoleState::standby_suspecting &&
	    detector_.closed_by_peer())
		ask_service();
	if (now - pause_checked_ >= std::chrono::seconds(1)) {
		pause_checked_ = now;
		HeartbeatPause pause = heartbeat_.longest_pause();
		if (pause.length > config_.timing.suspect)
			log::warning("this host sent no heartbeat for {:.0f} "
			    "ms{}: it is overloaded, or `detect` is too short "
			    "for it", to_ms(pause.length), pause.loop_stood ?
			    " since jeebsd's event loop stood still" : "");
	}
	if (epoch_file_->pending() && now >= next_epoch_try_)
		save_epoch(epoch_file_->value());
	evaluate(now);
}

void
Daemon::evaluate(Time now)
{
	heartbeat_.drain();
	perform(role_.health(detector_.health(now), now));
	if (role_.next() <= now)
		perform(role_.tick(now));
	arm(now);
}

void
Daemon::arm(Time now)
{
	Time at = std::min({last_tick_ + tick_period, role_.next(),
	    detector_.next(now)});

	timer_.expires_after(std::max<Duration>(at - now,
	    std::chrono::microseconds(100)));
	timer_.async_wait([this](error_code ec) {
		if (ec)
			return;
		Time t = BootClock::now();
		if (t - last_tick_ >= tick_period)
			tick();
		else
			evaluate(t);
	});
}

} // namespace jeebs
