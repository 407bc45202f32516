// SPDX-License-Identifier: ISC
#include "listener.hh"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <fmt/format.h>

#include "log.hh"

namespace jeebs {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr int backlog = 128;
constexpr auto pause_when_out_of_fds = std::chrono::milliseconds(100);

// Removes the socket of a server that is gone.
Result<void> remove_stale(const std::string &path, const sockaddr_un &sa,
    int type)
{
	struct stat st{};
	if (::lstat(path.c_str(), &st) == -1) {
		if (errno == ENOENT)
			return {};
		return fail_errno(path);
	}
	if (!S_ISSOCK(st.st_mode))
		return fail(path + ": there is a file that isn't a socket");
	UniqueFd probe(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0));
	if (!probe)
		return fail_errno("socket");
	if (::connect(probe.get(), reinterpret_cast<const sockaddr *>(&sa),
	    sizeof(sa)) == 0 || errno == EAGAIN)
		return fail(path + ": another jeebsd serves it", EADDRINUSE);
	if (::unlink(path.c_str()) == -1)
		return fail_errno(path);
	return {};
}

} // namespace

Result<std::unique_ptr<Listener>> Listener::create(asio::io_context &io,
    const std::string &path, int type, unsigned mode, Accepted accepted)
{
	sockaddr_un sa{};
	sa.sun_family = AF_UNIX;
	if (path.empty() || path.size() >= sizeof(sa.sun_path))
		return fail(fmt::format("{}: a socket's path has 1 to {} "
		    "characters", path, sizeof(sa.sun_path) - 1));
	path.copy(sa.sun_path, path.size());
	if (auto ok = remove_stale(path, sa, type); !ok)
		return tl::unexpected(ok.error());
	UniqueFd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (!fd)
		return fail_errno("socket");
	// Nobody can connect before listen(): the mode is in force by then.
	if (::bind(fd.get(), reinterpret_cast<sockaddr *>(&sa),
	    sizeof(sa)) == -1 || ::chmod(path.c_str(), mode) == -1 ||
	    ::listen(fd.get(), backlog) == -1)
		return fail_errno(path);
	return std::unique_ptr<Listener>(
	    new Listener(io, path, std::move(fd), std::move(accepted)));
}

Listener::Listener(asio::io_context &io, std::string path, UniqueFd fd,
    Accepted accepted)
    : path_(std::move(path)), socket_(io, fd.release()), pause_(io),
      accepted_(std::move(accepted))
{
	wait();
}

Listener::~Listener()
{
	::unlink(path_.c_str());
}

void Listener::wait()
{
	std::weak_ptr<bool> alive = alive_;
	socket_.async_wait(asio::posix::stream_descriptor::wait_read,
	    [this, alive](error_code ec) {
		if (!ec && !alive.expired())
			accept_all();
	});
}

void Listener::accept_all()
{
	std::weak_ptr<bool> alive = alive_;
	while (!alive.expired()) {
		UniqueFd fd(::accept4(socket_.native_handle(), nullptr, nullptr,
		    SOCK_CLOEXEC | SOCK_NONBLOCK));
		if (fd) {
			accepted_(std::move(fd));
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno == EAGAIN)
			break;
		log::error("{}: accept: {}", path_, std::strerror(errno));
		// The connection is still there: waiting for it would spin.
		pause_.expires_after(pause_when_out_of_fds);
		pause_.async_wait([this, alive](error_code ec) {
			if (!ec && !alive.expired())
				wait();
		});
		return;
	}
	if (!alive.expired())
		wait();
}

} // namespace jeebs
