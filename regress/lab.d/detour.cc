// SPDX-License-Identifier: ISC
// detour ADDRESS PORT COMMAND...: for OpenSSH's regress suite, whose clients
// have "sshd -i" as their proxy command. Gives such a COMMAND a TCP connection
// of its own, from 127.0.0.1 PORT (which upstream-lab.bash sends around by the
// LAN) to ADDRESS PORT, and passes on what comes on stdin and goes to stdout.
// Any other COMMAND is run as it is, and so is one while somebody listens there.
#include <arpa/inet.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

[[noreturn]] void die(const char *what)
{
	std::fprintf(stderr, "detour: %s: %s\n", what, std::strerror(errno));
	std::exit(255);
}

[[noreturn]] void run(char **argv)
{
	execvp(argv[0], argv);
	die(argv[0]);
}

sockaddr_in address(const char *text, int port)
{
	sockaddr_in a{};
	a.sin_family = AF_INET;
	a.sin_port = htons(static_cast<uint16_t>(port));
	if (inet_pton(AF_INET, text, &a.sin_addr) != 1) {
		errno = EINVAL;
		die(text);
	}
	return a;
}

struct Ends {
	int client = -1, server = -1;
};

// Both ends of a connection; none if the port is taken.
Ends connection(const char *to, int port)
{
	const sockaddr_in here = address(to, port), way = address("127.0.0.1", port);
	int lock = open("/run/detour.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock == -1 || flock(lock, LOCK_EX) == -1)
		die("/run/detour.lock");
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	if (listener == -1 ||
	    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1)
		die("socket");
	Ends e;
	if (bind(listener, reinterpret_cast<const sockaddr *>(&here), sizeof here) == 0 &&
	    listen(listener, 1) == 0) {
		e.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (e.client == -1 ||
		    connect(e.client, reinterpret_cast<const sockaddr *>(&way),
			sizeof way) == -1)
			die("connect");
		e.server = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
		if (e.server == -1)
			die("accept");
	} else if (errno != EADDRINUSE) {
		die("bind");
	}
	close(listener);
	close(lock);
	return e;
}

// One direction; `from` is -1 once its end has come and all of it is passed on.
struct Way {
	int from, to;
	bool to_socket;
	std::vector<char> held;

	void poll_for(std::vector<pollfd> &fds) const
	{
		fds.push_back({held.empty() ? from : -1, POLLIN, 0});
		// A reader that has gone is seen also when there is nothing for it.
		fds.push_back({to, short(held.empty() ? 0 : POLLOUT), 0});
	}

	// False when nobody reads any more.
	bool step(short readable, short writable)
	{
		if (held.empty() && readable) {
			char buf[65536];
			ssize_t n = read(from, buf, sizeof buf);
			if (n > 0) {
				held.assign(buf, buf + n);
			} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
				from = -1;
				if (to_socket)
					shutdown(to, SHUT_WR);
			}
		}
		if (!held.empty() && (writable & POLLOUT)) {
			ssize_t n = write(to, held.data(), held.size());
			if (n > 0)
				held.erase(held.begin(), held.begin() + n);
			else if (errno != EINTR && errno != EAGAIN)
				return false;
		}
		return !(writable & (POLLERR | POLLNVAL));
	}
};

void pass_on(int socket)
{
	// A write that blocks would hold up the other direction.
	for (int fd : {socket, STDOUT_FILENO})
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	Way up{STDIN_FILENO, socket, true, {}}, down{socket, STDOUT_FILENO, false, {}};
	// When sshd has closed its end there is no more to say.
	while (down.from != -1) {
		std::vector<pollfd> fds;
		up.poll_for(fds);
		down.poll_for(fds);
		if (poll(fds.data(), fds.size(), -1) == -1) {
			if (errno == EINTR)
				continue;
			die("poll");
		}
		if (!up.step(fds[0].revents, fds[1].revents) ||
		    !down.step(fds[2].revents, fds[3].revents))
			return;
	}
}

} // namespace

int main(int argc, char **argv)
{
	if (argc < 4) {
		std::fputs("usage: detour ADDRESS PORT COMMAND...\n", stderr);
		return 255;
	}
	bool inetd = false;
	for (int i = 3; i < argc; i++)
		inetd = inetd || std::string(argv[i]) == "-i";
	if (!inetd)
		run(argv + 3);
	Ends e = connection(argv[1], std::atoi(argv[2]));
	if (e.client == -1)
		run(argv + 3);
	switch (fork()) {
	case -1:
		die("fork");
	case 0:
		if (dup2(e.server, STDIN_FILENO) == -1 ||
		    dup2(e.server, STDOUT_FILENO) == -1)
			die("dup2");
		run(argv + 3);
	}
	close(e.server);
	pass_on(e.client);
	return 0;
}
