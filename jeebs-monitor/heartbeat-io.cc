// SPDX-License-Identifier: ISC
#include "heartbeat-io.hh"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <thread>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <fmt/format.h>

#include "flow.hh"
#include "heartbeat-order.hh"
#include "link.hh"
#include "pi-mutex.hh"
#include "unique_fd.hh"

namespace jeebs {
namespace {

constexpr int realtime_priority = 20;
constexpr size_t max_mailbox = 4096;

void
signal_eventfd(int fd)
{
	uint64_t one = 1;
	// Full means that it is signalled already.
	(void)!::write(fd, &one, sizeof(one));
}

void
clear_eventfd(int fd)
{
	uint64_t n;
	(void)!::read(fd, &n, sizeof(n));
}

} // namespace

struct HeartbeatIo::Impl : std::enable_shared_from_this<Impl> {
	Impl(boost::asio::io_context &io, const Config &c, uint64_t inst,
	    Callback cb)
	    : config(c), instance(inst), callback(std::move(cb)), wake_loop(io),
	      codec(link_connects(c.host, c.peer.name) ? 0 : 1,
	      c.heartbeats.size()), stats(c.heartbeats.size()) {}

	Result<void> open();
	void run();
	void wait();
	void drain();
	void receive(size_t path);
	void send_all();
	void stand_in(Time now);

	const Config &config;
	const uint64_t instance;
	Callback callback;
	boost::asio::posix::stream_descriptor wake_loop;
	std::vector<UniqueFd> sockets;
	std::vector<sockaddr_storage> peers;
	std::vector<socklen_t> peer_lens;
	UniqueFd timer, wake_thread;
	std::thread thread;
	std::atomic<bool> quit{false}, realtime{false};
	std::atomic<int64_t> loop_alive{0};

	mutable PiMutex mutex;	// all below
	HeartbeatCodec codec;
	HeartbeatSay saying;
	bool has_say = false;
	HeartbeatGrant grant;
	uint64_t counter = 0;
	HeartbeatOrder order;
	uint64_t peer_counter = 0, peer_sent = 0;	// of the newest heard
	Time peer_received{};
	Duration peer_lease{};
	Time last_sent{};
	bool loop_stood = false;	// since then
	HeartbeatPause longest_pause;
	std::deque<HeartbeatHeard> mailbox;
	std::vector<HeartbeatPathStats> stats;
};

Result<void>
HeartbeatIo::Impl::open()
{
	for (const HeartbeatPath &p : config.heartbeats) {
		auto local = IpAddr::parse(p.local);
		auto remote = IpAddr::parse(p.remote);
		if (!local || !remote)
			return fail("heartbeat " + p.local + ": bad address");
		sockaddr_storage sa{}, peer{};
		socklen_t len = to_sockaddr(*local, p.port, sa);
		UniqueFd fd(socket(p.family, SOCK_DGRAM | SOCK_CLOEXEC |
		    SOCK_NONBLOCK, 0));
		if (!fd)
			return fail_errno("heartbeat socket");
		// Voice class: ahead of bulk data where anybody looks at it.
		int prio = 6, one = 1;
		(void)setsockopt(fd.get(), SOL_SOCKET, SO_PRIORITY, &prio,
		    sizeof(prio));
		(void)setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one,
		    sizeof(one));
		if (::bind(fd.get(), reinterpret_cast<sockaddr *>(&sa), len)
		    == -1)
			return fail_errno(fmt::format("heartbeat.local {} "
			    "port {}", p.local, p.port));
		peer_lens.push_back(to_sockaddr(*remote, p.port, peer));
		peers.push_back(peer);
		sockets.push_back(std::move(fd));
	}
	timer.reset(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC |
	    TFD_NONBLOCK));
	wake_thread.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	int loop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!timer || !wake_thread || loop_fd == -1)
		return fail_errno("heartbeat thread");
	wake_loop.assign(loop_fd);
	itimerspec its{};
	auto ns = std::chrono::nanoseconds(config.timing.heartbeat).count();
	its.it_interval.tv_sec = its.it_value.tv_sec = ns / 1000000000;
	its.it_interval.tv_nsec = its.it_value.tv_nsec = ns % 1000000000;
	if (timerfd_settime(timer.get(), 0, &its, nullptr) == -1)
		return fail_errno("heartbeat timer");
	return {};
}

