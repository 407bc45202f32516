// SPDX-License-Identifier: ISC
// The connections to targets of forwards of sessions that are being adopted: from
// what the store has of them to sockets that sshd-adopt gets and that go on.
//
//  per session:  find -> [ask] -> hand_over -> release -> go
//
// What can't go on is ended, for its target too.
// Owner: Adoptions; event loop's thread only. Never blocks.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ack-probe.hh"
#include "adopt-client.hh"
#include "clock.hh"
#include "input-feeder.hh"
#include "lost-acks.hh"
#include "service-net.hh"
#include "shared-fd.hh"
#include "store.hh"
#include "tapinput.hh"
#include "tcp-restore.hh"

namespace jeebs {

struct FarEnd {
	StoredForward s;
	AdoptForward at;	// as sshd-adopt read it in the records
	uint64_t acked = 0;	// the socket's first byte to send
	uint32_t ts_val = 0;	// TCP_TIMESTAMP, ms
	bool ask = false;	// only the target can tell acked
	Time asked{};		// when last
	Hold::Packets held;	// taken from the queue, not injected yet
	SharedFd tcp;		// once it is handed over
};

class FarEnds {
public:
	struct Parts {
		ServiceNet &net;
		Store &store;
		TapInput &tap;
		TcpRestorer &restorer;
		AckProbe &ack_probe;
		InputFeeder &feeder;
		LostAcks &lost_acks;
	};
	// Those of one session.
	struct Of {
		Flow session;
		std::string user;
		std::vector<FarEnd> all;
		Time until{};	// for answers
	};

	explicit FarEnds(Parts p) : p_(p) {}

	// Those that can go on; their targets are asked where that must be.
	Of find(const StoredSession &, const AdoptReady &, Time now);
	// Looks at what was held (ServiceNet::drain_hold) for answers. True if
	// there is nothing to wait for any more.
	bool settled(Of &, Time now);
	// Restores them, and sends them to sshd-adopt, which has no GO yet.
	void hand_over(Of &, AdoptClient::Job &, uint64_t epoch);
	// Before GO: they live.
	void release(Of &);
	// After it they get what the dead host had been sent.
	void go(Of &);
	// After their flows are released: the others of the session end.
	void end_others(const Flow &session, const Of &);
	std::vector<Flow> flows(const Flow &session) const;

	// The session isn't adopted.
	void drop(const Of &);
	// Nor does it go on: not FIN, a target would take that for the end of what
	// it was to get.
	void abort(Of &);
	// The session has ended.
	void forget(const Flow &session);
	void clear() { fed_.clear(); }

private:
	// It isn't handed over, or doesn't go on.
	void leave(const Of &, const FarEnd &, const std::string &why);
	void take_held(FarEnd &);
	void watch(FarEnd &);
	void ask(FarEnd &, Time now);
	uint32_t ts_val(const StoredForward &) const;

	Parts p_;
	std::unordered_map<Flow, std::vector<Flow>> fed_;	// by session
};

} // namespace jeebs
