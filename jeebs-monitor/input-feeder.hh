// SPDX-License-Identifier: ISC
// Feeds adopted sockets what their clients had sent to the dead host (InputFeed),
// through the Injector.
// Owner: Adoptions; event loop's thread only.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "flow.hh"
#include "inject.hh"
#include "input-feed.hh"
#include "seq32.hh"
#include "shared-fd.hh"

namespace jeebs {

class InputFeeder {
public:
	// safe: they have all that there is in order, or are no longer fed.
	using Safe = std::function<void(std::span<const Flow>)>;
	InputFeeder(boost::asio::io_context &, Injector &, Safe);

	// tcp: a copy of the session's descriptor, out of repair mode; in_off:
	// and ack: where its socket was restored.
	// Gives what fits at once. room: called with the descriptor before
	// something is given, and with false when TCP has all of it; may be
	// empty. ask: called when it is safe from its peer's reset, with what
	// the socket has sent and been ACKed, and received: the peer is asked
	// for the one that it may have sent before.
	using Room = std::function<void(int, bool)>;
	using Ask = std::function<void(uint64_t acked, uint64_t received)>;
	void add(const Flow &, SharedFd tcp, uint64_t in_off, Seq32 ack,
	    InputFeed, Ask, Room = {});
	// Would a reset lose something?
	bool unsafe(const Flow &) const;
	// Offset that the session's socket will have come to; 0 if nothing of it
	// is left here.
	uint64_t delivered(const Flow &) const;
	// The same in bytes since it was restored, and what it hasn't got yet.
	struct Rest {
		uint64_t end = 0;
		std::vector<InputPart> parts;
	};
	Rest rest(const Flow &) const;
	// It ended.
	void forget(const Flow &);
	void clear();

private:
	struct Fed {
		Flow flow;
		SharedFd tcp;
		uint64_t in_off;
		Seq32 ack;
		InputFeed feed;
		Ask ask;
		Room room;
		bool safe = false;
	};
	bool over(Fed &, Time now);
	void look_later();
	template <class Gone> void erase(Gone gone);

	Injector &injector_;
	Safe safe_;
	boost::asio::steady_timer timer_;
	std::vector<Fed> all_;
	bool waiting_ = false;
};

} // namespace jeebs
