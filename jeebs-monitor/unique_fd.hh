// SPDX-License-Identifier: ISC
// A file descriptor with one owner, closed when the owner goes.
// Move-only; any thread, no locking.
#pragma once

#include <utility>

#include <unistd.h>

namespace jeebs {

class UniqueFd {
public:
	UniqueFd() = default;
	/** Takes ownership of fd; -1 is "none". */
	explicit UniqueFd(int fd) noexcept : fd_(fd) {}
	UniqueFd(UniqueFd &&other) noexcept : fd_(other.release()) {}
	UniqueFd &
	operator=(UniqueFd &&other) noexcept
	{
		if (this != &other)
			reset(other.release());
		return *this;
	}
	UniqueFd(const UniqueFd &) = delete;
	UniqueFd &operator=(const UniqueFd &) = delete;
	~UniqueFd() { reset(); }

	/** Still owned here: don't close it. */
	[[nodiscard]] int get() const noexcept { return fd_; }
	/** The caller closes it. */
	[[nodiscard]] int
	release() noexcept
	{
		return std::exchange(fd_, -1);
	}
	void
	reset(int fd = -1) noexcept
	{
		if (fd_ >= 0)
			::close(fd_);
		fd_ = fd;
	}
	explicit operator bool() const noexcept { return fd_ >= 0; }

private:
	int fd_ = -1;
};

} // namespace jeebs
