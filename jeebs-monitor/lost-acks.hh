// SPDX-License-Identifier: ISC
// A peer that has more than its socket was restored with: it didn't answer when it
// was asked, or holds what came out of order, behind what the dead host had lost.
// TCP takes none of its ACKs, since they are of what this socket hasn't sent yet
// (RFC 9293 3.10.7.4), and sends no more without one. Until it has caught up it is
// given ACKs of what it has sent, which are true.
// Owner: Adoptions; event loop's thread only.
#pragma once

#include <functional>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "clock.hh"
#include "flow.hh"
#include "inject.hh"
#include "shared-fd.hh"
#include "tapinput.hh"

namespace jeebs {

// A packet of the peer that ACKs what the socket has sent, less than facts say it
// has, with the same right edge of its window. in_off: the next byte from it.
[[nodiscard]] std::vector<uint8_t> ack_of(const jeebs_tcp_state &,
    const TapFacts &, uint64_t in_off, uint64_t sent);

class LostAcks {
public:
	struct Hooks {
		// The tap gets what has come by now.
		std::function<void()> drain;
		// Nothing is watched any more.
		std::function<void()> idle;
	};
	LostAcks(boost::asio::io_context &, TapInput &, Injector &, Hooks);

	enum class Peer { client, target };
	// tcp: a copy of the descriptor, out of repair mode; start: where its
	// socket was restored, and to where its peer may be ahead. The tap
	// knows the flow, and is told to forget a target's in the end. False,
	// and that is logged, if there is no copy.
	bool add(Peer, const jeebs_tcp_state &, SharedFd tcp,
	    const StreamEdges &start);
	void forget(const Flow &);
	void clear();
	bool watching() const { return !all_.empty(); }

private:
	struct Watch {
		Peer peer;
		Flow flow;
		jeebs_tcp_state state;
		SharedFd tcp;
		StreamEdges start;
		Time until;
	};
	void look_later();
	bool over(const Watch &, Time now);
	template <class Gone> void erase(Gone gone);

	TapInput &tap_;
	Injector &injector_;
	Hooks hooks_;
	boost::asio::steady_timer timer_;
	std::vector<Watch> all_;
	bool waiting_ = false;
};

} // namespace jeebs
