// SPDX-License-Identifier: ISC
#include "link-connection.hh"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

namespace jeebs {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr size_t batch_bytes = 1U << 20;	// read or sealed in one go
constexpr size_t send_ahead = 256U << 10;	// ciphertext waiting at most
constexpr size_t small_frame = 4096;		// gathered into one TLS record
constexpr size_t gather_bytes = 16384;
constexpr size_t spare_buffers = 32;
constexpr size_t spare_capacity = 512U << 10;

} // namespace

Buffer BufferPool::take()
{
	if (spares_.empty())
		return {};
	Buffer b = std::move(spares_.back());
	spares_.pop_back();
	return b;
}

void BufferPool::give(Buffer b)
{
	if (spares_.size() >= spare_buffers || b.capacity() > spare_capacity)
		return;
	b.clear();
	spares_.push_back(std::move(b));
}

LinkConnection::LinkConnection(tcp::socket socket, Owner &owner,
    BufferPool &pool, LinkCounters &counters)
    : socket_(std::move(socket)), owner_(owner), pool_(pool),
      counters_(counters), timer_(socket_.get_executor())
{
}

void LinkConnection::set_options()
{
	auto set = [this](int level, int name, int value) {
		// Tuning only: the silence timer catches what these miss.
		(void)::setsockopt(socket_.native_handle(), level, name,
		    &value, sizeof(value));
	};
	set(IPPROTO_TCP, TCP_NODELAY, 1);
	set(SOL_SOCKET, SO_KEEPALIVE, 1);
	set(IPPROTO_TCP, TCP_KEEPIDLE, 1);
	set(IPPROTO_TCP, TCP_KEEPINTVL, 1);
	set(IPPROTO_TCP, TCP_KEEPCNT, 2);
	set(IPPROTO_TCP, TCP_USER_TIMEOUT,
	    static_cast<int>(dead_after_.count()));
}

void LinkConnection::start(const TlsContext &context, bool client,
    Milliseconds timeout, Milliseconds dead_after)
{
	dead_after_ = dead_after;
	set_options();
	error_code ec;
	socket_.native_non_blocking(true, ec);
	auto tls = Tls::create(context, socket_.native_handle(), client);
	if (ec || !tls) {
		lose(ec ? ec.message() : tls.error().what);
		return;
	}
	tls_ = std::move(*tls);
	timer_.expires_after(timeout);
	timer_.async_wait([this, self = shared_from_this()](error_code e) {
		if (!e && !dead_ && !established_)
			lose("no handshake in time");
	});
	handshake();
}

void LinkConnection::established()
{
	established_ = true;
	heard_ = said_ = Clock::now();
	tick();
}

void LinkConnection::lose(const std::string &reason)
{
	if (dead_)
		return;
	dead_ = true;
	timer_.cancel();
	error_code ec;
	socket_.close(ec);
	queue_.clear();
	queued_ = 0;
	owner_.lost(shared_from_this(), reason);
}

Result<std::array<uint8_t, 32>> LinkConnection::exporter(
    std::string_view label) const
{
	return tls_->exporter(label);
}

void LinkConnection::handshake()
{
	auto done = tls_->handshake();
	// Also after a failure: the alert tells the peer why.
	auto sent = tls_->flush();
	if (!done || !sent) {
		lose(!done ? done.error().what : sent.error().what);
		return;
	}
	if (*done) {
		secured_ = true;
		owner_.secured(shared_from_this());
		readable();
		return;
	}
	want_read();
	if (!*sent)
		want_write();
}

void LinkConnection::want_read()
{
	if (dead_ || reading_)
		return;
	reading_ = true;
	socket_.async_wait(tcp::socket::wait_read,
	    [this, self = shared_from_this()](error_code ec) {
		reading_ = false;
		if (dead_ || ec == asio::error::operation_aborted)
			return;
		if (secured_)
			readable();
		else
			handshake();
	});
}

void LinkConnection::want_write()
{
	if (dead_ || writing_)
		return;
	writing_ = true;
	socket_.async_wait(tcp::socket::wait_write,
	    [this, self = shared_from_this()](error_code ec) {
		writing_ = false;
		if (!dead_ && ec != asio::error::operation_aborted)
			flush();
	});
}

