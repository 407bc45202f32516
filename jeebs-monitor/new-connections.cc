// SPDX-License-Identifier: ISC
#include "new-connections.hh"

#include <utility>

namespace jeebs {

NewConnections::NewConnections(boost::asio::io_context &io,
    const std::string &interface, uint16_t queue_number, uint16_t service_port)
    : rules_(new_spec(interface, queue_number, service_port)),
      queue_(io, queue_number, [this](uint32_t id, std::span<const uint8_t>) {
	if (holding_)
		newest_ = id;
	else
		queue_.accept(id);
      }, [] {})
{
}

Result<void>
NewConnections::install()
{
	holding_ = false;
	newest_.reset();
	/* The reader first: a packet for a queue without one is dropped. */
	return queue_.open(most).and_then([&] { return rules_.install(); });
}

Result<void>
NewConnections::remove()
{
	auto result = rules_.remove();
	holding_ = false;
	newest_.reset();
	queue_.close();
	return result;
}

Result<void>
NewConnections::hold(std::span<const IpAddr> addrs)
{
	holding_ = true;
	return rules_.replace_new(addrs);
}

Result<void>
NewConnections::end(bool go_on)
{
	if (!std::exchange(holding_, false))
		return {};
	auto result = rules_.replace_new({});
	holding_ = true;
	queue_.read(most);
	holding_ = false;
	if (newest_ && go_on)
		queue_.accept_up_to(*newest_);
	else if (newest_)
		queue_.drop_up_to(*newest_);
	newest_.reset();
	return result;
}

} // namespace jeebs
