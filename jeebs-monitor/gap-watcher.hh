// SPDX-License-Identifier: ISC
// Watches adopted sessions whose client could have a hole in its stream, and
// resets those that have.
// Owner: Adoptions; event loop's thread only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "clock.hh"
#include "flow.hh"
#include "recovery.hh"
#include "service-net.hh"
#include "shared-fd.hh"
#include "tapinput.hh"

namespace jeebs {

class GapWatcher {
public:
	using Found = std::function<void(const Flow &,
	    const std::string &user, const char *reason)>;

	GapWatcher(boost::asio::io_context &, ServiceNet &, TapInput &,
	    Duration timeout, Found);

	// tcp: a copy of the session's descriptor; start: where its socket
	// was restored.
	void add(const Flow &, const std::string &user, SharedFd tcp,
	    const StreamEdges &start);
	// Nobody needs to watch this session any more: it ended.
	void forget(const Flow &);
	void clear();

private:
	struct Watch {
		Flow flow;
		std::string user;
		SharedFd tcp;
		StreamEdges start;
		GapWatch gap;
	};
	void look_later();
	void look();
	bool over(Watch &, Time now);

	ServiceNet &net_;
	TapInput &tap_;
	Duration timeout_;
	Found found_;
	boost::asio::steady_timer timer_;
	std::vector<Watch> watches_;
	bool waiting_ = false;
};

} // namespace jeebs
