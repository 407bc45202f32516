// SPDX-License-Identifier: ISC
#include "export.hh"

#include <sys/socket.h>

#include <chrono>
#include <utility>

#include "commit-log.hh"
#include "log.hh"
#include "tcp-descriptor.hh"
#include "turns.hh"

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

} // namespace

ExportServer::ExportServer(asio::io_context &io, std::string path,
    FrameSink &sink, InputGate *gate, Handlers h, size_t places)
    : io_(io), path_(std::move(path)), sink_(sink), gate_(gate),
      handlers_(std::move(h)), refresh_(io), shares_(places),
      forward_shares_(places),
      parts_{.io = io_, .sink = sink_, .gate = gate_, .handlers = handlers_,
	  .standby = standby_, .by_sid = by_sid_, .forwards = forwards_,
	  .forward_shares = forward_shares_,
	  .seat = [this](const SessionInfo &i, bool attached) {
		return seat(i, attached);
	}, .is_session = [this](const Flow &f) { return is_session(f); },
	  .over = [this](const SessionPtr &s, const std::string &why) {
		over(s, why);
	}}
{
	sink_.on_drained = [this] { drained(); };
}

ExportServer::~ExportServer()
{
	sink_.on_drained = nullptr;
	for (auto &[id, s] : sessions_)
		s->abandon();
	for (auto &[sid, c] : closing_) {
		c.forwards->abandon();
		end_silenced(c.fd.get());
	}
}

Result<void> ExportServer::start()
{
	auto l = Listener::create(io_, path_, SOCK_SEQPACKET, 0600,
	    [this](UniqueFd fd) { accepted(std::move(fd)); });
	if (!l)
		return tl::unexpected(l.error());
	listener_ = std::move(*l);
	refresh_later();
	return {};
}

void ExportServer::accepted(UniqueFd fd)
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
	auto s = std::make_shared<ExportSession>(parts_, next_id_++);
	sessions_.emplace(s->id(), s);
	s->start(std::move(fd));
}

// A session with output that waits for a standby's commit had a place before
// this jeebsd was started, and can't be told to go on alone.
Shares::Place ExportServer::seat(const SessionInfo &s, bool attached)
{
	auto place = attached ? shares_.take_anyway(s.user) :
	    shares_.take(s.user);
	if (place)
		refused_.erase(s.user);
	else if (refused_.insert(s.user).second)
		log::warning("session {}: {}, user {}: not protected, like "
		    "any further one: this user has had his share of {} "
		    "places, {} are taken (descriptors: RLIMIT_NOFILE)", s.id,
		    s.flow.to_string(), log::printable(s.user),
		    shares_.places(), shares_.taken());
	return place;
}

bool ExportServer::is_session(const Flow &f) const
{
	for (const auto &[id, s] : sessions_)
		if (s->registered() && s->flow() == f)
			return true;
	for (const auto &[sid, c] : closing_)
		if (c.info.flow == f)
			return true;
	return false;
}

void ExportServer::over(const SessionPtr &s, const std::string &why)
{
	auto rest = s->end(why);
	sessions_.erase(s->id());
	if (!rest)
		return;
	if (!rest->held)
		return forget(std::move(*rest), log::printable(why));
	// Its FIN must not be out before the standby knows of the end.
	auto sid = rest->info.sid;
	rest->forwards->link_down();
	auto it = closing_.emplace(sid, std::move(*rest)).first;
	send_close(sink_, it->second.older, sid, session_over);
}

// The standby holds nothing of a closing session.
void ExportServer::finish(uint64_t sid)
{
	auto it = closing_.find(sid);
	if (it == closing_.end())
		return;
	SessionRest c = std::move(it->second);
	closing_.erase(it);
	forget(std::move(c), "closed");
}

void ExportServer::finish_all()
{
	while (!closing_.empty())
		finish(closing_.begin()->first);
}

void ExportServer::forget(SessionRest s, const std::string &why)
{
	s.forwards->release_all();
	log::info("session {}: over", s.info.id);
	commit_log::line("over {} why={}", s.name, why);
	const bool reused = is_session(s.info.flow);
	if (gate_ != nullptr && !reused)
		gate_->uncover(s.info.flow);
	// First the handler, which lets the FIN of the descriptor pass.
	if (handlers_.closed)
		handlers_.closed(s.info, reused);
	end_silenced_later(io_, std::move(s.fd));
}

