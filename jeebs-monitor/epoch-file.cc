// SPDX-License-Identifier: ISC
#include "epoch-file.hh"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>

#include <fmt/format.h>

namespace jeebs {
namespace {

constexpr size_t line_len = 21;

Result<void>
write_line(int fd, uint64_t value)
{
	std::string line = fmt::format("{:020}\n", value);
	ssize_t n = ::pwrite(fd, line.data(), line.size(), 0);
	if (n != static_cast<ssize_t>(line.size()))
		return fail_errno("write", n < 0 ? errno : ENOSPC);
	if (::fdatasync(fd) == -1)
		return fail_errno("fdatasync");
	return {};
}

} // namespace

Result<EpochFile>
EpochFile::open(const std::string &path)
{
	EpochFile f;
	char line[line_len + 1];

	f.path_ = path;
	f.fd_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC |
	    O_NOFOLLOW, 0600));
	if (!f.fd_)
		return fail_errno(path);
	ssize_t n = ::pread(f.fd_.get(), line, sizeof(line), 0);
	if (n < 0)
		return fail_errno(path);
	if (n == 0) {
		if (auto ok = write_line(f.fd_.get(), 0); !ok)
			return fail(path + ": " + ok.error().what + ": make "
			    "room there", ok.error().errnum);
		// The name must survive a crash, too.
		auto dir = std::filesystem::path(path).parent_path();
		UniqueFd d(::open(dir.c_str(), O_RDONLY | O_DIRECTORY |
		    O_CLOEXEC));
		if (!d || ::fsync(d.get()) == -1)
			return fail_errno(dir.string());
		return f;
	}
	auto [end, ec] = std::from_chars(line, line + line_len - 1, f.value_);
	if (n != line_len || ec != std::errc() || end != line + line_len - 1 ||
	    line[line_len - 1] != '\n')
		return fail(path + ": not an epoch; if the peer has one, copy "
		    "its file here, else remove this one", EINVAL);
	return f;
}

Result<void>
EpochFile::set(uint64_t v)
{
	if (v == value_ && !pending_)
		return {};
	value_ = v;
	auto r = write_line(fd_.get(), v);
	pending_ = !r;
	if (!r)
		return fail(path_ + ": " + r.error().what, r.error().errnum);
	return {};
}

} // namespace jeebs
