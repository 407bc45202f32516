// SPDX-License-Identifier: ISC
// The control socket: one request line, one JSON answer, then the end. Owner:
// the daemon, whose provider answers; event loop's thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "result.hh"

namespace jeebs {

inline constexpr size_t max_ctl_line = 1024;
inline constexpr size_t max_ctl_words = 16;

// Splits a request (without its newline) into words at single spaces. Words
// are of [A-Za-z0-9._:/-]; anything else, an empty word or too many of them is
// an error.
[[nodiscard]] Result<std::vector<std::string>> parse_ctl_line(
    std::string_view line);

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
