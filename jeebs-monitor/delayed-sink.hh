// SPDX-License-Identifier: ISC
// What a standby says reaches the primary later, as over a long link: only in
// the programs of "make testing", by the switches commit-delay-100us, -1ms, -5ms
// and -20ms. Each frame waits for itself, those after it don't wait for more.
// Owner: the daemon; event loop's thread only.
#pragma once

#include <boost/asio/io_context.hpp>

#include "link.hh"

#ifdef JEEBS_TESTING
#include <chrono>
#include <deque>
#include <utility>

#include <boost/asio/steady_timer.hpp>

#include "jeebs-testing.h"
#endif

namespace jeebs {

#ifndef JEEBS_TESTING

class DelayedSink {
public:
	DelayedSink(boost::asio::io_context &, Link &link) : link_(link) {}
	FrameSink &sink() { return link_; }

private:
	Link &link_;
};

#else

class DelayedSink : public FrameSink {
public:
	DelayedSink(boost::asio::io_context &io, Link &link)
	    : link_(link), timer_(io) {}
	FrameSink &sink() { return *this; }

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
		static constexpr std::pair<const char *,
		    std::chrono::microseconds> delays[] = {
			{"commit-delay-100us", 100us},
			{"commit-delay-1ms", 1ms},
			{"commit-delay-5ms", 5ms},
			{"commit-delay-20ms", 20ms},
		};
		for (const auto &[name, by] : delays)
			if (jeebs_testing(name))
				return by;
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

#endif

} // namespace jeebs