// mutex is held.
void
HeartbeatIo::Impl::send_all()
{
	Time now = BootClock::now();
	Duration limit = std::max<Duration>(config.timing.detect,
	    std::chrono::milliseconds(250));

	if (!has_say || saying.mute)
		return;
	if (now.time_since_epoch().count() - loop_alive > limit.count()) {
		loop_stood = true;
		return;
	}
	Heartbeat h;
	h.state = saying.state;
	if (h.state == RoleState::primary_protected &&
	    now >= saying.lease_until)
		h.state = RoleState::primary_stalled;
	h.flags = saying.flags;
	h.lease_ms = static_cast<uint32_t>(config.timing.lease.count());
	h.alone_ms = static_cast<uint32_t>(config.timing.alone_after.count());
	h.instance = instance;
	h.epoch = saying.epoch;
	h.sent = static_cast<uint64_t>(now.time_since_epoch().count());
	if (peer_counter != 0) {
		h.echo_counter = peer_counter;
		h.echo_sent = peer_sent;
		if (saying.granting) {
			h.flags |= hb_grant;
			grant.received = peer_received;
			grant.lease = std::max(grant.lease, peer_lease);
		}
	}
	for (size_t i = 0; i < sockets.size(); i++) {
		h.counter = ++counter;
		auto packet = codec.encode(h);
		if (!packet)
			return;
		if (::sendto(sockets[i].get(), packet->data(), packet->size(),
		    MSG_NOSIGNAL, reinterpret_cast<sockaddr *>(&peers[i]),
		    peer_lens[i]) == static_cast<ssize_t>(packet->size()))
			stats[i].sent++;
	}
	if (last_sent != Time{} && now - last_sent > longest_pause.length)
		longest_pause = {now - last_sent, loop_stood};
	last_sent = now;
	loop_stood = false;
}

// mutex is held.
void
HeartbeatIo::Impl::receive(size_t path)
{
	uint8_t buf[2048];
	bool answer = false;

	for (int i = 0; i < 64; i++) {
		ssize_t n = ::recv(sockets[path].get(), buf, sizeof(buf), 0);
		if (n < 0)
			break;
		Time now = BootClock::now();
		auto h = codec.decode(path, {buf, static_cast<size_t>(n)});
		if (!h) {
			stats[path].refused++;
			stats[path].last_refusal = h.error().what;
			continue;
		}
		stats[path].heard++;
		const bool news = order.is_news(h->instance, h->counter);
		if (news) {
			peer_counter = h->counter;
			peer_sent = h->sent;
			peer_received = now;
			peer_lease = std::chrono::milliseconds(h->lease_ms);
		}
		answer = answer || is_primary(h->state);
		if (mailbox.size() < max_mailbox)
			mailbox.push_back({path, now, !news, *h});
		signal_eventfd(wake_loop.native_handle());
	}
	// The fresher the echo, the longer the primary's lease.
	if (answer && saying.granting)
		send_all();
}

