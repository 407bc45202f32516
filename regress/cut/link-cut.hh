// SPDX-License-Identifier: ISC
// The standby after a cut of the link, against the model: what an adoption would
// go on with is what the whole frames said.
// Owner: cut. Single-threaded.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>

#include <sys/mman.h>

#include "model.hh"
#include "recovery.hh"
#include "standby.hh"
#include "tapinput.hh"

namespace jeebs::cut {

// What cuts came upon: each must have been there.
struct Seen {
	size_t adoptable = 0;	// cuts
	size_t held = 0;	// with the client's bytes that sshd hadn't consumed
	size_t before = 0;	// by an incarnation that another was to replace
	size_t going_on = 0;	// forwards that would go on
	size_t far_held = 0;	// of these, with bytes that weren't in the records
	size_t closing = 0;	// forwards that wouldn't, though a record has them
};

class Judge {
public:
	explicit Judge(Seen &seen) : seen_(seen) {}

	// "" if it has exactly what the model has, else what is wrong; sessions
	// that can't be adopted are none of that.
	std::string all(Store &, const Model &);

private:
	std::string session(Store &, const Session &, bool *adoptable);
	std::string file(Store &, const Session &, size_t *size);
	std::string input(Store &, const Session &, const StoredSession &);
	std::string forward(Store &, uint64_t id, const Forward &);
	std::string goes_on(Store &, const Model &, const Session &,
	    const NamedForward &);
	static std::string held(const std::vector<Bytes> &, const Stream &,
	    uint64_t from, uint64_t to);

