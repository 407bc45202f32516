// SPDX-License-Identifier: ISC
// A listening Unix socket at a path. Owner: one server, which gets each
// accepted connection; event loop's thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "result.hh"
#include "unique_fd.hh"

namespace jeebs {

class Listener {
public:
	// Non-blocking, close-on-exec.
	using Accepted = std::function<void(UniqueFd)>;

	// type is SOCK_STREAM or SOCK_SEQPACKET. A socket that nobody serves any
	// more is replaced; one that somebody serves, or another kind of file,
	// is an error. The path is removed when this goes.
	[[nodiscard]] static Result<std::unique_ptr<Listener>> create(
	    boost::asio::io_context &, const std::string &path, int type,
	    unsigned mode, Accepted);
	~Listener();
	Listener(const Listener &) = delete;
	Listener &operator=(const Listener &) = delete;

private:
	Listener(boost::asio::io_context &, std::string path, UniqueFd,
	    Accepted);
	void wait();
	void accept_all();

	std::string path_;
	boost::asio::posix::stream_descriptor socket_;
	boost::asio::steady_timer pause_;
	Accepted accepted_;
	// For what may still run when this is gone.
	std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace jeebs
