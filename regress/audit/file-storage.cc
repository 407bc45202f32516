// SPDX-License-Identifier: ISC
#include "file-storage.hh"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace jeebs::audit {

namespace {

[[noreturn]] void
broken(const std::string &dir)
{
	fprintf(stderr, "audit: %s: %s\n", dir.c_str(), strerror(errno));
	exit(2);
}

} // namespace

void
FileStorage::write(uint64_t off, std::span<const uint8_t> b)
{
	if (!fd_)
		fd_.reset(::open(dir_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC,
		    0600));
	if (!fd_)
		broken(dir_);
	while (!b.empty()) {
		ssize_t n = ::pwrite(fd_.get(), b.data(), b.size(),
		    static_cast<off_t>(off));
		if (n <= 0)
			broken(dir_);
		off += static_cast<uint64_t>(n);
		b = b.subspan(static_cast<size_t>(n));
	}
}

void
FileStorage::read(uint64_t off, std::span<uint8_t> b)
{
	while (!b.empty()) {
		ssize_t n = ::pread(fd_.get(), b.data(), b.size(),
		    static_cast<off_t>(off));
		if (n <= 0)
			broken(dir_);
		off += static_cast<uint64_t>(n);
		b = b.subspan(static_cast<size_t>(n));
	}
}

} // namespace jeebs::audit
