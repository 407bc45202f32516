// SPDX-License-Identifier: ISC
// The Daemon at the link: what the two jeebsd tell each other, heartbeats aside.
#include "daemon.hh"

#include "commit-log.hh"
#include "jeebs-wire.h"
#include "log.hh"

namespace jeebs {

namespace {

constexpr char heartbeat_label[] = "EXPORTER-jeebs-heartbeat";

// Did the peer's kernel end the connection, while its process said nothing?
bool
closed_by_kernel(const std::string &reason)
{
	return reason.find("closed the connection") != std::string::npos ||
	    reason.find("reset by peer") != std::string::npos;
}

} // namespace

Link::Handlers
Daemon::link_handlers()
{
	Link::Handlers h;
	h.up = [this](const PeerHello &p) { link_up(p); };
	h.down = [this](const std::string &why) { link_down(why); };
	h.frame = [this](const FrameView &f) { return link_frame(f); };
	h.batch_end = [this] { replica_.flush(); };
	return h;
}

void
Daemon::link_up(const PeerHello &p)
{
	log::info("link: up, {} {}", p.host, log::printable(p.version));
	if (p.version != JEEBS_FORK_VERSION)
		log::warning("{} runs {}, this host {}: install the same "
		    "version on both; sessions whose records the other can't "
		    "read aren't protected", p.host,
		    log::printable(p.version), JEEBS_FORK_VERSION);
	peer_resigned_ = false;
	auto key = link_.exporter(heartbeat_label);
	if (!key) {
		log::error("link: {}", key.error().what);
		return;
	}
	heartbeat_.set_key(*key);
	perform(role_.link(true, BootClock::now()));
	send_key();
}

void
Daemon::link_down(const std::string &reason)
{
	Time now = BootClock::now();

	peer_key_.clear();
	// Alone, by evidence, none will be asked for them.
	if (role_.state() != RoleState::primary_alone)
		forget_earlier_not_yet();
	export_.link_down();
	replica_.link_down();
	if (!dropping_link_ && !peer_resigned_ && closed_by_kernel(reason)) {
		detector_.link_closed(now);
		ask_service();
	}
	perform(role_.link(false, now));
	evaluate(now);
}

Result<void>
Daemon::link_frame(const FrameView &f)
{
	switch (f.type) {
	case FrameType::key: {
		auto k = get_key(f.payload);
		if (!k)
			return tl::unexpected(k.error());
		peer_key_.assign(reinterpret_cast<const char *>(k->data()),
		    k->size());
		offer();
		return {};
	}
	case FrameType::open:
	case FrameType::record:
	case FrameType::tcp:
	case FrameType::cover:
	case FrameType::input:
	case FrameType::forward:
	case FrameType::taken:
	case FrameType::close:
		// Nothing may be added to what is being adopted, and nothing
		// committed by one who serves.
		if (!is_standby())
			return fail("records for a host that isn't standby");
		return replica_.frame(f);
	case FrameType::commit:
	case FrameType::input_commit:
	case FrameType::closed:
	case FrameType::drop:
		return export_.frame(f);
	case FrameType::resign: {
		auto r = get_resign(f.payload);
		if (!r)
			return tl::unexpected(r.error());
		log::info("{} resigns: {}", config_.peer.name,
		    log::printable(r->text));
		peer_resigned_ = true;
		if (r->epoch == role_.epoch())
			perform(role_.resigned(BootClock::now()));
		return {};
	}
	case FrameType::role: {
		// For humans: heartbeats, which can't wait in a queue, decide.
		auto r = get_role(f.payload);
		if (!r)
			return tl::unexpected(r.error());
		log::debug("{} is {}, epoch {}", config_.peer.name,
		    to_string(r->role), r->epoch);
		return {};
	}
	default:
		return fail("unexpected frame");
	}
}

void
Daemon::own_key(const std::string &k)
{
	if (auto ok = known_keys_.add({reinterpret_cast<const uint8_t *>(
	    k.data()), k.size()}); !ok)
		log::error("sshd-adopt: {}", ok.error().what);
	if (is_standby())
		replica_.keys_changed();
	send_key();
}

// The keys that open the stored records are gone with sshd-adopt. The primary
// must know, or its sessions would wait for commits of what is worth nothing.
void
Daemon::own_key_lost()
{
	known_keys_.lose();
	if (!is_standby() || store_.size() == 0)
		return;
	Buffer b = link_.buffer();
	for (uint64_t sid : store_.newest())
		put_drop(b, sid, "sshd-adopt ended on the standby");
	commit_log::line("void why=sshd-adopt ended");
	(void)link_.send(std::move(b));
	takeover_.unprepare();
	tap_.clear();
	store_.clear();
}

void
Daemon::send_key()
{
	if (!is_standby() || !link_.is_up() || adopt_.key().empty())
		return;
	const std::string &k = adopt_.key();
	Buffer b = link_.buffer();
	put_key(b, {reinterpret_cast<const uint8_t *>(k.data()), k.size()});
	(void)link_.send(std::move(b));
}

void
Daemon::offer()
{
	if (!offering_ || !role_.serving() || peer_key_.empty())
		return;
	// All of it would be void when that one's first heartbeat comes.
	const PeerHello *peer = link_.peer();
	if (peer == nullptr || !role_.peer() ||
	    role_.peer()->instance != peer->instance)
		return;
	forget_earlier_in(earlier_stays);
	export_.standby_up(peer_key_, role_.epoch());
}

} // namespace jeebs