// Reads and hands out up to one batch; true if more is waiting.
Result<bool> LinkConnection::take()
{
	size_t before = in_.size();
	auto more = tls_->read(in_, batch_bytes);
	if (in_.size() != before)
		heard_ = Clock::now();
	// What came before an error counts, too: it may be the last records.
	size_t at = 0;
	while (!dead_) {
		FrameView f;
		auto n = next_frame(in_.bytes().subspan(at), f);
		if (!n)
			return tl::unexpected(n.error());
		if (*n == 0)
			break;
		at += *n;
		counters_.frames_in++;
		counters_.bytes_in += *n;
		if (auto ok = owner_.frame(shared_from_this(), f); !ok)
			return tl::unexpected(ok.error());
	}
	in_.consume(at);
	return more;
}

void LinkConnection::readable()
{
	auto more = take();
	if (!dead_)
		owner_.batch_end(shared_from_this());
	if (dead_)
		return;
	if (!more) {
		lose(more.error().what);
	} else if (*more) {
		// Others have their turn first. OpenSSL may hold bytes that
		// no poll of the socket would tell of.
		reading_ = true;
		asio::post(socket_.get_executor(), [this, self = shared_from_this()] {
			reading_ = false;
			if (!dead_)
				readable();
		});
	} else {
		want_read();
	}
}

void LinkConnection::tick()
{
	auto period = dead_after_ / 4;
	timer_.expires_after(period);
	timer_.async_wait([this, self = shared_from_this(),
	    period](error_code ec) {
		if (ec || dead_)
			return;
		// This process may have slept, not the peer: look first.
		if (Clock::now() - heard_ > dead_after_ && !reading_)
			return tick();
		if (Clock::now() - heard_ > dead_after_) {
			auto more = take();
			if (!dead_)
				owner_.batch_end(shared_from_this());
			if (dead_)
				return;
			if (!more)
				return lose(more.error().what);
			if (Clock::now() - heard_ > dead_after_)
				return lose(fmt::format("silent for {} ms",
				    dead_after_.count()));
		}
		if (Clock::now() - said_ >= period) {
			Buffer b = pool_.take();
			put_ping(b);
			enqueue(std::move(b));
		}
		tick();
	});
}

void LinkConnection::enqueue(Buffer b)
{
	queued_ += b.size();
	said_ = Clock::now();
	counters_.frames_out++;
	counters_.bytes_out += b.size();
	// A key's packet or its commit goes at once; what is large gathers.
	const bool at_once = b.size() < small_frame && secured_ && !writing_ &&
	    !flush_posted_;
	queue_.push_back(std::move(b));
	if (!at_once) {
		post_flush();
		return;
	}
	auto sent = write_out();
	if (!sent) {
		// Whoever sends doesn't expect to lose the link by it, and what
		// follows waits.
		flush_posted_ = true;
		asio::post(socket_.get_executor(), [self = shared_from_this(),
		    what = sent.error().what] { self->lose(what); });
	} else if (!*sent) {
		want_write();
	}
}

void LinkConnection::post_flush()
{
	if (flush_posted_ || writing_)
		return;
	flush_posted_ = true;
	asio::post(socket_.get_executor(), [this, self = shared_from_this()] {
		flush_posted_ = false;
		if (!dead_)
			flush();
	});
}

Result<void> LinkConnection::seal_queue()
{
	while (!queue_.empty() && tls_->unsent() < send_ahead) {
		Buffer b = std::move(queue_.front());
		queue_.pop_front();
		queued_ -= b.size();
		Bytes plain = b.bytes();
		if (b.size() < small_frame && !queue_.empty()) {
			gather_.clear();
			gather_.append(plain);
			while (!queue_.empty() && gather_.size() +
			    queue_.front().size() <= gather_bytes) {
				gather_.append(queue_.front().bytes());
				queued_ -= queue_.front().size();
				queue_.pop_front();
			}
			plain = gather_.bytes();
		}
		if (auto ok = tls_->write(plain); !ok)
			return ok;
		pool_.give(std::move(b));
	}
	return {};
}

// Seals and sends up to one batch; false if the socket is full.
Result<bool> LinkConnection::write_out()
{
	Result<bool> sent = true;
	for (size_t n = 0; n < batch_bytes; n += send_ahead) {
		if (secured_)
			if (auto ok = seal_queue(); !ok)
				return tl::unexpected(ok.error());
		sent = tls_->flush();
		if (!sent || !*sent || queue_.empty())
			break;
	}
	return sent;
}

void LinkConnection::flush()
{
	auto sent = write_out();
	if (!sent) {
		lose(sent.error().what);
		return;
	}
	if (!*sent)
		want_write();
	else if (secured_ && !queue_.empty())
		post_flush();
	owner_.sent(shared_from_this());
}

} // namespace jeebs
