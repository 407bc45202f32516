// SPDX-License-Identifier: ISC
#include "sealed.hh"

#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

using namespace sealed;

namespace {

int open_descriptors()
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;
	while (readdir(d) != nullptr)
		n++;
	closedir(d);
	return n;
}

struct Pair {
	int s[2];

	Pair()
	{
		BOOST_REQUIRE(socketpair(AF_UNIX,
		    SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s) == 0);
	}
	Pair(const Pair &) = delete;
	Pair &operator=(const Pair &) = delete;
	~Pair()
	{
		for (int fd : s)
			if (fd != -1)
				close(fd);
	}

	int send(const std::string &m, const std::vector<int> &fds = {})
	{
		BufPtr b = buf(m);
		int r = jeebs_msg_send(s[0], b.get(), fds.data(), fds.size(),
		    0);
		BOOST_TEST(text(b.get()) == m);
		return r;
	}
};

struct Received {
	int r, error, nfds = -1;
	std::vector<int> fds;
	std::string m;

	Received(const Pair &p, int max) : fds(max, 12345)
	{
		BufPtr b = buf("left over");
		r = jeebs_msg_recv(p.s[1], b.get(), fds.data(), max, &nfds, 0);
		error = errno;
		m = text(b.get());
		for (int i = r == 0 ? nfds : 0; i < max; i++)
			BOOST_TEST(fds[i] == -1);
		if (r != 0)
			BOOST_TEST((nfds == 0 && m.empty()));
	}
	Received(const Received &) = delete;
	Received &operator=(const Received &) = delete;
	~Received()
	{
		for (int fd : fds)
			if (fd != -1)
				close(fd);
	}
};

} // namespace

BOOST_AUTO_TEST_SUITE(jeebs_messages)

BOOST_AUTO_TEST_CASE(messages_keep_their_bounds)
{
	Pair p;
	SSH_OK(p.send("one"));
	SSH_OK(p.send("two and more"));
	BOOST_TEST(Received(p, 0).m == "one");
	BOOST_TEST(Received(p, 3).m == "two and more");
	Received none(p, 0);
	BOOST_TEST(none.r == SSH_ERR_SYSTEM_ERROR);
	BOOST_TEST(none.error == EAGAIN);
}

BOOST_AUTO_TEST_CASE(the_largest_message_passes)
{
	Pair p;
	SSH_OK(p.send(std::string(JEEBS_MAX_MSG, 'x')));
	Received got(p, 0);
	SSH_OK(got.r);
	BOOST_TEST((got.m == std::string(JEEBS_MAX_MSG, 'x')));
	SSH_IS(p.send(std::string(JEEBS_MAX_MSG + 1, 'x')),
	    SSH_ERR_INVALID_ARGUMENT);
	SSH_IS(p.send(""), SSH_ERR_INVALID_ARGUMENT);
}

BOOST_AUTO_TEST_CASE(a_longer_message_is_dropped_whole)
{
	Pair p;
	const std::string m(JEEBS_MAX_MSG + 1, 'x');
	BOOST_REQUIRE(::send(p.s[0], m.data(), m.size(), 0) ==
	    ssize_t(m.size()));
	SSH_OK(p.send("next"));
	SSH_IS(Received(p, 0).r, SSH_ERR_INVALID_FORMAT);
	BOOST_TEST(Received(p, 0).m == "next");
}

BOOST_AUTO_TEST_CASE(descriptors_arrive_in_order_and_close_on_exec)
{
	Pair p;
	int a[2], b[2];
	BOOST_REQUIRE(pipe(a) == 0 && pipe(b) == 0);
	SSH_OK(p.send("pipes", { a[1], b[1] }));
	{
		Received got(p, 3);
		SSH_OK(got.r);
		BOOST_REQUIRE_EQUAL(got.nfds, 2);
		for (int i : { 0, 1 }) {
			BOOST_TEST((fcntl(got.fds[i], F_GETFD) & FD_CLOEXEC) != 0);
			BOOST_TEST(write(got.fds[i], i == 0 ? "a" : "b", 1) == 1);
		}
	}
	char c = 0;
	BOOST_TEST((read(a[0], &c, 1) == 1 && c == 'a'));
	BOOST_TEST((read(b[0], &c, 1) == 1 && c == 'b'));
	for (int fd : { a[0], a[1], b[0], b[1] })
		close(fd);
}

BOOST_AUTO_TEST_CASE(surplus_descriptors_are_refused_and_closed)
{
	Pair p;
	const int before = open_descriptors();
	const std::vector<int> some(3, STDIN_FILENO);
	SSH_OK(p.send("3", some));
	SSH_IS(Received(p, 2).r, SSH_ERR_INVALID_FORMAT);
	BOOST_TEST(open_descriptors() == before);
	SSH_OK(p.send("3", some));
	SSH_IS(Received(p, 0).r, SSH_ERR_INVALID_FORMAT);
	BOOST_TEST(open_descriptors() == before);

	SSH_OK(p.send("8", std::vector<int>(JEEBS_MAX_FDS, STDIN_FILENO)));
	BOOST_TEST(Received(p, JEEBS_MAX_FDS).nfds == JEEBS_MAX_FDS);
	SSH_IS(p.send("9", std::vector<int>(JEEBS_MAX_FDS + 1, STDIN_FILENO)),
	    SSH_ERR_INVALID_ARGUMENT);

	// more than fit our control buffer, from one who doesn't use our code
	union {
		cmsghdr hdr;
		char space[CMSG_SPACE(sizeof(int) * 100)];
	} control{};
	char byte = 'x';
	iovec iov = { &byte, 1 };
	msghdr hdr{};
	hdr.msg_iov = &iov;
	hdr.msg_iovlen = 1;
	hdr.msg_control = &control;
	hdr.msg_controllen = sizeof(control);
	control.hdr.cmsg_level = SOL_SOCKET;
	control.hdr.cmsg_type = SCM_RIGHTS;
	control.hdr.cmsg_len = CMSG_LEN(sizeof(int) * 100);
	for (int i = 0; i < 100; i++)
		memcpy(CMSG_DATA(&control.hdr) + i * sizeof(int), "\0\0\0\0", 4);
	BOOST_REQUIRE(sendmsg(p.s[0], &hdr, 0) == 1);
	SSH_IS(Received(p, JEEBS_MAX_FDS).r, SSH_ERR_INVALID_FORMAT);
	BOOST_TEST(open_descriptors() == before);
}

BOOST_AUTO_TEST_CASE(the_end_is_told)
{
	Pair p;
	SSH_OK(p.send("last"));
	close(p.s[0]);
	p.s[0] = -1;
	BOOST_TEST(Received(p, 0).m == "last");
	SSH_IS(Received(p, 0).r, SSH_ERR_CONN_CLOSED);

	Pair q;
	close(q.s[1]);
	q.s[1] = -1;
	SSH_IS(q.send("nobody"), SSH_ERR_CONN_CLOSED);	// and no SIGPIPE
}

BOOST_AUTO_TEST_CASE(a_full_socket_is_told)
{
	Pair p;
	int r = 0, error = 0, n = 0;
	while ((r = p.send(std::string(1000, 'x'))) == 0 && n < 100000)
		n++;
	error = errno;
	SSH_IS(r, SSH_ERR_SYSTEM_ERROR);
	BOOST_TEST(error == EAGAIN);
	for (int i = 0; i < n; i++)
		SSH_OK(Received(p, 0).r);
	SSH_OK(p.send("room"));
}

BOOST_AUTO_TEST_SUITE_END()
