// SPDX-License-Identifier: ISC
#include "export.hh"

#include <sys/random.h>
#include <sys/socket.h>

#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include <boost/asio/steady_timer.hpp>

#include "chain.hh"
#include "commit-log.hh"
#include "coverage.hh"
#include "forwards.hh"
#include "listener.hh"
#include "log.hh"
#include "mon-channel.hh"
#include "ring.hh"
#include "shared-fd.hh"
#include "shares.hh"
#include "shipper.hh"
#include "tcp-descriptor.hh"
#include "tcp-info.hh"
#include "tcp-progress.hh"
#include "turns.hh"
#include "wire.hh"

namespace jeebs {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// Each session's TCP state is refreshed once a second, a tenth of them at once.
constexpr auto refresh_period = std::chrono::milliseconds(100);
constexpr uint64_t refresh_phases = 10;
// Monitors that haven't said yet whose session they have.
constexpr size_t max_fresh = 128;
// Records in the making: sshd's are complete long before they are that large,
// and one user's must not fill the memory.
constexpr size_t unfinished_small = 2U << 20;
constexpr size_t unfinished_of_user = 64U << 20;

enum class State {
	fresh,		// no HELLO yet
	known,		// not protected
	open,		// the standby may hold something of it
	dropping,	// CLOSE is out: unprotected once the standby forgot it
	ended		// MON is gone
};

const char *to_string(State s)
{
	switch (s) {
	case State::fresh:
		return "fresh";
	case State::known:
		return "known";
	case State::open:
		return "open";
	case State::dropping:
		return "dropping";
	case State::ended:
		return "ended";
	}
	return "unknown";
}

uint64_t random_sid()
{
	uint64_t sid = 0;
	while (sid == 0)
		if (::getentropy(&sid, sizeof(sid)) == -1)
			throw std::runtime_error("getentropy failed");
	return sid;
}

} // namespace

class ExportServer::Impl {
public:
	Impl(asio::io_context &io, std::string path, FrameSink &sink,
	    InputGate *gate, Handlers h, size_t places)
	    : io_(io), path_(std::move(path)), sink_(sink), gate_(gate),
	      handlers_(std::move(h)), refresh_(io), shares_(places),
	      forward_shares_(places)
	{
		sink_.on_drained = [this] { drained(); };
	}
	~Impl();

	Result<void> start();
	void standby_up(std::string key, uint64_t epoch);
	void link_down();
	void standby_lost(const std::string &reason);
	void retire();
	Result<void> frame(const FrameView &);
	std::vector<SessionInfo> sessions() const;

private:
	struct Session {
		std::shared_ptr<MonChannel> channel;
		std::shared_ptr<Shipper> shipper;
		State state = State::fresh;
		bool retired = false;
		uint64_t id = 0;
		uint64_t sid = 0;
		Flow flow;
		jeebs_tcp_state tcp{};
		std::string user;
		SharedFd fd;			// the TCP connection
		uint64_t received_base = 0;	// where it began to count
		Coverage coverage;
		Shares::Place place;
		uint64_t served = 0;		// when it last had its turn
		std::optional<Ring> offered;	// of the offer that counts
		std::shared_ptr<Forwards> forwards;
		uint64_t offered_epoch = 0;
		bool is_protected = false;
		std::string reason = "no standby";
	};
	using SessionPtr = std::shared_ptr<Session>;
	// Its MON is gone; the descriptor waits for CLOSED.
	struct Closing {
		SharedFd fd;
		std::shared_ptr<Forwards> forwards;
		Shares::Place place;
		SessionInfo info;
		std::string name;	// for the commit log
	};

