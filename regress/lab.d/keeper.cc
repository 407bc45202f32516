// SPDX-License-Identifier: ISC
// A service manager's part of sd_notify(3) and sd_listen_fds(3), for jeebsd:
//   keeper serve DIR            keeps descriptors; returns once it does
//   keeper run DIR COMMAND...   COMMAND, with what is kept
//   keeper drop DIR             keeps none any more, as of a service that failed
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

namespace {

constexpr size_t max_kept = 16;
constexpr int first_fd = 3;	// SD_LISTEN_FDS_START

struct Kept {
	int fd;
	std::string name;
};

[[noreturn]] void die(const std::string &what)
{
	std::fprintf(stderr, "keeper: %s: %s\n", what.c_str(), std::strerror(errno));
	std::exit(1);
}

sockaddr_un address(const std::string &path)
{
	sockaddr_un a{};
	a.sun_family = AF_UNIX;
	if (path.size() >= sizeof a.sun_path) {
		errno = ENAMETOOLONG;
		die(path);
	}
	path.copy(a.sun_path, path.size());
	return a;
}

int socket_at(const std::string &path, int type, bool server)
{
	const sockaddr_un a = address(path);
	const int s = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (s == -1)
		die("socket");
	if (server)
		unlink(path.c_str());
	if ((server ? bind : connect)(s, reinterpret_cast<const sockaddr *>(&a),
	    sizeof a) == -1)
		die(path);
	return s;
}

// Text and descriptors of one message.
std::pair<std::string, std::vector<int>> receive(int s)
{
	char text[4096];
	alignas(cmsghdr) char control[CMSG_SPACE(max_kept * sizeof(int))];
	iovec io{text, sizeof text};
	msghdr m{};
	m.msg_iov = &io;
	m.msg_iovlen = 1;
	m.msg_control = control;
	m.msg_controllen = sizeof control;
	const ssize_t n = recvmsg(s, &m, MSG_CMSG_CLOEXEC);
	if (n == -1)
		die("recvmsg");
	std::vector<int> fds;
	for (cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			fds.resize((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
			std::memcpy(fds.data(), CMSG_DATA(c),
			    fds.size() * sizeof(int));
		}
	return {{text, static_cast<size_t>(n)}, fds};
}

void send_all(int s, const std::vector<Kept> &kept)
{
	std::string names(1, '\n');
	alignas(cmsghdr) char control[CMSG_SPACE(max_kept * sizeof(int))];
	std::vector<int> fds;
	for (const Kept &k : kept) {
		names += k.name + "\n";
		fds.push_back(k.fd);
	}
	iovec io{names.data(), names.size()};
	msghdr m{};
	m.msg_iov = &io;
	m.msg_iovlen = 1;
	if (!fds.empty()) {
		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
		cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
		std::memcpy(CMSG_DATA(c), fds.data(), fds.size() * sizeof(int));
	}
	(void)sendmsg(s, &m, MSG_NOSIGNAL);
}

std::vector<std::string> lines(const std::string &text)
{
	std::vector<std::string> all;
	for (size_t i = 0; i < text.size();) {
		const size_t end = std::min(text.find('\n', i), text.size());
		if (end > i)
			all.push_back(text.substr(i, end - i));
		i = end + 1;
	}
	return all;
}

void drop(std::vector<Kept> &kept, const std::string *name)
{
	for (const Kept &k : kept)
		if (!name || k.name == *name)
			close(k.fd);
	std::erase_if(kept, [&](const Kept &k) { return !name || k.name == *name; });
}

// notify: NAME=VALUE lines, as a service sends them.
void told(std::vector<Kept> &kept, int notify)
{
	auto [text, fds] = receive(notify);
	bool store = false, remove = false;
	std::string name = "stored";
	for (const std::string &line : lines(text)) {
		store |= line == "FDSTORE=1";
		remove |= line == "FDSTOREREMOVE=1";
		if (line.starts_with("FDNAME="))
			name = line.substr(7);
	}
	if (remove)
		drop(kept, &name);
	for (int fd : fds)
		if (store && kept.size() < max_kept)
			kept.push_back({fd, name});
		else
			close(fd);
}

[[noreturn]] void serve(const std::string &dir)
{
	mkdir(dir.c_str(), 0755);
	const int notify = socket_at(dir + "/notify", SOCK_DGRAM, true);
	const int take = socket_at(dir + "/take", SOCK_SEQPACKET, true);
	if (chmod((dir + "/notify").c_str(), 0777) == -1 || listen(take, 8) == -1)
		die(dir);
	switch (fork()) {
	case -1:
		die("fork");
	case 0:
		break;
	default:
		_exit(0);
	}
	std::vector<Kept> kept;
	pollfd p[2] = {{notify, POLLIN, 0}, {take, POLLIN, 0}};
	for (;;) {
		if (poll(p, 2, -1) == -1 && errno != EINTR)
			die("poll");
		// What a service said comes before what the next one asks.
		if (p[0].revents) {
			told(kept, notify);
			continue;
		}
		if (!p[1].revents)
			continue;
		const int s = accept4(take, nullptr, nullptr, SOCK_CLOEXEC);
		char what = 0;
		if (s != -1 && recv(s, &what, 1, 0) == 1) {
			if (what == 'd')
				drop(kept, nullptr);
			send_all(s, kept);
		}
		close(s);
	}
}

// The answer: what is kept, or after 'd' nothing.
std::pair<std::string, std::vector<int>> ask(const std::string &dir, char what)
{
	const int s = socket_at(dir + "/take", SOCK_SEQPACKET, false);
	if (send(s, &what, 1, 0) != 1)
		die("send");
	auto answer = receive(s);
	if (answer.first.empty())
		die(dir + ": no answer");
	close(s);
	return answer;
}

[[noreturn]] void run(const std::string &dir, char **command)
{
	auto [text, fds] = ask(dir, 't');
	std::string names;
	for (const std::string &name : lines(text))
		names += (names.empty() ? "" : ":") + name;
	// Away from where they go.
	std::vector<int> high;
	for (int fd : fds)
		high.push_back(fcntl(fd, F_DUPFD_CLOEXEC, 64));
	for (size_t i = 0; i < high.size(); i++)
		if (dup2(high[i], first_fd + static_cast<int>(i)) == -1)
			die("dup2");
	setenv("NOTIFY_SOCKET", (dir + "/notify").c_str(), 1);
	if (!high.empty()) {
		setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
		setenv("LISTEN_FDS", std::to_string(high.size()).c_str(), 1);
		setenv("LISTEN_FDNAMES", names.c_str(), 1);
	}
	execvp(command[0], command);
	die(command[0]);
}

} // namespace

int main(int argc, char **argv)
{
	const std::string verb = argc > 2 ? argv[1] : "";
	if (verb == "serve" && argc == 3)
		serve(argv[2]);
	if (verb == "run" && argc > 3)
		run(argv[2], argv + 3);
	if (verb == "drop" && argc == 3) {
		(void)ask(argv[2], 'd');
		return 0;
	}
	std::fprintf(stderr, "usage: keeper serve|drop DIR, keeper run DIR COMMAND...\n");
	return 2;
}
