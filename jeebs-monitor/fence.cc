// SPDX-License-Identifier: ISC
#include "fence.hh"

#include <algorithm>
#include <utility>

#include "log.hh"

namespace jeebs {

using boost::system::error_code;
using std::chrono::milliseconds;

namespace {

// Asking the LAN whether somebody else has the VIP: three questions.
constexpr milliseconds conflict_wait(12);
// What is left of the time to take over when the fence command is given up.
constexpr milliseconds reserve(200);

} // namespace

Fence::Fence(boost::asio::io_context &io, const Config &config,
    ServiceNet &net)
    : io_(io), config_(config), net_(net), timer_(io)
{
}

// Three things at a time: the lease runs out, a fence command if there is
// one, and the LAN says whether the VIP is free.
void
Fence::start(Time silent_after, Time take_by, Done done)
{
	// What an earlier start still waits for isn't this one's.
	alive_ = std::make_shared<bool>(true);
	std::weak_ptr<bool> alive = alive_;

	done_ = std::move(done);
	confirmed_ = probed_again_ = false;
	waits_ = 1;
	timer_.expires_after(std::max<Duration>(silent_after -
	    BootClock::now(), Duration::zero()));
	timer_.async_wait([this, alive](error_code ec) {
		if (!ec && !alive.expired())
			part_over();
	});
	probe();
	if (!config_.fence.empty())
		start_command(take_by);
}

void
Fence::cancel()
{
	timer_.cancel();
	command_.reset();
	done_ = nullptr;
}

void
Fence::probe()
{
	std::weak_ptr<bool> alive = alive_;

	waits_++;
	net_.probe(conflict_wait, {}, [this, alive](auto by, bool) {
		if (alive.expired())
			return;
		taken_by_ = by;
		part_over();
	});
}

void
Fence::start_command(Time take_by)
{
	// The lease is proof enough while it is early enough to rely on it.
	auto limit = std::min<Duration>(config_.fence_timeout,
	    std::max<Duration>(take_by - BootClock::now() - reserve,
	    milliseconds(1)));
	auto c = Command::start(io_, config_.fence,
	    std::chrono::duration_cast<milliseconds>(limit),
	    [this](Result<int> status) {
		confirmed_ = status && *status == 0;
		if (confirmed_)
			log::info("{} is fenced", config_.peer.name);
		else
			log::warning("the fence command failed ({}): relying "
			    "on the lease", status ? fmt::format("exit status "
			    "{}", *status) : status.error().what);
		part_over();
	});
	if (!c) {
		log::error("fence: {}: relying on the lease", c.error().what);
		return;
	}
	waits_++;
	command_ = std::move(*c);
}

void
Fence::part_over()
{
	if (!done_ || --waits_ > 0)
		return;
	if (!taken_by_)
		return std::exchange(done_, nullptr)({});
	if (probed_again_)
		return std::exchange(done_, nullptr)(fail(*taken_by_ +
		    ": somebody else has the VIP, take it away there"));
	// That may have been the primary's kernel, under the end of its lease.
	probed_again_ = true;
	probe();
}

} // namespace jeebs
