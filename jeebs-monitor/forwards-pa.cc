// SPDX-License-Identifier: ISC
// What Forwards and PA say to each other, over a socket that is this session's
// alone.
#include "forwards.hh"

#include <sys/socket.h>

#include <utility>

#include <boost/asio/post.hpp>

#include "fields.hh"
#include "frame.hh"
#include "jeebs-tcp.h"
#include "log.hh"
#include "tcp-descriptor.hh"
#include "tcp-progress.hh"

namespace jeebs {

using boost::asio::posix::stream_descriptor;
using boost::system::error_code;

namespace {

constexpr int messages_per_turn = 64;
// For two answers about each of as many forwards as there can be.
constexpr int answer_room = 1 << 20;
constexpr uint16_t first_port = 1024;	// below are services'
// Descriptors of one user that close(2) may be behind with.
constexpr size_t max_closing = 64;

uint64_t
socket_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);
	if (::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == -1)
		return 0;
	return cookie;
}

} // namespace

Result<UniqueFd>
Forwards::socket()
{
	int pair[2];

	if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)
	    == -1)
		return fail_errno("forward socket");
	UniqueFd mine(pair[0]), theirs(pair[1]);
	(void)::setsockopt(mine.get(), SOL_SOCKET, SO_SNDBUFFORCE,
	    &answer_room, sizeof(answer_room));
	next_ = std::move(mine);
	return theirs;
}

void
Forwards::start(uint64_t sid)
{
	stop_hearing();
	sid_ = sid;
	sockets_++;
	if (!next_)
		return;
	socket_.assign(next_.release());
	wait();
}

void
Forwards::withdraw()
{
	next_.reset();
	if (!socket_.is_open())
		hang_up();
}

// What is queued goes with the socket, also descriptors that close(2) waits for.
void
Forwards::stop_hearing()
{
	if (!socket_.is_open())
		return;
	(void)::shutdown(socket_.native_handle(), SHUT_RDWR);
	SharedFd(UniqueFd(socket_.release()), user_).reset();
}

void
Forwards::wait()
{
	socket_.async_wait(stream_descriptor::wait_read,
	    [self = shared_from_this(), n = sockets_](error_code ec) {
		if (!ec && self->socket_.is_open() && self->sockets_ == n)
			self->readable();
	});
}

void
Forwards::readable()
{
	for (int i = 0; i < messages_per_turn && socket_.is_open(); i++) {
		UserMessage m;
		Result<bool> came = SharedFd::closing(user_) > max_closing ?
		    fail("too many of its descriptors don't close") :
		    receive_user_message(socket_.native_handle(), user_, m);
		if (came && !*came)
			break;
		auto ok = came ? message(m.type, m.fields.bytes(), m.fds) :
		    Result<void>(tl::unexpected(came.error()));
		if (!ok) {
			if (ok.error().errnum != EPIPE)
				log::warning("forwards of {}: {}",
				    log::printable(user_), ok.error().what);
			// It may have turned to the next already.
			if (next_)
				return stop_hearing();
			// The user's own affair: no forward is kept from here on.
			return hang_up();
		}
	}
	if (socket_.is_open())
		wait();
}

void
Forwards::hang_up()
{
	stop_hearing();
	for (auto &[id, f] : all_)
		if (f.sid == sid_ && !f.closing)
			close(f, "sshd hung up");
}

Result<void>
Forwards::message(uint8_t type, Bytes fields, std::vector<SharedFd> &fds)
{
	FieldReader r(fields, "message about a forward");
	const auto channel = r.num<uint32_t>();
	const bool opens = type == JEEBS_MSG_FORWARD ||
	    type == JEEBS_MSG_FORWARD_ENDED;
	const uint64_t n = opens || type == JEEBS_MSG_FORWARD_TAKEN ?
	    r.num<uint64_t>() : 0;
	if (auto ok = r.finish(); !ok)
		return ok;
	if (fds.size() != (opens ? 1 : 0))
		return fail("a forward without its descriptor, or more");
	if (opens)
		return open(channel, n, type == JEEBS_MSG_FORWARD_ENDED,
		    std::move(fds[0]));
	Forward *f = of_channel(channel);
	if (type == JEEBS_MSG_FORWARD_OVER) {
		if (f != nullptr)
			close(*f, "over");
		return {};
	}
	if (type == JEEBS_MSG_FORWARD_END) {
		if (f != nullptr && owns(*f)) {
			p_.may_fin(f->flow);
			push(*f);
		}
		return {};
	}
	if (type != JEEBS_MSG_FORWARD_TAKEN)
		return fail(fmt::format("unexpected message of type {}",
		    type));
	if (n > INT64_MAX)
		return fail("impossible offset");
	if (f != nullptr && p_.sink.is_up()) {
		if (owns(*f))
			if (auto now = tcp_progress(f->fd.get()))
				p_.gate->had(f->flow, now->received);
		Buffer b = p_.sink.buffer();
		put_taken(b, {f->id, n});
		(void)p_.sink.send(std::move(b));
		if (!std::exchange(f->recorded, true))
			p_.recorded();
	}
	return {};
}

