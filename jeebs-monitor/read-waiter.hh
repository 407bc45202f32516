// SPDX-License-Identifier: ISC
// Calls back whenever a descriptor that somebody else owns is readable.
// One io_context thread.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <fcntl.h>

#include "result.hh"

namespace jeebs {

class ReadWaiter {
public:
	explicit ReadWaiter(boost::asio::io_context &io) : io_(io) {}
	~ReadWaiter() { stop(); }
	ReadWaiter(const ReadWaiter &) = delete;
	ReadWaiter &operator=(const ReadWaiter &) = delete;

	/**
	 * Waits on a copy of fd, so that asio never closes the original.
	 * readable may stop() this, and destroy it.
	 */
	[[nodiscard]] Result<void>
	start(int fd, std::function<void()> readable)
	{
		stop();
		const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (copy < 0)
			return fail_errno("cannot copy a descriptor");
		state_ = std::make_shared<State>(io_);
		state_->descriptor.assign(copy);
		state_->readable = std::move(readable);
		State::wait(state_);
		return {};
	}

	void
	stop()
	{
		boost::system::error_code ignored;
		if (state_)
			state_->descriptor.close(ignored);
		state_.reset();
	}

	/** No calls until resume(). */
	void
	pause()
	{
		if (state_)
			state_->paused = true;
	}

	void
	resume()
	{
		if (!state_ || !std::exchange(state_->paused, false))
			return;
		if (!state_->waiting)
			State::wait(state_);
	}

private:
	struct State {
		explicit State(boost::asio::io_context &io) : descriptor(io) {}

		static void
		wait(const std::shared_ptr<State> &state)
		{
			std::weak_ptr<State> weak = state;
			state->waiting = true;
			state->descriptor.async_wait(
			    boost::asio::posix::descriptor_base::wait_read,
			    [weak](boost::system::error_code error) {
				auto self = weak.lock();
				if (!self || error)
					return;
				self->waiting = false;
				if (!self->paused)
					self->readable();
				if (self->descriptor.is_open() &&
				    !self->paused && !self->waiting)
					wait(self);
			});
		}

		boost::asio::posix::stream_descriptor descriptor;
		std::function<void()> readable;
		bool waiting = false, paused = false;
	};

	boost::asio::io_context &io_;
	std::shared_ptr<State> state_;
};

} // namespace jeebs
