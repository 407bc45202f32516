// SPDX-License-Identifier: ISC
// The Daemon's end on purpose.
#include "daemon.hh"

#include <utility>

#include "log.hh"

namespace jeebs {

using boost::system::error_code;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds stop_wait(600);

} // namespace

void
Daemon::stop(std::function<void()> done)
{
	if (stopped_)
		return;
	stopped_ = std::move(done);
	bool standby_may_hold = role_.state() == RoleState::primary_protected ||
	    role_.state() == RoleState::primary_stalled;
	log::info("stopping, {}", to_string(role_.state()));
	takeover_.cancel();
	if (link_.is_up()) {
		Buffer b = link_.buffer();
		put_resign(b, role_.epoch(), "jeebsd stops");
		(void)link_.send(std::move(b));
	}
	said_.mute = true;
	said_.granting = false;
	(void)heartbeat_.say(said_);
	// What a standby holds it must have dropped before this host may go on
	// without a lease.
	if (!standby_may_hold || !link_.is_up())
		return finish_stop(!standby_may_hold);
	stop_timer_.expires_after(stop_wait);
	stop_timer_.async_wait([this](error_code ec) {
		if (!ec)
			finish_stop(false);
	});
}

void
Daemon::open_gate()
{
	if (!gate_)
		return;
	if (auto r = gate_->remove(); !r)
		log::warning("input: {}", r.error().what);
	service_manager::forget(input_queue_name);
}

void
Daemon::finish_stop(bool unlock)
{
	if (!stopped_)
		return;
	auto done = std::exchange(stopped_, nullptr);
	stop_timer_.cancel();
	timer_.cancel();
	bool serving = role_.serving();
	if (serving && unlock) {
		export_.standby_lost_with_evidence("jeebsd stops");
		open_gate();
		net_.close(true);
	} else if (serving) {
		log::warning("the standby didn't say that it let go: the VIP "
		    "stays silent here, it takes over");
	} else {
		open_gate();
		net_.close(false);
	}
	heartbeat_.stop();
	// One more round, so that what was queued leaves.
	stop_timer_.expires_after(milliseconds(50));
	stop_timer_.async_wait([this, done](error_code) {
		link_.stop();
		done();
	});
}

} // namespace jeebs