	Seen &seen_;
	// Of the bytes of a file, by incarnation, first record and number of them.
	std::map<std::tuple<const Incarnation *, size_t, size_t>, Adopted> adopted_;
	const Adopted *now_ = nullptr;	// of the session that is looked at
	size_t bytes_ = 0;	// that the store should have
};

// "" if it is written as these bytes.
inline std::string tcp_differs(const jeebs_tcp_state &got, Bytes want)
{
	Buffer b;
	if (!put_tcp_state(b, got) || !std::ranges::equal(b.bytes(), want))
		return "another TCP state";
	return "";
}

// Packets that are kept are packets that came, none of them long consumed, and
// have every byte from `from` on.
inline std::string Judge::held(const std::vector<Bytes> &kept, const Stream &s,
    uint64_t from, uint64_t to)
{
	std::vector<const Packet *> of, all;
	auto next = s.packets.begin();

	for (const Packet &p : s.packets)
		all.push_back(&p);
	for (Bytes k : kept) {
		// In the order in which they came.
		next = std::find_if(next, s.packets.end(), [k](const Packet &p) {
			return std::ranges::equal(p.all, k);
		});
		if (next == s.packets.end())
			return "a packet that never came";
		of.push_back(&*next++);
	}
	if (!of.empty() && of[0]->end <= from)
		return "a packet that was consumed";
	if (Stream::bytes(of, from, to) != Stream::bytes(all, from, to))
		return fmt::format("not all bytes from {} to {}", from, to);
	return "";
}

inline std::string Judge::input(Store &store, const Session &want,
    const StoredSession &got)
{
	const uint64_t to = want.stream.to(got.in_off);
	const auto kept = store.inputs(got.sid);
	std::vector<std::span<const uint8_t>> packets(kept.begin(), kept.end());
	const auto plan = plan_input(got.flow, got.tcp.rcv_base, got.in_off,
	    packets, got.held_packets, client_acks(got));

	if (got.held_to != to || plan.known_to + plan.fin != to)
		return fmt::format("input to {}, planned to {}, not to {}",
		    got.held_to, plan.known_to + plan.fin, to);
	for (Bytes p : kept)
		bytes_ += p.size();
	const std::optional<uint64_t> &cover = want.shown().cover;
	if (got.covered() != (cover && to >= *cover))
		return fmt::format("covered: {}", got.covered());
	seen_.held += got.adoptable && to > got.in_off;
	return held(kept, want.stream, got.in_off, to);
}

// The root record, and from a checkpoint on, before which all is acknowledged,
// each record that is whole.
inline std::string Judge::file(Store &store, const Session &s, size_t *size)
{
	const Life &l = *s.active;
	auto fd = store.adoption_file(l.sid);
	struct stat st{};

	if (!fd || fstat(fd->get(), &st) == -1)
		return "no adoption file";
	Blob got(static_cast<size_t>(st.st_size));
	must(pread(fd->get(), got.data(), got.size(), 0) == st.st_size);
	Fields f{got};
	if (!std::ranges::equal(f.string(), l.root))
		return "another root record";
	size_t first = l.records.size(), left = f.left.size();
	while (left > 0 && first > 0)
		left -= std::min(left, 4 + l.records[--first].size());
	for (size_t i = first; i < l.records.size(); i++)
		if (f.left.size() < 4 || !std::ranges::equal(f.string(),
		    l.records[i]))
			return "other records";
	if (!f.left.empty() || first == l.records.size())
		return "other records";
	const Envelope e(l.records[first]);
	if (e.type != JEEBS_REC_CHECKPOINT || (first > 0 && e.out_off > l.acked))
		return "records that begin too late";
	*size = got.size() - 4 * (1 + l.records.size() - first);
	auto [it, added] = adopted_.try_emplace({l.of, first, l.records.size()});
	if (added)
		it->second = l.of->adopt(fd->get(), l.records.size());
	now_ = &it->second;
	if (now_->wrong.empty() && l.acked < now_->stream_off)
		return "bytes that the client may lack are gone";
	return now_->wrong;
}

inline std::string Judge::session(Store &store, const Session &s,
    bool *adoptable)
{
	const Life &l = s.shown();
	auto got = store.find(l.sid);

	now_ = nullptr;
	if (!got || got->sid != l.sid)
		return "it isn't there";
	*adoptable = s.active.has_value();
	if (got->adoptable != *adoptable || got->user != l.user ||
	    got->covered_from != l.cover || got->acked_off != l.acked ||
	    got->epoch != Envelope(l.root).epoch ||
	    !std::ranges::equal(got->record_id, Envelope(l.root).id))
		return "another session";
	if (auto why = tcp_differs(got->tcp, l.tcp); !why.empty())
		return why;
	if (auto why = input(store, s, *got); !why.empty())
		return why;
	for (const auto *i : {&s.active, &s.pending})
		if (*i)
			bytes_ += (*i)->root.size();
	const auto plan = plan_adoption(*got, nullptr, plan_input(got->flow,
	    got->tcp.rcv_base, got->in_off, {}, 0, {}), got->tcp_at);
	if (!*adoptable)
		return plan.possible || store.adoption_file(l.sid) ?
		    "adoptable, with no record" : "";
	const Envelope last = l.last();
	if (!plan.possible || plan.acked != l.acked ||
	    plan.in_off != last.in_off || got->seq != last.seq ||
	    got->in_off != last.in_off || got->out_end != last.out_end() ||
	    got->ended != (last.type == JEEBS_REC_END))
		return fmt::format("seq {} in {} out {}, not {}, {} and {}{}",
		    got->seq, got->in_off, got->out_end, last.seq, last.in_off,
		    last.out_end(), plan.possible ? "" : ": " + plan.reason);
	size_t size = 0;
	const auto why = file(store, s, &size);
	bytes_ += size - l.root.size();
	seen_.before += s.pending.has_value();
	return why;
}

inline std::string Judge::forward(Store &store, uint64_t id,
    const Forward &want)
{
	const ForwardStore &all = store.forwards();
	auto got = all.find(id);

	if (!got || got->sid != want.sid || got->covered_from != want.cover)
		return "it isn't there, or is another";
	if (auto why = tcp_differs(got->tcp, want.tcp); !why.empty())
		return why;
	const uint64_t to = want.stream->to(want.taken);
	if (all.held_to(id, want.taken) != to)
		return fmt::format("held to {}, not to {}",
		    all.held_to(id, want.taken), to);
	return held(all.inputs(id), *want.stream, want.taken, to);
}

// What sshd-adopt says of it, and FarEnds then does.
inline std::string Judge::goes_on(Store &store, const Model &model,
    const Session &s, const NamedForward &named)
{
	const ForwardStore &all = store.forwards();
	auto want = model.forwards.find(named.id);
	auto got = all.find(named.id);
	const bool there = want != model.forwards.end() &&
	    want->second.sid == s.active->sid;

	if (there != (got && got->sid == s.active->sid))
		return there ? "it is lost" : "it is there still";
	if (!there) {
		seen_.closing++;
		return "";
	}
	const Forward &f = want->second;
	// By TAKEN, records that are held have all before.
	if (f.taken > named.taken)
		return fmt::format("taken to {}, in the records to {}",
		    f.taken, named.taken);
	const uint64_t to = f.stream->to(named.taken);
	const bool whole = f.cover && to >= *f.cover;
	if (all.held_to(named.id, named.taken) != to ||
	    all.whole(named.id, named.taken) != whole)
		return fmt::format("held to {}, not to {}, or not {}",
		    all.held_to(named.id, named.taken), to, whole);
	(whole ? seen_.going_on : seen_.closing)++;
	seen_.far_held += whole && to > named.taken;
	const auto kept = all.inputs(named.id);
	std::vector<std::span<const uint8_t>> packets(kept.begin(), kept.end());
	const auto plan = plan_input(got->flow, got->tcp.rcv_base, named.taken,
	    packets, packets.size(), ack_range(got->tcp.snd_base,
	    named.data_off, named.data_off, got->tcp.max_window));
	if (plan.known_to + plan.fin != to)
		return fmt::format("planned to {}, not to {}", plan.known_to, to);
	return "";
}

inline std::string Judge::all(Store &store, const Model &model)
{
	std::set<const Stream *> streams;
	bool any = false;

	bytes_ = 0;
	if (store.sessions().size() != model.sessions.size() ||
	    store.forwards().size() != model.forwards.size())
		return fmt::format("{} sessions, {} forwards, not {} and {}",
		    store.sessions().size(), store.forwards().size(),
		    model.sessions.size(), model.forwards.size());
	for (const auto &[id, f] : model.forwards)
		if (auto why = forward(store, id, f); !why.empty())
			return fmt::format("forward {:x}: {}", id, why);
	for (const auto &[flow, s] : model.sessions) {
		bool adoptable = false;
		if (auto why = session(store, s, &adoptable); !why.empty())
			return fmt::format("session {:x}: {}", s.shown().sid,
			    why);
		any = any || adoptable;
		if (now_ == nullptr)
			continue;
		for (const NamedForward &f : now_->forwards)
			if (auto why = goes_on(store, model, s, f);
			    !why.empty())
				return fmt::format("forward {:x} of a record: "
				    "{}", f.id, why);
	}
	if (store.bytes() != bytes_)
		return fmt::format("{} bytes, not {}", store.bytes(), bytes_);
	size_t far = 0;
	for (const auto &[id, f] : model.forwards)
		if (streams.insert(f.stream.get()).second)
			for (Bytes p : store.forwards().inputs(id))
				far += p.size();
	if (store.forwards().bytes() != far)
		return "bytes of no forward";
	seen_.adoptable += any;
	return "";
}

} // namespace jeebs::cut
