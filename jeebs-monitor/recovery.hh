// SPDX-License-Identifier: ISC
// What a takeover does with each session, and the record of what it did.
// Pure: facts in, plans and a timeline out. Owner: Takeover.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "clock.hh"
#include "store.hh"
#include "tapinput.hh"

namespace jeebs {

// How one session is to be adopted, or why it can't be.
struct AdoptPlan {
	uint64_t sid = 0;
	bool possible = false;
	std::string reason;	// if it isn't
	uint64_t acked = 0;	// A: the socket's first byte to send
	uint64_t in_off = 0;	// I: the socket's next byte to receive
	uint32_t ts_val = 0;	// TCP_TIMESTAMP, ms
	bool probe = false;	// only the client can tell A: ask it first
	uint64_t unacked = 0;	// bytes to send again
};

// How much the timestamp clock is set ahead of the record's: the dead host may
// have been sending until just now, and its clock isn't ours (RFC 7323 5.3).
inline constexpr uint32_t ts_margin_ms = 1000;
// Bytes that the socket sends before it hears anything: Linux's initial window is
// ten segments. More than this to send again, from a point that the peer is past,
// and its ACKs lie beyond what was sent.
[[nodiscard]] uint64_t first_window(const jeebs_tcp_state &);

// facts is what the tap saw of the flow, or null; input what there is to give to
// the socket. A is what the primary knew to be ACKed: a sniffed ACK may be forged,
// and to send again what the client has does no harm.
AdoptPlan plan_adoption(const StoredSession &, const TapFacts *facts,
    const InputPlan &input, SteadyTime now);

// The client, asked, ACKed this; or it kept silent, and facts have its last ACK.
// Moves A; false if it is impossible, which makes the plan so too.
bool apply_ack(AdoptPlan &, const StoredSession &, uint64_t ack);

// Interactive ones first: those with little to send again.
void order_plans(std::vector<AdoptPlan> &);

// Has the client, after `since`, been beyond what its socket got for too long?
// Its missing bytes then never come: it believes them delivered.
class GapWatch {
public:
	GapWatch(uint64_t in_off, Duration timeout, Time now);
	enum class Verdict { watch, clean, hole };
	// received: what the socket took since it was restored, bytes.
	// client_next: how far the client has been seen; lowest: the lowest
	// byte that it sent since the last look (TapInput), if any.
	Verdict look(uint64_t received, std::optional<uint64_t> client_next,
	    std::optional<uint64_t> lowest, Time now);

private:
	uint64_t in_off_;
	Duration timeout_;
	Time started_;
	uint64_t last_received_ = 0;
	std::optional<Time> missing_since_;
};

struct StepTime {
	std::string name;
	Time start{}, end{};
	bool done = false;	// started and ended
	bool ok = true;
};

struct FailedSession {
	std::string user, client, reason;
};

// The timeline of one takeover.
struct TakeoverReport {
	uint64_t epoch = 0;
	std::string from;	// host that died
	Time last_heard{};	// zero of the timeline
	std::vector<StepTime> steps;
	unsigned sessions = 0, adopted = 0;
	std::vector<FailedSession> failed;
	bool finished = false;

	StepTime &begin(const std::string &name, Time);
	void end(const std::string &name, Time, bool ok = true);
	// For what many sessions do at once: begins at the first call and ends
	// at the last.
	void span(const std::string &name, Time start, Time end);
};

// One step of a takeover. run calls done exactly once, perhaps at once. When it
// fails, undo of it and of those before it are called, the last first: an undo
// copes with a step that did a part, or nothing.
struct Step {
	std::string name;
	std::function<void(std::function<void(Result<void>)> done)> run;
	std::function<void()> undo;	// may be empty
};

// Runs a table of steps in order and keeps their times.
class StepRunner {
public:
	using Clock = std::function<Time()>;
	StepRunner(std::vector<Step>, TakeoverReport &, Clock,
	    std::function<void(Result<void>)> finished);
	void start();
	// Undoes what ran, unless all is done; finished isn't called.
	void cancel();

private:
	void next();
	void step_done(size_t index, Result<void>);
	void undo();

	std::vector<Step> steps_;
	TakeoverReport &report_;
	Clock clock_;
	std::function<void(Result<void>)> finished_;
	size_t at_ = 0;
	bool over_ = false;
	std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace jeebs
