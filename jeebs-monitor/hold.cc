// SPDX-License-Identifier: ISC
#include "hold.hh"

#include <chrono>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <boost/asio/steady_timer.hpp>

#include "log.hh"
#include "packet-queue.hh"
#include "queue-rules.hh"
#include "segment.hh"

namespace jeebs {

namespace {

// One change of the rules for all that come within it.
constexpr std::chrono::milliseconds leave_after(100);

struct Kept {
	Hold::Packets packets;
	size_t bytes = 0;
	bool passes = false;	/* but resets */
};

} // namespace

struct Hold::Impl {
	Impl(asio::io_context &io, HoldConfig c, Callback cb)
		: config(std::move(c)), callback(std::move(cb)),
		  rules(hold_spec(config.interface, config.queue_number)),
		  queue(io, config.queue_number,
		    [this](uint32_t id, std::span<const uint8_t> bytes) {
			packet(id, bytes); },
		    [this] { flush_drops(); }), leave(io) {}

	void packet(uint32_t id, std::span<const uint8_t>);
	void flush_drops();
	bool keep(Kept &, const Segment &);
	void forget();
	void leave_later();

	HoldConfig config;
	Callback callback;
	QueueRules rules;
	PacketQueue queue;
	std::optional<uint32_t> last_drop;	/* verdicts not sent yet */
	std::unordered_map<Flow, Kept> held;
	/* Not held, and still in the rules. */
	std::unordered_set<Flow> leaving;
	asio::steady_timer leave;
	size_t bytes = 0;
	HoldStats stats;
};

void
Hold::Impl::packet(uint32_t id, std::span<const uint8_t> bytes_of_packet)
{
	const auto segment = Segment::parse(bytes_of_packet);
	const auto it = segment ? held.find(segment->flow_to_local()) :
	    held.end();
	if (segment && (it == held.end() || (it->second.passes &&
	    !segment->has(tcp_rst)))) {
		flush_drops();
		queue.accept(id);
		stats.accepted++;
		return;
	}
	last_drop = id;
	if (segment && !it->second.passes && keep(it->second, *segment)) {
		stats.held++;
		if (callback)
			callback(segment->bytes());
	} else {
		stats.dropped++;
	}
}

bool
Hold::Impl::keep(Kept &kept, const Segment &segment)
{
	/* Its listener would take the 4-tuple; the next one meets the socket. */
	if (segment.has(tcp_syn))
		return false;
	const auto packet_bytes = segment.bytes();
	if (kept.bytes + packet_bytes.size() > config.bytes_per_flow ||
	    bytes + packet_bytes.size() > config.bytes_total)
		return false;
	kept.packets.emplace_back(packet_bytes.begin(), packet_bytes.end());
	kept.bytes += packet_bytes.size();
	bytes += packet_bytes.size();
	return true;
}

/** One verdict for all packets up to the newest one dropped. */
void
Hold::Impl::flush_drops()
{
	if (last_drop)
		queue.drop_up_to(*last_drop);
	last_drop.reset();
}

void
Hold::Impl::forget()
{
	queue.close();
	last_drop.reset();
	held.clear();
	leaving.clear();
	leave.cancel();
	bytes = 0;
}

void
Hold::Impl::leave_later()
{
	leave.expires_after(leave_after);
	leave.async_wait([this](boost::system::error_code ec) {
		if (ec)
			return;
		const std::vector<Flow> flows(leaving.begin(), leaving.end());
		leaving.clear();
		if (auto r = rules.change(flows, false); !r)
			log::warning("{}: packets still come by the queue: {}",
			    config.interface, r.error().what);
	});
}

Hold::Hold(asio::io_context &io, HoldConfig config, Callback callback)
	: impl_(std::make_unique<Impl>(io, std::move(config),
	    std::move(callback))) {}

Hold::~Hold() = default;

Result<void>
Hold::install()
{
	impl_->forget();
	/* The reader first: a packet for a queue without one is dropped. */
	return impl_->queue.open(impl_->config.queue_length)
	    .and_then([&] { return impl_->rules.install(); });
}

Result<void>
Hold::remove()
{
	auto result = impl_->rules.remove();
	impl_->forget();
	return result;
}

Result<void>
Hold::hold(std::span<const Flow> flows)
{
	auto result = impl_->rules.change(flows, true);
	if (result)
		for (const Flow &flow : flows) {
			impl_->held[flow].passes = false;
			impl_->leaving.erase(flow);
		}
	return result;
}

Result<void>
Hold::release(std::span<const Flow> flows)
{
	for (const Flow &flow : flows) {
		(void)take(flow);
		impl_->held.erase(flow);
	}
	return impl_->rules.change(flows, false);
}

void
Hold::pass_but_resets(std::span<const Flow> flows)
{
	for (const Flow &flow : flows) {
		(void)take(flow);
		if (auto it = impl_->held.find(flow); it != impl_->held.end())
			it->second.passes = true;
	}
}

void
Hold::pass_resets(std::span<const Flow> flows)
{
	for (const Flow &flow : flows)
		if (impl_->held.erase(flow) > 0)
			impl_->leaving.insert(flow);
	if (!impl_->leaving.empty())
		impl_->leave_later();
}

void
Hold::drain()
{
	impl_->queue.read(impl_->config.queue_length);
}

Hold::Packets
Hold::take(const Flow &flow)
{
	const auto it = impl_->held.find(flow);
	if (it == impl_->held.end())
		return {};
	Packets packets = std::move(it->second.packets);
	impl_->bytes -= std::exchange(it->second.bytes, 0);
	it->second.packets.clear();
	return packets;
}

HoldStats
Hold::stats() const
{
	HoldStats stats = impl_->stats;
	stats.overruns = impl_->queue.overruns();
	return stats;
}

std::string
Hold::backend() const
{
	return impl_->rules.backend();
}

} // namespace jeebs