	void accepted(UniqueFd);
	uint64_t received(const Session &) const;
	void cover(const SessionPtr &);
	void settle(Session &);
	std::shared_ptr<Forwards> forwards_of(const Session &);
	bool of_session(const Flow &) const;
	void look(const SessionPtr &);
	bool seat(Session &, bool attached);
	MonChannel::Handlers channel_handlers(const SessionPtr &);
	Result<void> hello(const SessionPtr &, MonHello);
	Result<void> root(const SessionPtr &, Bytes record);
	void refuse(const SessionPtr &, const std::string &why);
	void offer(const SessionPtr &);
	void unprotect(const SessionPtr &, const std::string &reason);
	void detach(const SessionPtr &, const std::string &reason);
	void end(const SessionPtr &, const std::string &why);
	void finish(uint64_t sid);
	void bad_record(const SessionPtr &, const std::string &why);
	void give_up(const SessionPtr &, const std::string &why);
	void drained();
	Result<void> commit(const CommitEntry &);
	void send_close(uint64_t sid, std::string_view reason);
	void limit_unfinished();
	void refresh_later();
	void refresh();
	SessionInfo info(const Session &) const;
	static std::string name_of(const Session &s)
	{
		return commit_log::name_of(s.flow, s.tcp.snd_base);
	}

	asio::io_context &io_;
	std::string path_;
	FrameSink &sink_;
	InputGate *gate_;
	Handlers handlers_;
	std::unique_ptr<Listener> listener_;
	asio::steady_timer refresh_;
	Shares shares_, forward_shares_;
	ForwardTable forwards_;
	std::set<std::string> refused_;	// users, in the log
	std::map<uint64_t, SessionPtr> sessions_;	// by id
	std::unordered_map<uint64_t, SessionPtr> by_sid_;
	std::unordered_map<uint64_t, Closing> closing_;
	std::string key_;		// empty: no standby
	std::string alone_;		// why no standby holds anything
	uint64_t epoch_ = 0;
	uint64_t next_id_ = 1;
	uint64_t refresh_phase_ = 0;
	uint64_t turns_ = 0;		// that sessions have had
};

ExportServer::Impl::~Impl()
{
	sink_.on_drained = nullptr;
	for (auto &[id, s] : sessions_) {
		s->channel->close();
		s->shipper->stop();
		if (s->forwards)
			s->forwards->abandon();
	}
	for (auto &[sid, c] : closing_)
		c.forwards->abandon();
}

Result<void> ExportServer::Impl::start()
{
	auto l = Listener::create(io_, path_, SOCK_SEQPACKET, 0600,
	    [this](UniqueFd fd) { accepted(std::move(fd)); });
	if (!l)
		return tl::unexpected(l.error());
	listener_ = std::move(*l);
	refresh_later();
	return {};
}

void ExportServer::Impl::accepted(UniqueFd fd)
{
	ucred peer{};
	socklen_t len = sizeof(peer);
	if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1 ||
	    peer.uid != 0) {
		log::warning("export: connection by uid {} refused: only "
		    "sshd's monitor, as root, may export", peer.uid);
		return;
	}
	// It will try again.
	if (sessions_.size() + closing_.size() >= shares_.taken() + max_fresh)
		return;
	auto s = std::make_shared<Session>();
	std::weak_ptr<Session> weak = s;
	s->id = next_id_++;
	s->shipper = std::make_shared<Shipper>(io_, sink_,
	    [this, weak](const std::string &why) {
		if (auto it = weak.lock(); it && it->state == State::open)
			bad_record(it, why);
	}, [this, weak] {
		auto it = weak.lock();
		return it ? received(*it) : 0;
	});
	s->channel = std::make_shared<MonChannel>(io_, std::move(fd),
	    channel_handlers(s));
	sessions_.emplace(s->id, s);
	s->channel->start();
}

// Called only while the channel is open, and so this and the session there.
MonChannel::Handlers ExportServer::Impl::channel_handlers(const SessionPtr &s)
{
	std::weak_ptr<Session> weak = s;
	MonChannel::Handlers h;
	h.hello = [this, weak](MonHello m) {
		return hello(weak.lock(), std::move(m));
	};
	h.root = [this, weak](Bytes record) {
		return root(weak.lock(), record);
	};
	h.refuse = [this, weak](const std::string &why) {
		refuse(weak.lock(), why);
	};
	h.gone = [this, weak](const std::string &why) {
		end(weak.lock(), why);
	};
	return h;
}

