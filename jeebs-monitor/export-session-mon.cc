// SPDX-License-Identifier: ISC
// What an ExportSession and its MON say to each other.
#include "export-session.hh"

#include <sys/random.h>

#include <stdexcept>
#include <utility>

#include "chain.hh"
#include "commit-log.hh"
#include "log.hh"
#include "tcp-info.hh"
#include "tcp-progress.hh"
#include "wire.hh"

namespace jeebs {

namespace {

uint64_t random_sid()
{
	uint64_t sid = 0;
	while (sid == 0)
		if (::getentropy(&sid, sizeof(sid)) == -1)
			throw std::runtime_error("getentropy failed");
	return sid;
}

} // namespace

void ExportSession::start(UniqueFd fd)
{
	auto weak = weak_from_this();
	shipper_ = std::make_shared<Shipper>(p_.io, p_.sink,
	    [weak](const std::string &why) {
		if (auto s = weak.lock(); s && s->state_ == State::open)
			s->bad_record(why);
	}, [weak] {
		auto s = weak.lock();
		return s ? s->received() : 0;
	});
	channel_ = std::make_shared<MonChannel>(p_.io, std::move(fd),
	    channel_handlers());
	channel_->start();
}

// Called only while the channel is open, and so this there.
MonChannel::Handlers ExportSession::channel_handlers()
{
	auto weak = weak_from_this();
	MonChannel::Handlers h;
	h.hello = [weak](MonHello m) {
		return weak.lock()->hello(std::move(m));
	};
	h.root = [weak](Bytes record) {
		return weak.lock()->root(record);
	};
	h.refuse = [weak](const std::string &why) {
		weak.lock()->refuse(why);
	};
	h.gone = [weak](const std::string &why) {
		auto s = weak.lock();
		s->p_.over(s, why);
	};
	return h;
}

Result<void> ExportSession::hello(MonHello m)
{
	user_ = std::move(m.user);
	tcp_ = m.tcp;
	flow_ = Flow::from_state(m.tcp);
	auto not_here = [this](const char *why) -> Result<void> {
		detach(why);
		p_.over(shared_from_this(), "");
		return {};
	};
	if (p_.handlers.wanted && !p_.handlers.wanted(flow_))
		return not_here("not a connection to a protected address");
	// Else what keeps packets from the LAN, and holds them, sees none of its.
	// One that a standby may hold already has to stay.
	if (!m.attached && p_.handlers.can_move && !p_.handlers.can_move(flow_))
		return not_here("its packets don't leave by the interface of the "
		    "protected address");
	place_ = p_.seat(info(), m.attached);
	if (!place_)
		return not_here("this user's sessions have all of the places "
		    "that one user may have here");
	fd_ = SharedFd(std::move(m.fd), user_);
	received_base_ = m.received_base;
	acked_base_.reset();
	state_ = State::known;
	forwards_ = make_forwards();
	// Of one that had a standby before this jeebsd was started nothing may
	// get to TCP until there is one again, or evidence.
	if (p_.gate != nullptr && !m.attached)
		p_.gate->uncover(flow_);
	else if (p_.gate != nullptr)
		p_.gate->cover(flow_, {});
	log::info("session {}: {}, user {}, sshd {}", id_, flow_.to_string(),
	    log::printable(user_), log::printable(m.version));
	commit_log::line("session n={} {} rcv={}", id_, name(), tcp_.rcv_base);
	ruled_ = !p_.handlers.opened || p_.handlers.opened(info());
	// PA may hold back what it wrote for a jeebsd that is gone.
	if (!p_.standby.alone.empty())
		detach(p_.standby.alone);
	if (!p_.standby.key.empty())
		offer();
	return {};
}

std::shared_ptr<Forwards> ExportSession::make_forwards()
{
	// They outlive the session, not what it has in common with others.
	return std::make_shared<Forwards>(Forwards::Parts{.io = p_.io,
	    .sink = p_.sink, .gate = p_.gate, .table = p_.forwards,
	    .shares = p_.forward_shares,
	    .wanted = [&p = p_, port = flow_.local_port](const Flow &f) {
		return f.local_port != port && !p.is_session(f) &&
		    (!p.handlers.can_move || p.handlers.can_move(f));
	    }, .may_end = [&p = p_](const Flow &f, bool may) {
		return !p.handlers.may_end || p.handlers.may_end(f, may);
	    }, .may_fin = [&p = p_](const Flow &f) {
		if (p.handlers.may_fin)
			p.handlers.may_fin(f);
	    }, .rest = [&p = p_](const Flow &f) {
		return p.handlers.rest ? p.handlers.rest(f) :
		    InputFeeder::Rest{};
	    }, .new_id = random_sid, .recorded = [weak = weak_from_this()] {
		if (auto s = weak.lock(); s && s->state_ == State::open)
			s->look();
	    }}, user_);
}

uint64_t ExportSession::received() const
{
	auto now = tcp_progress(fd_.get());
	// No answer is no proof of anything.
	return now ? received_base_ + now->received : UINT64_MAX;
}

// Until there is a record sshd may have written more than is known here.
std::optional<InputCommit::Takes> ExportSession::takes()
{
	const auto bounds = tcp_bounds(fd_.get(), tcp_.rcv_wnd);
	const auto &chain = shipper_->chain();
	if (!bounds || !chain || !chain->started())
		return {};
	if (chain->acked_off() >= bounds->acked)
		acked_base_ = std::max(acked_base_.value_or(0),
		    chain->acked_off() - bounds->acked);
	return InputCommit::Takes{received_base_ + bounds->edge,
	    ack_range(tcp_.snd_base, chain->acked_off(), chain->out_end(),
	    std::max(tcp_.max_window, bounds->snd_wnd)),
	    seq_of_offset(tcp_.snd_base, acked_base_ ?
	    *acked_base_ + bounds->acked : chain->acked_off())};
}

void ExportSession::offer()
{
	if (!ruled_ && p_.handlers.may_end)
		ruled_ = p_.handlers.may_end(flow_, false);
	if (!ruled_) {
		reason_ = "the firewall's rule isn't there";
		return;
	}
	auto ring = Ring::create();
	if (!ring) {
		reason_ = ring.error().what;
		log::error("session {}: not protected: {}", id_, reason_);
		return;
	}
	UniqueFd forwards;
	if (auto made = forwards_->socket())
		forwards = std::move(*made);
	if (auto ok = channel_->offer(p_.standby.epoch, p_.standby.key, *ring,
	    forwards.get()); !ok) {
		reason_ = ok.error().what;
		log::warning("session {}: no offer made: {}", id_, reason_);
		forwards_->withdraw();
		return;
	}
	ring->offered();
	offered_.emplace(std::move(*ring));
	offered_epoch_ = p_.standby.epoch;
	failed_offers_ = 0;
	reason_ = "waits for sshd";
}

Result<void> ExportSession::root(Bytes rec)
{
	if (!offered_ || !p_.sink.is_up()) {
		// Nothing of a known session is at a standby; about others
		// nobody knows: they stall until there is an offer or evidence.
		offered_.reset();
		if (state_ == State::known) {
			if (p_.sink.is_up() && !p_.standby.key.empty())
				offer();
			else
				detach("the standby is gone");
		}
		return {};
	}
	auto env = get_record_envelope(rec);
	if (!env)
		return tl::unexpected(env.error());
	auto chain = RecordChain::begin(*env);
	if (!chain)
		return tl::unexpected(chain.error());
	if (chain->epoch() != offered_epoch_)
		return fail("root record of another epoch than offered");

	carried_ = (is_protected_ || carried_) && shipper_->running();
	const auto covered = coverage_.from();
	cover();
	uint64_t had = received_base_;
	if (auto now = tcp_progress(fd_.get()))
		had += now->received;
	OpenFrame o;
	// Not fatal: the connection may be on its way down.
	(void)refresh_tcp_state(fd_.get(), tcp_);
	o.sid = random_sid();
	o.root = rec;
	o.tcp = tcp_;
	o.user = user_;
	Buffer b = p_.sink.buffer();
	if (auto ok = put_open(b, o); !ok)
		return ok;
	p_.by_sid.erase(sid_);
	if (sid_ != 0)
		older_.push_back(sid_);
	sid_ = o.sid;
	p_.by_sid[sid_] = shared_from_this();
	commit_log::line("offer sid={:x} {} epoch={}", sid_, name(),
	    chain->epoch());
	state_ = State::open;
	is_protected_ = false;
	reason_ = "waits for the first commit";
	(void)p_.sink.send(std::move(b));
	// The gate stood all the while: if the standby holds the one before, it
	// holds what came through it.
	if (carried_ && covered)
		(void)coverage_.settled(*covered);
	if (p_.gate != nullptr)
		p_.gate->open(flow_, sid_, tcp_.rcv_base, had,
		    [weak = weak_from_this()] {
			auto s = weak.lock();
			return s ? s->takes() : std::nullopt;
		});
	auto ok = shipper_->start(std::move(*offered_), *chain, sid_);
	offered_.reset();
	forwards_->start(sid_);
	return ok;
}

void ExportSession::refuse(const std::string &why)
{
	forwards_->withdraw();
	offered_.reset();
	reason_ = "sshd refused: " + log::printable(why);
	// Its output would wait until the next key.
	if (state_ == State::open && !shipper_->running())
		return give_up(reason_);
	log::warning("session {}: {}", id_, reason_);
}

void ExportSession::detach(const std::string &reason)
{
	commit_log::line("unprotect {} why={}", name(),
	    log::printable(reason));
	auto ok = channel_->detach(reason);
	// A MON that is gone is seen at its channel.
	if (!ok && ok.error().errnum != EPIPE)
		log::error("session {}: {}", id_, ok.error().what);
	reason_ = reason;
	if (p_.gate != nullptr)
		p_.gate->uncover(flow_);
}

} // namespace jeebs
