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

} // namespace

std::vector<uint8_t>
ack_of(const jeebs_tcp_state &s, const TapFacts &facts, uint64_t in_off,
    uint64_t sent)
{
	const Flow flow = Flow::from_state(s);
	const uint64_t unit = uint64_t{1} << s.snd_wscale;
	SegmentFields f;

	f.source = flow.remote;
	f.destination = flow.local;
	f.source_port = flow.remote_port;
	f.destination_port = flow.local_port;
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

void
LostAcks::add(Peer peer, const jeebs_tcp_state &s, SharedFd tcp,
    const StreamEdges &start)
{
	Flow flow = Flow::from_state(s);
	if (!tcp) {
		log::warning("{}: its ACKs may be lost: {}", flow.remote_name(),
		    std::strerror(errno));
		if (peer == Peer::target)
			tap_.remove(flow);
		return;
	}
	all_.push_back({peer, flow, s, std::move(tcp), start});
	if (!waiting_)
		look_later();
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
		erase([this](const Watch &w) { return over(w); });
		look_later();
	});
}

bool
LostAcks::over(const Watch &w)
{
	const auto moved = tcp_progress(w.tcp.get());

	if (!moved || !moved->open ||
	    w.start.acked + moved->acked >= w.start.out_end)
		return true;
	const StreamEdges at = w.start.after(moved->received, moved->acked);
	tap_.edges(w.flow, at);
	const TapFacts *f = tap_.facts(w.flow);
	const uint64_t sent = w.start.acked + moved->sent;
	if (f == nullptr || !f->client_seen || f->client_ack <= sent ||
	    sent <= at.acked)
		return false;
	if (auto ok = injector_.inject(ack_of(w.state, *f, at.in_off, sent),
	    seq_of_offset(w.state.snd_base, sent),
	    seq_of_offset(w.state.snd_base, sent)); !ok)
		log::warning("{}: injecting an ACK: {}",
		    w.flow.remote_name(), ok.error().what);
	return false;
}

} // namespace jeebs
