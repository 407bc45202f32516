// SPDX-License-Identifier: ISC
#include "store.hh"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include <algorithm>

#include <fmt/format.h>

#include "fields.hh"
#include "jeebs-testing.h"
#include "segment.hh"
#include "wire.hh"

namespace jeebs {

Store::Store(StoreLimits limits)
    : limits_(limits), forwards_(limits.forwards), shares_(limits.sessions)
{
}

Store::Entry *Store::entry(uint64_t sid)
{
	auto it = by_sid_.find(sid);
	return it == by_sid_.end() ? nullptr : &it->second->second;
}

const Store::Incarnation *Store::incarnation(uint64_t sid) const
{
	auto it = by_sid_.find(sid);
	if (it == by_sid_.end())
		return nullptr;
	const Entry &e = it->second->second;
	return e.active != nullptr ? e.active.get() : e.pending.get();
}

void Store::account(const std::string &user, size_t added, size_t removed)
{
	auto &bytes = user_bytes_[user];
	bytes_ += added - removed;
	bytes += added - removed;
	if (bytes == 0)
		user_bytes_.erase(user);
}

void Store::account(Incarnation &i, size_t added, size_t removed)
{
	i.bytes += added - removed;
	account(i.user, added, removed);
}

void Store::account_held(Entry &e, size_t before)
{
	account(e.user, e.held.bytes(), before);
}

// One user can't take all, and leave nothing for others.
bool Store::too_much(const std::string &user, size_t more) const
{
	size_t all = bytes_ + more;
	size_t total = jeebs_testing("small-store") ? 64U << 20 :
	    limits_.total_bytes;
	if (all <= total)
		return false;
	auto it = user_bytes_.find(user);
	size_t own = it == user_bytes_.end() ? more : it->second + more;
	size_t users = user_bytes_.size() + (it == user_bytes_.end());
	return all > 2 * total || own > total / users;
}

void Store::forget(std::unique_ptr<Incarnation> &i)
{
	if (i == nullptr)
		return;
	account(*i, 0, i->bytes);
	forwards_.close_session(i->sid);
	by_sid_.erase(i->sid);
	i.reset();
}

void Store::erase(Entry &e)
{
	forget(e.active);
	forget(e.pending);
	account(e.user, 0, e.held.bytes());
	input_total_ -= e.input_bytes;
	Flow flow = e.flow;
	flows_.erase(flow);
}

Result<void> Store::open(const OpenFrame &o, SteadyTime now)
{
	if (o.sid == 0 || by_sid_.contains(o.sid))
		return fail("session number in use");
	auto env = get_record_envelope(o.root);
	if (!env)
		return tl::unexpected(env.error());
	auto chain = RecordChain::begin(*env);
	if (!chain)
		return tl::unexpected(chain.error());
	Flow flow = Flow::from_state(o.tcp);
	auto it = flows_.find(flow);
	if (too_much(o.user, o.root.size()))
		return fail("records of all sessions take too much memory");
	if (it == flows_.end()) {
		auto place = shares_.take(o.user);
		if (!place)
			return fail("this user's sessions have all of the "
			    "places that one user may have here");
		it = flows_.emplace(flow, Entry(flow, o.user,
		    std::move(place))).first;
	}
	Entry &e = it->second;
	forget(e.pending);
	auto i = std::make_unique<Incarnation>(Incarnation{.sid = o.sid,
	    .chain = *chain, .root = Buffer(o.root), .tcp = o.tcp,
	    .tcp_at = now, .user = o.user, .records = {},
	    .checkpoints = {}, .bytes = 0, .acked = 0,
	    .covered_from = {}, .link = links_});
	// Another connection between the same ports.
	if (e.rcv_base != o.tcp.rcv_base) {
		size_t before = e.held.bytes();
		e.held.clear();
		account_held(e, before);
		e.rcv_base = o.tcp.rcv_base;
	} else if (e.active != nullptr && e.active->link == links_) {
		// The primary hasn't been on its own: what was held for the one
		// before is.
		i->covered_from = e.active->covered_from;
	}
	account(*i, o.root.size(), 0);
	by_sid_.emplace(o.sid, it);
	e.pending = std::move(i);
	return {};
}

Result<CommitEntry> Store::record(const RecordFrame &f)
{
	Entry *e = entry(f.sid);
	if (e == nullptr)
		return fail("no such session", ENOENT);
	if (e->pending == nullptr || e->pending->sid != f.sid) {
		// Superseded by a newer incarnation that is still empty: the
		// primary has turned to that one, and nothing of this counts.
		if (e->pending != nullptr)
			return fail("record of an incarnation that is over",
			    EALREADY);
	}
	bool first = e->pending != nullptr;
	Incarnation &i = first ? *e->pending : *e->active;
	auto reject = [&](std::string why) {
		erase(*e);
		return fail(std::move(why));
	};

	auto env = get_record_envelope(f.record);
	if (!env)
		return reject(env.error().what);
	if (auto ok = i.chain.accept(*env); !ok)
		return reject(ok.error().what);
	i.records.push_back({Buffer(f.record), env->out_off});
	if (env->type == JEEBS_REC_CHECKPOINT)
		i.checkpoints.push_back(env->seq);
	account(i, f.record.size(), 0);
	i.acked = std::max(i.acked, env->acked_off);
	if (first) {
		forget(e->active);
		e->active = std::move(e->pending);
	}
	trim(*e);
	trim_inputs(*e);
	if (e->active->bytes + e->held.bytes() > limits_.session_bytes)
		return reject(fmt::format("records and input take more than {} "
		    "bytes", limits_.session_bytes));
	if (too_much(i.user, 0))
		return reject("records of all sessions take too much memory");
	return CommitEntry{f.sid, env->seq, env->out_off + env->stream_len};
}

// An adoption at offset A, never below the largest acked one, needs the bytes
// from A on and the chain from a checkpoint: the newest that starts at or
// before what is ACKed, and all that follows it.
void Store::trim(Entry &e)
{
	Incarnation &i = *e.active;
	auto first_seq = [&i] { return i.chain.seq() + 1 - i.records.size(); };
	auto starts = [&](uint64_t seq) {
		return i.records[seq - first_seq()].out_off;
	};
	while (i.checkpoints.size() > 1 && starts(i.checkpoints[1]) <= i.acked) {
		i.checkpoints.pop_front();
		while (first_seq() < i.checkpoints.front()) {
			account(i, 0, i.records.front().data.size());
			i.records.pop_front();
		}
	}
}

void Store::trim_inputs(Entry &e)
{
	uint64_t in_off = e.active->chain.in_off();
	size_t before = e.held.bytes();
	e.held.consumed(in_off);
	if (before != e.held.bytes())
		account_held(e, before);
	uint64_t held_to = e.held.contiguous(in_off);
	auto drop = [&](const Packet &p) {
		if (p.end_off > held_to)
			return false;
		e.input_bytes -= p.data.size();
		input_total_ -= p.data.size();
		return true;
	};
	std::erase_if(e.inputs, drop);
}

void Store::tcp(const TcpFrame &f, SteadyTime now)
{
	Entry *e = entry(f.sid);
	if (e == nullptr)
		return;
	for (auto *i : {e->active.get(), e->pending.get()}) {
		if (i != nullptr && i->sid == f.sid &&
		    Flow::from_state(f.tcp) == e->flow) {
			i->tcp = f.tcp;
			i->tcp_at = now;
		}
	}
}

void Store::cover(const CoverFrame &f)
{
	Entry *e = entry(f.sid);
	if (e == nullptr)
		return;
	for (auto *i : {e->active.get(), e->pending.get()})
		if (i != nullptr && i->sid == f.sid)
			i->covered_from = f.from;
}

Result<void> Store::input(const InputFrame &f)
{
	Entry *e = entry(f.sid);
	if (e == nullptr)
		return {};
	auto reject = [&](std::string why) {
		erase(*e);
		return fail(std::move(why));
	};
	auto seg = Segment::parse(f.packet);
	if (!seg || seg->flow_to_local() != e->flow || seg->has(tcp_syn) ||
	    seg->has(tcp_rst) || seg->checksum_state() == ChecksumState::wrong)
		return reject("an input packet that isn't its client's");
	if (seq_of_offset(e->rcv_base, f.offset) != seg->seq())
		return reject("an input packet at another offset");
	uint64_t end = f.offset +
	    static_cast<uint32_t>(seg->end_seq() - seg->seq());
	size_t before = e->held.bytes();
	if (e->active != nullptr && end <= e->active->chain.in_off())
		return {};
	if (!e->held.add(f.offset, end, seg->bytes()))
		return {};
	account_held(*e, before);
	size_t records = (e->active ? e->active->bytes : 0) +
	    (e->pending ? e->pending->bytes : 0);
	if (records + e->held.bytes() > limits_.session_bytes ||
	    e->held.count() > limits_.held_packets)
		return reject("the client's unread input takes too much "
		    "memory");
	if (too_much(e->user, 0))
		return reject("records of all sessions take too much memory");
	return {};
}

void Store::close(uint64_t sid)
{
	if (Entry *e = entry(sid))
		erase(*e);
}

void Store::clear()
{
	by_sid_.clear();
	forwards_.clear();
	flows_.clear();
	user_bytes_.clear();
	bytes_ = input_total_ = 0;
}

std::vector<StoredForward> Store::forwards_of(const Flow &session) const
{
	std::vector<StoredForward> all;
	auto it = flows_.find(session);
	if (it == flows_.end())
		return all;
	for (const auto *i : {it->second.active.get(),
	    it->second.pending.get()})
		if (i != nullptr)
			for (auto &f : forwards_.of_session(i->sid))
				all.push_back(std::move(f));
	return all;
}

bool Store::tapped(Bytes ip_packet)
{
	auto seg = Segment::parse(ip_packet);
	if (!seg || (seg->payload().empty() && !seg->has(tcp_fin)))
		return false;
	auto it = flows_.find(seg->flow_to_local());
	if (it == flows_.end() || it->second.active == nullptr)
		return false;
	Entry &e = it->second;
	uint64_t in_off = e.active->chain.in_off();
	uint64_t end = offset_of_seq(e.active->tcp.rcv_base, seg->end_seq(),
	    in_off);
	if (end <= e.held.contiguous(in_off))
		return false;
	Bytes packet = seg->bytes();
	e.inputs.push_back({end, Buffer(packet)});
	e.input_bytes += packet.size();
	input_total_ += packet.size();
	size_t share = limits_.input_total_bytes / flows_.size();
	while (e.inputs.size() > limits_.input_packets ||
	    e.input_bytes > limits_.input_bytes ||
	    (input_total_ > limits_.input_total_bytes &&
	    e.input_bytes > share)) {
		e.input_bytes -= e.inputs.front().data.size();
		input_total_ -= e.inputs.front().data.size();
		e.inputs.pop_front();
	}
	return true;
}

std::vector<Bytes> Store::inputs(uint64_t sid) const
{
	auto it = by_sid_.find(sid);
	if (it == by_sid_.end())
		return {};
	auto all = it->second->second.held.packets();
	for (const auto &p : it->second->second.inputs)
		all.push_back(p.data.bytes());
	return all;
}

StoredSession Store::describe(const Entry &e, const Incarnation &i) const
{
	StoredSession s;
	s.sid = i.sid;
	s.flow = e.flow;
	s.user = i.user;
	s.epoch = i.chain.epoch();
	s.record_id = i.chain.record_id();
	s.tcp = i.tcp;
	s.tcp_at = i.tcp_at;
	s.ended = i.chain.ended();
	s.adoptable = i.chain.started();
	s.seq = i.chain.seq();
	s.first_off = i.records.empty() ? 0 : i.records.front().out_off;
	s.acked_off = i.acked;
	s.out_end = i.chain.out_end();
	s.in_off = i.chain.in_off();
	s.records = i.records.size();
	s.bytes = i.bytes;
	s.covered_from = i.covered_from;
	s.held_to = e.held.contiguous(s.in_off);
	s.held_packets = e.held.count();
	s.held_bytes = e.held.bytes();
	s.input_packets = e.inputs.size();
	s.input_bytes = e.input_bytes;
	return s;
}

std::vector<StoredSession> Store::sessions() const
{
	std::vector<StoredSession> all;
	all.reserve(flows_.size());
	for (const auto &[flow, e] : flows_)
		all.push_back(describe(e, e.active ? *e.active : *e.pending));
	return all;
}

std::vector<uint64_t> Store::newest() const
{
	std::vector<uint64_t> all;
	all.reserve(flows_.size());
	for (const auto &[flow, e] : flows_)
		all.push_back(e.pending ? e.pending->sid : e.active->sid);
	return all;
}

Bytes Store::root(uint64_t sid) const
{
	auto it = by_sid_.find(sid);
	if (it == by_sid_.end())
		return {};
	const Entry &e = it->second->second;
	return e.pending && e.pending->sid == sid ? e.pending->root.bytes() :
	    e.active->root.bytes();
}

std::optional<Flow> Store::flow_of(uint64_t sid) const
{
	auto it = by_sid_.find(sid);
	if (it == by_sid_.end())
		return std::nullopt;
	return it->second->first;
}

std::optional<StreamEdges> Store::edges(const Flow &flow) const
{
	auto it = flows_.find(flow);
	if (it == flows_.end() || it->second.active == nullptr)
		return std::nullopt;
	const Incarnation &i = *it->second.active;
	return StreamEdges{i.acked, i.chain.out_end(), i.chain.in_off()};
}

Result<StoredSession> Store::find(uint64_t sid) const
{
	const Incarnation *i = incarnation(sid);
	if (i == nullptr)
		return fail("no such session", ENOENT);
	return describe(by_sid_.find(sid)->second->second, *i);
}

Result<StoredSession> Store::find(const Flow &flow) const
{
	auto it = flows_.find(flow);
	if (it == flows_.end())
		return fail("no such session", ENOENT);
	const Entry &e = it->second;
	return describe(e, e.active ? *e.active : *e.pending);
}

Result<UniqueFd> Store::adoption_file(uint64_t sid) const
{
	const Incarnation *i = incarnation(sid);
	if (i == nullptr || i->records.empty())
		return fail("nothing to adopt from", ENOENT);
	UniqueFd fd(::memfd_create("jeebs-records",
	    MFD_CLOEXEC | MFD_ALLOW_SEALING));
	if (!fd)
		return fail_errno("memfd");
	auto put = [&fd](Bytes rec) -> Result<void> {
		uint8_t len[4];
		store_be(len, static_cast<uint32_t>(rec.size()));
		const Bytes parts[] = {Bytes(len), rec};
		for (Bytes p : parts) {
			while (!p.empty()) {
				auto n = ::write(fd.get(), p.data(), p.size());
				if (n == -1 && errno == EINTR)
					continue;
				if (n == -1)
					return fail_errno("memfd");
				p = p.subspan(static_cast<size_t>(n));
			}
		}
		return {};
	};
	auto ok = put(i->root.bytes());
	for (auto r = i->records.begin(); ok && r != i->records.end(); ++r)
		ok = put(r->data.bytes());
	if (!ok)
		return tl::unexpected(ok.error());
	if (::lseek(fd.get(), 0, SEEK_SET) == -1 ||
	    ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW |
	    F_SEAL_WRITE | F_SEAL_SEAL) == -1)
		return fail_errno("memfd");
	return fd;
}

} // namespace jeebs
