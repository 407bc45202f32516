// SPDX-License-Identifier: ISC
// Sends and receives heartbeats in a thread of its own, at real-time priority
// where that is allowed, so that a busy event loop doesn't look like a dead
// host. A loop that hangs does: without alive() nothing is sent.
// Owner: the daemon, whose io_context thread calls everything here.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "clock.hh"
#include "config.hh"
#include "heartbeat.hh"
#include "result.hh"

namespace jeebs {

// What the next heartbeats say.
struct HeartbeatSay {
	RoleState state{};
	uint8_t flags = 0;
	uint64_t epoch = 0;
	bool granting = false;	// grant the lease of whom we echo
	bool mute = false;	// send nothing: this jeebsd is about to end
	Time lease_until{};	// protected until then, stalled afterwards
};

struct HeartbeatHeard {
	size_t path = 0;
	Time received{};
	bool late = false;	// not news (heartbeat-order.hh)
	Heartbeat beat;
};

// The newest grant that went out.
struct HeartbeatGrant {
	Time received{};	// when what it echoes had arrived
	Duration lease{};	// that the peer had announced
};

// The longest time between two of our heartbeats.
struct HeartbeatPause {
	Duration length{};
	bool loop_stood = false;	// that is why; else the machine is busy
};

struct HeartbeatPathStats {
	uint64_t sent = 0, heard = 0, refused = 0;
	std::string last_refusal;
};

class HeartbeatIo {
public:
	// Called from the io_context for each heartbeat, in order of arrival.
	using Callback = std::function<void(const HeartbeatHeard &)>;

	HeartbeatIo(boost::asio::io_context &, const Config &,
	    uint64_t instance, Callback);
	~HeartbeatIo();
	HeartbeatIo(const HeartbeatIo &) = delete;
	HeartbeatIo &operator=(const HeartbeatIo &) = delete;

	// One socket for each path; a local address that isn't here is an
	// error that names it.
	[[nodiscard]] Result<void> start();
	void stop();

	void set_key(const HeartbeatKey &);
	// From here on; a change goes out at once. Returns the newest grant
	// given so far: after say() without granting there is no later one.
	HeartbeatGrant say(const HeartbeatSay &);
	HeartbeatGrant granted() const;
	// The event loop runs, and does what the thread is late with: that one's
	// processor may be in the kernel, where nothing is preempted, for as
	// long as it takes to look dead.
	void alive(Time now);
	// Runs the callback for what has arrived, without waiting.
	void drain();

	std::vector<HeartbeatPathStats> stats() const;
	bool realtime() const;
	// Since the last call.
	HeartbeatPause longest_pause();

private:
	struct Impl;
	std::shared_ptr<Impl> impl_;
};

} // namespace jeebs
