// SPDX-License-Identifier: ISC
// Moves one incarnation's records from its ring to the link, and the standby's
// commits back into the ring. Owner: one export session, by shared_ptr since
// waits outlive it; event loop's thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "buffer.hh"
#include "chain.hh"
#include "link.hh"
#include "result.hh"
#include "ring.hh"

namespace jeebs {

class Shipper : public std::enable_shared_from_this<Shipper> {
public:
	// bad is called at most once per start(): the producer broke the rules,
	// and nothing more is taken from it.
	using Bad = std::function<void(const std::string &why)>;
	// Offset that the client's stream has reached by now, at least: what
	// lies beyond nobody can have consumed.
	using Received = std::function<uint64_t()>;

	Shipper(boost::asio::io_context &, FrameSink &, Bad, Received);

	// Begins to ship; OPEN must be on its way already.
	[[nodiscard]] Result<void> start(Ring, RecordChain, uint64_t sid);

	// Lets go of the ring. The chain's state stays until the next start().
	void stop();
	bool running() const { return ring_.has_value(); }

	// The link takes frames again.
	void drained();
	bool waiting() const { return waiting_; }	// for that

	// An error means a commit of what was never sent.
	[[nodiscard]] Result<void> commit(uint64_t seq, uint64_t out_end);

	// Bytes of a record that isn't complete yet.
	size_t unfinished() const { return record_.size(); }

	// Of the last start().
	const std::optional<RecordChain> &chain() const { return chain_; }
	uint64_t committed() const { return committed_; }
	uint64_t committed_seq() const { return committed_seq_; }

private:
	void wait();
	void post_pump();
	void pump();
	[[nodiscard]] Result<size_t> ship();

	boost::asio::io_context &io_;
	FrameSink &sink_;
	Bad bad_;
	Received received_;
	uint64_t received_off_ = 0;	// last answer
	boost::asio::posix::stream_descriptor kick_;
	std::optional<Ring> ring_;
	std::optional<RecordChain> chain_;
	uint64_t sid_ = 0;
	uint64_t committed_ = 0, committed_seq_ = 0;
	Buffer record_;		// being put together, frame header first
	bool waiting_ = false;	// the link is full
	bool posted_ = false;
};

} // namespace jeebs