void
HeartbeatIo::Impl::run()
{
	sched_param param{};
	param.sched_priority = realtime_priority;
	realtime = pthread_setschedparam(pthread_self(), SCHED_FIFO, &param)
	    == 0;
	(void)pthread_setname_np(pthread_self(), "heartbeat");

	std::vector<pollfd> fds;
	for (auto &s : sockets)
		fds.push_back({s.get(), POLLIN, 0});
	fds.push_back({timer.get(), POLLIN, 0});
	fds.push_back({wake_thread.get(), POLLIN, 0});
	while (!quit) {
		if (::poll(fds.data(), fds.size(), -1) < 0)
			continue;
		std::lock_guard lock(mutex);
		for (size_t i = 0; i < sockets.size(); i++)
			if (fds[i].revents != 0)
				receive(i);
		bool now = false;
		for (size_t i = sockets.size(); i < fds.size(); i++) {
			if (fds[i].revents == 0)
				continue;
			clear_eventfd(fds[i].fd);
			now = true;
		}
		if (now)
			send_all();
	}
}

void
HeartbeatIo::Impl::stand_in(Time now)
{
	std::unique_lock lock(mutex, std::try_to_lock);
	if (!lock)
		return;
	for (size_t i = 0; i < sockets.size(); i++)
		receive(i);
	if (last_sent != Time{} &&
	    now - last_sent > config.timing.heartbeat * 3 / 2)
		send_all();
}

void
HeartbeatIo::Impl::wait()
{
	wake_loop.async_wait(wake_loop.wait_read,
	    [weak = weak_from_this()](boost::system::error_code ec) {
		auto self = weak.lock();
		if (!self || ec)
			return;
		self->drain();
		if (self->wake_loop.is_open())
			self->wait();
	});
}

void
HeartbeatIo::Impl::drain()
{
	std::deque<HeartbeatHeard> got;

	clear_eventfd(wake_loop.native_handle());
	{
		std::lock_guard lock(mutex);
		got.swap(mailbox);
	}
	for (const auto &h : got)
		callback(h);
}

HeartbeatIo::HeartbeatIo(boost::asio::io_context &io, const Config &config,
    uint64_t instance, Callback callback)
    : impl_(std::make_shared<Impl>(io, config, instance,
      std::move(callback)))
{
}

HeartbeatIo::~HeartbeatIo()
{
	stop();
}

Result<void>
HeartbeatIo::start()
{
	if (auto ok = impl_->open(); !ok)
		return ok;
	alive(BootClock::now());
	impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
	impl_->wait();
	return {};
}

void
HeartbeatIo::stop()
{
	if (impl_->thread.joinable()) {
		impl_->quit = true;
		signal_eventfd(impl_->wake_thread.get());
		impl_->thread.join();
	}
	boost::system::error_code ignored;
	impl_->wake_loop.close(ignored);
}

void
HeartbeatIo::set_key(const HeartbeatKey &key)
{
	std::lock_guard lock(impl_->mutex);
	impl_->codec.set_key(key);
}

HeartbeatGrant
HeartbeatIo::say(const HeartbeatSay &s)
{
	std::lock_guard lock(impl_->mutex);
	HeartbeatSay &old = impl_->saying;
	bool news = !impl_->has_say || old.state != s.state ||
	    old.flags != s.flags || old.epoch != s.epoch ||
	    old.granting != s.granting;

	old = s;
	impl_->has_say = true;
	if (news && impl_->wake_thread)
		signal_eventfd(impl_->wake_thread.get());
	return impl_->grant;
}

HeartbeatGrant
HeartbeatIo::granted() const
{
	std::lock_guard lock(impl_->mutex);
	return impl_->grant;
}

void
HeartbeatIo::alive(Time now)
{
	impl_->loop_alive = now.time_since_epoch().count();
	impl_->stand_in(now);
}

void
HeartbeatIo::drain()
{
	impl_->drain();
}

std::vector<HeartbeatPathStats>
HeartbeatIo::stats() const
{
	std::lock_guard lock(impl_->mutex);
	return impl_->stats;
}

HeartbeatPause
HeartbeatIo::longest_pause()
{
	std::lock_guard lock(impl_->mutex);
	return std::exchange(impl_->longest_pause, {});
}

bool
HeartbeatIo::realtime() const
{
	return impl_->realtime;
}

} // namespace jeebs
