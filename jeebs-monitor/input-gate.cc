// SPDX-License-Identifier: ISC
#include "input-gate.hh"

#include <unordered_map>
#include <utility>

#include <boost/asio/post.hpp>

#include "frame.hh"
#include "input-commit.hh"
#include "jeebs-testing.h"
#include "log.hh"
#include "packet-queue.hh"
#include "queue-rules.hh"
#include "rcu-fence.hh"

namespace jeebs {

namespace {

// In the kernel; beyond it packets are dropped, and sent again.
constexpr uint32_t queue_length = 65536;
// Packets in one send to the link.
constexpr size_t batch_bytes = 256U << 10;

} // namespace

struct InputGate::Impl {
	Impl(boost::asio::io_context &io, FrameSink &s, uint16_t number)
	    : io(io), sink(s), rules(gate_spec(number)),
	      queue(io, number, [this](uint32_t id, Bytes packet) {
		commit.packet(id, packet);
		if (sink.congested())
			queue.pause(true);
	      }, [this] { flush(); }),
	      commit({
		.accept = [this](uint32_t id) { queue.accept(id); },
		.drop = [this](uint32_t id) { queue.drop(id); },
		.repeat = [this](uint32_t id) { queue.repeat(id); },
		.accept_up_to = [this](uint32_t id) {
			queue.accept_up_to(id);
		},
		.ship = [this](const InputFrame &f) { ship(f); },
		.takes = [this](const Flow &f)
		    -> std::optional<InputCommit::Takes> {
			auto it = takes.find(f);
			return it == takes.end() || !it->second ?
			    std::nullopt : it->second();
		},
		.acks_wait = [this](const Flow &f, bool wait) {
			change(ack_changes, f, wait);
		},
	      }, true),
	      fence(io) {}

	void ship(const InputFrame &);
	void flush();
	using Changes = std::unordered_map<Flow, bool>;	// add, else remove
	void change(Changes &, const Flow &, bool add);
	Result<void> apply(Changes &, Queued);
	void change_rules();

