// SPDX-License-Identifier: ISC
// Is the peer alive? Judged by its heartbeats on each path, the carrier, how
// its end of the link closed, and whether its sshd still answers.
// Pure: events in with their times, an opinion out. Owner: the daemon.
#pragma once

#include <vector>

#include "clock.hh"
#include "config.hh"

namespace jeebs {

enum class PeerHealth {
	unheard,	// never heard since the start
	alive,
	suspected,	// silent for `suspect` on all paths
	process_failed,	// its jeebsd is gone, its kernel and sshd are there
	isolated,	// no path of ours has carrier: it is us
	dead,		// silent for `detect` on all paths
};
const char *to_string(PeerHealth);

class Detector {
public:
	struct Path {
		Time last_heard{};
		bool heard = false;
		bool carrier = true;
	};

	Detector(const Timing &, size_t paths);

	void heard(size_t path, Time now);
	void carrier(size_t path, bool up);
	// The peer's kernel closed the link (end of file or reset) and nobody
	// had said goodbye: its process died and its kernel didn't.
	void link_closed(Time now);
	// The peer's sshd sent its banner.
	void service_answered(Time now);
	// We didn't run for a while: silence counts from now on only.
	void clock_gap(Time now);

	// The link was closed, and nothing heard since: does its sshd answer?
	bool closed_by_peer() const { return was_closed_; }

	PeerHealth health(Time now) const;
	// When health() could change if nothing is heard, or time_never.
	Time next(Time now) const;
	// Newest heartbeat on any path; time_never if there was none.
	Time last_heard() const;
	const std::vector<Path> &paths() const { return paths_; }

	// How long one answer of its sshd counts as a sign of life.
	static constexpr Duration service_ttl = std::chrono::seconds(1);

private:
	struct Silence {
		Time last{};	// newest sign on a path that counts
		bool any_heard = false;
		bool all_dark = true;
		bool some_dark = false;
	};
	Silence silence() const;
	Duration needed(const Silence &) const;
	bool process_only(Time now) const;

	Duration heartbeat_, suspect_, detect_;
	std::vector<Path> paths_;
	Time link_closed_{}, service_{};
	bool was_closed_ = false, has_answered_ = false;
};

} // namespace jeebs
