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
	// over: no longer fed, for whatever reason.
	using Over = std::function<void(std::span<const Flow>)>;
	InputFeeder(boost::asio::io_context &, Injector &, Over);

	// tcp: a copy of the session's descriptor, out of repair mode; in_off:
	// and ack: where its socket was restored.
	// Gives what fits at once. room: called with the descriptor before
	// something is given, and with false when TCP has all of it.
	void add(const Flow &, SharedFd tcp, uint64_t in_off, Seq32 ack,
	    InputFeed, std::function<void(int, bool)> room = {});
	bool feeds(const Flow &) const;
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
		std::function<void(int, bool)> room;
	};
	bool over(Fed &, Time now);
	void look_later();
	template <class Gone> void erase(Gone gone);

	Injector &injector_;
	Over over_;
	boost::asio::steady_timer timer_;
	std::vector<Fed> all_;
	bool waiting_ = false;
};

} // namespace jeebs
