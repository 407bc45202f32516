// SPDX-License-Identifier: ISC
// TcpRestorer by TCP_REPAIR (Linux net/ipv4/tcp.c).
#include "tcp-restore.hh"

#include <algorithm>
#include <array>
#include <string>

#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/tcp.h>

#include "flow.hh"
#include "seq32.hh"
#include "tcp-descriptor.hh"
#include "tcp-progress.hh"

namespace jeebs {

namespace {

/* net/tcp.h; not in the uapi headers */
constexpr uint32_t tcpopt_maxseg = 2;
constexpr uint32_t tcpopt_window = 3;
constexpr uint32_t tcpopt_sack_perm = 4;
constexpr uint32_t tcpopt_timestamp = 8;

/** Restored at least: what a client may rightly have in flight to us. */
constexpr uint32_t min_receive_window = 65535;
/** More than a standby holds, and what fills a receive buffer. */
constexpr uint64_t max_held = 64U << 20, full_buffer = 4U << 20;

template <class T>
Result<void>
set(int fd, int level, int option, const T &value, const char *name)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)) != 0)
		return fail_errno(std::string("TCP socket: ") + name);
	return {};
}

Result<void>
set_sequence(int fd, int queue, Seq32 seq)
{
	return set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue,
	    "TCP_REPAIR_QUEUE").and_then([&] {
		return set(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, seq.value(),
		    "TCP_QUEUE_SEQ"); });
}

/**
 * Before connect, which computes the segment size from it; the repair option
 * alone leaves that at the default of 536 until the peer's window grows.
 */
Result<void>
set_max_segment(int fd, int mss)
{
	return set(fd, IPPROTO_TCP, TCP_MAXSEG, mss, "TCP_MAXSEG");
}

Result<void>
set_options(int fd, const jeebs_tcp_state &s)
{
	std::array<tcp_repair_opt, 4> options{};
	size_t n = 0;

	options[n++] = {tcpopt_maxseg, s.mss};
	/*
	 * Also without the option, as 0/0: connect has chosen a shift of its
	 * own that only a SYN-ACK without the option would have taken back.
	 */
	options[n++] = {tcpopt_window, s.options & JEEBS_TCP_OPT_WSCALE ?
	    uint32_t{s.snd_wscale} | uint32_t{s.rcv_wscale} << 16 : 0};
	if (s.options & JEEBS_TCP_OPT_SACK)
		options[n++] = {tcpopt_sack_perm, 0};
	if (s.options & JEEBS_TCP_OPT_TS)
		options[n++] = {tcpopt_timestamp, 0};
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_OPTIONS, options.data(),
	    static_cast<socklen_t>(n * sizeof(options[0]))) != 0)
		return fail_errno("cannot restore a TCP socket: "
		    "TCP_REPAIR_OPTIONS");
	return {};
}

Result<void>
set_window(int fd, const jeebs_tcp_state &s, Seq32 rcv_nxt, uint64_t held)
{
	tcp_repair_window w{};
	/* One below: the client's next segment, an old one too, updates it. */
	w.snd_wl1 = (rcv_nxt - 1).value();
	w.snd_wnd = s.snd_wnd;
	w.max_window = std::max({s.max_window, s.snd_wnd, 1U});
	/* Whose buffer was full had promised nothing. */
	w.rcv_wnd = std::max(s.rcv_wnd, static_cast<uint32_t>(
	    std::min(held, max_held)) + (held < full_buffer ?
	    min_receive_window : 0));
	w.rcv_wup = rcv_nxt.value();
	return set(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, w, "TCP_REPAIR_WINDOW");
}

