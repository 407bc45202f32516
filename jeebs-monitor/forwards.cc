// SPDX-License-Identifier: ISC
#include "forwards.hh"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "commit-log.hh"
#include "frame.hh"
#include "jeebs-tcp.h"
#include "log.hh"
#include "tcp-descriptor.hh"
#include "tcp-info.hh"
#include "tcp-progress.hh"

namespace jeebs {

namespace {


// Its target's RST, or its user's: no packet will end it any more.
bool
is_gone(int fd, const Flow &flow)
{
	tcp_info info{};
	socklen_t len = sizeof(info);
	return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1 ||
	    info.tcpi_state == TCP_CLOSE || info.tcpi_state == TCP_LISTEN ||
	    !is_of_flow(fd, flow);
}

} // namespace

Forwards::Forwards(Parts p, std::string user)
    : p_(std::move(p)), user_(std::move(user)), socket_(p_.io)
{
}

void
Forwards::link_down()
{
	next_.reset();
	stop_hearing();
}

bool
Forwards::settled()
{
	std::vector<uint64_t> old;
	bool lives = false;
	for (const auto &[id, f] : all_)
		if (f.sid != sid_) {
			old.push_back(id);
			lives = lives || (!f.closing && owns(f) &&
			    !is_gone(f.fd.get(), f.flow));
		}
	for (uint64_t id : old)
		release(id);
	return lives;
}

void
Forwards::abandon()
{
	link_down();
	for (const auto &[id, f] : all_) {
		end_silenced(f.fd.get());
		p_.table.by_id.erase(id);
		if (owns(f))
			p_.table.owners.erase(f.flow);
	}
	all_.clear();
}

bool
Forwards::owns(const Forward &f) const
{
	auto owner = p_.table.owners.find(f.flow);
	return owner != p_.table.owners.end() && owner->second == f.id;
}

void
Forwards::keep(Forward &fresh)
{
	Forward &f = all_.emplace(fresh.id, std::move(fresh)).first->second;
	p_.table.owners[f.flow] = f.id;
	p_.table.by_id[f.id] = weak_from_this();
	make_room_for_target(f.fd.get(), !p_.rest(f.flow).parts.empty());
	if (!f.ended)
		limit_unacked_of_target(f.fd.get());
	uint64_t had = 0;
	if (auto now = tcp_progress(f.fd.get()))
		had = now->received;
	Buffer b = p_.sink.buffer();
	if (auto ok = put_forward(b, {f.sid, f.id, f.tcp}); !ok) {
		log::error("forward to {}: {}", f.flow.remote_name(),
		    ok.error().what);
		answer(f, 0);
		release(f.id);
		return;
	}
	std::weak_ptr<Forwards> weak = weak_from_this();
	const uint64_t id = f.id;
	p_.gate->cover(f.flow, [weak, id](Result<void> done) {
		if (auto self = weak.lock())
			self->covered(id, done);
	});
	(void)p_.sink.send(std::move(b));
	commit_log::line("forward sid={:x} {} rcv={}", id,
	    commit_log::name_of(f.flow), f.tcp.rcv_base);
	p_.gate->open(f.flow, f.id, f.tcp.rcv_base, had, [weak, id] {
		auto self = weak.lock();
		return self ? self->takes(id) : std::nullopt;
	});
}

std::optional<InputCommit::Takes>
Forwards::takes(uint64_t id) const
{
	auto it = all_.find(id);
	if (it == all_.end())
		return {};
	const Forward &f = it->second;
	const auto bounds = tcp_bounds(f.fd.get(), f.tcp.rcv_wnd);
	if (!bounds)
		return {};
	const uint32_t base = f.tcp.snd_base - f.syn;
	return InputCommit::Takes{bounds->edge, ack_range(base, bounds->acked,
	    bounds->written, std::max(f.tcp.max_window, bounds->snd_wnd)),
	    seq_of_offset(base, bounds->acked)};
}

// PA hears that it isn't kept.
void
Forwards::lose(Forward &f)
{
	if (f.answered)
		say(JEEBS_MSG_FORWARD_LOST, f, f.id);
	else
		answer(f, 0);
}

void
Forwards::give_up(Forward &f, const char *why)
{
	log::info("forward of {} to {} isn't kept: {}", log::printable(user_),
	    f.flow.remote_name(), why);
	lose(f);
	close(f, why);
}

// The standby must have forgotten it before the target hears of its end.
void
Forwards::close(Forward &f, const char *why)
{
	f.closing = true;
	Buffer b = p_.sink.buffer();
	put_close(b, f.id, why);
	(void)p_.sink.send(std::move(b));
}

// A FIN that was held back goes now, not when it is sent again.
void
Forwards::push(const Forward &f)
{
	const int on = 1;
	(void)::setsockopt(f.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on,
	    sizeof(on));
}

void
Forwards::release(uint64_t id)
{
	auto it = all_.find(id);
	if (it == all_.end())
		return;
	Forward f = std::move(it->second);
	all_.erase(it);
	p_.table.by_id.erase(id);
	let_go(f);
	push(f);
	end_silenced_later(p_.io, std::move(f.fd));
}

// What comes and goes on its ports is nobody's business any more.
void
Forwards::let_go(const Forward &f)
{
	if (!owns(f))
		return;
	p_.table.owners.erase(f.flow);
	commit_log::line("unprotect {} why=let go",
	    commit_log::name_of(f.flow));
	if (p_.gate != nullptr)
		p_.gate->uncover(f.flow);
	p_.may_end(f.flow, true);
}

void
Forwards::closed(uint64_t id)
{
	release(id);
}

void
Forwards::dropped(uint64_t id)
{
	auto it = all_.find(id);
	if (it != all_.end() && !it->second.closing && it->second.sid == sid_) {
		log::warning("forward to {} isn't kept any more",
		    it->second.flow.remote_name());
		lose(it->second);
	}
	release(id);
}

void
Forwards::release_all()
{
	link_down();
	while (!all_.empty())
		release(all_.begin()->first);
}

void
Forwards::retire()
{
	link_down();
	for (auto &[id, f] : all_) {
		if (!owns(f))
			continue;
		if (auto ok = silence_tcp(f.fd.get(), f.flow); !ok)
			log::error("forward to {}: can't silence it: {}",
			    f.flow.remote_name(), ok.error().what);
		p_.gate->refuse(f.flow);
	}
}

void
Forwards::refresh(Buffer &b)
{
	for (auto &[id, f] : all_) {
		if (f.closing || f.sid != sid_ || !owns(f))
			continue;
		// Its ports are free, for another user's. What it had been sent
		// the standby keeps until PA has done with it.
		if (is_gone(f.fd.get(), f.flow)) {
			if (!f.answered)
				give_up(f, "over");
			else
				let_go(f);
			continue;
		}
		if (refresh_tcp_state(f.fd.get(), f.tcp))
			(void)put_tcp(b, id, f.tcp);
		if (f.answered)
			(void)copy_unread(f, false);
	}
}

} // namespace jeebs
