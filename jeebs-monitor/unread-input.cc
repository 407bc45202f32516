// SPDX-License-Identifier: ISC
#include "unread-input.hh"

#include <algorithm>
#include <cerrno>

#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>
#include <linux/tcp.h>

#include "segment.hh"

namespace jeebs {

namespace {

// net/tcp_states.h: those that a FIN of the peer leads to.
constexpr uint8_t state_time_wait = 6, state_close_wait = 8,
    state_last_ack = 9, state_closing = 11;

struct Place {
	uint64_t received = 0;	// in order, a FIN counts as one
	uint64_t read = 0;
	bool fin = false;
};

Result<tcp_info>
info_of(int fd)
{
	tcp_info info{};
	socklen_t len = sizeof(info);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return fail_errno("TCP_INFO");
	return info;
}

// What the kernel says of one moment, if nothing came in between.
Result<Place>
place_of(int fd)
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
	Place p;
	p.received = before->tcpi_bytes_received;
	p.fin = before->tcpi_state == state_time_wait ||
	    before->tcpi_state == state_close_wait ||
	    before->tcpi_state == state_last_ack ||
	    before->tcpi_state == state_closing;
	const uint64_t there = static_cast<uint64_t>(std::max(unread, 0)) +
	    (p.fin ? 1 : 0);
	if (after->tcpi_bytes_received != p.received || there > p.received)
		return fail("more came meanwhile", EAGAIN);
	p.read = p.received - there;
	return p;
}

} // namespace

std::vector<std::vector<uint8_t>>
UnreadInput::packets(const Flow &flow, uint32_t rcv_base) const
{
	std::vector<std::vector<uint8_t>> all;
	SegmentFields f;
	f.source = flow.remote;
	f.destination = flow.local;
	f.source_port = flow.remote_port;
	f.destination_port = flow.local_port;
	for (size_t at = 0; at < bytes.size() || (fin && all.empty());
	    at += max_payload) {
		f.seq = seq_of_offset(rcv_base, offset + at);
		f.payload = std::span(bytes).subspan(at,
		    std::min(max_payload, bytes.size() - at));
		if (fin && at + f.payload.size() == bytes.size())
			f.flags |= tcp_fin;
		all.push_back(build_segment(f));
	}
	return all;
}

Result<UnreadInput>
unread_input(int fd)
{
	const auto before = place_of(fd);

	if (!before)
		return tl::unexpected(before.error());
	UnreadInput u;
	u.offset = before->read;
	u.fin = before->fin;
	u.bytes.resize(before->received - before->read - (u.fin ? 1 : 0));
	if (!u.bytes.empty()) {
		const ssize_t n = recv(fd, u.bytes.data(), u.bytes.size(),
		    MSG_PEEK | MSG_DONTWAIT);
		if (n == -1 && errno != EAGAIN)
			return fail_errno("MSG_PEEK");
		if (n != static_cast<ssize_t>(u.bytes.size()))
			return fail("somebody read meanwhile", EAGAIN);
	}
	const auto after = place_of(fd);
	if (!after)
		return tl::unexpected(after.error());
	if (after->read != u.offset)
		return fail("somebody read meanwhile", EAGAIN);
	return u;
}

} // namespace jeebs