class RepairRestorer final : public TcpRestorer {
public:
	Result<UniqueFd>
	restore(const RestoreRequest &request) override
	{
		const jeebs_tcp_state &s = request.state;
		if (s.family != AF_INET && s.family != AF_INET6)
			return fail("cannot restore a TCP socket: family " +
			    std::to_string(s.family), EAFNOSUPPORT);
		UniqueFd fd(socket(s.family,
		    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
		if (!fd)
			return fail_errno("cannot restore a TCP socket");
		if (auto r = build(fd.get(), request); !r)
			return tl::unexpected(r.error());
		return fd;
	}

	Result<void>
	release(int fd, const Flow &flow) override
	{
		const int off = TCP_REPAIR_OFF_NO_WP;
		const int on = 1;
		auto r = still(fd, flow).and_then([&] {
			return set(fd, IPPROTO_TCP, TCP_REPAIR, off,
			    "TCP_REPAIR off"); })
		    .and_then([&] { return still(fd, flow); })
		    .and_then([&] {
			return set(fd, SOL_SOCKET, SO_REUSEADDR, on,
			    "SO_REUSEADDR"); })
		    .and_then([&] {
			return set(fd, SOL_SOCKET, SO_KEEPALIVE, on,
			    "SO_KEEPALIVE"); })
		    .and_then([&] {
			return set(fd, IPPROTO_TCP, TCP_NODELAY, on,
			    "TCP_NODELAY"); });
		if (!r) {
			end_silenced(fd);
			(void)abort_connection(fd);
		}
		return r;
	}

private:
	/** A user's process has it, too, and may have made another of it. */
	static Result<void>
	still(int fd, const Flow &flow)
	{
		if (!is_of_flow(fd, flow))
			return fail("cannot restore " + flow.to_string() +
			    ": its process has ended it, or made another");
		return {};
	}

	static Result<void>
	connect_silently(int fd, const Flow &flow)
	{
		sockaddr_storage address;
		socklen_t length = to_sockaddr(flow.local, flow.local_port,
		    address);
		if (bind(fd, reinterpret_cast<sockaddr *>(&address),
		    length) != 0)
			return fail_errno("cannot restore " +
			    flow.to_string() + ": bind");
		length = to_sockaddr(flow.remote, flow.remote_port, address);
		if (connect(fd, reinterpret_cast<sockaddr *>(&address),
		    length) != 0)
			return fail_errno("cannot restore " +
			    flow.to_string() + ": connect");
		return {};
	}

	static Result<void>
	build(int fd, const RestoreRequest &request)
	{
		const jeebs_tcp_state &s = request.state;
		const Flow flow = Flow::from_state(s);
		const Seq32 snd = seq_of_offset(s.snd_base, request.snd_off);
		const Seq32 rcv = seq_of_offset(s.rcv_base, request.rcv_off);
		const int on = TCP_REPAIR_ON;

		if (s.family == AF_INET6)
			if (auto r = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1,
			    "IPV6_V6ONLY"); !r)
				return r;
		return set(fd, IPPROTO_TCP, TCP_REPAIR, on, "TCP_REPAIR")
		    .and_then([&] {
			return set_foreign_source(fd, s.family, 1); })
		    .and_then([&] {
			return set_sequence(fd, TCP_RECV_QUEUE, rcv); })
		    .and_then([&] {
			return set_sequence(fd, TCP_SEND_QUEUE, snd); })
		    .and_then([&] { return set_max_segment(fd, s.mss); })
		    .and_then([&] { return connect_silently(fd, flow); })
		    .and_then([&] { return make_harmless(fd, s.family); })
		    .and_then([&] { return set_options(fd, s); })
		    .and_then([&] { return set_timestamp(fd, request); })
		    .and_then([&] { return set_window(fd, s, rcv, request.held); });
	}

	/**
	 * A user's process gets it in repair mode: what goes with that, and what
	 * the source address needed, goes before.
	 */
	static Result<void>
	make_harmless(int fd, int family)
	{
		const int on = 1;
		return set_foreign_source(fd, family, 0).and_then([&] {
			return set(fd, SOL_SOCKET, SO_REUSEADDR, on,
			    "SO_REUSEADDR"); });
	}

	static Result<void>
	set_timestamp(int fd, const RestoreRequest &request)
	{
		if (!(request.state.options & JEEBS_TCP_OPT_TS))
			return {};
		/* Bit 0 would select the microsecond clock (Linux 6.7). */
		const uint32_t value = request.ts_val & ~1U;
		return set(fd, IPPROTO_TCP, TCP_TIMESTAMP, value,
		    "TCP_TIMESTAMP");
	}
};

} // namespace

std::unique_ptr<TcpRestorer>
make_repair_restorer()
{
	return std::make_unique<RepairRestorer>();
}

} // namespace jeebs