	boost::asio::io_context &io;
	FrameSink &sink;
	QueueRules rules;
	PacketQueue queue;
	InputCommit commit;
	RcuFence fence;
	Buffer batch;
	// Rules to be changed, those of all sessions in one go.
	Changes changes, ack_changes;
	struct Waiting {
		Flow flow;
		uint64_t cover;
		Settled settled;
	};
	std::vector<Waiting> waiting;	// for those changes
	bool posted = false;
	std::shared_ptr<bool> alive = std::make_shared<bool>(true);
	// Which cover() of a flow a settled one belongs to.
	std::unordered_map<Flow, uint64_t> covers;
	std::unordered_map<Flow, Takes> takes;
	uint64_t next_cover = 1;
	uint64_t shipped = 0;
	bool left_over = false;	// there may be flows of an earlier jeebsd
};

void
InputGate::Impl::ship(const InputFrame &f)
{
	if (batch.empty())
		batch = sink.buffer();
	put_input(batch, f);
	shipped++;
	if (jeebs_testing("input-ignored"))
		(void)commit.committed(commit.shipped());
	if (batch.size() >= batch_bytes)
		flush();
}

void
InputGate::Impl::flush()
{
	if (!batch.empty())
		(void)sink.send(std::exchange(batch, {}));
}

void
InputGate::Impl::change(Changes &all, const Flow &flow, bool add)
{
	all[flow] = add;
	if (std::exchange(posted, true))
		return;
	boost::asio::post(io, [this, a = std::weak_ptr<bool>(alive)] {
		if (!a.expired())
			change_rules();
	});
}

Result<void>
InputGate::Impl::apply(Changes &all, Queued which)
{
	std::vector<Flow> add, remove;
	for (const auto &[flow, is_add] : std::exchange(all, {}))
		(is_add ? add : remove).push_back(flow);
	if (auto r = rules.change(remove, false, which); !r)
		log::error("input: {} connections stay in the queue: {}",
		    remove.size(), r.error().what);
	return rules.change(add, true, which);
}

void
InputGate::Impl::change_rules()
{
	posted = false;
	if (auto r = apply(ack_changes, Queued::all); !r)
		log::warning("input: ACKs go ahead of their data: {}",
		    r.error().what);
	const auto done = apply(changes, Queued::matching);
	fence.pass([this, done, all = std::exchange(waiting, {})] {
		for (const Waiting &w : all) {
			auto it = covers.find(w.flow);
			if (w.settled && it != covers.end() &&
			    it->second == w.cover)
				w.settled(done);
		}
	});
}

InputGate::InputGate(boost::asio::io_context &io, FrameSink &sink,
    uint16_t queue_number)
    : impl_(std::make_unique<Impl>(io, sink, queue_number))
{
}

InputGate::~InputGate() = default;

Result<void>
InputGate::install(UniqueFd earlier)
{
	Impl &i = *impl_;
	// The reader first: a packet for a queue without one is dropped.
	auto r = RcuFence::check()
	    .and_then([&] {
		return i.queue.open(queue_length, true, std::move(earlier)); })
	    .and_then([&] { return i.rules.install(true); });
	if (!r)
		return r;
	i.left_over = true;
	log::debug("input: gate by {}", i.rules.backend());
	return {};
}

int
InputGate::fd() const
{
	return impl_->queue.fd();
}

Result<void>
InputGate::forget_earlier(bool pass)
{
	if (!impl_->left_over)
		return {};
	if (auto r = impl_->rules.replace(impl_->commit.covered()); !r)
		return r;
	impl_->commit.forget_left_over(pass);
	impl_->left_over = false;
	return {};
}

Result<void>
InputGate::remove()
{
	// With the rules the kernel drops what waits.
	for (const Flow &flow : impl_->commit.covered())
		impl_->commit.uncover(flow);
	impl_->commit.forget_left_over();
	auto r = impl_->rules.remove();
	impl_->left_over = false;
	impl_->covers.clear();
	impl_->takes.clear();
	impl_->changes.clear();
	impl_->ack_changes.clear();
	impl_->waiting.clear();
	impl_->queue.close();
	return r;
}

void
InputGate::cover(const Flow &flow, Settled settled)
{
	const uint64_t number = impl_->next_cover++;
	impl_->covers[flow] = number;
	impl_->commit.cover(flow);
	impl_->waiting.push_back({flow, number, std::move(settled)});
	impl_->change(impl_->changes, flow, true);
}

void
InputGate::open(const Flow &flow, uint64_t sid, uint32_t rcv_base,
    uint64_t had, Takes takes)
{
	impl_->takes[flow] = std::move(takes);
	impl_->commit.open(flow, sid, rcv_base, had);
	impl_->flush();
}

void
InputGate::had(const Flow &flow, uint64_t offset)
{
	impl_->commit.had(flow, offset);
}

void
InputGate::copy(const Flow &flow,
    const std::vector<std::vector<uint8_t>> &packets)
{
	for (const auto &packet : packets)
		impl_->commit.copy(flow, packet);
	impl_->flush();
}

uint64_t
InputGate::sent_to(const Flow &flow, uint64_t from) const
{
	return impl_->commit.sent_to(flow, from);
}

uint64_t
InputGate::floor(const Flow &flow) const
{
	return impl_->commit.floor(flow);
}

void
InputGate::uncover(const Flow &flow)
{
	if (impl_->covers.erase(flow) == 0 && !impl_->left_over)
		return;
	impl_->takes.erase(flow);
	impl_->change(impl_->changes, flow, false);
	impl_->commit.uncover(flow);
}

void
InputGate::refuse(const Flow &flow)
{
	// Whoever waits for it to be settled waits in vain.
	impl_->covers[flow] = impl_->next_cover++;
	impl_->commit.refuse(flow);
}

Result<void>
InputGate::committed(uint64_t n)
{
	if (!jeebs_testing("input-ignored") && !impl_->commit.committed(n))
		return fail("INPUT_COMMIT of what was never sent");
	return {};
}

void
InputGate::link_down()
{
	impl_->batch.clear();
	impl_->commit.link_down();
	impl_->queue.pause(false);
}

void
InputGate::drained()
{
	impl_->queue.pause(false);
}

InputGateStats
InputGate::stats() const
{
	return {impl_->shipped, impl_->queue.overruns(),
	    impl_->commit.waiting(), impl_->commit.kept_bytes(),
	    impl_->commit.refused()};
}

} // namespace jeebs
