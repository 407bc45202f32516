// SPDX-License-Identifier: ISC
// What a standby says reaches the primary later, as over a long link: only in
// the programs of "make testing", by the switches commit-delay-100us, -1ms, -5ms
// and -20ms. Each frame waits for itself, those after it don't wait for more.
// Owner: the daemon; event loop's thread only.
#pragma once

#include <memory>

#include <boost/asio/io_context.hpp>

#include "link.hh"

namespace jeebs {

class DelayedSink {
public:
	DelayedSink(boost::asio::io_context &, Link &);
	~DelayedSink();
	// The link itself in the programs that are installed.
	FrameSink &sink() { return sink_; }

private:
	class Queue;
	std::unique_ptr<Queue> queue_;	// null there
	FrameSink &sink_;
};

} // namespace jeebs
