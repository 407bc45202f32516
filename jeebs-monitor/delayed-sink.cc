// SPDX-License-Identifier: ISC
#include "delayed-sink.hh"

#include "jeebs-testing.h"

#ifdef JEEBS_TESTING
#include <chrono>
#include <deque>
#include <utility>

#include <boost/asio/steady_timer.hpp>
#endif

namespace jeebs {

#ifndef JEEBS_TESTING

class DelayedSink::Queue {};

DelayedSink::DelayedSink(boost::asio::io_context &, Link &link) : sink_(link) {}

#else

class DelayedSink::Queue : public FrameSink {
public:
	Queue(boost::asio::io_context &io, Link &link)
	    : link_(link), timer_(io) {}

	bool is_up() const override { return link_.is_up(); }
	const PeerHello *peer() const override { return link_.peer(); }
	bool congested() const override { return link_.congested(); }
	Buffer buffer() override { return link_.buffer(); }
	bool send(Buffer frames) override
	{
		const auto by = delay();
		if (by.count() == 0 && waiting_.empty())
			return link_.send(std::move(frames));
		waiting_.push_back({Clock::now() + by, link_.stats().ups,
		    std::move(frames)});
		if (waiting_.size() == 1)
			wait();
		return link_.is_up();
	}

private:
	using Clock = std::chrono::steady_clock;
	struct Waiting {
		Clock::time_point due;
		uint64_t ups;	// which of the link's connections it is for
		Buffer frames;
	};

	static std::chrono::microseconds delay()
	{
		using namespace std::chrono_literals;
		if (jeebs_testing("commit-delay-100us"))
			return 100us;
		if (jeebs_testing("commit-delay-1ms"))
			return 1ms;
		if (jeebs_testing("commit-delay-5ms"))
			return 5ms;
		if (jeebs_testing("commit-delay-20ms"))
			return 20ms;
		return 0us;
	}
	void wait()
	{
		timer_.expires_at(waiting_.front().due);
		timer_.async_wait([this](boost::system::error_code ec) {
			if (!ec)
				send_due();
		});
	}
	void send_due()
	{
		while (!waiting_.empty() &&
		    waiting_.front().due <= Clock::now()) {
			Waiting w = std::move(waiting_.front());
			waiting_.pop_front();
			if (w.ups == link_.stats().ups)
				(void)link_.send(std::move(w.frames));
		}
		if (!waiting_.empty())
			wait();
	}

	Link &link_;
	boost::asio::steady_timer timer_;
	std::deque<Waiting> waiting_;
};

DelayedSink::DelayedSink(boost::asio::io_context &io, Link &link)
    : queue_(std::make_unique<Queue>(io, link)), sink_(*queue_)
{
}

#endif

DelayedSink::~DelayedSink() = default;

} // namespace jeebs
