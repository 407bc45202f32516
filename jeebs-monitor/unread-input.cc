// SPDX-License-Identifier: ISC
#include "unread-input.hh"

#include <algorithm>
#include <cerrno>
#include <span>

#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <linux/tcp.h>

#include "flow.hh"
#include "segment.hh"

namespace jeebs {

namespace {

// net/tcp_states.h: those that a FIN of the peer leads to, and no connection.
constexpr uint8_t state_time_wait = 6, state_close = 7, state_close_wait = 8,
    state_last_ack = 9, state_listen = 10, state_closing = 11;

Result<tcp_info>
info_of(int fd)
{
	tcp_info info{};
	socklen_t len = sizeof(info);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return fail_errno("TCP_INFO");
	// Whether a FIN is counted isn't to be known any more.
	if (info.tcpi_state == state_close || info.tcpi_state == state_listen ||
	    info.tcpi_state == state_time_wait)
		return fail("not connected", ENOTCONN);
	return info;
}

// In order or not.
bool
holds_packets(int fd)
{
	uint32_t memory[SK_MEMINFO_VARS] = {};
	socklen_t len = sizeof(memory);
	return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &len) != 0 ||
	    memory[SK_MEMINFO_RMEM_ALLOC] != 0;
}

} // namespace

Result<InputPlace>
input_place(int fd)
{
	const auto before = info_of(fd);
	int unread = 0;

	if (!before)
		return tl::unexpected(before.error());
	// tcp_inq() of include/net/tcp.h doesn't count a FIN.
	if (ioctl(fd, SIOCINQ, &unread) != 0)
		return fail_errno("SIOCINQ");
	const auto after = info_of(fd);
	if (!after)
		return tl::unexpected(after.error());
	InputPlace p;
	p.received = before->tcpi_bytes_received;
	p.fin = before->tcpi_state == state_close_wait ||
	    before->tcpi_state == state_last_ack ||
	    before->tcpi_state == state_closing;
	p.may_have_gap = after->tcpi_rcv_ooopack != 0 && holds_packets(fd);
	const uint64_t there = static_cast<uint64_t>(std::max(unread, 0)) +
	    (p.fin ? 1 : 0);
	if (after->tcpi_bytes_received != p.received || there > p.received)
		return fail("more came meanwhile", EAGAIN);
	p.read = p.received - there;
	return p;
}

Result<UnreadInput>
unread_input(int fd, const InputPlace &at, uint64_t from, size_t limit)
{
	const uint64_t end = at.received - (at.fin ? 1 : 0);
	UnreadInput u;

	if (from < at.read || from > at.received)
		return fail("nothing unread there", EINVAL);
	u.offset = from;
	if (from < end) {
		const size_t n = std::min<uint64_t>(end - from, limit);
		const size_t skip = from - at.read;
		u.bytes.resize(skip + n);
		const ssize_t got = recv(fd, u.bytes.data(), u.bytes.size(),
		    MSG_PEEK | MSG_DONTWAIT);
		if (got == -1 && errno != EAGAIN)
			return fail_errno("MSG_PEEK");
		// It stops at an urgent byte, and none comes from behind one.
		if (got <= static_cast<ssize_t>(skip)) {
			const auto now = input_place(fd);
			return now && now->read == at.read ?
			    fail("behind an urgent byte", ENODATA) :
			    fail("somebody read meanwhile", EAGAIN);
		}
		u.bytes.resize(static_cast<size_t>(got));
		u.bytes.erase(u.bytes.begin(),
		    u.bytes.begin() + static_cast<ptrdiff_t>(skip));
	}
	u.fin = at.fin && from + u.bytes.size() == end;
	const auto after = input_place(fd);
	if (!after)
		return tl::unexpected(after.error());
	if (after->read != at.read)
		return fail("somebody read meanwhile", EAGAIN);
	return u;
}

std::vector<std::vector<uint8_t>>
UnreadInput::packets(const jeebs_tcp_state &tcp) const
{
	const Flow flow = Flow::from_state(tcp);
	std::vector<std::vector<uint8_t>> all;
	SegmentFields f = fields_to_local(flow);
	f.window = static_cast<uint16_t>(std::clamp(
	    tcp.snd_wnd >> tcp.snd_wscale, 1U, 65535U));
	for (size_t at = 0; at < bytes.size() || (fin && all.empty());
	    at += max_payload) {
		f.seq = seq_of_offset(tcp.rcv_base, offset + at);
		f.payload = std::span(bytes).subspan(at,
		    std::min(max_payload, bytes.size() - at));
		if (fin && at + f.payload.size() == bytes.size())
			f.flags |= tcp_fin;
		all.push_back(build_segment(f));
	}
	return all;
}

} // namespace jeebs
