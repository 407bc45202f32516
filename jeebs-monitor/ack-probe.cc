// SPDX-License-Identifier: ISC
#include "ack-probe.hh"

#include <netinet/in.h>
#include <sys/socket.h>

#include "log.hh"
#include "segment.hh"

namespace jeebs {

Result<void>
AckProbe::open()
{
	/* IPPROTO_RAW: the header comes with the packet, any source address. */
	v4_.reset(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    IPPROTO_RAW));
	if (!v4_)
		return fail_errno("cannot open a raw IPv4 socket");
	v6_.reset(socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    IPPROTO_RAW));
	if (!v6_ && errno != EAFNOSUPPORT)
		return fail_errno("cannot open a raw IPv6 socket");
	return {};
}

Result<void>
AckProbe::send(const jeebs_tcp_state &state, uint64_t snd_off,
    uint64_t rcv_off, uint32_t ts_val)
{
	const Flow flow = Flow::from_state(state);
	SegmentFields fields = fields_from_local(flow);
	fields.seq = seq_of_offset(state.snd_base, snd_off) - 1;
	fields.ack = seq_of_offset(state.rcv_base, rcv_off);
	const uint32_t window = state.rcv_wnd >> state.rcv_wscale;
	fields.window = static_cast<uint16_t>(window < 65535 ? window : 65535);
	if (state.options & JEEBS_TCP_OPT_TS)
		fields.timestamps = TcpTimestamps{ts_val & ~1U, 0};
	const auto packet = build_segment(fields);

	sockaddr_storage to;
	const socklen_t length = to_sockaddr(flow.remote, 0, to);
	const int fd = flow.remote.is_v6() ? v6_.get() : v4_.get();
	if (sendto(fd, packet.data(), packet.size(), 0,
	    reinterpret_cast<sockaddr *>(&to), length) < 0)
		return fail_errno("cannot probe " + flow.to_string());
	return {};
}

void
AckProbe::ask(const jeebs_tcp_state &state, uint64_t snd_off,
    uint64_t rcv_off, uint32_t ts_val)
{
	if (auto ok = send(state, snd_off, rcv_off, ts_val); !ok)
		log::warning("asking {}: {}",
		    Flow::from_state(state).remote_name(), ok.error().what);
}

AckProbe::Later
AckProbe::ask_later(const jeebs_tcp_state &state, uint64_t snd_off,
    uint64_t rcv_off, uint32_t ts_val)
{
	return [=, this](uint64_t acked, uint64_t received) {
		ask(state, snd_off + acked, rcv_off + received, ts_val);
	};
}

} // namespace jeebs
