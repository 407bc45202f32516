// SPDX-License-Identifier: ISC
#include "shipper.hh"

#include <algorithm>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "commit-log.hh"
#include "frame.hh"
#include "jeebs-testing.h"
#include "wire.hh"

namespace jeebs {

namespace asio = boost::asio;
using asio::posix::stream_descriptor;
using boost::system::error_code;

namespace {

constexpr size_t pump_bytes = 1U << 20;	// of one session before others
constexpr size_t turn_bytes = 512;	// a record's, or a part's, cost alone

} // namespace

Shipper::Shipper(asio::io_context &io, FrameSink &sink, Bad bad,
    Received received)
    : io_(io), sink_(sink), bad_(std::move(bad)),
      received_(std::move(received)), kick_(io)
{
}

Result<void> Shipper::start(Ring ring, RecordChain chain, uint64_t sid)
{
	stop();
	error_code ec;
	kick_.assign(ring.take_kick().release(), ec);
	if (ec)
		return fail("kick: " + ec.message(), ec.value());
	ring_.emplace(std::move(ring));
	chain_ = chain;
	sid_ = sid;
	committed_ = committed_seq_ = 0;
	wait();
	// The producer may have kicked somebody else's copy already.
	post_pump();
	return {};
}

void Shipper::stop()
{
	error_code ec;
	kick_.close(ec);
	ring_.reset();
	record_.clear();
	waiting_ = false;
}

void Shipper::wait()
{
	kick_.async_wait(stream_descriptor::wait_read,
	    [self = shared_from_this()](error_code ec) {
		if (ec || !self->running())
			return;
		Ring::drain_tokens(self->kick_.native_handle());
		self->pump();
		if (self->running())
			self->wait();
	});
}

void Shipper::post_pump()
{
	if (std::exchange(posted_, true))
		return;
	asio::post(io_, [self = shared_from_this()] {
		self->posted_ = false;
		self->pump();
	});
}

void Shipper::drained()
{
	if (std::exchange(waiting_, false))
		pump();
}

// Ships what is in the ring, up to a share; the rest later.
void Shipper::pump()
{
	size_t taken = 0;
	// Sending may lose the link, and stop this with it.
	while (ring_ && !waiting_ && ring_->has_data()) {
		if (sink_.congested() || jeebs_testing("records-held")) {
			waiting_ = true;
			return;
		}
		if (taken >= pump_bytes) {
			post_pump();
			return;
		}
		auto n = ship();
		if (!n) {
			stop();
			bad_(n.error().what);
			return;
		}
		taken += *n + turn_bytes;
	}
}

// Takes a record, or a part of one, from the ring; returns its bytes.
Result<size_t> Shipper::ship()
{
	if (record_.empty()) {
		record_ = sink_.buffer();
		record_.extend(record_prefix_len);
	}
	size_t before = record_.size();
	auto complete = ring_->read_record(record_);
	if (!complete)
		return tl::unexpected(complete.error());
	size_t n = record_.size() - before;
	if (!*complete) {
		// No commit will tell the producer of the room made just now.
		ring_->wake();
		return n;
	}
	auto env = get_record_envelope(
	    record_.bytes().subspan(record_prefix_len));
	if (!env)
		return tl::unexpected(env.error());
	if (auto ok = chain_->accept(*env); !ok)
		return tl::unexpected(ok.error());
	if (env->in_off > received_off_ &&
	    env->in_off > (received_off_ = received_()))
		return fail(fmt::format("input consumed up to byte {}, its "
		    "client has sent {}", env->in_off, received_off_));
	// sshd waits for commits from here on.
	if (chain_->seq() == 1)
		commit_log::line("protect sid={:x} from={}", sid_,
		    chain_->out_end());
	finish_record_frame(record_, sid_);
	(void)sink_.send(std::move(record_));
	return n;
}

Result<void> Shipper::commit(uint64_t seq, uint64_t out_end)
{
	if (!chain_ || seq == 0 || seq > chain_->seq() ||
	    out_end > chain_->out_end())
		return fail("COMMIT of a record that wasn't sent");
	committed_ = std::max(committed_, out_end);
	committed_seq_ = std::max(committed_seq_, seq);
	if (ring_) {
		ring_->commit(out_end, seq);
		ring_->wake();
	}
	return {};
}

} // namespace jeebs
