// SPDX-License-Identifier: ISC
#include "link.hh"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <deque>
#include <list>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "log.hh"
#include "tls.hh"

namespace jeebs {

namespace asio = boost::asio;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;
using boost::system::error_code;

namespace {

constexpr size_t batch_bytes = 1U << 20;	// read or sealed in one go
constexpr size_t send_ahead = 256U << 10;	// ciphertext waiting at most
constexpr size_t small_frame = 4096;		// gathered into one TLS record
constexpr size_t gather_bytes = 16384;
constexpr size_t spare_buffers = 32;
constexpr size_t spare_capacity = 512U << 10;
constexpr size_t max_candidates = 16;

} // namespace

// One TCP connection, from connect or accept to its end.
struct Connection : std::enable_shared_from_this<Connection> {
	explicit Connection(tcp::socket s)
	    : socket(std::move(s)), timer(socket.get_executor()) {}

	tcp::socket socket;
	asio::steady_timer timer;	// handshake, then pings and silence
	std::unique_ptr<Tls> tls;
	bool secured = false;	// handshake done, our HELLO is out
	bool up = false;	// the peer's HELLO is in
	bool dead = false;
	bool reading = false, writing = false;	// a wait is pending
	bool flush_posted = false;
	Buffer in;
	std::deque<Buffer> queue;
	size_t queued = 0;	// bytes in queue
	Clock::time_point heard{}, said{};
	PeerHello peer;
};
using ConnectionPtr = std::shared_ptr<Connection>;

class Link::Impl {
public:
	Impl(Link &owner, asio::io_context &io, const LinkKey &key,
	    LinkOptions o, Handlers h)
	    : link(owner), options(std::move(o)), io_(io), key_(key),
	      handlers_(std::move(h)), acceptor_(io), retry_timer_(io),
	      retry_(options.retry_min) {}

	Result<void> start();
	void stop();
	void forget_handlers() { handlers_ = {}; }
	bool send(Buffer);
	Buffer buffer();
	void lose(const ConnectionPtr &, const std::string &reason);
	uint16_t listen_port() const;

	Link &link;
	PeerHello hello;
	ConnectionPtr current;	// up
	LinkStats stats;
	LinkOptions options;
	bool congested = false;

private:
	void connect();
	void connect_later();
	void accept();
	void begin(tcp::socket, bool client);
	void handshake(const ConnectionPtr &);
	void readable(const ConnectionPtr &);
	Result<bool> take(const ConnectionPtr &);
	Result<void> dispatch(const ConnectionPtr &, const FrameView &);
	void came_up(const ConnectionPtr &, PeerHello);
	void want_read(const ConnectionPtr &);
	void want_write(const ConnectionPtr &);
	void post_flush(const ConnectionPtr &);
	void flush(const ConnectionPtr &);
	Result<void> seal_queue(Connection &);
	void enqueue(const ConnectionPtr &, Buffer);
	void tick(const ConnectionPtr &);
	void refuse(const std::string &reason);

