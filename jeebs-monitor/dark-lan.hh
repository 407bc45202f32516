// SPDX-License-Identifier: ISC
// Is it this host that is cut off? A LAN is dark while no card of a VIP has a
// carrier. Owner: the daemon; event loop's thread only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "config.hh"

namespace jeebs {

class DarkLan {
public:
	// sys: where the kernel tells of cards.
	explicit DarkLan(const std::vector<VipConfig> &vips,
	    std::string sys = "/sys/class/net");

	// False if the kernel doesn't say, of one card at least.
	bool is_dark() const;

	// Calls back when the LAN is lit: at once if it is, else within a
	// second of it. What it captures must live as long as the io_context
	// runs.
	void when_lit(boost::asio::io_context &, std::function<void()>) const;

private:
	std::vector<std::string> files_;
};

} // namespace jeebs