Result<void> ExportServer::Impl::hello(const SessionPtr &s, MonHello m)
{
	s->user = std::move(m.user);
	s->tcp = m.tcp;
	s->flow = Flow::from_state(m.tcp);
	if (handlers_.wanted && !handlers_.wanted(s->flow)) {
		detach(s, "not a connection to a protected address");
		end(s, "");
		return {};
	}
	if (!seat(*s, m.attached)) {
		detach(s, "this user's sessions have all of the places that "
		    "one user may have here");
		end(s, "");
		return {};
	}
	s->fd = SharedFd(std::move(m.fd), m.user);
	s->received_base = m.received_base;
	s->state = State::known;
	s->forwards = forwards_of(*s);
	// Of one that had a standby before this jeebsd was started nothing may
	// get to TCP until there is one again, or evidence.
	if (gate_ != nullptr && !m.attached)
		gate_->uncover(s->flow);
	else if (gate_ != nullptr)
		gate_->cover(s->flow, {});
	log::info("session {}: {}, user {}, sshd {}", s->id,
	    s->flow.to_string(), log::printable(s->user),
	    log::printable(m.version));
	commit_log::line("session n={} {} rcv={}", s->id, name_of(*s),
	    s->tcp.rcv_base);
	if (handlers_.opened)
		handlers_.opened(info(*s));
	// PA may hold back what it wrote for a jeebsd that is gone.
	if (!alone_.empty())
		detach(s, alone_);
	if (!key_.empty())
		offer(s);
	return {};
}

// A session with output that waits for a standby's commit had a place before
// this jeebsd was started, and can't be told to go on alone.
bool ExportServer::Impl::seat(Session &s, bool attached)
{
	s.place = attached ? shares_.take_anyway(s.user) : shares_.take(s.user);
	if (s.place)
		refused_.erase(s.user);
	else if (refused_.insert(s.user).second)
		log::warning("session {}: {}, user {}: not protected, like "
		    "any further one: this user has had his share of {} "
		    "places, {} are taken (descriptors: RLIMIT_NOFILE)", s.id,
		    s.flow.to_string(), log::printable(s.user),
		    shares_.places(), shares_.taken());
	return bool(s.place);
}

uint64_t ExportServer::Impl::received(const Session &s) const
{
	auto now = tcp_progress(s.fd.get());
	// No answer is no proof of anything.
	return now ? s.received_base + now->received : UINT64_MAX;
}

void ExportServer::Impl::offer(const SessionPtr &s)
{
	auto ring = Ring::create();
	if (!ring) {
		s->reason = ring.error().what;
		log::error("session {}: not protected: {}", s->id, s->reason);
		return;
	}
	UniqueFd forwards;
	if (auto made = s->forwards->socket())
		forwards = std::move(*made);
	if (auto ok = s->channel->offer(epoch_, key_, *ring, forwards.get());
	    !ok) {
		s->reason = ok.error().what;
		log::warning("session {}: no offer made: {}", s->id, s->reason);
		return;
	}
	ring->offered();
	s->offered.emplace(std::move(*ring));
	s->offered_epoch = epoch_;
	s->reason = "waits for sshd";
}

Result<void> ExportServer::Impl::root(const SessionPtr &s, Bytes rec)
{
	if (!s->offered || !sink_.is_up()) {
		// Nothing of a known session is at a standby; about others
		// nobody knows: they stall until there is an offer or evidence.
		s->offered.reset();
		if (s->state == State::known)
			detach(s, "the standby is gone");
		return {};
	}
	auto env = get_record_envelope(rec);
	if (!env)
		return tl::unexpected(env.error());
	auto chain = RecordChain::begin(*env);
	if (!chain)
		return tl::unexpected(chain.error());
	if (chain->epoch() != s->offered_epoch)
		return fail("root record of another epoch than offered");

	cover(s);
	uint64_t had = s->received_base;
	if (auto now = tcp_progress(s->fd.get()))
		had += now->received;
	OpenFrame o;
	// Not fatal: the connection may be on its way down.
	(void)refresh_tcp_state(s->fd.get(), s->tcp);
	o.sid = random_sid();
	o.root = rec;
	o.tcp = s->tcp;
	o.user = s->user;
	Buffer b = sink_.buffer();
	if (auto ok = put_open(b, o); !ok)
		return ok;
	by_sid_.erase(s->sid);
	s->sid = o.sid;
	by_sid_[s->sid] = s;
	commit_log::line("offer sid={:x} {} epoch={}", s->sid, name_of(*s),
	    chain->epoch());
	s->state = State::open;
	s->is_protected = false;
	s->reason = "waits for the first commit";
	(void)sink_.send(std::move(b));
	if (gate_ != nullptr)
		gate_->open(s->flow, s->sid, s->tcp.rcv_base, had);
	auto ok = s->shipper->start(std::move(*s->offered), *chain, s->sid);
	s->offered.reset();
	s->forwards->start(s->sid);
	return ok;
}

