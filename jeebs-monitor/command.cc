// SPDX-License-Identifier: ISC
#include "command.hh"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

extern char **environ;

namespace jeebs {

namespace asio = boost::asio;
using boost::system::error_code;

struct Command::Impl : std::enable_shared_from_this<Impl> {
	Impl(asio::io_context &io, Done d)
	    : pidfd(io), timer(io), done(std::move(d)) {}
	~Impl()
	{
		if (pid != -1) {
			::kill(-pid, SIGKILL);
			(void)::waitpid(pid, nullptr, 0);
		}
	}

	void exited();
	void late(std::chrono::milliseconds);

	asio::posix::stream_descriptor pidfd;
	asio::steady_timer timer;
	Done done;
	pid_t pid = -1;
};

void
Command::Impl::exited()
{
	int status = 0;
	timer.cancel();
	(void)::waitpid(pid, &status, 0);
	pid = -1;
	auto f = std::exchange(done, nullptr);
	if (f)
		f(WIFEXITED(status) ? WEXITSTATUS(status) :
		    128 + WTERMSIG(status));
}

void
Command::Impl::late(std::chrono::milliseconds timeout)
{
	error_code ignored;
	pidfd.close(ignored);
	// A group of its own: its children go with it.
	::kill(-pid, SIGKILL);
	(void)::waitpid(pid, nullptr, 0);
	pid = -1;
	auto f = std::exchange(done, nullptr);
	if (f)
		f(fail(fmt::format("took longer than {} ms", timeout.count()),
		    ETIMEDOUT));
}

Command::Command(std::shared_ptr<Impl> i) : impl_(std::move(i)) {}

Command::~Command()
{
	impl_->done = nullptr;
	impl_->timer.cancel();
	error_code ignored;
	impl_->pidfd.close(ignored);
}

Result<std::unique_ptr<Command>>
Command::start(asio::io_context &io, const std::vector<std::string> &argv,
    std::chrono::milliseconds timeout, Done done)
{
	auto impl = std::make_shared<Impl>(io, std::move(done));
	std::vector<char *> args;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;

	for (const auto &a : argv)
		args.push_back(const_cast<char *>(a.c_str()));
	args.push_back(nullptr);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY,
	    0);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	int e = posix_spawn(&impl->pid, args[0], &actions, &attr, args.data(),
	    environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	if (e != 0) {
		impl->pid = -1;
		return fail_errno(argv[0], e);
	}
	int fd = static_cast<int>(syscall(SYS_pidfd_open, impl->pid, 0));
	if (fd == -1)
		return fail_errno("pidfd_open");
	impl->pidfd.assign(fd);
	std::weak_ptr<Impl> w = impl;
	impl->pidfd.async_wait(impl->pidfd.wait_read, [w](error_code ec) {
		auto self = w.lock();
		if (self && !ec)
			self->exited();
	});
	impl->timer.expires_after(timeout);
	impl->timer.async_wait([w, timeout](error_code ec) {
		auto self = w.lock();
		if (self && !ec && self->pid != -1)
			self->late(timeout);
	});
	return std::unique_ptr<Command>(new Command(std::move(impl)));
}

} // namespace jeebs
