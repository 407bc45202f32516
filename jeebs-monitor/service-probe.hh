// SPDX-License-Identifier: ISC
// Does the peer's sshd still say who it is? Connects to its own address and
// waits for the banner. A frozen host completes the connection and no more.
// Owner: the daemon; event loop's thread only.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

namespace jeebs {

class ServiceProbe {
public:
	ServiceProbe(boost::asio::io_context &, std::string address,
	    uint16_t port);
	~ServiceProbe();
	ServiceProbe(const ServiceProbe &) = delete;
	ServiceProbe &operator=(const ServiceProbe &) = delete;

	// Asks once, unless a question is open. answered is called only if the
	// banner came within the time.
	void ask(std::chrono::milliseconds wait,
	    std::function<void()> answered);

private:
	struct Impl;
	std::shared_ptr<Impl> impl_;
};

} // namespace jeebs
