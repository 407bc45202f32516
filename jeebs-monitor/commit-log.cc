// SPDX-License-Identifier: ISC
#include "commit-log.hh"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "log.hh"
#include "unique_fd.hh"

namespace jeebs::commit_log {

namespace {

struct File {
	std::string path;
	UniqueFd fd;
	std::string pending;
};

File file;

std::string
end_point(const IpAddr &a, uint16_t port)
{
	return a.is_v6() ? fmt::format("[{}]:{}", a.to_string(), port) :
	    fmt::format("{}:{}", a.to_string(), port);
}

} // namespace

Result<void>
open(const std::string &path)
{
	file.fd.reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND |
	    O_CLOEXEC | O_NOFOLLOW, 0600));
	if (!file.fd)
		return fail_errno("audit.commit-log " + path);
	file.path = path;
	// An earlier process may have been killed in the middle of a line.
	file.pending = "\n";
	flush();
	return {};
}

void
close()
{
	file = {};
}

bool
on()
{
	return bool(file.fd);
}

void
add(std::string_view event)
{
	timespec ts;

	if (!on())
		return;
	clock_gettime(CLOCK_REALTIME, &ts);
	fmt::format_to(std::back_inserter(file.pending), "{}{:09} {}\n",
	    ts.tv_sec, ts.tv_nsec, event);
}

void
flush()
{
	std::string_view rest = file.pending;

	while (on() && !rest.empty()) {
		ssize_t n = ::write(file.fd.get(), rest.data(), rest.size());
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			log::error("{}: {}: no further events are recorded "
			    "there, what follows can't be audited", file.path,
			    strerror(errno));
			file.fd.reset();
			break;
		}
		rest.remove_prefix(static_cast<size_t>(n));
	}
	file.pending.clear();
}

std::string
name_of(const Flow &f)
{
	if (!on())
		return {};
	return fmt::format("flow={}/{}", end_point(f.local, f.local_port),
	    end_point(f.remote, f.remote_port));
}

std::string
name_of(const Flow &f, uint32_t snd_base)
{
	if (!on())
		return {};
	return fmt::format("{} base={}", name_of(f), snd_base);
}

} // namespace jeebs::commit_log
