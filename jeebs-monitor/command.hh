// SPDX-License-Identifier: ISC
// Runs one program beside the event loop and says how it ended; kills it when
// it takes too long. Used for the fence command.
// Owner: whoever started it; event loop's thread only.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "result.hh"

namespace jeebs {

class Command {
public:
	// The exit status (128 + signal when killed), or why there is none
	// (ETIMEDOUT after the timeout).
	using Done = std::function<void(Result<int>)>;

	// argv[0] is a path. stdin is /dev/null, the rest is inherited.
	[[nodiscard]] static Result<std::unique_ptr<Command>> start(
	    boost::asio::io_context &, const std::vector<std::string> &argv,
	    std::chrono::milliseconds timeout, Done);
	// Kills it if it still runs; done isn't called any more.
	~Command();
	Command(const Command &) = delete;
	Command &operator=(const Command &) = delete;

private:
	struct Impl;
	explicit Command(std::shared_ptr<Impl>);
	std::shared_ptr<Impl> impl_;
};

} // namespace jeebs
