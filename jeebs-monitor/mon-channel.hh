// SPDX-License-Identifier: ISC
// The channel between jeebsd and one sshd monitor (MON): its messages in, ours
// out (enum jeebs_msg, PROTOCOL.jeebs section 9.1). Knows their form and their
// order, not what they mean for the session. Owner: one export session, by
// shared_ptr since waits outlive it; event loop's thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "buffer.hh"
#include "jeebs-wire.h"
#include "msg.hh"
#include "result.hh"
#include "ring.hh"
#include "unique_fd.hh"

namespace jeebs {

struct MonHello {
	std::string version, user;	// what sshd says, for logs and status
	jeebs_tcp_state tcp{};		// checked against fd
	uint64_t received_base = 0;	// offset at which fd began to count
	bool attached = false;	// PA may hold output back for a standby
	UniqueFd fd;			// the established TCP connection
};

class MonChannel : public std::enable_shared_from_this<MonChannel> {
public:
	// An error from hello or root ends the channel.
	struct Handlers {
		std::function<Result<void>(MonHello)> hello;	// first, once
		// Answers to the last offer; those to offers that a later one
		// made void are kept back. The record is unchecked.
		std::function<Result<void>(Bytes record)> root;
		std::function<void(const std::string &why)> refuse;
		// MON hung up (why is empty) or broke the protocol. The last
		// call, not made after close().
		std::function<void(const std::string &why)> gone;
	};

	MonChannel(boost::asio::io_context &, UniqueFd, Handlers);

	void start();
	void close();

	// OFFER, with copies of the ring's descriptors and of PA's end of the
	// socket for forwards.
	[[nodiscard]] Result<void> offer(uint64_t epoch, std::string_view key,
	    const Ring &, int forwards);
	[[nodiscard]] Result<void> detach(std::string_view reason);
	[[nodiscard]] Result<void> retire();

private:
	void wait();
	void readable();
	void end(const std::string &why);
	[[nodiscard]] Result<void> message(HostMessage);
	[[nodiscard]] Result<void> hello(HostMessage);

	boost::asio::posix::stream_descriptor socket_;
	boost::asio::steady_timer timer_;	// HELLO
	Handlers handlers_;
	bool greeted_ = false;
	unsigned unanswered_ = 0;	// offers
};

} // namespace jeebs
