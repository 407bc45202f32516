// SPDX-License-Identifier: ISC
#include "mon-channel.hh"

#include <utility>

#include "fields.hh"
#include "tcp-descriptor.hh"
#include "wire.hh"

namespace jeebs {

namespace asio = boost::asio;
using asio::posix::stream_descriptor;
using boost::system::error_code;

namespace {

constexpr auto hello_timeout = std::chrono::seconds(5);

} // namespace

MonChannel::MonChannel(asio::io_context &io, UniqueFd fd, Handlers h)
    : socket_(io, fd.release()), timer_(io), handlers_(std::move(h))
{
}

void MonChannel::start()
{
	timer_.expires_after(hello_timeout);
	timer_.async_wait([self = shared_from_this()](error_code ec) {
		if (!ec && !self->greeted_)
			self->end("no HELLO in time");
	});
	wait();
}

void MonChannel::close()
{
	error_code ec;
	timer_.cancel();
	socket_.close(ec);
}

void MonChannel::end(const std::string &why)
{
	if (!socket_.is_open())
		return;
	close();
	handlers_.gone(why);
}

void MonChannel::wait()
{
	socket_.async_wait(stream_descriptor::wait_read,
	    [self = shared_from_this()](error_code ec) {
		if (!ec && self->socket_.is_open())
			self->readable();
	});
}

void MonChannel::readable()
{
	while (socket_.is_open()) {
		auto m = receive_message(socket_.native_handle());
		if (!m) {
			end(m.error().errnum == EPIPE ? "" : m.error().what);
			return;
		}
		if (!*m) {
			wait();
			return;
		}
		if (auto ok = message(std::move(**m)); !ok) {
			end(ok.error().what);
			return;
		}
	}
}

Result<void> MonChannel::message(HostMessage m)
{
	if (m.type == JEEBS_MSG_HELLO && !greeted_)
		return hello(std::move(m));
	if (!m.fds.empty())
		return fail("unexpected descriptor");
	if ((m.type != JEEBS_MSG_ROOT && m.type != JEEBS_MSG_REFUSE) ||
	    unanswered_ == 0)
		return fail(fmt::format("unexpected message of type {}",
		    m.type));
	bool last = --unanswered_ == 0;
	if (m.type == JEEBS_MSG_ROOT) {
		FieldReader r(m.fields.bytes(), "ROOT");
		Bytes record = r.string(JEEBS_MAX_ROOT);
		auto ok = r.finish();
		return ok && last ? handlers_.root(record) : ok;
	}
	FieldReader r(m.fields.bytes(), "REFUSE");
	auto why = r.text(JEEBS_MAX_REASON);
	auto ok = r.finish();
	if (ok && last)
		handlers_.refuse(why);
	return ok;
}

Result<void> MonChannel::hello(HostMessage m)
{
	FieldReader r(m.fields.bytes(), "HELLO");
	auto proto = r.num<uint32_t>();
	if (proto != JEEBS_PROTO_VERSION)
		return fail(fmt::format("sshd speaks protocol {}, jeebsd {}: "
		    "install the same version of both", proto,
		    JEEBS_PROTO_VERSION));
	MonHello h;
	h.version = r.text(JEEBS_MAX_NAME);
	h.user = r.text(JEEBS_MAX_NAME);
	auto state = r.string(JEEBS_TCP_LEN);
	h.received_base = r.num<uint64_t>();
	h.attached = r.num<uint8_t>() != 0;
	if (auto ok = r.finish(); !ok)
		return ok;
	auto tcp = get_tcp_state(state);
	if (!tcp)
		return tl::unexpected(tcp.error());
	if (m.fds.size() != 1)
		return fail("HELLO without one descriptor");
	if (auto ok = check_tcp_descriptor(m.fds[0].get(), *tcp); !ok)
		return ok;
	h.tcp = *tcp;
	h.fd = std::move(m.fds[0]);
	greeted_ = true;
	timer_.cancel();
	return handlers_.hello(std::move(h));
}

Result<void> MonChannel::offer(uint64_t epoch, std::string_view key,
    const Ring &ring, int forwards)
{
	Buffer b;
	FieldWriter(b).u64(epoch).text(key, JEEBS_MAX_RECOVERY);
	int fds[] = {ring.memfd(), ring.producer_kick(), ring.producer_commit(),
	    forwards};
	auto ok = send_message(socket_.native_handle(), JEEBS_MSG_OFFER,
	    b.bytes(), fds);
	if (ok)
		unanswered_++;
	return ok;
}

Result<void> MonChannel::detach(std::string_view reason)
{
	Buffer b;
	FieldWriter(b).text(reason, JEEBS_MAX_REASON);
	return send_message(socket_.native_handle(), JEEBS_MSG_DETACH, b.bytes());
}

Result<void> MonChannel::retire()
{
	return send_message(socket_.native_handle(), JEEBS_MSG_RETIRE, {});
}

} // namespace jeebs
