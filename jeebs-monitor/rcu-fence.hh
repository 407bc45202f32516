// SPDX-License-Identifier: ISC
// Waits until every packet that met the packet filter before a call of pass()
// has reached its socket: network receive runs in RCU read-side sections, and
// membarrier(2)'s MEMBARRIER_CMD_GLOBAL is synchronize_rcu() (kernel/sched/
// membarrier.c). It takes some ms, hence a thread of its own, which does nothing
// else. Calls of pass() while it waits are served by the wait after.
// Owner: InputGate; callbacks on the event loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include "result.hh"

namespace jeebs {

class RcuFence {
public:
	explicit RcuFence(boost::asio::io_context &);
	~RcuFence();
	RcuFence(const RcuFence &) = delete;
	RcuFence &operator=(const RcuFence &) = delete;

	/** Whether the kernel can do it: an error that says what to do. */
	[[nodiscard]] static Result<void> check();
	/** done is not called after the fence's destruction. */
	void pass(std::function<void()> done);

private:
	void start();

	boost::asio::io_context &io_;
	std::vector<std::function<void()>> next_, now_;
	std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
	// Begun when it is needed: with the privileges of then.
	std::optional<boost::asio::thread_pool> thread_;
};

} // namespace jeebs
