// SPDX-License-Identifier: ISC
// A client that has more than its socket was restored with, and didn't answer when
// it was asked: TCP takes none of its ACKs, since they are of what this socket
// hasn't sent yet (RFC 9293 3.10.7.4), and sends no more without one. Until it has
// caught up it is given ACKs of what it has sent, which are true.
// Owner: Adoptions; event loop's thread only.
#pragma once

#include <functional>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "flow.hh"
#include "inject.hh"
#include "shared-fd.hh"
#include "tapinput.hh"

namespace jeebs {

class LostAcks {
public:
	// drain: the tap gets what has come by now.
	LostAcks(boost::asio::io_context &, std::function<void()> drain,
	    TapInput &, Injector &);

	// tcp: a copy of the session's descriptor, out of repair mode; start:
	// where its socket was restored, and to where the client may be ahead.
	void add(const jeebs_tcp_state &, SharedFd tcp,
	    const StreamEdges &start);
	void forget(const Flow &);
	void clear();
	// The tap is still needed.
	bool watching() const { return !all_.empty(); }

private:
	struct Watch {
		Flow flow;
		jeebs_tcp_state state;
		SharedFd tcp;
		StreamEdges start;
	};
	void look_later();
	bool over(const Watch &);

	std::function<void()> drain_;
	TapInput &tap_;
	Injector &injector_;
	boost::asio::steady_timer timer_;
	std::vector<Watch> all_;
	bool waiting_ = false;
};

} // namespace jeebs
