// SPDX-License-Identifier: ISC
// What the auditor has to say: findings, and what it looked at. Values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "packet.hh"

namespace jeebs::audit {

enum class Rule {
	content,	// one sequence number, two contents
	commit,		// emitted, and not held by the standby (I1)
	input,		// acknowledged, and not held by the standby (I2)
	owner,		// emitted by a host that doesn't own the connection (I3)
	lease,		// emitted as the VIP by a host that may not
	epoch,		// two hosts emit in one epoch, or one in an older epoch
	ending,		// FIN or RST that the client shouldn't see (I7)
	claim,		// ARP or ND says that a VIP is where it isn't
	evidence,	// what was recorded is broken or not all
};
const char *to_string(Rule);

struct Finding {
	Rule rule{};
	Stamp time = 0;
	std::string subject;	// the 4-tuple, or whatever it is about
	std::string text;	// what, and both evidences
	unsigned repeated = 0;	// more of this rule and subject

	std::string line() const;
};

// How much was looked at: silence over nothing is no result.
struct Summary {
	uint64_t frames = 0, from_vip = 0, segments = 0;
	uint64_t bytes = 0, bytes_again = 0;
	uint64_t connections = 0, protected_connections = 0;
	uint64_t checked_against_commits = 0;	// segments
	uint64_t covered = 0, acknowledgments = 0;	// held against input
	uint64_t commits = 0, adoptions = 0;
	uint64_t endings = 0, stale = 0, claims = 0;
	uint64_t log_lines = 0, torn_lines = 0;

	std::string text() const;	// several lines
};

// Collects findings; of many alike the first is kept and counts the others.
class Findings {
public:
	void add(Rule, Stamp, std::string subject, std::string text);
	const std::vector<Finding> &all() const { return all_; }
	bool has(Rule) const;

private:
	std::vector<Finding> all_;
};

} // namespace jeebs::audit
