// SPDX-License-Identifier: ISC
// Input commit on the primary: client segments of covered streams wait in a
// netfilter queue right before TCP until the standby holds them (invariant I2).
// What decides is InputCommit; this is its I/O.
// Owner: the daemon; event loop's thread only. Needs CAP_NET_ADMIN.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "flow.hh"
#include "input-commit.hh"
#include "link.hh"
#include "result.hh"
#include "unique_fd.hh"

namespace jeebs {

struct InputGateStats {
	uint64_t shipped = 0;	// packets
	uint64_t overruns = 0;	// netlink buffer overflows: packets lost
	size_t waiting = 0;	// for the standby
	size_t kept_bytes = 0;	// of streams that no standby knows
	uint64_t refused = 0;	// packets that TCP wouldn't take either
};

class InputGate {
public:
	// sink must outlive the gate.
	InputGate(boost::asio::io_context &, FrameSink &sink,
	    uint16_t queue_number);
	~InputGate();	// leaves the rules: without a reader they drop
	InputGate(const InputGate &) = delete;
	InputGate &operator=(const InputGate &) = delete;

	// Rules and queue. Streams that an earlier jeebsd covered stay so; earlier:
	// fd() of it, if that is still open: what waits there waits on.
	[[nodiscard]] Result<void> install(UniqueFd earlier);
	// The queue's. While it is open somewhere packets wait, else they are
	// dropped. -1 before install() and after remove().
	[[nodiscard]] int fd() const;
	// Whatever they were isn't covered by now: it has ended. What waits of
	// it passes, or is dropped where another host may own it. With an error
	// it is to be called again.
	[[nodiscard]] Result<void> forget_earlier(bool pass);
	// Removes the rules; what waits passes. Idempotent, and right also if
	// an earlier jeebsd installed them and this one doesn't.
	[[nodiscard]] Result<void> remove();

	// From when settled is called on, what TCP gets of the stream has been
	// through the gate; or it has an error, and nothing is sure. That comes
	// only after this returns, and not if the stream is covered anew or
	// uncovered meanwhile. May be empty.
	using Settled = std::function<void(Result<void>)>;
	void cover(const Flow &, Settled);
	// The frame by which the standby knows the stream as sid has been sent.
	// rcv_base: sequence number of its offset 0; had: TCP has all that is
	// before this offset, of which had() tells more. takes, until the stream
	// is opened anew or uncovered, tells what TCP would take, or nothing; may
	// be empty.
	using Takes = std::function<std::optional<InputCommit::Takes>()>;
	void open(const Flow &, uint64_t sid, uint32_t rcv_base, uint64_t had,
	    Takes takes);
	void had(const Flow &, uint64_t offset);
	// What TCP has already, or gets without passing here.
	void copy(const Flow &, const std::vector<std::vector<uint8_t>> &);
	// InputCommit's.
	uint64_t sent_to(const Flow &, uint64_t from) const;
	uint64_t floor(const Flow &) const;
	// No standby matters any more: packets pass.
	void uncover(const Flow &);
	// Another host owns the stream: packets never pass.
	void refuse(const Flow &);

	// INPUT_COMMIT; an error means a broken protocol.
	[[nodiscard]] Result<void> committed(uint64_t n);
	void link_down();
	// The link takes frames again.
	void drained();

	InputGateStats stats() const;

private:
	struct Impl;
	std::unique_ptr<Impl> impl_;
};

} // namespace jeebs