	asio::io_context &io_;
	const LinkKey &key_;
	Handlers handlers_;
	tcp::acceptor acceptor_;
	asio::steady_timer retry_timer_;
	LinkOptions::ms retry_;
	TlsContext tls_;
	std::list<ConnectionPtr> candidates_;	// not up yet
	std::vector<Buffer> spares_;
	Buffer gather_;
	bool stopped_ = true;
	// For what may still run when this is gone.
	std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

Result<void> Link::Impl::start()
{
	auto ctx = TlsContext::create(key_, options.peer_pin);
	if (!ctx)
		return tl::unexpected(ctx.error());
	tls_ = std::move(*ctx);
	if (options.connects) {
		stopped_ = false;
		connect();
		return {};
	}
	error_code ec;
	acceptor_.open(options.listen.protocol(), ec);
	if (!ec)
		acceptor_.set_option(tcp::acceptor::reuse_address(true), ec);
	if (!ec)
		acceptor_.bind(options.listen, ec);
	if (!ec)
		acceptor_.listen(8, ec);
	if (!ec)
		acceptor_.non_blocking(true, ec);
	if (ec)
		return fail(fmt::format("link: can't listen at port {}: {}",
		    options.listen.port(), ec.message()), ec.value());
	stopped_ = false;
	accept();
	return {};
}

void Link::Impl::stop()
{
	stopped_ = true;
	error_code ec;
	acceptor_.close(ec);
	retry_timer_.cancel();
	while (!candidates_.empty())
		lose(candidates_.front(), "stopped");
	if (current != nullptr)
		lose(current, "stopped");
}

uint16_t Link::Impl::listen_port() const
{
	error_code ec;
	auto e = acceptor_.local_endpoint(ec);
	return ec ? 0 : e.port();
}

// A peer that keeps failing in the same way is one line, not two a second.
void Link::Impl::refuse(const std::string &reason)
{
	if (stopped_)
		return;
	if (stats.last_down == reason)
		log::debug("link: {}", reason);
	else
		log::warning("link: {}", reason);
	stats.last_down = reason;
}

void Link::Impl::connect_later()
{
	if (stopped_ || !options.connects)
		return;
	retry_timer_.expires_after(retry_);
	retry_ = std::min(retry_ * 2, options.retry_max);
	retry_timer_.async_wait([this](error_code ec) {
		if (!ec && !stopped_)
			connect();
	});
}

void Link::Impl::connect()
{
	auto s = std::make_shared<tcp::socket>(io_);
	auto deadline = std::make_shared<asio::steady_timer>(io_,
	    options.connect_timeout);
	deadline->async_wait([s](error_code ec) {
		error_code ignored;
		if (!ec)
			s->close(ignored);
	});
	std::weak_ptr<bool> alive = alive_;
	s->async_connect(options.peer, [this, alive, s, deadline](error_code ec) {
		deadline->cancel();
		if (alive.expired() || stopped_)
			return;
		if (ec || !s->is_open()) {
			refuse(fmt::format("can't connect to {}: {}",
			    options.peer.address().to_string(),
			    ec == asio::error::operation_aborted ||
			    !ec ? "timeout" : ec.message()));
			connect_later();
			return;
		}
		begin(std::move(*s), true);
	});
}

void Link::Impl::accept()
{
	std::weak_ptr<bool> alive = alive_;
	acceptor_.async_accept([this, alive](error_code ec, tcp::socket s) {
		if (alive.expired() || stopped_)
			return;
		if (!ec) {
			if (candidates_.size() >= max_candidates)
				lose(candidates_.front(),
				    "too many connections without a handshake");
			begin(std::move(s), false);
			accept();
			return;
		}
		refuse(fmt::format("accept: {}", ec.message()));
		// Out of descriptors: trying again at once would spin.
		retry_timer_.expires_after(options.retry_max);
		retry_timer_.async_wait([this](error_code e) {
			if (!e && !stopped_)
				accept();
		});
	});
}

void Link::Impl::begin(tcp::socket socket, bool client)
{
	auto c = std::make_shared<Connection>(std::move(socket));
	int fd = c->socket.native_handle();
	auto ms = static_cast<int>(options.dead_after.count());
	auto set = [fd](int level, int name, int value) {
		// Tuning only: the silence timer catches what these miss.
		(void)::setsockopt(fd, level, name, &value, sizeof(value));
	};
	set(IPPROTO_TCP, TCP_NODELAY, 1);
	set(SOL_SOCKET, SO_KEEPALIVE, 1);
	set(IPPROTO_TCP, TCP_KEEPIDLE, 1);
	set(IPPROTO_TCP, TCP_KEEPINTVL, 1);
	set(IPPROTO_TCP, TCP_KEEPCNT, 2);
	set(IPPROTO_TCP, TCP_USER_TIMEOUT, ms);

	candidates_.push_back(c);
	error_code ec;
	c->socket.native_non_blocking(true, ec);
	auto tls = Tls::create(tls_, fd, client);
	if (ec || !tls) {
		lose(c, ec ? ec.message() : tls.error().what);
		return;
	}
	c->tls = std::move(*tls);
	c->timer.expires_after(options.handshake_timeout);
	c->timer.async_wait([this, c](error_code e) {
		if (!e && !c->dead && !c->up)
			lose(c, "no handshake in time");
	});
	handshake(c);
}

void Link::Impl::handshake(const ConnectionPtr &c)
{
	auto done = c->tls->handshake();
	// Also after a failure: the alert tells the peer why.
	auto sent = c->tls->flush();
	if (!done || !sent) {
		lose(c, !done ? done.error().what : sent.error().what);
		return;
	}
	if (*done) {
		c->secured = true;
		Buffer b = buffer();
		put_hello(b, hello);
		enqueue(c, std::move(b));
		readable(c);
		return;
	}
	want_read(c);
	if (!*sent)
		want_write(c);
}

void Link::Impl::want_read(const ConnectionPtr &c)
{
	if (c->dead || c->reading)
		return;
	c->reading = true;
	c->socket.async_wait(tcp::socket::wait_read, [this, c](error_code ec) {
		c->reading = false;
		if (c->dead || ec == asio::error::operation_aborted)
			return;
		if (c->secured)
			readable(c);
		else
			handshake(c);
	});
}

void Link::Impl::want_write(const ConnectionPtr &c)
{
	if (c->dead || c->writing)
		return;
	c->writing = true;
	c->socket.async_wait(tcp::socket::wait_write, [this, c](error_code ec) {
		c->writing = false;
		if (!c->dead && ec != asio::error::operation_aborted)
			flush(c);
	});
}

// Reads and hands out up to one batch; true if more is waiting.
Result<bool> Link::Impl::take(const ConnectionPtr &c)
{
	size_t before = c->in.size();
	auto more = c->tls->read(c->in, batch_bytes);
	if (c->in.size() != before)
		c->heard = Clock::now();
	// What came before an error counts, too: it may be the last records.
	size_t at = 0;
	while (!c->dead) {
		FrameView f;
		auto n = next_frame(c->in.bytes().subspan(at), f);
		if (!n)
			return tl::unexpected(n.error());
		if (*n == 0)
			break;
		at += *n;
		stats.frames_in++;
		stats.bytes_in += *n;
		if (auto ok = dispatch(c, f); !ok)
			return tl::unexpected(ok.error());
	}
	c->in.consume(at);
	return more;
}

void Link::Impl::readable(const ConnectionPtr &c)
{
	auto more = take(c);
	if (!c->dead && c->up && handlers_.batch_end)
		handlers_.batch_end();
	if (c->dead)
		return;
	if (!more) {
		lose(c, more.error().what);
	} else if (*more) {
		// Others have their turn first. OpenSSL may hold bytes that
		// no poll of the socket would tell of.
		c->reading = true;
		asio::post(io_, [this, c] {
			c->reading = false;
			if (!c->dead)
				readable(c);
		});
	} else {
		want_read(c);
	}
}

Result<void> Link::Impl::dispatch(const ConnectionPtr &c, const FrameView &f)
{
	if (!c->up) {
		if (f.type != FrameType::hello)
			return fail("the peer's first frame isn't HELLO");
		auto h = get_hello(f.payload);
		if (!h)
			return tl::unexpected(h.error());
		if (h->host != options.peer_name)
			return fail(fmt::format("the peer calls itself \"{}\", "
			    "peer.name is \"{}\"", log::printable(h->host),
			    options.peer_name));
		came_up(c, std::move(*h));
		return {};
	}
	if (f.type == FrameType::ping)
		return get_ping(f.payload);
	if (f.type == FrameType::hello)
		return fail("second HELLO frame");
	return handlers_.frame ? handlers_.frame(f) : Result<void>{};
}

void Link::Impl::came_up(const ConnectionPtr &c, PeerHello h)
{
	// Keep it alive and out of the candidates, whatever the handlers do.
	ConnectionPtr self = c;
	candidates_.remove(self);
	if (current != nullptr)
		lose(current, "the peer connected anew");
	current = self;
	self->up = true;
	self->peer = std::move(h);
	self->heard = self->said = Clock::now();
	retry_ = options.retry_min;
	stats.ups++;
	stats.last_down.clear();
	tick(self);
	log::debug("link: up with {} ({}, epoch {}, version {})",
	    log::printable(self->peer.host), to_string(self->peer.role),
	    self->peer.epoch, log::printable(self->peer.version));
	if (handlers_.up)
		handlers_.up(self->peer);
}

void Link::Impl::tick(const ConnectionPtr &c)
{
	auto period = options.dead_after / 4;
	c->timer.expires_after(period);
	c->timer.async_wait([this, c, period](error_code ec) {
		if (ec || c->dead)
			return;
		// This process may have slept, not the peer: look first.
		if (Clock::now() - c->heard > options.dead_after && !c->reading)
			return tick(c);
		if (Clock::now() - c->heard > options.dead_after) {
			auto more = take(c);
			if (!c->dead && handlers_.batch_end)
				handlers_.batch_end();
			if (c->dead)
				return;
			if (!more)
				return lose(c, more.error().what);
			if (Clock::now() - c->heard > options.dead_after)
				return lose(c, fmt::format(
				    "silent for {} ms",
				    options.dead_after.count()));
		}
		if (Clock::now() - c->said >= period) {
			Buffer b = buffer();
			put_ping(b);
			enqueue(c, std::move(b));
		}
		tick(c);
	});
}

void Link::Impl::lose(const ConnectionPtr &conn, const std::string &reason)
{
	ConnectionPtr c = conn;	// may be the reference in a list
	if (c->dead)
		return;
	c->dead = true;
	candidates_.remove(c);
	c->timer.cancel();
	error_code ec;
	c->socket.close(ec);
	c->queue.clear();
	if (c != current) {
		refuse(reason);
	} else {
		current.reset();
		congested = false;
		stats.queued = 0;
		stats.last_down = reason;
		log::warning("link: down: {}", reason);
		if (handlers_.down)
			handlers_.down(reason);
	}
	if (options.connects && current == nullptr && candidates_.empty())
		connect_later();
}

void Link::Impl::enqueue(const ConnectionPtr &c, Buffer b)
{
	c->queued += b.size();
	c->said = Clock::now();
	stats.frames_out++;
	stats.bytes_out += b.size();
	c->queue.push_back(std::move(b));
	post_flush(c);
}

void Link::Impl::post_flush(const ConnectionPtr &c)
{
	if (c->flush_posted || c->writing)
		return;
	c->flush_posted = true;
	asio::post(io_, [this, c] {
		c->flush_posted = false;
		if (!c->dead)
			flush(c);
	});
}

bool Link::Impl::send(Buffer b)
{
	if (current == nullptr)
		return false;
	auto c = current;
	if (c->queued + b.size() > options.queue_max) {
		// Dropping frames would tear the stream: a new connection
		// begins it anew.
		lose(c, "the peer doesn't take what it is sent");
		return false;
	}
	enqueue(c, std::move(b));
	stats.queued = c->queued;
	congested = congested || c->queued > options.queue_high;
	return true;
}

Buffer Link::Impl::buffer()
{
	if (spares_.empty())
		return {};
	Buffer b = std::move(spares_.back());
	spares_.pop_back();
	return b;
}

Result<void> Link::Impl::seal_queue(Connection &c)
{
	while (!c.queue.empty() && c.tls->unsent() < send_ahead) {
		Buffer b = std::move(c.queue.front());
		c.queue.pop_front();
		c.queued -= b.size();
		Bytes plain = b.bytes();
		if (b.size() < small_frame && !c.queue.empty()) {
			gather_.clear();
			gather_.append(plain);
			while (!c.queue.empty() && gather_.size() +
			    c.queue.front().size() <= gather_bytes) {
				gather_.append(c.queue.front().bytes());
				c.queued -= c.queue.front().size();
				c.queue.pop_front();
			}
			plain = gather_.bytes();
		}
		if (auto ok = c.tls->write(plain); !ok)
			return ok;
		if (spares_.size() < spare_buffers &&
		    b.capacity() <= spare_capacity) {
			b.clear();
			spares_.push_back(std::move(b));
		}
	}
	return {};
}

void Link::Impl::flush(const ConnectionPtr &c)
{
	Result<bool> sent = true;
	for (size_t n = 0; n < batch_bytes; n += send_ahead) {
		if (c->secured) {
			if (auto ok = seal_queue(*c); !ok) {
				lose(c, ok.error().what);
				return;
			}
		}
		sent = c->tls->flush();
		if (!sent) {
			lose(c, sent.error().what);
			return;
		}
		if (!*sent || c->queue.empty())
			break;
	}
	if (!*sent)
		want_write(c);
	else if (c->secured && !c->queue.empty())
		post_flush(c);
	if (c != current)
		return;
	stats.queued = c->queued;
	if (congested && c->queued <= options.queue_low) {
		congested = false;
		if (link.on_drained)
			link.on_drained();
	}
}

Link::Link(asio::io_context &io, const LinkKey &key, LinkOptions o, Handlers h)
    : impl_(std::make_unique<Impl>(*this, io, key, std::move(o), std::move(h)))
{
}

Link::~Link()
{
	// Who listens may be half gone already.
	impl_->forget_handlers();
	impl_->stop();
}

void Link::set_hello(PeerHello h)
{
	impl_->hello = std::move(h);
}

Result<void> Link::start()
{
	return impl_->start();
}

void Link::stop()
{
	impl_->stop();
}

bool Link::is_up() const
{
	return impl_->current != nullptr;
}

bool Link::send(Buffer frames)
{
	return impl_->send(std::move(frames));
}

bool Link::congested() const
{
	return impl_->congested;
}

Buffer Link::buffer()
{
	return impl_->buffer();
}

void Link::drop(const std::string &reason)
{
	if (impl_->current != nullptr)
		impl_->lose(impl_->current, reason);
}

Result<std::array<uint8_t, 32>> Link::exporter(std::string_view label) const
{
	if (impl_->current == nullptr)
		return fail("the link is down", ENOTCONN);
	return impl_->current->tls->exporter(label);
}

const PeerHello *Link::peer() const
{
	return impl_->current == nullptr ? nullptr : &impl_->current->peer;
}

LinkStats Link::stats() const
{
	return impl_->stats;
}

uint16_t Link::listen_port() const
{
	return impl_->listen_port();
}

} // namespace jeebs
