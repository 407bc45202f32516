// SPDX-License-Identifier: ISC
#include "forward-store.hh"

#include <fmt/format.h>

#include "segment.hh"

namespace jeebs {

Result<void>
ForwardStore::open(const ForwardFrame &f, const std::string &user,
    SteadyTime now)
{
	if (f.id == 0 || all_.contains(f.id))
		return fail("forward's number in use");
	if (auto of = of_.find(f.sid); of != of_.end() &&
	    of->second.size() >= limits_.session_forwards)
		return fail("this session has too many forwards");
	if (all_.size() >= limits_.forwards)
		return fail("all sessions have too many forwards");
	Entry e;
	e.f.id = f.id;
	e.f.sid = f.sid;
	e.f.flow = Flow::from_state(f.tcp);
	e.f.tcp = f.tcp;
	e.f.tcp_at = now;
	auto &known = streams_[e.f.flow];
	e.stream = known.lock();
	// Or it is another connection between the same ports.
	if (!e.stream || e.stream->broken ||
	    e.stream->rcv_base != f.tcp.rcv_base) {
		// And that the 4-tuple is its proves the old one dead.
		if (e.stream)
			e.stream->broken = true;
		e.stream = std::make_shared<Stream>();
		e.stream->rcv_base = f.tcp.rcv_base;
		e.stream->user = user;
		known = e.stream;
	}
	all_.emplace(f.id, std::move(e));
	of_[f.sid].insert(f.id);
	return {};
}

void
ForwardStore::tcp(const TcpFrame &t, SteadyTime now)
{
	auto it = all_.find(t.sid);
	if (it == all_.end() || Flow::from_state(t.tcp) != it->second.f.flow)
		return;
	it->second.f.tcp = t.tcp;
	it->second.f.tcp_at = now;
}

void
ForwardStore::cover(const CoverFrame &c)
{
	if (auto it = all_.find(c.sid); it != all_.end())
		it->second.f.covered_from = c.from;
}

void
ForwardStore::account(Stream &s, size_t before)
{
	auto &own = user_bytes_[s.user];
	own += s.held.bytes() - before;
	bytes_ += s.held.bytes() - before;
	if (own == 0)
		user_bytes_.erase(s.user);
}

void
ForwardStore::taken(const TakenFrame &t)
{
	auto it = all_.find(t.id);
	if (it == all_.end())
		return;
	Stream &s = *it->second.stream;
	const size_t before = s.held.bytes();
	s.held.consumed(t.offset);
	account(s, before);
}

Result<void>
ForwardStore::input(const InputFrame &i)
{
	auto it = all_.find(i.sid);
	if (it == all_.end())
		return {};
	Stream &s = *it->second.stream;
	auto reject = [&](const char *why) {
		s.broken = true;
		close(i.sid);
		return fail(why);
	};
	const auto seg = Segment::parse(i.packet);
	if (!seg || seg->flow_to_local() != it->second.f.flow ||
	    seg->has(tcp_syn) || seg->has(tcp_rst) ||
	    seg->checksum_state() == ChecksumState::wrong)
		return reject("a packet that isn't its target's");
	if (seq_of_offset(s.rcv_base, i.offset) != seg->seq())
		return reject("a packet at another offset");
	const size_t before = s.held.bytes();
	if (!s.held.add(i.offset, i.offset +
	    static_cast<uint32_t>(seg->end_seq() - seg->seq()), seg->bytes()))
		return {};
	account(s, before);
	if (s.held.bytes() > limits_.forward_bytes ||
	    s.held.count() > limits_.forward_packets)
		return reject(fmt::format("what the target sent takes too much "
		    "memory: {} packets, {} bytes", s.held.count(),
		    s.held.bytes()).c_str());
	if (bytes_ > limits_.total_bytes &&
	    user_bytes_[s.user] > limits_.total_bytes / user_bytes_.size())
		return reject("what targets sent takes too much memory");
	return {};
}

void
ForwardStore::close(uint64_t id)
{
	auto it = all_.find(id);
	if (it == all_.end())
		return;
	const Flow flow = it->second.f.flow;
	const auto stream = std::move(it->second.stream);
	if (auto of = of_.find(it->second.f.sid); of != of_.end()) {
		of->second.erase(id);
		if (of->second.empty())
			of_.erase(of);
	}
	all_.erase(it);
	if (stream.use_count() > 1)
		return;
	const size_t before = stream->held.bytes();
	stream->held.clear();
	account(*stream, before);
	if (auto s = streams_.find(flow); s != streams_.end() &&
	    s->second.lock() == stream)
		streams_.erase(s);
}

void
ForwardStore::close_session(uint64_t sid)
{
	auto of = of_.find(sid);
	if (of == of_.end())
		return;
	for (uint64_t id : std::vector<uint64_t>(of->second.begin(),
	    of->second.end()))
		close(id);
}

void
ForwardStore::clear()
{
	all_.clear();
	of_.clear();
	streams_.clear();
	user_bytes_.clear();
	bytes_ = 0;
}

std::optional<StoredForward>
ForwardStore::find(uint64_t id) const
{
	auto it = all_.find(id);
	if (it == all_.end())
		return std::nullopt;
	return it->second.f;
}

std::vector<Flow>
ForwardStore::flows() const
{
	std::vector<Flow> flows;
	for (const auto &[flow, stream] : streams_)
		flows.push_back(flow);
	return flows;
}

std::vector<StoredForward>
ForwardStore::of_session(uint64_t sid) const
{
	std::vector<StoredForward> found;
	if (auto of = of_.find(sid); of != of_.end())
		for (uint64_t id : of->second) {
			const Entry &e = all_.at(id);
			// Another connection may have, or had, its 4-tuple.
			if (auto s = streams_.find(e.f.flow); s !=
			    streams_.end() && s->second.lock() == e.stream)
				found.push_back(e.f);
		}
	return found;
}

bool
ForwardStore::whole(uint64_t id, uint64_t from) const
{
	auto it = all_.find(id);
	return it != all_.end() && !it->second.stream->broken &&
	    it->second.f.covered_from &&
	    held_to(id, from) >= *it->second.f.covered_from;
}

uint64_t
ForwardStore::held_to(uint64_t id, uint64_t from) const
{
	auto it = all_.find(id);
	return it == all_.end() ? from :
	    it->second.stream->held.contiguous(from);
}

std::vector<Bytes>
ForwardStore::inputs(uint64_t id) const
{
	auto it = all_.find(id);
	return it == all_.end() ? std::vector<Bytes>{} :
	    it->second.stream->held.packets();
}

} // namespace jeebs
