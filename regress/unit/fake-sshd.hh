// SPDX-License-Identifier: ISC
// Plays one session's sshd towards jeebsd: MON on its channel, PA on the ring,
// with a real TCP connection on loopback. The records are filler (records.hh).
// Owner: the test. Single-threaded; nothing here waits.
#pragma once

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <optional>
#include <stdexcept>

#include "fields.hh"
#include "flow.hh"
#include "jeebs-ring.h"
#include "msg.hh"
#include "records.hh"
#include "unique_fd.hh"

namespace jeebs::test {

// Both ends of a TCP connection on 127.0.0.1.
struct TcpPair {
	UniqueFd server, client;

	TcpPair()
	{
		UniqueFd l(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
		sockaddr_in sa{};
		socklen_t len = sizeof(sa);
		sa.sin_family = AF_INET;
		sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		client.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
		auto *p = reinterpret_cast<sockaddr *>(&sa);
		if (::bind(l.get(), p, len) == -1 || ::listen(l.get(), 1) == -1 ||
		    ::getsockname(l.get(), p, &len) == -1 ||
		    ::connect(client.get(), p, len) == -1)
			throw std::runtime_error("no TCP on loopback");
		server.reset(::accept4(l.get(), nullptr, nullptr, SOCK_CLOEXEC));
	}

	// What MON says of the server's end.
	jeebs_tcp_state state() const
	{
		auto t = make_tcp();
		sockaddr_in local{}, remote{};
		socklen_t len = sizeof(local);
		::getsockname(server.get(),
		    reinterpret_cast<sockaddr *>(&local), &len);
		::getpeername(server.get(),
		    reinterpret_cast<sockaddr *>(&remote), &len);
		t.local_port = ntohs(local.sin_port);
		t.remote_port = ntohs(remote.sin_port);
		std::memcpy(t.local, &local.sin_addr, 4);
		std::memcpy(t.remote, &remote.sin_addr, 4);
		return t;
	}
};

class FakeSshd {
public:
	TcpPair tcp;
	UniqueFd channel;
	UniqueFd forwards;	// PA's end of the socket for forwards

	// Connects MON's channel.
	explicit FakeSshd(const std::string &path)
	{
		sockaddr_un sa{};
		sa.sun_family = AF_UNIX;
		path.copy(sa.sun_path, sizeof(sa.sun_path) - 1);
		channel.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
		if (::connect(channel.get(), reinterpret_cast<sockaddr *>(&sa),
		    sizeof(sa)) == -1)
			throw std::runtime_error("no export.sock");
	}
	FakeSshd(FakeSshd &&) = default;
	~FakeSshd() { unmap(); }

	Result<void> hello(std::string_view user = "ann")
	{
		return hello(tcp.state(), tcp.server.get(), user);
	}
	Result<void> hello(const jeebs_tcp_state &st, int fd,
	    std::string_view user = "ann", uint32_t proto = JEEBS_PROTO_VERSION)
	{
		Buffer state, b;
		if (auto ok = put_tcp_state(state, st); !ok)
			return ok;
		FieldWriter(b).u32(proto).text("test", 100).text(user, 100)
		    .string(state.bytes()).u64(received_base)
		    .u8(attached);
		return send_message(channel.get(), JEEBS_MSG_HELLO, b.bytes(),
		    std::span(&fd, 1));
	}

	// The next message of jeebsd, if one is there; EPIPE: hung up.
	Result<std::optional<HostMessage>> receive()
	{
		return receive_message(channel.get());
	}

	// Answers an OFFER with a root record and attaches PA to its ring.
	void accept(HostMessage &offer, uint8_t id)
	{
		FieldReader r(offer.fields.bytes(), "OFFER");
		epoch_ = r.num<uint64_t>();
		key = r.text(JEEBS_MAX_RECOVERY);
		if (!r.finish() || offer.fds.size() != 4)
			throw std::runtime_error("bad OFFER");
		root(id, epoch_);
		attach(offer);
		id_ = id;
		seq = 0;
	}
	void root(uint8_t id, uint64_t epoch)
	{
		Buffer b;
		FieldWriter(b).string(make_root(id, epoch).bytes());
		if (!send_message(channel.get(), JEEBS_MSG_ROOT, b.bytes()))
			throw std::runtime_error("no ROOT sent");
	}
	void refuse(std::string_view why)
	{
		Buffer b;
		FieldWriter(b).text(why, 100);
		if (!send_message(channel.get(), JEEBS_MSG_REFUSE, b.bytes()))
			throw std::runtime_error("no REFUSE sent");
	}
	void attach(HostMessage &offer)
	{
		unmap();
		if (jeebs_ring_map(offer.fds[0].get(), &ring_, &size_) != 0)
			throw std::runtime_error("bad ring");
		kick_ = std::move(offer.fds[1]);
		commit_ = std::move(offer.fds[2]);
		forwards = std::move(offer.fds[3]);
	}

	// PA writes a record of stream_len more bytes; returns false when the
	// ring has no room for all of it (call flush_ring() until it has).
	bool write(uint8_t type, uint32_t stream_len, uint32_t sealed_len = 30)
	{
		RecordSpec s{.type = type, .seq = ++seq, .in_off = in_off,
		    .out_off = out_end, .acked_off = acked,
		    .stream_len = stream_len, .sealed_len = sealed_len,
		    .id = id_, .epoch = epoch_};
		out_end += stream_len;
		FieldWriter(pending_).string(make_record(s).bytes());
		return flush_ring();
	}
	bool write_raw(Bytes b)
	{
		pending_.append(b);
		return flush_ring();
	}
	bool flush_ring()
	{
		size_t n = jeebs_ring_write(ring_, size_, pending_.data(),
		    pending_.size());
		pending_.consume(n);
		if (n != 0)
			kick();
		return pending_.empty();
	}
	void kick()
	{
		uint64_t token = 1;
		if (::write(kick_.get(), &token, sizeof(token)) == -1 &&
		    errno != EAGAIN)
			throw std::runtime_error("no kick");
	}
	// Has jeebsd woken PA? Takes the token.
	bool woken()
	{
		uint64_t token;
		return ::read(commit_.get(), &token, sizeof(token)) ==
		    sizeof(token);
	}
	int commit_fd() const { return commit_.get(); }
	uint64_t committed() const { return jeebs_ring_committed(ring_); }
	jeebs_ring *ring() { return ring_; }

	uint64_t received_base = 0;	// that HELLO tells, as attached
	uint8_t attached = 0;
	std::string key;	// of the last OFFER
	uint64_t seq = 0, in_off = 0, out_end = 0, acked = 0;

private:
	void unmap()
	{
		jeebs_ring_unmap(std::exchange(ring_, nullptr), size_);
	}

	jeebs_ring *ring_ = nullptr;
	uint32_t size_ = 0;
	UniqueFd kick_, commit_;
	Buffer pending_;
	uint8_t id_ = 0;
	uint64_t epoch_ = 0;
};

} // namespace jeebs::test
