// SPDX-License-Identifier: ISC
// The first step of a takeover: when it is over, the dead host's kernel is
// silent, a fence command has had its time, and nobody on the LAN has the VIP.
// Owner: Takeover; event loop's thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "clock.hh"
#include "command.hh"
#include "config.hh"
#include "result.hh"
#include "service-net.hh"

namespace jeebs {

class Fence {
public:
	using Done = std::function<void(Result<void>)>;

	Fence(boost::asio::io_context &, const Config &, ServiceNet &);

	// silent_after: when the primary's lease has run out; take_by: the
	// last moment for the VIP. done isn't called after cancel().
	void start(Time silent_after, Time take_by, Done done);
	void cancel();
	// The fence command said that the host is off.
	bool confirmed() const { return confirmed_; }

private:
	void start_command(Time take_by);
	void probe();
	void part_over();

	boost::asio::io_context &io_;
	const Config &config_;
	ServiceNet &net_;
	boost::asio::steady_timer timer_;
	std::unique_ptr<Command> command_;
	unsigned waits_ = 0;	// parts that aren't over
	bool confirmed_ = false, probed_again_ = false;
	std::optional<std::string> taken_by_;	// who answered for the VIP
	Done done_;
	std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace jeebs
