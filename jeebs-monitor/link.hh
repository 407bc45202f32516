// SPDX-License-Identifier: ISC
// The link between the two jeebsd: TLS 1.3, each end pinned, frames both ways.
// Both hosts run one Link; the host whose name sorts first connects, the other
// listens. It reconnects by itself for ever. Owner: the daemon; everything
// happens on the io_context's thread. Handlers may call send() and drop().
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "buffer.hh"
#include "frame.hh"
#include "key.hh"
#include "link-connection.hh"
#include "result.hh"

namespace jeebs {

// Where encoded frames go. Link is the real one; tests have others.
class FrameSink {
public:
	virtual ~FrameSink() = default;
	virtual bool is_up() const = 0;
	// The peer's HELLO; nullptr while down.
	virtual const PeerHello *peer() const = 0;
	// Takes one or more whole encoded frames. False if the link is down
	// (they are gone then).
	virtual bool send(Buffer frames) = 0;
	// More is queued than is good: stop producing until on_drained.
	virtual bool congested() const = 0;
	// A recycled buffer, empty, to encode into.
	virtual Buffer buffer() { return {}; }
	// Called when congested() turned false.
	std::function<void()> on_drained;
};

struct LinkOptions {
	using ms = std::chrono::milliseconds;
	boost::asio::ip::tcp::endpoint listen;	// used if !connects
	boost::asio::ip::tcp::endpoint peer;	// used if connects
	// Used if !connects: whose connections are looked at. Unspecified:
	// everybody's.
	boost::asio::ip::address accept_from;
	bool connects = false;
	std::string peer_name;		// its HELLO must say this
	std::string peer_pin;
	ms retry_min{10};		// between attempts, doubling
	ms retry_max{100};
	ms connect_timeout{500};	// a peer that boots isn't waited for longer
	ms handshake_timeout{3000};	// TLS and HELLO
	ms dead_after{2000};		// silence that ends a connection
	size_t queue_high = 4U << 20;	// bytes: congested
	size_t queue_low = 1U << 20;	// bytes: no longer
	size_t queue_max = 64U << 20;	// bytes: connection dropped
};

struct LinkStats : LinkCounters {
	uint64_t ups = 0;			// connections that got a HELLO
	size_t queued = 0;			// bytes waiting now
	std::string last_down;			// why it was last lost or refused
};

class Link : public FrameSink {
public:
	struct Handlers {
		// TLS is up, the pin is right and the peer said HELLO.
		std::function<void(const PeerHello &)> up;
		// After up only, once.
		std::function<void(const std::string &reason)> down;
		// Every frame but HELLO and PING, in order. An error ends the
		// connection (the peer broke the protocol).
		std::function<Result<void>(const FrameView &)> frame;
		// All that was readable has been handed out: the time to send
		// what was collected (COMMITs).
		std::function<void()> batch_end;
	};

	// key must outlive the Link.
	Link(boost::asio::io_context &, const LinkKey &key, LinkOptions,
	    Handlers);
	~Link() override;	// without a call of down
	Link(const Link &) = delete;
	Link &operator=(const Link &) = delete;

	// What we say of ourselves at each new connection; set before start()
	// and again whenever it changes.
	void set_hello(PeerHello);

	// Begins to listen or connect. An address that can't be bound is an
	// error; an unreachable peer isn't.
	[[nodiscard]] Result<void> start();
	void stop();

	bool is_up() const override;
	bool send(Buffer frames) override;
	bool congested() const override;
	Buffer buffer() override;

	// Gives the connection up (down is called) and goes on as after a loss.
	void drop(const std::string &reason);

	// 32 bytes that only the two ends of this connection know (RFC 8446
	// section 7.5, no context). Only while up.
	[[nodiscard]] Result<std::array<uint8_t, 32>> exporter(
	    std::string_view label) const;

	const PeerHello *peer() const override;
	LinkStats stats() const;
	// The port in use by the listener, for tests with port 0.
	uint16_t listen_port() const;

private:
	class Impl;
	std::unique_ptr<Impl> impl_;
};

// Who connects: the host whose name sorts first.
inline bool link_connects(std::string_view self, std::string_view peer)
{
	return self < peer;
}

} // namespace jeebs
