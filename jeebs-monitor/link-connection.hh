// SPDX-License-Identifier: ISC
// One TCP connection of the link, from connect or accept to its end: the TLS
// handshake, frames in, a queue of frames out, pings and silence.
// Owner: Link; event loop's thread only.
#pragma once

#include <array>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "buffer.hh"
#include "frame.hh"
#include "result.hh"
#include "tls.hh"

namespace jeebs {

// Buffers to use again.
class BufferPool {
public:
	// Empty.
	Buffer take();
	void give(Buffer);

private:
	std::vector<Buffer> spares_;
};

struct LinkCounters {
	uint64_t frames_in = 0, frames_out = 0;
	uint64_t bytes_in = 0, bytes_out = 0;	// of frames
};

class LinkConnection : public std::enable_shared_from_this<LinkConnection> {
public:
	using Ptr = std::shared_ptr<LinkConnection>;
	using Milliseconds = std::chrono::milliseconds;

	// Not called any more after lost() and after close().
	class Owner {
	public:
		// TLS is up and the pin is right.
		virtual void secured(const Ptr &) = 0;
		// Every frame, in order. An error ends the connection.
		virtual Result<void> frame(const Ptr &, const FrameView &) = 0;
		// All that was readable has been handed out.
		virtual void batch_end(const Ptr &) = 0;
		// A part of the queue is gone, or all.
		virtual void sent(const Ptr &) = 0;
		virtual void lost(const Ptr &, const std::string &reason) = 0;

	protected:
		~Owner() = default;
	};

	LinkConnection(boost::asio::ip::tcp::socket, Owner &, BufferPool &,
	    LinkCounters &);

	// The handshake; lost() if it and established() take too long. May
	// call the owner.
	void start(const TlsContext &, bool client, Milliseconds timeout,
	    Milliseconds dead_after);
	// The peer has said who it is: from here on pings go out, and
	// dead_after of silence ends it.
	void established();
	// Whole encoded frames.
	void enqueue(Buffer);
	size_t queued() const { return queued_; }	// bytes
	// Ends it; lost() tells the owner. Only once.
	void lose(const std::string &reason);
	[[nodiscard]] Result<std::array<uint8_t, 32>> exporter(
	    std::string_view label) const;

private:
	using Clock = std::chrono::steady_clock;

	void set_options();
	void handshake();
	void want_read();
	void want_write();
	Result<bool> take();
	void readable();
	void tick();
	void post_flush();
	Result<void> seal_queue();
	[[nodiscard]] Result<bool> write_out();
	void flush();

	boost::asio::ip::tcp::socket socket_;
	Owner &owner_;
	BufferPool &pool_;
	LinkCounters &counters_;
	boost::asio::steady_timer timer_;	// handshake, then silence
	Milliseconds dead_after_{};
	std::unique_ptr<Tls> tls_;
	bool secured_ = false, established_ = false, dead_ = false;
	bool reading_ = false, writing_ = false;	// a wait is pending
	bool flush_posted_ = false;
	Buffer in_, gather_;
	std::deque<Buffer> queue_;
	size_t queued_ = 0;	// bytes in queue_
	Clock::time_point heard_{}, said_{};
};

} // namespace jeebs
