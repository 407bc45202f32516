// SPDX-License-Identifier: ISC
// A descriptor that a user's processes have, too, or came from one. close(2) of
// such a one can take as long as its other end likes (SO_LINGER of a TCP socket,
// flush of a FUSE file), so a thread of this user's does it.
// Move-only; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "unique_fd.hh"

namespace jeebs {

class SharedFd {
public:
	SharedFd() = default;
	SharedFd(UniqueFd fd, std::string user)
	    : fd_(std::move(fd)), user_(std::move(user)) {}
	SharedFd(SharedFd &&) noexcept = default;
	SharedFd &
	operator=(SharedFd &&other) noexcept
	{
		if (this != &other) {
			reset();
			fd_ = std::move(other.fd_);
			user_ = std::move(other.user_);
		}
		return *this;
	}
	SharedFd(const SharedFd &) = delete;
	SharedFd &operator=(const SharedFd &) = delete;
	~SharedFd() { reset(); }

	/** Still owned here: don't close it. */
	[[nodiscard]] int get() const noexcept { return fd_.get(); }
	explicit operator bool() const noexcept { return bool{fd_}; }
	void reset() noexcept;
	/** Empty, and errno says why, where descriptors are short. */
	[[nodiscard]] SharedFd copy() const;
	/** At once: no user's process has got it yet. */
	void close_unshared() noexcept { fd_.reset(); }

	/** Of this user: how many close(2) is still at, or has yet to do. */
	[[nodiscard]] static size_t closing(const std::string &user);

private:
	UniqueFd fd_;
	std::string user_;
};

} // namespace jeebs
