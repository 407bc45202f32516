// SPDX-License-Identifier: ISC
#include "chain.hh"

#include <algorithm>

namespace jeebs {

Result<RecordChain> RecordChain::begin(const jeebs_envelope &root)
{
	if (root.type != JEEBS_REC_ROOT)
		return fail("a session's first record isn't a root");
	RecordChain c;
	std::copy_n(root.record_id, JEEBS_ID_LEN, c.id_.begin());
	c.epoch_ = root.epoch;
	return c;
}

Result<void> RecordChain::accept(const jeebs_envelope &e)
{
	if (!std::equal(id_.begin(), id_.end(), e.record_id))
		return fail("record of another incarnation");
	if (e.epoch != epoch_)
		return fail("record of another epoch");
	if (e.type == JEEBS_REC_ROOT)
		return fail("second root record");
	if (e.seq != seq_ + 1)
		return fail("hole in the sequence of records");
	if (ended_)
		return fail("record after END");
	if (!started() && e.type != JEEBS_REC_CHECKPOINT)
		return fail("first record isn't a checkpoint");
	if (started()) {
		if (e.out_off != out_end_)
			return fail("hole in the output stream");
		if (e.in_off < in_off_)
			return fail("input offset went backwards");
		if (e.acked_off < acked_off_)
			return fail("acknowledged offset went backwards");
	}
	seq_ = e.seq;
	in_off_ = e.in_off;
	out_end_ = e.out_off + e.stream_len;
	acked_off_ = e.acked_off;
	ended_ = e.type == JEEBS_REC_END;
	return {};
}

} // namespace jeebs
