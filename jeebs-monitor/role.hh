// SPDX-License-Identifier: ISC
// Who serves: the state machine of one host. Events and their times go in,
// actions come out; the daemon does them in order. Pure, single-threaded.
//
//  starting --boot-wait--> probing --unanswered--> primary_alone
//     |  ^                                          |       ^
//     |  +--- primary gone, nothing held            | grant | evidence
//     v  |                                          v       |
//  standby_joining <---- retired <---- primary_protected <-> primary_stalled
//     |  ^                                (lease)  grants stop
//     v  | epoch changed, released, window over
//  standby_ready <-> standby_suspecting --dead--> taking_over -> primary_alone
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clock.hh"
#include "config.hh"
#include "detector.hh"
#include "heartbeat.hh"
#include "lease.hh"
#include "vip-traffic.hh"

namespace jeebs {

enum class ActionKind {
	set_epoch,	// make `epoch` durable, before what follows
	block,		// firewall: nothing of the VIP leaves
	serve_alone,	// VIP up, no lease, announce
	serve_leased,	// VIP up, firewall under the lease of `lease`
	refresh,	// the kernel's lease lasts `lease` from now
	protect,	// a standby holds what it gets: offer sessions to it
	detach,		// standby_lost_with_evidence
	retire,		// silence and end our sessions, VIP down
	clear_store,	// what is held of others' sessions is void
	join,		// be the standby of the peer: tap, recovery key
	probe,		// ask the LAN for every VIP; answer with probed()
	fence,		// run the fence command; answer with fenced()
	prepare,	// suspicion: get ready to take over
	unprepare,	// false alarm
	take_over,	// answer with commit() and took_over()
	abort,		// stop a takeover that isn't committed
	log,		// `why` is a line for the log
};

// Which of two epochs is newer: of one generation each host has one of its own,
// so that no two serve under the same number.
inline uint64_t generation(uint64_t epoch) { return epoch / 2; }

struct Action {
	ActionKind kind;
	uint64_t epoch = 0;
	Duration lease{};
	std::string why;
};
using Actions = std::vector<Action>;

// What a heartbeat said, without what only concerns its path.
struct PeerReport {
	RoleState state{};
	uint8_t flags = 0;
	uint64_t instance = 0;
	uint64_t epoch = 0;
	Duration lease{};	// its settings
	Duration alone{};
	std::optional<Time> echoed;	// our own sending time that it echoes
};

class Role {
public:
	explicit Role(const Config &);

	// vip_here: a VIP is on our interface already.
	[[nodiscard]] Actions start(uint64_t epoch, bool vip_here, Time now);
	[[nodiscard]] Actions heartbeat(const PeerReport &, Time now);
	[[nodiscard]] Actions link(bool up, Time now);
	[[nodiscard]] Actions health(PeerHealth, Time now);
	// The peer ends on purpose: a standby holds nothing any more, a
	// primary leaves its host serving without protection.
	[[nodiscard]] Actions resigned(Time now);
	// by: who answered for which VIP, or nobody. neighbours: others on the
	// LAN answered for themselves.
	[[nodiscard]] Actions probed(const std::optional<std::string> &by,
	    bool neighbours, Time now);
	// Sessions end if this host retires.
	void has_sessions(bool yes) { has_sessions_ = yes; }
	[[nodiscard]] Actions fenced(bool ok, Time now);
	// Whom clients take for the VIP's owner; wanted while listening().
	[[nodiscard]] Actions clients(ClientSign, Time now);
	bool listening() const;
	// We didn't run for `gap`.
	[[nodiscard]] Actions clock_gap(Duration gap, Time now);
	// A deadline of next() has come.
	[[nodiscard]] Actions tick(Time now);

	// The takeover is about to take the VIP. True: the epoch is ours (see
	// the actions), no way back. False: undo. fence_ok: a fence command
	// proved that the primary is off.
	[[nodiscard]] bool commit(bool fence_ok, Time now, Actions &);
	[[nodiscard]] Actions took_over(bool ok, Time now);

	// A heartbeat of ours granted the peer's lease, echoing what arrived
	// at `received`.
	void granted(Time received, Duration lease);
	// Should heartbeats in this state grant the peer's lease?
	bool granting() const;

	RoleState state() const { return state_; }
	uint64_t epoch() const { return epoch_; }
	uint8_t flags() const;		// of our heartbeats
	Duration lease_left(Time now) const;	// Duration::max(): unlimited
	Time lease_until() const { return lease_.until(); }
	Time silent_after() const { return promise_.silent_after(); }
	Time take_by() const { return promise_.take_by(); }
	bool serving() const { return is_primary(state_); }
	Time next() const;
	const std::optional<PeerReport> &peer() const { return peer_; }

private:
	void enter(RoleState, const std::string &why, Actions &);
	void say(const std::string &, Actions &);
	uint64_t new_epoch();
	void begin_search(const std::string &why, Time now, Actions &);
	void become_primary(const std::string &why, Actions &);
	void go_alone(const std::string &why, Actions &);
	void retire(const std::string &why, Actions &);
	void join(const std::string &why, Actions &);
	void disarm(const std::string &why, Actions &);
	bool peer_wins() const;
	bool fresh(Time now) const;
	Time process_deadline() const;
	Time may_go_alone() const;

	Actions judge(const std::string &by, bool neighbours, Time now);
	void heard_searching(Time now, Actions &);
	void heard_serving(bool restarted, Time now, Actions &);
	void heard_standby(Time now, Actions &);
	void heard_taking_over(Actions &);

	std::string host_, peer_name_;
	unsigned side_;		// of the pair: 0 or 1, by name
	bool preferred_, have_fence_;
	Duration boot_wait_, detect_, alone_after_, lease_time_;

	RoleState state_ = RoleState::starting;
	uint64_t epoch_ = 0;
	uint64_t highest_ = 0;	// epoch ever heard of
	bool vip_here_ = false;
	bool has_sessions_ = false;
	bool link_up_ = false;
	bool asked_release_ = false, released_ = false;
	bool committed_ = false;
	bool resume_ = false;	// probing only to be sure after a gap
	bool overtaken_ = false;	// the LAN showed it, the peer is unheard
	bool told_ = false;	// the log line of a repeated finding is out
	bool probe_void_ = false, asking_ = false;
	PeerHealth health_ = PeerHealth::unheard;
	std::optional<PeerReport> peer_;
	Time link_down_at_{};
	Time here_at_{}, elsewhere_at_{};	// clients' packets for the VIP
	bool seen_elsewhere_ = false;	// since the state was entered
	Time deadline_ = time_never;	// of the state
	PrimaryLease lease_;
	StandbyPromise promise_;
};

} // namespace jeebs
