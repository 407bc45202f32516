// SPDX-License-Identifier: ISC
#include "adopt-client.hh"

#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "fields.hh"
#include "jeebs-wire.h"
#include "log.hh"
#include "msg.hh"
#include "shared-fd.hh"

namespace jeebs {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr auto retry_after = std::chrono::milliseconds(500);

class JobImpl : public AdoptClient::Job,
    public std::enable_shared_from_this<JobImpl> {
public:
	JobImpl(asio::io_context &io, UniqueFd fd, std::string user,
	    AdoptClient::Answer answer)
	    : socket_(io, fd.release()), timer_(io), user_(std::move(user)),
	      answer_(std::move(answer)) {}
	~JobImpl() override { close(); }

	void start(std::chrono::milliseconds timeout)
	{
		timer_.expires_after(timeout);
		timer_.async_wait([w = weak_from_this(), timeout]
		    (error_code ec) {
			auto self = w.lock();
			if (!self || ec)
				return;
			self->finish(fail(fmt::format("sshd-adopt didn't "
			    "answer within {} ms", timeout.count()),
			    ETIMEDOUT));
		});
		wait();
	}

	Result<void> target(uint32_t channel, uint64_t acked, int fd) override
	{
		Buffer b;
		FieldWriter(b).u32(channel).u64(acked);
		const int fds[] = {fd};
		return send_message(socket_.native_handle(),
		    JEEBS_MSG_TARGET, b.bytes(), fds);
	}

	Result<void> go() override
	{
		return send_message(socket_.native_handle(), JEEBS_MSG_GO, {});
	}

	void close()
	{
		answer_ = nullptr;
		timer_.cancel();
		if (!socket_.is_open())
			return;
		// With what a worker, which is the user's by now, has sent.
		(void)::shutdown(socket_.native_handle(), SHUT_RDWR);
		SharedFd(UniqueFd(socket_.release()), user_).reset();
	}

private:
	void wait()
	{
		socket_.async_wait(socket_.wait_read,
		    [w = weak_from_this()](error_code ec) {
			auto self = w.lock();
			if (self && !ec && self->answer_)
				self->readable();
		});
	}

	void readable()
	{
		UserMessage m;
		auto came = receive_user_message(socket_.native_handle(),
		    user_, m);
		if (!came)
			return finish(fail(came.error().errnum == EPIPE ?
			    "its sshd-adopt worker ended, see sshd's log" :
			    came.error().what));
		if (!*came)
			return wait();
		finish(parse(m));
	}

	static Result<AdoptReady> ready(FieldReader &r)
	{
		AdoptReady a;
		a.out_end = r.num<uint64_t>();
		const auto n = r.num<uint32_t>();
		if (n > JEEBS_MAX_FORWARDS)
			r.bad("too many forwards");
		for (uint32_t i = 0; i < n && n <= JEEBS_MAX_FORWARDS; i++) {
			AdoptForward f;
			f.channel = r.num<uint32_t>();
			f.id = r.num<uint64_t>();
			f.data_off = r.num<uint64_t>();
			f.data_end = r.num<uint64_t>();
			f.taken = r.num<uint64_t>();
			const auto ended = r.num<uint8_t>();
			f.ended = ended != 0;
			if (ended > 1)
				r.bad("impossible end");
			if (f.data_end < f.data_off || f.data_end > INT64_MAX ||
			    f.taken > INT64_MAX)
				r.bad("impossible offset");
			a.forwards.push_back(f);
		}
		return r.finish(std::move(a));
	}

	static Result<AdoptReady> parse(const UserMessage &m)
	{
		FieldReader r(m.fields.bytes(), "answer of sshd-adopt");
		if (!m.fds.empty())
			return fail("sshd-adopt sent a descriptor");
		if (m.type == JEEBS_MSG_READY)
			return ready(r);
		if (m.type != JEEBS_MSG_FAILED)
			return fail(fmt::format("sshd-adopt sent type {}",
			    m.type));
		auto why = r.finish(r.text(JEEBS_MAX_REASON));
		if (!why)
			return tl::unexpected(why.error());
		return fail(log::printable(*why));
	}

	void finish(Result<AdoptReady> r)
	{
		timer_.cancel();
		auto answer = std::exchange(answer_, nullptr);
		if (answer)
			answer(std::move(r));
	}

	asio::posix::stream_descriptor socket_;
	asio::steady_timer timer_;
	std::string user_;
	AdoptClient::Answer answer_;
};

// What the caller holds: its end ends the job.
class JobHandle : public AdoptClient::Job {
public:
	explicit JobHandle(std::shared_ptr<JobImpl> j) : job_(std::move(j)) {}
	~JobHandle() override { job_->close(); }
	Result<void> target(uint32_t channel, uint64_t acked, int fd) override
	{
		return job_->target(channel, acked, fd);
	}
	Result<void> go() override { return job_->go(); }

private:
	std::shared_ptr<JobImpl> job_;
};

} // namespace

struct AdoptClient::Impl : std::enable_shared_from_this<Impl> {
	Impl(asio::io_context &ctx, std::string p, Handlers h)
	    : io(ctx), path(std::move(p)), handlers(std::move(h)),
	      socket(ctx), timer(ctx) {}

