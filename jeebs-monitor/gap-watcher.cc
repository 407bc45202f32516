// SPDX-License-Identifier: ISC
#include "gap-watcher.hh"

#include <algorithm>

#include "commit-log.hh"
#include "log.hh"
#include "tcp-progress.hh"

namespace jeebs {

namespace {

constexpr std::chrono::milliseconds period(100);

} // namespace

GapWatcher::GapWatcher(boost::asio::io_context &io, ServiceNet &net,
    TapInput &tap, Duration timeout, Found found)
    : net_(net), tap_(tap), timeout_(timeout), found_(std::move(found)),
      timer_(io)
{
}

void
GapWatcher::add(const Flow &flow, const std::string &user, SharedFd tcp,
    const StreamEdges &start)
{
	watches_.push_back({flow, user, std::move(tcp), start,
	    GapWatch(start.in_off, timeout_, BootClock::now())});
	if (!waiting_)
		look_later();
}

void
GapWatcher::forget(const Flow &f)
{
	std::erase_if(watches_, [&f](const Watch &w) { return w.flow == f; });
}

void
GapWatcher::clear()
{
	watches_.clear();
	timer_.cancel();
	waiting_ = false;
}

void
GapWatcher::look_later()
{
	waiting_ = !watches_.empty();
	if (!waiting_)
		return;
	timer_.expires_after(period);
	timer_.async_wait([this](boost::system::error_code ec) {
		if (!ec)
			look();
	});
}

void
GapWatcher::look()
{
	Time now = BootClock::now();

	net_.tap_drain();
	std::erase_if(watches_, [this, now](Watch &w) { return over(w, now); });
	look_later();
}

bool
GapWatcher::over(Watch &w, Time now)
{
	auto moved = tcp_progress(w.tcp.get());
	if (!moved)
		return true;
	tap_.edges(w.flow, w.start.after(moved->received, moved->acked));
	const TapFacts *f = tap_.facts(w.flow);
	auto next = f != nullptr && f->client_seen ?
	    std::optional(f->client_next) : std::nullopt;
	auto verdict = w.gap.look(moved->received, next,
	    tap_.take_lowest(w.flow), now);
	if (verdict != GapWatch::Verdict::hole)
		return verdict == GapWatch::Verdict::clean;
	const char *reason = "client byte in flight never seen";
	log::error("session of {} from {} reset: {}", log::printable(w.user),
	    w.flow.remote_name(), reason);
	found_(w.flow, w.user, reason);
	commit_log::line("reset {} why={}", commit_log::name_of(w.flow),
	    reason);
	// Its reset would be taken for that of a dying sshd.
	net_.unprotect(w.flow);
	if (auto ok = abort_connection(w.tcp.get()); !ok)
		log::warning("session from {}: reset: {}",
		    w.flow.remote_name(), ok.error().what);
	return true;
}

} // namespace jeebs