bool ExportServer::Impl::of_session(const Flow &f) const
{
	for (const auto &[id, s] : sessions_)
		if (s->state != State::fresh && s->flow == f)
			return true;
	for (const auto &[sid, c] : closing_)
		if (c.info.flow == f)
			return true;
	return false;
}

std::shared_ptr<Forwards> ExportServer::Impl::forwards_of(const Session &s)
{
	return std::make_shared<Forwards>(Forwards::Parts{.io = io_,
	    .sink = sink_, .gate = gate_, .table = forwards_,
	    .shares = forward_shares_,
	    .wanted = [this, port = s.flow.local_port](const Flow &f) {
		return f.local_port != port && !of_session(f) &&
		    (!handlers_.can_move || handlers_.can_move(f));
	    }, .may_end = [this](const Flow &f, bool may) {
		if (handlers_.may_end)
			handlers_.may_end(f, may);
	    }, .may_fin = [this](const Flow &f) {
		if (handlers_.may_fin)
			handlers_.may_fin(f);
	    }, .fed = [this](const Flow &f) -> uint64_t {
		return handlers_.fed ? handlers_.fed(f) : 0;
	    }, .new_id = random_sid}, s.user);
}

// From here on the client's packets wait for the standby.
void ExportServer::Impl::cover(const SessionPtr &s)
{
	std::weak_ptr<Session> weak = s;
	s->coverage.reset();
	if (gate_ == nullptr)
		return;
	gate_->cover(s->flow, [this, weak](Result<void> done) {
		auto it = weak.lock();
		if (!it || it->state != State::open)
			return;
		if (!done)
			return give_up(it, "input: " + done.error().what);
		settle(*it);
		look(it);
	});
}

void ExportServer::Impl::settle(Session &s)
{
	auto at_most = received_at_most(s.fd.get());
	if (!at_most || !sink_.is_up())
		return;
	uint64_t from = s.received_base + *at_most;
	if (handlers_.delivered)
		from = std::max(from, handlers_.delivered(s.flow));
	from = std::max(from, gate_->floor(s.flow));
	if (!s.coverage.settled(from))
		return;
	commit_log::line("cover sid={:x} from={}", s.sid, from);
	Buffer b = sink_.buffer();
	put_cover(b, {s.sid, from});
	(void)sink_.send(std::move(b));
}

// Is it protected by now?
void ExportServer::Impl::look(const SessionPtr &s)
{
	if (s->is_protected || s->shipper->committed_seq() == 0)
		return;
	if (gate_ != nullptr && !s->coverage.complete(*s->shipper->chain(),
	    s->shipper->committed_seq())) {
		s->reason = "sshd has yet to read what the client had sent";
		return;
	}
	s->is_protected = true;
	s->reason.clear();
	log::info("session {}: protected", s->id);
	if (handlers_.changed)
		handlers_.changed(info(*s));
}

void ExportServer::Impl::refuse(const SessionPtr &s, const std::string &why)
{
	s->offered.reset();
	s->reason = "sshd refused: " + log::printable(why);
	log::warning("session {}: {}", s->id, s->reason);
}

void ExportServer::Impl::detach(const SessionPtr &s, const std::string &reason)
{
	commit_log::line("unprotect {} why={}", name_of(*s),
	    log::printable(reason));
	auto ok = s->channel->detach(reason);
	// A MON that is gone is seen at its channel.
	if (!ok && ok.error().errnum != EPIPE)
		log::error("session {}: {}", s->id, ok.error().what);
	s->reason = reason;
	if (gate_ != nullptr)
		gate_->uncover(s->flow);
}

