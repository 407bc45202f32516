// SPDX-License-Identifier: ISC
#include "shared-fd.hh"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>

#include <fcntl.h>
#include <pthread.h>

namespace jeebs {

namespace {

// A thread without work waits so long for more.
constexpr std::chrono::seconds patience(1);
constexpr size_t stack_bytes = 64U << 10;

struct Queue {
	std::deque<int> fds;	// the first is being closed
	std::condition_variable more;
};

struct Closers {
	std::mutex mutex;
	std::unordered_map<std::string, Queue> users;
};

// Never destroyed: threads that wait for a user outlive main().
Closers &
closers()
{
	static auto *const all = new Closers;
	return *all;
}

void *
close_all(void *name)
{
	const std::unique_ptr<std::string> user(
	    static_cast<std::string *>(name));
	Closers &all = closers();
	std::unique_lock lock(all.mutex);
	Queue &q = all.users.at(*user);

	while (q.more.wait_for(lock, patience, [&q] {
		return !q.fds.empty();
	    })) {
		const int fd = q.fds.front();
		lock.unlock();
		::close(fd);
		lock.lock();
		q.fds.pop_front();
	}
	all.users.erase(*user);
	return nullptr;
}

bool
start(const std::string &user)
{
	pthread_attr_t attr;
	pthread_t thread;
	auto name = std::make_unique<std::string>(user);

	if (pthread_attr_init(&attr) != 0)
		return false;
	const bool ok =
	    pthread_attr_setstacksize(&attr, stack_bytes) == 0 &&
	    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0 &&
	    pthread_create(&thread, &attr, close_all, name.get()) == 0;
	if (ok)
		(void)name.release();
	pthread_attr_destroy(&attr);
	return ok;
}

} // namespace

SharedFd
SharedFd::copy() const
{
	return {UniqueFd(fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0)), user_};
}

void
SharedFd::reset() noexcept
{
	if (!fd_)
		return;
	Closers &all = closers();
	const std::lock_guard lock(all.mutex);
	auto [it, fresh] = all.users.try_emplace(user_);
	if (fresh && !start(user_)) {
		all.users.erase(it);
		fd_.reset();
		return;
	}
	it->second.fds.push_back(fd_.release());
	it->second.more.notify_one();
}

size_t
SharedFd::closing(const std::string &user)
{
	Closers &all = closers();
	const std::lock_guard lock(all.mutex);
	auto it = all.users.find(user);
	return it == all.users.end() ? 0 : it->second.fds.size();
}

} // namespace jeebs
