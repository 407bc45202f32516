// SPDX-License-Identifier: ISC
// The rules that the records of one incarnation obey, as far as they can be
// seen from the envelopes: the ring's consumer and the store both ask here.
// Owner: one session. Pure, single-threaded.
#pragma once

#include <array>
#include <cstdint>

#include "jeebs-wire.h"
#include "result.hh"

namespace jeebs {

class RecordChain {
public:
	// A chain that begins with this root record's envelope. The root must
	// have passed get_record_envelope().
	[[nodiscard]] static Result<RecordChain> begin(const jeebs_envelope &root);

	// Checks the next record and, if it fits, makes it the last one: same
	// record id and epoch as the root, seq and out_off without holes, in_off
	// and acked_off never backwards, a checkpoint first, nothing after END.
	[[nodiscard]] Result<void> accept(const jeebs_envelope &);

	const std::array<uint8_t, JEEBS_ID_LEN> &record_id() const { return id_; }
	uint64_t epoch() const { return epoch_; }
	uint64_t seq() const { return seq_; }	// of the last record, root 0
	uint64_t in_off() const { return in_off_; }
	uint64_t out_end() const { return out_end_; }
	uint64_t acked_off() const { return acked_off_; }
	bool started() const { return seq_ > 0; }	// has a checkpoint
	bool ended() const { return ended_; }

private:
	std::array<uint8_t, JEEBS_ID_LEN> id_{};
	uint64_t epoch_ = 0, seq_ = 0, in_off_ = 0, out_end_ = 0, acked_off_ = 0;
	bool ended_ = false;
};

} // namespace jeebs
