// SPDX-License-Identifier: ISC
#include "link.hh"

#include <algorithm>
#include <list>

#include <boost/asio/steady_timer.hpp>

#include "log.hh"
#include "tls.hh"

namespace jeebs {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr size_t max_candidates = 16;
constexpr std::chrono::seconds stranger_line_pause(10);
constexpr std::chrono::seconds settled_after(1);

} // namespace

using ConnectionPtr = LinkConnection::Ptr;

class Link::Impl : public LinkConnection::Owner {
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
	uint16_t listen_port() const;

	Link &link;
	PeerHello hello;
	ConnectionPtr current;	// up
	PeerHello peer;		// while up
	BufferPool pool;
	LinkStats stats;
	LinkOptions options;
	bool congested = false;
	bool overflowed = false;	// no frame more on this connection

private:
	void connect();
	void connect_later();
	void accept();
	void begin(tcp::socket, bool client);
	void came_up(const ConnectionPtr &, PeerHello);

	void secured(const ConnectionPtr &) override;
	Result<void> frame(const ConnectionPtr &, const FrameView &) override;
	void batch_end(const ConnectionPtr &) override;
	void sent(const ConnectionPtr &) override;
	void lost(const ConnectionPtr &, const std::string &reason) override;
	void refuse(const std::string &reason);
	bool is_stranger(const tcp::socket &);

	asio::io_context &io_;
	const LinkKey &key_;
	Handlers handlers_;
	tcp::acceptor acceptor_;
	asio::steady_timer retry_timer_;
	LinkOptions::ms retry_;
	std::chrono::steady_clock::time_point up_since_;
	TlsContext tls_;
	std::list<ConnectionPtr> candidates_;	// not up yet
	bool stopped_ = true;
	std::chrono::steady_clock::time_point next_stranger_line_{};
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
		candidates_.front()->lose("stopped");
	if (current != nullptr)
		current->lose("stopped");
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
		if (!ec && is_stranger(s)) {
			accept();
			return;
		}
		if (!ec) {
			if (candidates_.size() >= max_candidates)
				candidates_.front()->lose("too many "
				    "connections without a handshake");
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

// Handshakes cost time, and there is room for few: not for everybody.
bool Link::Impl::is_stranger(const tcp::socket &s)
{
	if (options.accept_from.is_unspecified())
		return false;
	error_code ec;
	auto from = s.remote_endpoint(ec).address();
	if (!ec && from == options.accept_from)
		return false;
	auto now = std::chrono::steady_clock::now();
	if (now >= next_stranger_line_) {
		log::warning("link: {}: refused, not peer.address {}",
		    ec ? ec.message() : from.to_string(),
		    options.accept_from.to_string());
		next_stranger_line_ = now + stranger_line_pause;
	}
	return true;
}

void Link::Impl::begin(tcp::socket socket, bool client)
{
	auto c = std::make_shared<LinkConnection>(std::move(socket), *this,
	    pool, stats);
	candidates_.push_back(c);
	c->start(tls_, client, options.handshake_timeout, options.dead_after);
}

void Link::Impl::secured(const ConnectionPtr &c)
{
	Buffer b = pool.take();
	put_hello(b, hello);
	c->enqueue(std::move(b));
}

Result<void> Link::Impl::frame(const ConnectionPtr &c, const FrameView &f)
{
	if (c != current) {
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
	candidates_.remove(c);
	if (current != nullptr)
		current->lose("the peer connected anew");
	current = c;
	peer = std::move(h);
	up_since_ = std::chrono::steady_clock::now();
	stats.ups++;
	stats.last_down.clear();
	c->established();
	log::debug("link: up with {} ({}, epoch {}, version {})",
	    log::printable(peer.host), to_string(peer.role), peer.epoch,
	    log::printable(peer.version));
	if (handlers_.up)
		handlers_.up(peer);
}

void Link::Impl::batch_end(const ConnectionPtr &c)
{
	if (c == current && handlers_.batch_end)
		handlers_.batch_end();
}

void Link::Impl::lost(const ConnectionPtr &c, const std::string &reason)
{
	candidates_.remove(c);
	if (c != current) {
		refuse(reason);
	} else {
		current.reset();
		congested = overflowed = false;
		stats.queued = 0;
		stats.last_down = reason;
		// Two that agree on nothing else don't try again all the time.
		if (std::chrono::steady_clock::now() - up_since_ > settled_after)
			retry_ = options.retry_min;
		log::warning("link: down: {}", reason);
		if (handlers_.down)
			handlers_.down(reason);
	}
	if (options.connects && current == nullptr && candidates_.empty())
		connect_later();
}

void Link::Impl::sent(const ConnectionPtr &c)
{
	if (c != current)
		return;
	stats.queued = c->queued();
	if (congested && c->queued() <= options.queue_low) {
		congested = false;
		if (link.on_drained)
			link.on_drained();
	}
}

bool Link::Impl::send(Buffer b)
{
	if (current == nullptr)
		return false;
	if (overflowed)
		return false;
	if (current->queued() + b.size() > options.queue_max) {
		// Dropping frames would tear the stream: a new connection
		// begins it anew. But whoever sends doesn't expect to lose the
		// link by it.
		overflowed = true;
		asio::post(io_, [weak = std::weak_ptr(current)] {
			if (auto c = weak.lock())
				c->lose("the peer doesn't take what it is sent");
		});
		return false;
	}
	current->enqueue(std::move(b));
	stats.queued = current->queued();
	congested = congested || current->queued() > options.queue_high;
	return true;
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
	return impl_->pool.take();
}

void Link::drop(const std::string &reason)
{
	if (impl_->current != nullptr)
		impl_->current->lose(reason);
}

Result<std::array<uint8_t, 32>> Link::exporter(std::string_view label) const
{
	if (impl_->current == nullptr)
		return fail("the link is down", ENOTCONN);
	return impl_->current->exporter(label);
}

const PeerHello *Link::peer() const
{
	return impl_->current == nullptr ? nullptr : &impl_->peer;
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