	void connect();
	Result<UniqueFd> open();
	void retry();
	void wait();
	void readable();
	Result<void> message(const HostMessage &);
	void lose(const std::string &why);

	asio::io_context &io;
	std::string path;
	Handlers handlers;
	asio::posix::stream_descriptor socket;
	asio::steady_timer timer;
	std::string key;
	std::string told;	// the reason that is in the log
};

Result<UniqueFd>
AdoptClient::Impl::open()
{
	sockaddr_un sun{};
	ucred peer{};
	socklen_t len = sizeof(peer);

	sun.sun_family = AF_UNIX;
	if (path.size() >= sizeof(sun.sun_path))
		return fail("path too long");
	path.copy(sun.sun_path, path.size());
	UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0));
	if (!fd)
		return fail_errno("socket");
	if (::connect(fd.get(), reinterpret_cast<sockaddr *>(&sun),
	    sizeof(sun)) == -1)
		return fail(errno == ENOENT || errno == ECONNREFUSED ?
		    "sshd-adopt isn't there yet: is sshd running with \"Jeebs "
		    "yes\"?" : std::strerror(errno), errno);
	if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1)
		return fail_errno("SO_PEERCRED");
	if (peer.uid != 0)
		return fail(fmt::format("served by uid {}, only root may",
		    peer.uid), EPERM);
	return fd;
}

void
AdoptClient::Impl::connect()
{
	auto fd = open();
	if (!fd) {
		// Said once for each reason, not at every attempt.
		if (told != fd.error().what)
			log::info("{}: {}", path, fd.error().what);
		told = fd.error().what;
		retry();
		return;
	}
	told.clear();
	socket.assign(fd->release());
	log::info("{}: connected", path);
	wait();
}

void
AdoptClient::Impl::retry()
{
	timer.expires_after(retry_after);
	timer.async_wait([w = weak_from_this()](error_code ec) {
		auto self = w.lock();
		if (self && !ec)
			self->connect();
	});
}

void
AdoptClient::Impl::wait()
{
	socket.async_wait(socket.wait_read, [w = weak_from_this()]
	    (error_code ec) {
		auto self = w.lock();
		if (self && !ec && self->socket.is_open())
			self->readable();
	});
}

void
AdoptClient::Impl::readable()
{
	auto m = receive_message(socket.native_handle());
	if (!m)
		return lose(m.error().errnum == EPIPE ? "sshd-adopt ended" :
		    m.error().what);
	if (*m) {
		if (auto ok = message(**m); !ok)
			return lose(ok.error().what);
	}
	wait();
}

Result<void>
AdoptClient::Impl::message(const HostMessage &m)
{
	if (m.type != JEEBS_MSG_KEY || !m.fds.empty())
		return fail(fmt::format("unexpected message of type {}",
		    m.type));
	FieldReader r(m.fields.bytes(), "KEY");
	Bytes blob = r.string(JEEBS_MAX_MSG);
	if (auto ok = r.finish(); !ok)
		return ok;
	key.assign(reinterpret_cast<const char *>(blob.data()), blob.size());
	if (handlers.key)
		handlers.key(key);
	return {};
}

void
AdoptClient::Impl::lose(const std::string &why)
{
	log::warning("{}: {}; connecting again", path, why);
	error_code ignored;
	socket.close(ignored);
	key.clear();
	if (handlers.lost)
		handlers.lost();
	retry();
}

AdoptClient::AdoptClient(asio::io_context &io, std::string path, Handlers h)
    : impl_(std::make_shared<Impl>(io, std::move(path), std::move(h)))
{
}

AdoptClient::~AdoptClient()
{
	impl_->timer.cancel();
	error_code ignored;
	impl_->socket.close(ignored);
}

void
AdoptClient::start()
{
	impl_->connect();
}

bool
AdoptClient::connected() const
{
	return impl_->socket.is_open();
}

const std::string &
AdoptClient::key() const
{
	return impl_->key;
}

Result<std::unique_ptr<AdoptClient::Job>>
AdoptClient::adopt(const AdoptRequest &q, std::chrono::milliseconds timeout,
    Answer answer)
{
	int pair[2];

	if (!connected())
		return fail("sshd-adopt isn't running", ENOTCONN);
	if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)
	    == -1)
		return fail_errno("job socket");
	UniqueFd mine(pair[0]), theirs(pair[1]);
	// Targets of many forwards are sent at once.
	const int room = 4 << 20;
	(void)::setsockopt(mine.get(), SOL_SOCKET, SO_SNDBUFFORCE, &room,
	    sizeof(room));
	Buffer b;
	FieldWriter(b).u64(q.job).u64(q.acked).u64(q.in_off)
	    .text(q.from, JEEBS_MAX_NAME).text(q.to, JEEBS_MAX_NAME).u64(q.failed_at);
	const int fds[] = { q.tcp, q.records, theirs.get() };
	if (auto ok = send_message(impl_->socket.native_handle(),
	    JEEBS_MSG_ADOPT, b.bytes(), fds); !ok)
		return tl::unexpected(ok.error());
	auto job = std::make_shared<JobImpl>(impl_->io, std::move(mine),
	    q.user, std::move(answer));
	job->start(timeout);
	return std::make_unique<JobHandle>(std::move(job));
}

} // namespace jeebs
