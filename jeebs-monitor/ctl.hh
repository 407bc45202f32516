// SPDX-License-Identifier: ISC
// The control socket: one request line, one JSON answer, then the end. Owner:
// the daemon, whose provider answers; event loop's thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "ctl-line.hh"
#include "result.hh"

namespace jeebs {

class CtlServer {
public:
	// Takes the words, returns the answer: one line of JSON. An error is
	// sent as {"error": what}.
	using Provider = std::function<Result<std::string>(
	    const std::vector<std::string> &words)>;

	CtlServer(boost::asio::io_context &, std::string path, Provider);
	~CtlServer();
	CtlServer(const CtlServer &) = delete;
	CtlServer &operator=(const CtlServer &) = delete;

	// Makes the socket with this mode; a stale one is replaced.
	[[nodiscard]] Result<void> start(unsigned mode = 0600);

private:
	class Impl;
	std::unique_ptr<Impl> impl_;
};

} // namespace jeebs