// The standby holds nothing of the session, certainly: it goes on alone.
void ExportServer::Impl::unprotect(const SessionPtr &s,
    const std::string &reason)
{
	bool was = s->is_protected;
	s->shipper->stop();
	s->forwards->release_all();
	by_sid_.erase(s->sid);
	s->sid = 0;
	s->state = State::known;
	s->is_protected = false;
	detach(s, reason);
	log::warning("session {}: not protected any more: {}", s->id,
	    log::printable(reason));
	if (was && handlers_.changed)
		handlers_.changed(info(*s));
}

void ExportServer::Impl::end(const SessionPtr &s, const std::string &why)
{
	SessionPtr keep = s;
	bool held = s->state == State::open || s->state == State::dropping;
	auto last = info(*s);
	if (!why.empty())
		log::warning("session {}: {}", s->id, log::printable(why));
	bool registered = s->state != State::fresh;
	s->state = State::ended;
	s->channel->close();
	s->shipper->stop();
	s->offered.reset();
	sessions_.erase(keep->id);
	by_sid_.erase(keep->sid);
	if (!registered)
		return;
	if (held && !s->retired) {
		// Its FIN must not be out before the standby knows of the end.
		auto sid = s->sid;
		s->forwards->link_down();
		closing_.emplace(sid, Closing{std::move(s->fd),
		    std::move(s->forwards), std::move(s->place), last,
		    name_of(*s)});
		send_close(sid, session_over);
		return;
	}
	log::info("session {}: over", last.id);
	s->forwards->release_all();
	commit_log::line("over {} why={}", name_of(*s), log::printable(why));
	if (gate_ != nullptr)
		gate_->uncover(s->flow);
	// First the handler, which lets the FIN of the descriptor pass.
	if (handlers_.closed)
		handlers_.closed(last);
	s->fd.reset();
}

// The standby holds nothing of a closing session.
void ExportServer::Impl::finish(uint64_t sid)
{
	auto it = closing_.find(sid);
	if (it == closing_.end())
		return;
	Closing c = std::move(it->second);
	closing_.erase(it);
	c.forwards->release_all();
	log::info("session {}: over", c.info.id);
	commit_log::line("over {} why=closed", c.name);
	if (gate_ != nullptr)
		gate_->uncover(c.info.flow);
	if (handlers_.closed)
		handlers_.closed(c.info);
}

void ExportServer::Impl::send_close(uint64_t sid, std::string_view reason)
{
	Buffer b = sink_.buffer();
	put_close(b, sid, reason);
	// Sent again at the next link if this one is down.
	(void)sink_.send(std::move(b));
}

// The user-owned process broke the rules: its own session suffers.
void ExportServer::Impl::bad_record(const SessionPtr &s, const std::string &why)
{
	give_up(s, "bad record from sshd: " + why);
}

// What the standby has may be behind what sshd will send alone, so it must forget
// first.
void ExportServer::Impl::give_up(const SessionPtr &s, const std::string &why)
{
	s->reason = why;
	log::error("session {}: {}; protection ends", s->id, s->reason);
	s->shipper->stop();
	s->state = State::dropping;
	bool was = std::exchange(s->is_protected, false);
	send_close(s->sid, s->reason);
	if (was && handlers_.changed)
		handlers_.changed(info(*s));
}

// Who has much to say may fill the link at once.
void ExportServer::Impl::drained()
{
	if (gate_ != nullptr)
		gate_->drained();
	std::vector<SessionPtr> waiting;
	std::vector<Turn> turns;
	for (auto &[id, s] : sessions_) {
		if (!s->shipper->waiting())
			continue;
		waiting.push_back(s);
		turns.push_back({s->user, s->served});
	}
	for (size_t i : fair_order(turns)) {
		if (sink_.congested())
			return;
		waiting[i]->served = ++turns_;
		waiting[i]->shipper->drained();
	}
}

