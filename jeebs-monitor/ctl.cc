// SPDX-License-Identifier: ISC
#include "ctl.hh"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <nlohmann/json.hpp>

#include "listener.hh"
#include "log.hh"

namespace jeebs {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;

namespace {

constexpr auto client_timeout = std::chrono::seconds(5);
constexpr size_t max_clients = 16;

std::string error_answer(const std::string &what)
{
	return nlohmann::json{{"error", what}}.dump(-1, ' ', true,
	    nlohmann::json::error_handler_t::replace);
}

struct Client {
	Client(asio::io_context &io, UniqueFd fd)
	    : socket(io, stream_protocol(), fd.release()), timer(io) {}
	stream_protocol::socket socket;
	asio::steady_timer timer;
	std::string in, out;
};

} // namespace

class CtlServer::Impl {
public:
	Impl(asio::io_context &io, std::string path, Provider p)
	    : io_(io), path_(std::move(path)), provider_(std::move(p)) {}

	Result<void> start(unsigned mode)
	{
		auto l = Listener::create(io_, path_, SOCK_STREAM, mode,
		    [this](UniqueFd fd) { accepted(std::move(fd)); });
		if (!l)
			return tl::unexpected(l.error());
		listener_ = std::move(*l);
		return {};
	}

private:
	using ClientPtr = std::shared_ptr<Client>;

	void accepted(UniqueFd fd)
	{
		// The mode says the same; it can be changed by mistake.
		ucred peer{};
		socklen_t len = sizeof(peer);
		if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer,
		    &len) == -1 ||
		    (peer.uid != 0 && peer.uid != ::geteuid())) {
			log::warning("control socket: connection by uid {} "
			    "refused", peer.uid);
			return;
		}
		std::erase_if(clients_,
		    [](const auto &weak) { return weak.expired(); });
		if (clients_.size() >= max_clients) {
			log::warning("control socket: too many clients");
			return;
		}
		auto c = std::make_shared<Client>(io_, std::move(fd));
		clients_.push_back(c);
		c->timer.expires_after(client_timeout);
		c->timer.async_wait([c](error_code ec) {
			error_code ignored;
			if (!ec)
				c->socket.close(ignored);
		});
		std::weak_ptr<bool> alive = alive_;
		asio::async_read_until(c->socket,
		    asio::dynamic_buffer(c->in, max_ctl_line + 1), '\n',
		    [this, c, alive](error_code ec, size_t n) {
			if (alive.expired())
				return;
			if (ec == asio::error::not_found)
				answer(c, fail("request too long"));
			else if (!ec)
				answer(c, ask(c->in, n));
			else
				c->timer.cancel();
		});
	}

	Result<std::string> ask(std::string &in, size_t n)
	{
		if (n != in.size())
			return fail("more than one line");
		auto words = parse_ctl_line(std::string_view(in).substr(0,
		    n - 1));
		if (!words)
			return tl::unexpected(words.error());
		return provider_(*words);
	}

	void answer(const ClientPtr &c, Result<std::string> r)
	{
		c->out = (r ? *r : error_answer(r.error().what)) + "\n";
		asio::async_write(c->socket, asio::buffer(c->out),
		    [c](error_code, size_t) { c->timer.cancel(); });
	}

	asio::io_context &io_;
	std::string path_;
	Provider provider_;
	std::unique_ptr<Listener> listener_;
	std::vector<std::weak_ptr<Client>> clients_;
	// For what may still run when this is gone.
	std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

CtlServer::CtlServer(asio::io_context &io, std::string path, Provider p)
    : impl_(std::make_unique<Impl>(io, std::move(path), std::move(p)))
{
}

CtlServer::~CtlServer() = default;

Result<void> CtlServer::start(unsigned mode)
{
	return impl_->start(mode);
}

} // namespace jeebs
