// SPDX-License-Identifier: ISC
#include "service-probe.hh"

#include <array>
#include <cstring>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>

namespace jeebs {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

struct ServiceProbe::Impl : std::enable_shared_from_this<Impl> {
	Impl(asio::io_context &io, const std::string &address, uint16_t port)
	    : socket(io), timer(io),
	      peer(asio::ip::make_address(address), port) {}

	// At most one question in so long: each is a login attempt there.
	static constexpr auto pause = std::chrono::milliseconds(300);

	void finish()
	{
		error_code ignored;
		socket.close(ignored);
		timer.cancel();
		busy = false;
	}

	tcp::socket socket;
	asio::steady_timer timer;
	tcp::endpoint peer;
	std::array<char, 4> banner{};
	bool busy = false;
	std::chrono::steady_clock::time_point last{};
};

ServiceProbe::ServiceProbe(asio::io_context &io, std::string address,
    uint16_t port)
    : impl_(std::make_shared<Impl>(io, address, port))
{
}

ServiceProbe::~ServiceProbe()
{
	impl_->finish();
}

void
ServiceProbe::ask(std::chrono::milliseconds wait,
    std::function<void()> answered)
{
	auto now = std::chrono::steady_clock::now();
	if (impl_->busy || now - impl_->last < Impl::pause)
		return;
	impl_->busy = true;
	impl_->last = now;
	std::weak_ptr<Impl> w = impl_;
	impl_->timer.expires_after(wait);
	impl_->timer.async_wait([w](error_code ec) {
		auto self = w.lock();
		if (self && !ec)
			self->finish();
	});
	impl_->socket.async_connect(impl_->peer,
	    [w, answered](error_code ec) {
		auto self = w.lock();
		if (!self || !self->busy)
			return;
		if (ec)
			return self->finish();
		asio::async_read(self->socket, asio::buffer(self->banner),
		    [w, answered](error_code e, size_t) {
			auto me = w.lock();
			if (!me || !me->busy)
				return;
			bool ok = !e && std::memcmp(me->banner.data(), "SSH-",
			    4) == 0;
			me->finish();
			if (ok)
				answered();
		});
	});
}

} // namespace jeebs
