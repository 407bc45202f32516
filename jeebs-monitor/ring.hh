// SPDX-License-Identifier: ISC
// Consumer's side of one session's shared-memory ring (struct jeebs_ring). The
// producer is the user-owned sshd process and is hostile: everything is copied
// out, then looked at, and nothing here can block on what it does.
// Owner: one export session; event loop's thread only.
#pragma once

#include <cstdint>
#include <utility>

#include "buffer.hh"
#include "jeebs-wire.h"
#include "result.hh"
#include "unique_fd.hh"

namespace jeebs {

// Kick and commit are eventfd-like: 8-byte tokens, readable while one waits.
// They are FIFOs of which each side has its own open file description, opened
// for reading and writing: the producer can't clear our O_NONBLOCK, fill a
// counter to block our write, or spin on a hang-up when we die.
class Ring {
public:
	// size: of the data area, a power of two from 4096 to 64 MiB.
	[[nodiscard]] static Result<Ring> create(uint32_t size = JEEBS_RING_SIZE);

	Ring(Ring &&) noexcept;
	~Ring();

	// For JEEBS_MSG_OFFER; stay ours.
	int memfd() const { return memfd_.get(); }
	int producer_kick() const { return producer_kick_.get(); }
	int producer_commit() const { return producer_commit_.get(); }
	// Closes our copies of what has been sent; memfd() is -1 then.
	void offered();

	// Ours: readable when the producer kicked. The caller waits on it and
	// takes the tokens away; some may stay, and make it readable again.
	[[nodiscard]] UniqueFd take_kick() { return std::move(kick_); }
	static void drain_tokens(int fd);

	// Is there anything to read? Also true when the producer broke the rules.
	bool has_data() const;

	// Appends the next record, or what there is of it, to out. True if it
	// is complete; else call again with the same out. An error is for good:
	// the producer broke the rules.
	[[nodiscard]] Result<bool> read_record(Buffer &out);

	// A part of a record has been taken: no commit will come that would
	// tell the producer of the new room, so it needs a wake().
	bool partial() const { return have_ != 0; }

	// Sets the committed offset and record that the producer sees; never
	// backwards.
	void commit(uint64_t out_end, uint64_t seq);
	// Wakes the producer, unless a token is still unread.
	void wake();

private:
	Ring() = default;
	[[nodiscard]] Result<size_t> available() const;
	void copy_out(uint8_t *to, size_t n);

	UniqueFd memfd_, producer_kick_, producer_commit_, kick_, commit_;
	jeebs_ring *map_ = nullptr;
	uint32_t size_ = 0;
	uint64_t tail_ = 0;		// ours: map_->tail is never read
	uint64_t committed_ = 0, committed_seq_ = 0;	// likewise
	uint8_t len_[4] = {};
	uint32_t have_ = 0;	// bytes of the frame taken, length included
	uint32_t want_ = 0;	// record's length, once have_ >= 4
};

} // namespace jeebs
