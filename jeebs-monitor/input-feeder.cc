// SPDX-License-Identifier: ISC
#include "input-feeder.hh"

#include <algorithm>
#include <utility>

#include <poll.h>

#include "log.hh"
#include "tcp-info.hh"
#include "tcp-progress.hh"

namespace jeebs {

namespace {

constexpr std::chrono::milliseconds period(2);
// At one time: a restored socket's buffer has yet to grow.
constexpr uint32_t portion = 65536;

// Whoever reads from it has had enough, but for the copy here, which would keep
// the connection alive.
bool
unread(int fd)
{
	pollfd p{.fd = fd, .events = POLLRDHUP, .revents = 0};
	return ::poll(&p, 1, 0) == 1;
}

} // namespace

InputFeeder::InputFeeder(boost::asio::io_context &io, Injector &injector,
    Safe safe)
    : injector_(injector), safe_(std::move(safe)), timer_(io)
{
}

template <class Gone>
void
InputFeeder::erase(Gone gone)
{
	std::vector<Flow> flows;

	std::erase_if(all_, [&](Fed &f) {
		const bool was_safe = f.safe, is_gone = gone(f);
		if (!was_safe && (is_gone || f.safe))
			flows.push_back(f.flow);
		return is_gone;
	});
	if (!flows.empty())
		safe_(flows);
}

void
InputFeeder::add(const Flow &flow, SharedFd tcp, uint64_t in_off, Seq32 ack,
    InputFeed feed, Ask ask, Room room)
{
	forget(flow);
	Fed f{flow, std::move(tcp), in_off, ack, std::move(feed),
	    std::move(ask), std::move(room)};
	if (over(f, BootClock::now()))
		return;
	all_.push_back(std::move(f));
	if (!waiting_)
		look_later();
}

// True when nothing is left to do for it.
bool
InputFeeder::over(Fed &f, Time now)
{
	auto moved = tcp_progress(f.tcp.get());
	auto window = receive_window(f.tcp.get());

	if (!moved || !window)
		return true;
	const bool ended = unread(f.tcp.get());
	if (f.room && !ended)
		f.room(f.tcp.get(), true);
	// An older one than a window ago TCP takes for forged (RFC 5961 5.2).
	const Seq32 ack = f.ack + static_cast<uint32_t>(moved->acked);
	for (const InputPart &part : f.feed.due(f.in_off + moved->received,
	    ended ? 0 : std::min(*window, portion), now))
		if (auto ok = injector_.inject(part.packet, ack, ack,
		    part.from, part.to); !ok)
			log::warning("session from {}: injecting: {}",
			    f.flow.remote_name(), ok.error().what);
	if (!f.safe && (ended || f.feed.whole())) {
		f.safe = true;
		f.ask(moved->acked, moved->received);
	}
	if (!f.feed.done() && !ended)
		return false;
	if (f.room)
		f.room(f.tcp.get(), false);
	return true;
}

void
InputFeeder::look_later()
{
	waiting_ = !all_.empty();
	if (!waiting_)
		return;
	timer_.expires_after(period);
	timer_.async_wait([this](boost::system::error_code ec) {
		if (ec)
			return;
		Time now = BootClock::now();
		erase([this, now](Fed &f) { return over(f, now); });
		look_later();
	});
}

bool
InputFeeder::unsafe(const Flow &flow) const
{
	return std::any_of(all_.begin(), all_.end(),
	    [&flow](const Fed &f) { return f.flow == flow && !f.safe; });
}

uint64_t
InputFeeder::delivered(const Flow &flow) const
{
	for (const Fed &f : all_)
		if (f.flow == flow)
			return f.feed.end();
	return 0;
}

InputFeeder::Rest
InputFeeder::rest(const Flow &flow) const
{
	for (const Fed &f : all_)
		if (f.flow == flow)
			return {f.feed.end() - f.in_off, f.feed.rest()};
	return {};
}

void
InputFeeder::forget(const Flow &flow)
{
	erase([&flow](const Fed &f) { return f.flow == flow; });
}

void
InputFeeder::clear()
{
	erase([](const Fed &) { return true; });
	timer_.cancel();
	waiting_ = false;
}

} // namespace jeebs
