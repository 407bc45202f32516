// SPDX-License-Identifier: ISC
// Any bytes as messages of an sshd monitor to jeebsd, in any order and with
// any number of descriptors, offers in between: handlers are called in the
// order of the protocol and with checked values only, and nothing leaks.
// fuzzes: mon-channel.cc msg.cc shared-fd.cc ring.cc wire.cc flow.cc tcp-descriptor.cc tcp-info.cc tcp-progress.cc log.cc jeebs-msg.c
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>

#include <unistd.h>

#include "descriptors.hh"
#include "fields.hh"
#include "mon-channel.hh"
#include "target.hh"
#include "wire.hh"

using namespace jeebs;

namespace {

// An established connection, and its state as HELLO has it.
struct Connection {
	int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int far;
	Buffer state;

	Connection()
	{
		UniqueFd l(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
		sockaddr_in local{}, a{};
		socklen_t n = sizeof(a);
		a.sin_family = AF_INET;
		a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		auto *sa = reinterpret_cast<sockaddr *>(&a);
		must(::bind(l.get(), sa, sizeof(a)) == 0 &&
		    ::listen(l.get(), 1) == 0 &&
		    ::getsockname(l.get(), sa, &n) == 0 &&
		    ::connect(fd, sa, sizeof(a)) == 0);
		far = ::accept4(l.get(), nullptr, nullptr, SOCK_CLOEXEC);
		must(far != -1 && ::getsockname(fd,
		    reinterpret_cast<sockaddr *>(&local), &n) == 0);
		jeebs_tcp_state st{};
		st.family = AF_INET;
		std::copy_n(reinterpret_cast<uint8_t *>(&local.sin_addr), 4,
		    st.local);
		std::copy_n(reinterpret_cast<uint8_t *>(&a.sin_addr), 4,
		    st.remote);
		st.local_port = ntohs(local.sin_port);
		st.remote_port = ntohs(a.sin_port);
		st.mss = 1460;
		must(put_tcp_state(state, st).has_value());
	}
};

struct Seen {
	bool hello = false, gone = false;
	unsigned offers = 0, answers = 0;
};

MonChannel::Handlers handlers(Seen &seen)
{
	MonChannel::Handlers h;
	h.hello = [&seen](MonHello m) -> Result<void> {
		must(!seen.hello && !seen.gone && m.fd &&
		    m.user.size() <= JEEBS_MAX_NAME);
		seen.hello = true;
		return {};
	};
	h.root = [&seen](Bytes record) -> Result<void> {
		must(!seen.gone && record.size() <= JEEBS_MAX_ROOT);
		must(++seen.answers <= seen.offers);
		return {};
	};
	h.refuse = [&seen](const std::string &why) {
		must(!seen.gone && why.size() <= JEEBS_MAX_REASON);
		must(++seen.answers <= seen.offers);
	};
	h.gone = [&seen](const std::string &) {
		must(!seen.gone);
		seen.gone = true;
	};
	return h;
}

void drain(int sock)
{
	for (;;) {
		auto m = receive_message(sock);
		if (!m || !*m)
			return;
	}
}

// Messages of the input: descriptors and flags (16: jeebsd makes an offer
// first, 32: a good HELLO comes in front), length, bytes.
void play(Bytes in, const Connection &c, int mon, MonChannel &channel,
    boost::asio::io_context &io, Seen &seen)
{
	while (in.size() >= 3 && !seen.gone) {
		const size_t n = std::min<size_t>(in[1] << 8 | in[2],
		    in.size() - 3);
		const unsigned flags = in[0];
		Buffer b;
		if (flags & 32) {
			FieldWriter w(b);
			w.u32(JEEBS_PROTO_VERSION).text("v", 9).text("user", 9)
			    .string(c.state.bytes()).u64(0).u8(0);
		}
		b.append(in.subspan(3, n));
		in = in.subspan(3 + n);
		if ((flags & 16) && seen.hello) {
			auto ring = Ring::create(4096);
			must(ring.has_value());
			if (channel.offer(1, "key", *ring,
			    STDERR_FILENO))
				seen.offers++;
		}
		const int fds[] = {c.fd, c.far, c.fd, c.far};
		const std::span<const int> with(fds, flags % 4);
		if (flags & 32)
			(void)send_message(mon, JEEBS_MSG_HELLO, b.bytes(),
			    with);
		else if (!b.empty())
			(void)send_message(mon, b.data()[0],
			    b.bytes().subspan(1), with);
		io.poll();
		io.restart();
		drain(mon);
	}
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const Connection c;
	static boost::asio::io_context io;
	const NoLeaks check;
	int s[2];

	must(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s) == 0);
	UniqueFd mon(s[0]);
	Seen seen;
	{
		auto channel = std::make_shared<MonChannel>(io, UniqueFd(s[1]),
		    handlers(seen));
		channel->start();
		play({data, len}, c, mon.get(), *channel, io, seen);
		if (!seen.gone)
			channel->close();
	}
	io.poll();
	io.restart();
	mon.reset();
	return 0;
}
