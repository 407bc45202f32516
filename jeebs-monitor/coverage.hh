// SPDX-License-Identifier: ISC
// Whether a standby holds all that a client believes delivered: input commit
// begins in the middle of a stream, and what TCP had got before is safe only
// once sshd has consumed it.
// Owner: one export session. Pure, single-threaded.
#pragma once

#include <cstdint>
#include <optional>

#include "chain.hh"

namespace jeebs {

class Coverage {
public:
	// A new incarnation: nothing is known.
	void reset() { *this = {}; }

	// The gate is in force; TCP has got nothing from `from` on that didn't
	// come through it. A later answer counts if it is lower. True if it
	// counts.
	bool settled(uint64_t from)
	{
		if (from_ && from >= *from_)
			return false;
		from_ = from;
		seq_.reset();
		return true;
	}

	// The chain as it was shipped, and the last record that is committed.
	bool complete(const RecordChain &chain, uint64_t committed_seq)
	{
		if (from_ && !seq_ && chain.started() &&
		    chain.in_off() >= *from_)
			seq_ = chain.seq();
		return seq_ && committed_seq >= *seq_;
	}

	const std::optional<uint64_t> &from() const { return from_; }

private:
	std::optional<uint64_t> from_;
	std::optional<uint64_t> seq_;	// of a record beyond it
};

} // namespace jeebs
