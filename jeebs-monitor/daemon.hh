// SPDX-License-Identifier: ISC
// jeebsd of one host: owns the parts, feeds their events to the Role, does the
// Role's actions. Decides nothing itself.
// Owner: main; one io_context thread (the heartbeat's thread aside).
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "ack-probe.hh"
#include "adopt-client.hh"
#include "carrier.hh"
#include "clock.hh"
#include "command.hh"
#include "config.hh"
#include "ctl.hh"
#include "delayed-sink.hh"
#include "detector.hh"
#include "epoch-file.hh"
#include "export.hh"
#include "heartbeat-io.hh"
#include "inject.hh"
#include "input-gate.hh"
#include "key.hh"
#include "known-keys.hh"
#include "link.hh"
#include "replica.hh"
#include "role.hh"
#include "service-manager.hh"
#include "service-net.hh"
#include "service-probe.hh"
#include "store.hh"
#include "takeover.hh"
#include "tapinput.hh"
#include "tcp-restore.hh"

namespace jeebs {

/** Of the descriptor that the service manager keeps. */
inline constexpr char input_queue_name[] = "input-queue";

class Daemon {
public:
	Daemon(boost::asio::io_context &, const Config &, const LinkKey &);
	~Daemon();
	Daemon(const Daemon &) = delete;
	Daemon &operator=(const Daemon &) = delete;

	// What needs root, before privileges are dropped.
	[[nodiscard]] Result<void> prepare();
	// earlier: what an earlier process left with the service manager.
	[[nodiscard]] Result<void> start(service_manager::Descriptors earlier);
	// Ends on purpose: a standby resigns, a primary leaves its host serving
	// without protection. Calls done when it may exit.
	void stop(std::function<void()> done);

	// One line of JSON.
	std::string status() const;

private:
	Link::Handlers link_handlers();
	ExportServer::Handlers export_handlers();
	Takeover::Hooks takeover_hooks();
	void stop_tap_later();

	void heard(const HeartbeatHeard &);
	void link_up(const PeerHello &);
	void link_down(const std::string &reason);
	Result<void> link_frame(const FrameView &);
	void tapped(std::span<const uint8_t> packet);
	void own_key(const std::string &key);
	void own_key_lost();
	bool session_opened(const SessionInfo &);

	void perform(Actions);
	void act(const Action &);
	void record_state();
	void sync();		// tell the peer what we are now
	void forget_earlier_in(std::chrono::seconds);
	void forget_earlier_not_yet();
	void forget_earlier();
	void save_epoch(uint64_t);
	void set_lease();
	void offer();		// if there is a key and it is time
	void send_key();
	void clear_store(const std::string &why);
	void ask_service();
	std::vector<IpAddr> others_to_ask() const;

	void tick();
	void evaluate(Time now);
	void arm(Time now);
	void open_gate();
	void finish_stop(bool unlock);
	bool is_standby() const;

	boost::asio::io_context &io_;
	const Config &config_;
	uint64_t instance_;
	Role role_;
	Detector detector_;
	std::optional<EpochFile> epoch_file_;
	size_t places_;		// for sessions, here and in the store
	Store store_;
	TapInput tap_;
	ServiceNet net_;
	Injector injector_;
	AckProbe ack_probe_;
	std::unique_ptr<TcpRestorer> restorer_;
	Link link_;
	DelayedSink to_primary_;
	Replica replica_;
	std::unique_ptr<InputGate> gate_;	// null without input commit
	ExportServer export_;
	KnownKeys known_keys_;
	AdoptClient adopt_;
	Takeover takeover_;
	HeartbeatIo heartbeat_;
	ServiceProbe service_;
	CarrierWatch carrier_;
	CtlServer ctl_;
	std::unique_ptr<Command> fence_;

	boost::asio::steady_timer timer_, tap_timer_, forget_timer_, stop_timer_;
	// sshd asks for jeebsd again every half minute, or oftener; its forwards
	// wait for a standby with a key besides.
	static constexpr std::chrono::seconds earlier_stays{60},
	    earlier_stays_at_most{300}, forget_retry{30};
	std::optional<std::chrono::steady_clock::time_point> forget_at_,
	    forget_at_most_;
	Time last_tick_{};
	Time next_epoch_try_{}, pause_checked_{};
	std::deque<Action> actions_;
	std::pair<RoleState, uint64_t> recorded_{};	// in the commit log
	bool acting_ = false;
	HeartbeatSay said_;
	PeerRole said_role_ = PeerRole::joining;
	std::string peer_key_;	// the standby's recovery key, "" while none
	size_t open_sessions_ = 0;
	bool offering_ = false;	// under a lease: sessions may be offered
	bool dropping_link_ = false;	// it is us who close it
	bool peer_resigned_ = false;
	bool told_timing_ = false;
	std::function<void()> stopped_;
};

} // namespace jeebs