// Who has much to say may fill the link at once.
void ExportServer::drained()
{
	if (gate_ != nullptr)
		gate_->drained();
	std::vector<SessionPtr> waiting;
	std::vector<Turn> turns;
	for (auto &[id, s] : sessions_) {
		if (!s->waiting())
			continue;
		waiting.push_back(s);
		turns.push_back(s->turn());
	}
	for (size_t i : fair_order(turns)) {
		if (sink_.congested())
			return;
		waiting[i]->take_turn(++turns_);
	}
}

Result<void> ExportServer::frame(const FrameView &f)
{
	switch (f.type) {
	case FrameType::commit:
		return commits(f.payload);
	case FrameType::input_commit: {
		auto n = get_input_commit(f.payload);
		if (!n)
			return tl::unexpected(n.error());
		if (gate_ == nullptr)
			return fail("INPUT_COMMIT without input");
		return gate_->committed(*n);
	}
	case FrameType::closed:
	case FrameType::drop:
		return let_go(f);
	default:
		return fail("unexpected frame from the standby");
	}
}

Result<void> ExportServer::commits(Bytes payload)
{
	auto entries = get_commit(payload);
	if (!entries)
		return tl::unexpected(entries.error());
	for (const auto &e : *entries) {
		auto it = by_sid_.find(e.sid);
		if (it == by_sid_.end())
			continue;
		auto s = it->second;
		if (auto ok = s->commit(e); !ok)
			return ok;
	}
	return {};
}

// CLOSED or DROP, of a session or a forward.
Result<void> ExportServer::let_go(const FrameView &f)
{
	uint64_t sid = 0;
	std::string reason;
	if (f.type == FrameType::closed) {
		auto c = get_closed(f.payload);
		if (!c)
			return tl::unexpected(c.error());
		sid = *c;
	} else {
		auto c = get_close(f.payload);
		if (!c)
			return tl::unexpected(c.error());
		sid = c->sid;
		reason = "dropped by the standby: " + c->text;
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
	if (it == by_sid_.end()) {
		for (auto &[id, s] : sessions_)
			if (f.type == FrameType::drop && s->was(sid))
				s->older_dropped();
		return {};
	}
	auto s = it->second;
	if (f.type == FrameType::closed)
		return s->closed();
	s->dropped(reason);
	return {};
}

void ExportServer::standby_up(std::string key, uint64_t epoch)
{
	standby_ = {std::move(key), epoch, {}};
	for (auto &[id, s] : sessions_)
		s->standby_up();
	for (auto &[sid, c] : closing_)
		send_close(sink_, c.older, sid, session_over);
}

void ExportServer::link_down()
{
	standby_.key.clear();
	if (gate_ != nullptr)
		gate_->link_down();
	for (auto &[id, s] : sessions_)
		s->link_down();
}

void ExportServer::standby_lost_with_evidence(const std::string &reason)
{
	link_down();
	standby_.alone = reason;
	auto all = sessions_;
	for (auto &[id, s] : all)
		s->standby_lost(reason);
	finish_all();
}

void ExportServer::retire()
{
	link_down();
	for (auto &[id, s] : sessions_)
		s->retire();
	for (auto &[sid, c] : closing_) {
		silence(c.fd, c.info);
		c.forwards->retire();
	}
	finish_all();
}

void ExportServer::refresh_later()
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

void ExportServer::limit_unfinished()
{
	std::unordered_map<std::string, size_t> by_user;
	for (auto &[id, s] : sessions_) {
		size_t n = s->unfinished();
		if (n <= unfinished_small)
			continue;
		if ((by_user[s->user()] += n) > unfinished_of_user)
			s->bad_record("unfinished records of this user take "
			    "too much memory");
	}
}

void ExportServer::refresh()
{
	refresh_phase_ = (refresh_phase_ + 1) % refresh_phases;
	if (!sink_.is_up() || sink_.congested())
		return;
	std::vector<SessionPtr> resettle;
	Buffer b = sink_.buffer();
	for (auto &[id, s] : sessions_)
		if (id % refresh_phases == refresh_phase_ && s->refresh(b))
			resettle.push_back(s);
	if (!b.empty())
		(void)sink_.send(std::move(b));
	for (const SessionPtr &s : resettle)
		s->resettle();
}

std::vector<SessionInfo> ExportServer::sessions() const
{
	std::vector<SessionInfo> all;
	for (const auto &[id, s] : sessions_)
		if (s->registered())
			all.push_back(s->info());
	return all;
}

} // namespace jeebs