Result<void> ExportServer::Impl::commit(const CommitEntry &e)
{
	auto it = by_sid_.find(e.sid);
	if (it == by_sid_.end() || it->second->state != State::open)
		return {};
	auto s = it->second;
	const bool first = s->shipper->committed_seq() == 0;
	if (auto ok = s->shipper->commit(e.seq, e.out_end); !ok)
		return ok;
	if (first)
		s->forwards->settled();
	if (gate_ != nullptr)
		gate_->had(s->flow, s->shipper->chain()->in_off());
	look(s);
	return {};
}

Result<void> ExportServer::Impl::frame(const FrameView &f)
{
	if (f.type == FrameType::commit) {
		auto entries = get_commit(f.payload);
		if (!entries)
			return tl::unexpected(entries.error());
		for (const auto &e : *entries)
			if (auto ok = commit(e); !ok)
				return ok;
		return {};
	}
	if (f.type == FrameType::input_commit) {
		auto n = get_input_commit(f.payload);
		if (!n)
			return tl::unexpected(n.error());
		if (gate_ == nullptr)
			return fail("INPUT_COMMIT without input");
		return gate_->committed(*n);
	}
	uint64_t sid = 0;
	std::string reason;
	if (f.type == FrameType::closed) {
		auto c = get_closed(f.payload);
		if (!c)
			return tl::unexpected(c.error());
		sid = *c;
	} else if (f.type == FrameType::drop) {
		auto c = get_close(f.payload);
		if (!c)
			return tl::unexpected(c.error());
		sid = c->sid;
		reason = "dropped by the standby: " + c->text;
	} else {
		return fail("unexpected frame from the standby");
	}
	if (auto of = forwards_.by_id.find(sid); of != forwards_.by_id.end()) {
		auto forwards = of->second.lock();
		if (forwards && f.type == FrameType::drop)
			forwards->dropped(sid);
		else if (forwards)
			forwards->closed(sid);
		return {};
	}
	finish(sid);
	auto it = by_sid_.find(sid);
	if (it == by_sid_.end())
		return {};
	auto s = it->second;
	if (f.type == FrameType::drop)
		unprotect(s, reason);
	else if (s->state == State::dropping)
		unprotect(s, s->reason);
	else
		return fail("CLOSED for a session that goes on");
	return {};
}

void ExportServer::Impl::standby_up(std::string key, uint64_t epoch)
{
	key_ = std::move(key);
	epoch_ = epoch;
	alone_.clear();
	for (auto &[id, s] : sessions_) {
		if (s->retired)
			continue;
		if (s->state == State::known || s->state == State::open)
			offer(s);
		else if (s->state == State::dropping)
			send_close(s->sid, s->reason);
	}
	for (auto &[sid, c] : closing_)
		send_close(sid, session_over);
}

void ExportServer::Impl::link_down()
{
	key_.clear();
	if (gate_ != nullptr)
		gate_->link_down();
	for (auto &[id, s] : sessions_) {
		s->offered.reset();
		if (s->forwards)
			s->forwards->link_down();
		if (s->state == State::open) {
			s->shipper->stop();
			s->reason = "the link is down";
		} else if (s->state == State::known) {
			s->reason = "no standby";
		}
	}
}

void ExportServer::Impl::standby_lost(const std::string &reason)
{
	link_down();
	alone_ = reason;
	auto all = sessions_;
	for (auto &[id, s] : all) {
		if (s->retired)
			continue;
		if (s->state == State::open || s->state == State::dropping)
			unprotect(s, reason);
		else if (s->state == State::known)
			detach(s, reason);
	}
	while (!closing_.empty())
		finish(closing_.begin()->first);
}

void ExportServer::Impl::retire()
{
	link_down();
	auto quiet = [](const SharedFd &fd, const SessionInfo &i) {
		if (auto ok = silence_tcp(fd.get()); !ok)
			log::error("session {}: can't silence it: {}", i.id,
			    ok.error().what);
	};
	for (auto &[id, s] : sessions_) {
		if (s->state == State::fresh || s->retired)
			continue;
		auto i = info(*s);
		quiet(s->fd, i);
		s->forwards->retire();
		if (gate_ != nullptr)
			gate_->refuse(s->flow);
		s->shipper->stop();
		by_sid_.erase(s->sid);
		s->retired = true;
		s->is_protected = false;
		s->reason = "another host serves it";
		if (auto ok = s->channel->retire(); !ok &&
		    ok.error().errnum != EPIPE)
			log::error("session {}: {}", id, ok.error().what);
		log::warning("session {}: retired: another host serves it", id);
		commit_log::line("retire {}", name_of(*s));
	}
	for (auto &[sid, c] : closing_) {
		quiet(c.fd, c.info);
		c.forwards->retire();
	}
	while (!closing_.empty())
		finish(closing_.begin()->first);
}

