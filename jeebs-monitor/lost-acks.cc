// SPDX-License-Identifier: ISC
#include "lost-acks.hh"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "log.hh"
#include "segment.hh"
#include "tcp-progress.hh"

namespace jeebs {

namespace {

constexpr std::chrono::milliseconds period(5);
// Longer than TCP itself waits for a peer that is silent (tcp_retries2).
constexpr std::chrono::minutes at_most(20);

} // namespace

std::vector<uint8_t>
ack_of(const jeebs_tcp_state &s, const TapFacts &facts, uint64_t in_off,
    uint64_t sent)
{
	const Flow flow = Flow::from_state(s);
	const uint64_t unit = uint64_t{1} << s.snd_wscale;
	SegmentFields f = fields_to_local(flow);

	f.seq = seq_of_offset(s.rcv_base, in_off);
	f.ack = seq_of_offset(s.snd_base, sent);
	// Else it would take nothing while a peer that doesn't read has none.
	const uint64_t window = facts.client_window +
	    (facts.client_ack - sent + unit - 1) / unit;
	f.window = static_cast<uint16_t>(std::min<uint64_t>(window, 65535));
	return build_segment(f);
}

LostAcks::LostAcks(boost::asio::io_context &io, TapInput &tap, Injector &injector,
    Hooks hooks)
    : tap_(tap), injector_(injector), hooks_(std::move(hooks)), timer_(io)
{
}

bool
LostAcks::add(Peer peer, const jeebs_tcp_state &s, SharedFd tcp,
    const StreamEdges &start)
{
	Flow flow = Flow::from_state(s);
	if (!tcp) {
		log::warning("{}: its ACKs may be lost: {}", flow.remote_name(),
		    std::strerror(errno));
		if (peer == Peer::target)
			tap_.remove(flow);
		return false;
	}
	all_.push_back({peer, flow, s, std::move(tcp), start,
	    BootClock::now() + at_most});
	if (!waiting_)
		look_later();
	return true;
}

template <class Gone>
void
LostAcks::erase(Gone gone)
{
	const bool any = watching();

	std::erase_if(all_, [&](const Watch &w) {
		if (!gone(w))
			return false;
		if (w.peer == Peer::target)
			tap_.remove(w.flow);
		return true;
	});
	if (any && !watching())
		hooks_.idle();
}

void
LostAcks::forget(const Flow &flow)
{
	erase([&flow](const Watch &w) { return w.flow == flow; });
}

void
LostAcks::clear()
{
	erase([](const Watch &) { return true; });
	timer_.cancel();
	waiting_ = false;
}

void
LostAcks::look_later()
{
	waiting_ = watching();
	if (!waiting_)
		return;
	timer_.expires_after(period);
	timer_.async_wait([this](boost::system::error_code ec) {
		if (ec)
			return;
		hooks_.drain();
		const Time now = BootClock::now();
		erase([this, now](const Watch &w) { return over(w, now); });
		look_later();
	});
}

bool
LostAcks::over(const Watch &w, Time now)
{
	const auto moved = tcp_progress(w.tcp.get());

	// From there on TCP takes each ACK that is true.
	if (!moved || !moved->open || now >= w.until ||
	    w.start.acked + moved->sent >= w.start.out_end)
		return true;
	const StreamEdges at = w.start.after(moved->received, moved->acked);
	tap_.edges(w.flow, at);
	const TapFacts *f = tap_.facts(w.flow);
	const uint64_t sent = w.start.acked + moved->sent;
	// Of more than the dead host can have sent (its FIN counts) it is forged.
	if (f == nullptr || !f->client_seen || f->client_ack <= sent ||
	    f->client_ack > w.start.out_end + 1 || sent <= at.acked)
		return false;
	const Seq32 ack = seq_of_offset(w.state.snd_base, sent);
	if (auto ok = injector_.inject(ack_of(w.state, *f, at.in_off, sent),
	    ack, ack); !ok)
		log::warning("{}: injecting an ACK: {}", w.flow.remote_name(),
		    ok.error().what);
	return false;
}

} // namespace jeebs
