// SPDX-License-Identifier: ISC
#include "rcu-fence.hh"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/post.hpp>

namespace jeebs {

RcuFence::RcuFence(boost::asio::io_context &io) : io_(io) {}

RcuFence::~RcuFence()
{
	if (thread_)
		thread_->join();
}

Result<void>
RcuFence::check()
{
	const long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY,
	    0, 0);
	if (commands == -1 || !(commands & MEMBARRIER_CMD_GLOBAL))
		return fail("this kernel has no membarrier(2), or runs with "
		    "nohz_full: boot it without, or set input-commit = \"tap\"",
		    ENOTSUP);
	return {};
}

void
RcuFence::pass(std::function<void()> done)
{
	next_.push_back(std::move(done));
	if (now_.empty())
		start();
}

void
RcuFence::start()
{
	if (!thread_)
		thread_.emplace(1);
	now_ = std::exchange(next_, {});
	boost::asio::post(*thread_, [this, &io = io_,
	    alive = std::weak_ptr<bool>(alive_)] {
		(void)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
		boost::asio::post(io, [this, alive] {
			if (alive.expired())
				return;
			for (auto &done : std::exchange(now_, {}))
				done();
			if (!next_.empty() && now_.empty())
				start();
		});
	});
}

} // namespace jeebs