void ExportServer::Impl::refresh_later()
{
	refresh_.expires_after(refresh_period);
	refresh_.async_wait([this](error_code ec) {
		if (ec)
			return;
		refresh();
		limit_unfinished();
		refresh_later();
	});
}

void ExportServer::Impl::limit_unfinished()
{
	std::unordered_map<std::string, size_t> by_user;
	for (auto &[id, s] : sessions_) {
		size_t n = s->shipper->unfinished();
		if (n <= unfinished_small || s->state != State::open)
			continue;
		if ((by_user[s->user] += n) > unfinished_of_user)
			bad_record(s, "unfinished records of this user take "
			    "too much memory");
	}
}

void ExportServer::Impl::refresh()
{
	refresh_phase_ = (refresh_phase_ + 1) % refresh_phases;
	if (!sink_.is_up() || sink_.congested())
		return;
	std::vector<SessionPtr> resettle;
	Buffer b = sink_.buffer();
	for (auto &[id, s] : sessions_) {
		// A connection that is closing keeps its last state.
		if (id % refresh_phases != refresh_phase_ ||
		    s->state != State::open || !s->shipper->running())
			continue;
		if (refresh_tcp_state(s->fd.get(), s->tcp))
			(void)put_tcp(b, s->sid, s->tcp);
		s->forwards->refresh(b);
		if (gate_ != nullptr && !s->is_protected)
			resettle.push_back(s);
	}
	if (!b.empty())
		(void)sink_.send(std::move(b));
	for (const SessionPtr &s : resettle)
		if (s->coverage.from()) {
			settle(*s);
			look(s);
		}
}

SessionInfo ExportServer::Impl::info(const Session &s) const
{
	SessionInfo i;
	i.id = s.id;
	i.sid = s.sid;
	i.flow = s.flow;
	i.user = s.user;
	i.is_protected = s.is_protected;
	i.stalled = s.state == State::open && !s.shipper->running();
	if (const auto &chain = s.shipper->chain(); chain && s.sid != 0) {
		i.epoch = chain->epoch();
		i.in_off = chain->in_off();
		i.out_end = chain->out_end();
		i.acked_off = chain->acked_off();
		i.committed = s.shipper->committed();
		i.covered_from = s.coverage.from();
	}
	i.state = to_string(s.state);
	i.reason = s.reason;
	return i;
}

std::vector<SessionInfo> ExportServer::Impl::sessions() const
{
	std::vector<SessionInfo> all;
	for (const auto &[id, s] : sessions_)
		if (s->state != State::fresh)
			all.push_back(info(*s));
	return all;
}

ExportServer::ExportServer(asio::io_context &io, std::string path,
    FrameSink &sink, InputGate *gate, Handlers h, size_t places)
    : impl_(std::make_unique<Impl>(io, std::move(path), sink, gate,
      std::move(h), places))
{
}

ExportServer::~ExportServer() = default;

Result<void> ExportServer::start()
{
	return impl_->start();
}

void ExportServer::standby_up(std::string recovery_key, uint64_t epoch)
{
	impl_->standby_up(std::move(recovery_key), epoch);
}

void ExportServer::link_down()
{
	impl_->link_down();
}

void ExportServer::standby_lost_with_evidence(const std::string &reason)
{
	impl_->standby_lost(reason);
}

void ExportServer::retire()
{
	impl_->retire();
}

Result<void> ExportServer::frame(const FrameView &f)
{
	return impl_->frame(f);
}

std::vector<SessionInfo> ExportServer::sessions() const
{
	return impl_->sessions();
}

} // namespace jeebs