Forwards::Forward *
Forwards::of_channel(uint32_t channel)
{
	for (auto &[id, f] : all_)
		if (f.channel == channel && f.sid == sid_ && !f.closing)
			return &f;
	return nullptr;
}

Result<void>
Forwards::open(uint32_t channel, uint64_t written, bool ended, SharedFd fd)
{
	Forward f;
	jeebs_offsets at{};
	f.channel = channel;
	f.ended = ended;
	f.socket = sockets_;

	if (of_channel(channel) != nullptr)
		return fail(fmt::format("a second target of channel {}",
		    channel));
	auto refuse = [&](const char *why) -> Result<void> {
		log::info("forward of {} on channel {} isn't kept: {}",
		    log::printable(user_), channel, why);
		answer(f, 0);
		return {};
	};
	if (auto ok = check_tcp_socket(fd.get()); !ok)
		return refuse(ok.error().what.c_str());
	// What a target sent would be lost.
	if (p_.gate == nullptr)
		return refuse("input-commit is \"tap\"");
	if (!p_.sink.is_up())
		return refuse("the standby is gone");
	// Nobody's but one of these is put into repair mode.
	if (jeebs_tcp_addrs(fd.get(), &f.tcp) != 0)
		return refuse("not connected");
	f.flow = Flow::from_state(f.tcp);
	if (f.flow.local_port < first_port || !p_.wanted(f.flow))
		return refuse("not by the interface of a protected address");
	if (jeebs_tcp_read(fd.get(), &f.tcp, &at) != 0 ||
	    Flow::from_state(f.tcp) != f.flow)
		return refuse("not an established connection");
	// How many bytes the kernel says were written differs by the SYN.
	const uint64_t more = at.out - static_cast<uint64_t>(at.fin) - written;
	if (more > 1 || (at.fin != 0) != ended)
		return refuse("its own count of what was written is wrong");
	f.syn = static_cast<uint32_t>(more);
	f.tcp.snd_base += f.syn;
	f.cookie = socket_cookie(fd.get());
	uint64_t before = 0;
	if (p_.table.owners.contains(f.flow)) {
		// Of the incarnation before, or nobody's but its own.
		for (const auto &[id, o] : all_)
			if (o.flow == f.flow && o.cookie == f.cookie &&
			    o.sid != sid_ && owns(o))
				before = id;
		if (before == 0)
			return refuse("kept already");
	} else if (all_.size() >= JEEBS_MAX_FORWARDS) {
		return refuse("the session has too many");
	} else {
		f.place = p_.shares.take(user_);
		if (!f.place)
			return refuse("this user has his share of them");
	}
	if (!p_.may_end(f.flow, false))
		return refuse("the firewall's rule isn't there");
	if (before != 0) {
		f.place = std::move(all_.at(before).place);
		p_.table.by_id.erase(before);
		all_.erase(before);
	}
	f.id = p_.new_id();
	f.sid = sid_;
	f.fd = std::move(fd);
	keep(f);
	return {};
}

// A socket after the one by which it came knows nothing of it.
void
Forwards::say(uint8_t type, const Forward &f, uint64_t id)
{
	Buffer b;
	if (!socket_.is_open() || f.socket != sockets_)
		return;
	FieldWriter(b).u32(f.channel).u64(id);
	// Who doesn't read them gets no more.
	if (auto ok = send_message(socket_.native_handle(), type, b.bytes());
	    !ok) {
		if (ok.error().errnum != EPIPE)
			log::warning("forwards of {}: {}",
			    log::printable(user_), ok.error().what);
		// Not now: whoever calls may be at the list of them.
		stop_hearing();
		boost::asio::post(p_.io, [weak = weak_from_this(), n = sockets_] {
			if (auto self = weak.lock(); self &&
			    self->sockets_ == n && !self->next_)
				self->hang_up();
		});
	}
}

void
Forwards::answer(const Forward &f, uint64_t id)
{
	say(JEEBS_MSG_FORWARD_ID, f, id);
}

} // namespace jeebs
