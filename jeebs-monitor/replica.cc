// SPDX-License-Identifier: ISC
#include "replica.hh"

#include <cerrno>
#include <utility>

#include "commit-log.hh"
#include "log.hh"
#include "segment.hh"
#include "wire.hh"

namespace jeebs {

Replica::Replica(Store &store, FrameSink &sink, Handlers h, Clock clock)
    : store_(store), sink_(sink), handlers_(std::move(h)),
      clock_(std::move(clock))
{
}

// Sessions that ended while the primary had no jeebsd were never closed here.
void Replica::watch_instance()
{
	const PeerHello *peer = sink_.peer();
	if (peer == nullptr || peer->instance == instance_)
		return;
	instance_ = peer->instance;
	left_over_.clear();
	for (const auto &s : store_.sessions())
		left_over_.insert(s.flow);
	forget_at_ = clock_() + forget_after;
}

void Replica::forget_left_over()
{
	if (left_over_.empty() || clock_() < forget_at_)
		return;
	for (const Flow &flow : std::exchange(left_over_, {})) {
		auto s = store_.find(flow);
		if (!s)
			continue;
		log::info("store: {} forgotten: the primary doesn't know it "
		    "any more", flow.to_string());
		store_.close(s->sid);
		commit_log::line("lost sid={:x} why=not offered again", s->sid);
		if (handlers_.closed)
			handlers_.closed(flow);
	}
}

Result<void> Replica::frame(const FrameView &f)
{
	watch_instance();
	switch (f.type) {
	case FrameType::record: {
		auto r = get_record(f.payload);
		if (!r)
			return tl::unexpected(r.error());
		return record(*r);
	}
	case FrameType::open: {
		auto o = get_open(f.payload);
		if (!o)
			return tl::unexpected(o.error());
		Flow flow = Flow::from_state(o->tcp);
		left_over_.erase(flow);
		if (auto ok = open(*o); !ok)
			drop(o->sid, flow, ok.error().what);
		else
			commit_log::line("open sid={:x} {} rcv={}", o->sid,
			    commit_log::name_of(flow, o->tcp.snd_base),
			    o->tcp.rcv_base);
		return {};
	}
	case FrameType::tcp: {
		auto t = get_tcp(f.payload);
		if (!t)
			return tl::unexpected(t.error());
		store_.tcp(*t, clock_());
		store_.forwards().tcp(*t, clock_());
		return {};
	}
	case FrameType::cover: {
		auto c = get_cover(f.payload);
		if (!c)
			return tl::unexpected(c.error());
		store_.cover(*c);
		store_.forwards().cover(*c);
		return {};
	}
	case FrameType::input: {
		auto i = get_input(f.payload);
		if (!i)
			return tl::unexpected(i.error());
		input(*i);
		return {};
	}
	case FrameType::forward: {
		auto o = get_forward(f.payload);
		if (!o)
			return tl::unexpected(o.error());
		forward(*o);
		return {};
	}
	case FrameType::taken: {
		auto t = get_taken(f.payload);
		if (!t)
			return tl::unexpected(t.error());
		store_.forwards().taken(*t);
		return {};
	}
	case FrameType::close: {
		auto c = get_close(f.payload);
		if (!c)
			return tl::unexpected(c.error());
		close(c->sid, c->text);
		return {};
	}
	default:
		return fail("unexpected frame from the primary");
	}
}

Result<void> Replica::open(const OpenFrame &o)
{
	auto env = get_record_envelope(o.root);
	uint64_t epoch = handlers_.epoch ? handlers_.epoch() : 0;
	if (env && env->epoch < epoch)
		return fail(fmt::format("a root record of epoch {}, when {} is "
		    "in force", env->epoch, epoch));
	if (handlers_.opens)
		if (auto ok = handlers_.opens(o.root); !ok)
			return ok;
	return store_.open(o, clock_());
}

void Replica::keys_changed()
{
	for (uint64_t sid : store_.newest()) {
		const auto root = store_.root(sid);
		if (auto ok = handlers_.opens(root); !ok)
			drop(sid, *store_.flow_of(sid), ok.error().what);
	}
}

Result<void> Replica::record(const RecordFrame &r)
{
	auto flow = store_.flow_of(r.sid);
	if (!flow)
		return {};	// crosses with DROP
	auto c = store_.record(r);
	if (!c) {
		if (c.error().errnum != EALREADY)
			drop(r.sid, *flow, c.error().what);
		return {};
	}
	// A session's records come in runs; of two entries the later counts.
	if (!commits_.empty() && commits_.back().sid == c->sid)
		commits_.back() = *c;
	else
		commits_.push_back(*c);
	if (commits_.size() >= max_commits)
		flush();
	if (c->seq == 1 && handlers_.opened)
		handlers_.opened(*store_.find(c->sid));
	return {};
}

void Replica::forward(const ForwardFrame &f)
{
	auto s = store_.find(f.sid);
	if (!s)
		return;	// crosses with DROP
	if (auto ok = store_.forwards().open(f, s->user, clock_()); !ok)
		drop_forward(f.id, ok.error().what);
	else
		commit_log::line("forward sid={:x} {} rcv={}", f.id,
		    commit_log::name_of(Flow::from_state(f.tcp)),
		    f.tcp.rcv_base);
}

void Replica::drop_forward(uint64_t id, const std::string &reason)
{
	log::warning("store: forward {:x} dropped: {}", id, reason);
	store_.forwards().close(id);
	commit_log::line("lost sid={:x} why={}", id, reason);
	Buffer b = sink_.buffer();
	put_drop(b, id, reason);
	(void)sink_.send(std::move(b));
}

// Whoever is dropped for it needn't be waited for: that goes out first.
void Replica::input(const InputFrame &i)
{
	auto flow = store_.flow_of(i.sid);
	const bool of_forward = store_.forwards().has(i.sid);
	inputs_++;
	if (!flow && !of_forward)
		return;	// crosses with DROP
	if (auto ok = of_forward ? store_.forwards().input(i) :
	    store_.input(i); !ok) {
		if (of_forward)
			return drop_forward(i.sid, ok.error().what);
		return drop(i.sid, *flow, ok.error().what);
	}
	if (commit_log::on())
		if (auto seg = Segment::parse(i.packet))
			commit_log::add(fmt::format("input sid={:x} from={} "
			    "to={}", i.sid, i.offset, i.offset +
			    static_cast<uint32_t>(seg->end_seq() -
			    seg->seq())));
}

void Replica::close(uint64_t sid, const std::string &reason)
{
	if (store_.forwards().has(sid)) {
		store_.forwards().close(sid);
		commit_log::line("lost sid={:x} why=closed", sid);
		Buffer b = sink_.buffer();
		put_closed(b, sid);
		(void)sink_.send(std::move(b));
		return;
	}
	auto s = store_.find(sid);
	if (s && reason != session_over)
		log::warning("store: session {} of {}, user {}, given up by the "
		    "primary: {}", sid, s->flow.to_string(),
		    log::printable(s->user), log::printable(reason));
	store_.close(sid);
	commit_log::line("lost sid={:x} why=closed", sid);
	std::erase_if(commits_,
	    [sid](const CommitEntry &e) { return e.sid == sid; });
	Buffer b = sink_.buffer();
	put_closed(b, sid);
	(void)sink_.send(std::move(b));
	if (s && handlers_.closed)
		handlers_.closed(s->flow);
}

// The session can't be adopted from here on, and must not be from before it.
void Replica::drop(uint64_t sid, const Flow &flow, const std::string &reason)
{
	log::error("store: session {} of {} dropped: {}", sid,
	    flow.to_string(), reason);
	uint64_t gone = sid;
	if (auto s = store_.find(flow)) {
		store_.close(s->sid);
		gone = s->sid;
	}
	commit_log::line("lost sid={:x} why={}", gone, log::printable(reason));
	std::erase_if(commits_,
	    [sid](const CommitEntry &e) { return e.sid == sid; });
	Buffer b = sink_.buffer();
	put_drop(b, sid, reason);
	(void)sink_.send(std::move(b));
	if (handlers_.closed)
		handlers_.closed(flow);
}

void Replica::record_commits() const
{
	for (const CommitEntry &c : commits_)
		if (auto s = store_.find(c.sid))
			commit_log::add(fmt::format("held sid={:x} epoch={} "
			    "seq={} out={} in={}", c.sid, s->epoch, c.seq,
			    c.out_end, s->in_off));
	commit_log::flush();
}

void Replica::flush()
{
	watch_instance();
	forget_left_over();
	if (commits_.empty() && inputs_ == inputs_told_)
		return;
	if (commit_log::on())
		record_commits();
	Buffer b = sink_.buffer();
	if (inputs_ != inputs_told_)
		put_input_commit(b, inputs_);
	if (!commits_.empty())
		put_commit(b, commits_);
	commits_.clear();
	inputs_told_ = inputs_;
	(void)sink_.send(std::move(b));
}

void Replica::link_down()
{
	commits_.clear();
	inputs_ = inputs_told_ = 0;
	store_.link_lost();
}

} // namespace jeebs
