// SPDX-License-Identifier: ISC
// The other end here plays sshd-adopt, on a real socket.
#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

#include "adopt-client.hh"
#include "fields.hh"
#include "jeebs-wire.h"
#include "listener.hh"
#include "msg.hh"

using namespace jeebs;
using namespace std::chrono_literals;

namespace {

struct Fixture {
	Fixture()
	{
		char name[] = "/tmp/jeebs-adopt-client.XXXXXX";
		BOOST_REQUIRE(mkdtemp(name) != nullptr);
		dir = name;
	}
	~Fixture()
	{
		client.reset();
		listener.reset();
		rmdir(dir.c_str());
	}

	void listen()
	{
		auto l = Listener::create(io, dir + "/adopt.sock",
		    SOCK_SEQPACKET, 0600, [this](UniqueFd fd) {
			server = std::move(fd);
		});
		BOOST_REQUIRE_MESSAGE(l, l.error().what);
		listener = std::move(*l);
	}
	void connect()
	{
		client = std::make_unique<AdoptClient>(io,
		    dir + "/adopt.sock", AdoptClient::Handlers{
			[this](std::string k) { keys.push_back(k); },
			[this] { lost++; }});
		client->start();
	}
	template <class F> bool until(F f, std::chrono::seconds limit = 5s)
	{
		auto end = std::chrono::steady_clock::now() + limit;
		while (!f() && std::chrono::steady_clock::now() < end)
			io.run_for(5ms);
		return f();
	}
	void send(int fd, uint8_t type, const Buffer &b)
	{
		auto ok = send_message(fd, type, b.bytes());
		BOOST_REQUIRE_MESSAGE(ok, ok.error().what);
	}
	void send_key(const std::string &k)
	{
		Buffer b;
		FieldWriter(b).text(k, 100);
		send(server.get(), JEEBS_MSG_KEY, b);
	}
	// Connects, hands one session over and takes ADOPT at the other end.
	void adopt(std::chrono::milliseconds timeout = 2000ms)
	{
		listen();
		connect();
		BOOST_REQUIRE(until([&] { return bool(server); }));
		UniqueFd tcp(open("/dev/null", O_RDONLY));
		UniqueFd records(open("/dev/null", O_RDONLY));
		AdoptRequest q;
		q.job = 9;
		q.acked = 1ULL << 40;
		q.in_off = 77;
		q.from = "alpha";
		q.to = "beta";
		q.failed_at = 1700000000;
		q.tcp = tcp.get();
		q.records = records.get();
		auto j = client->adopt(q, timeout, [this](Result<AdoptReady> r) {
			answers.push_back(std::move(r));
		});
		BOOST_REQUIRE_MESSAGE(j, j.error().what);
		job = std::move(*j);
		auto m = receive_message(server.get());
		BOOST_REQUIRE(m && *m);
		request = std::move(**m);
		BOOST_REQUIRE(request.fds.size() == 3u);
		worker = std::move(request.fds[2]);
	}

	boost::asio::io_context io;
	std::string dir;
	std::unique_ptr<Listener> listener;
	UniqueFd server, worker;
	std::unique_ptr<AdoptClient> client;
	std::unique_ptr<AdoptClient::Job> job;
	HostMessage request;
	std::vector<std::string> keys;
	std::vector<Result<AdoptReady>> answers;
	int lost = 0;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(adopt_client, Fixture)

BOOST_AUTO_TEST_CASE(keys_and_reconnection)
{
	connect();	// nobody there yet
	io.run_for(20ms);
	BOOST_TEST(!client->connected());
	listen();
	BOOST_REQUIRE(until([&] { return bool(server); }));
	send_key("first");
	send_key("second");
	BOOST_REQUIRE(until([&] { return keys.size() == 2; }));
	BOOST_TEST(client->key() == "second");
	server.reset();
	BOOST_REQUIRE(until([&] { return lost == 1; }));
	BOOST_TEST(client->key().empty());
	BOOST_REQUIRE(until([&] { return bool(server); }));
	send_key("third");
	BOOST_REQUIRE(until([&] { return keys.size() == 3; }));
}

BOOST_AUTO_TEST_CASE(a_session_is_handed_over)
{
	adopt();
	BOOST_TEST(request.type == JEEBS_MSG_ADOPT);
	FieldReader r(request.fields.bytes(), "ADOPT");
	BOOST_TEST(r.num<uint64_t>() == 9u);
	BOOST_TEST(r.num<uint64_t>() == 1ULL << 40);
	BOOST_TEST(r.num<uint64_t>() == 77U);
	BOOST_TEST(r.text(100) == "alpha");
	BOOST_TEST(r.text(100) == "beta");
	BOOST_TEST(r.num<uint64_t>() == 1700000000u);
	BOOST_TEST(bool(r.finish()));
	Buffer b;
	FieldWriter(b).u64(4711).u32(1).u32(5).u64(6).u64(70).u64(80).u64(9)
	    .u8(1);
	send(worker.get(), JEEBS_MSG_READY, b);
	BOOST_REQUIRE(until([&] { return answers.size() == 1; }));
	BOOST_REQUIRE(answers[0]);
	BOOST_TEST(answers[0]->out_end == 4711u);
	BOOST_REQUIRE(answers[0]->forwards.size() == 1u);
	const AdoptForward &f = answers[0]->forwards[0];
	BOOST_TEST((f.channel == 5 && f.id == 6 && f.data_off == 70 &&
	    f.data_end == 80 && f.taken == 9 && f.ended));
	BOOST_TEST(bool(job->target(5, 75, STDERR_FILENO)));
	auto t = receive_message(worker.get());
	BOOST_REQUIRE(t && *t);
	BOOST_TEST((*t)->type == JEEBS_MSG_TARGET);
	BOOST_TEST((*t)->fds.size() == 1u);
	FieldReader target((*t)->fields.bytes(), "TARGET");
	BOOST_TEST(target.num<uint32_t>() == 5u);
	BOOST_TEST(target.num<uint64_t>() == 75u);
	BOOST_TEST(bool(target.finish()));
	BOOST_TEST(bool(job->go()));
	auto m = receive_message(worker.get());
	BOOST_REQUIRE(m && *m);
	BOOST_TEST((*m)->type == JEEBS_MSG_GO);
	BOOST_TEST((*m)->fields.empty());
	job.reset();
	auto end = receive_message(worker.get());
	BOOST_TEST(!end);
}

BOOST_AUTO_TEST_CASE(the_worker_says_no)
{
	adopt();
	Buffer b;
	FieldWriter(b).text("no such\x1b[31m user", 100);
	send(worker.get(), JEEBS_MSG_FAILED, b);
	BOOST_REQUIRE(until([&] { return answers.size() == 1; }));
	BOOST_REQUIRE(!answers[0]);
	BOOST_TEST(answers[0].error().what == "no such\\x1b[31m user");
}

BOOST_AUTO_TEST_CASE(the_worker_dies)
{
	adopt();
	worker.reset();
	BOOST_REQUIRE(until([&] { return answers.size() == 1; }));
	BOOST_REQUIRE(!answers[0]);
	BOOST_TEST(answers[0].error().what ==
	    "its sshd-adopt worker ended, see sshd's log");
}

BOOST_AUTO_TEST_CASE(the_worker_hangs)
{
	adopt(50ms);
	BOOST_REQUIRE(until([&] { return answers.size() == 1; }));
	BOOST_TEST(answers[0].error().errnum == ETIMEDOUT);
	// What it says afterwards is nobody's business.
	Buffer b;
	FieldWriter(b).u64(1).u32(0);
	send(worker.get(), JEEBS_MSG_READY, b);
	io.run_for(20ms);
	BOOST_TEST(answers.size() == 1u);
}

BOOST_AUTO_TEST_CASE(nonsense_from_the_worker)
{
	adopt();
	Buffer b;
	FieldWriter(b).u64(1).u32(0).u8(0);
	send(worker.get(), JEEBS_MSG_READY, b);
	BOOST_REQUIRE(until([&] { return answers.size() == 1; }));
	BOOST_TEST(answers[0].error().what ==
	    "answer of sshd-adopt: trailing bytes");
}

BOOST_AUTO_TEST_CASE(a_forward_whose_data_end_before_they_begin)
{
	adopt();
	Buffer b;
	FieldWriter(b).u64(1).u32(1).u32(5).u64(6).u64(80).u64(70).u64(9)
	    .u8(0);
	send(worker.get(), JEEBS_MSG_READY, b);
	BOOST_REQUIRE(until([&] { return answers.size() == 1; }));
	BOOST_TEST(answers[0].error().what ==
	    "answer of sshd-adopt: impossible offset");
}

BOOST_AUTO_TEST_CASE(more_forwards_than_there_can_be)
{
	adopt();
	Buffer b;
	FieldWriter(b).u64(1).u32(JEEBS_MAX_FORWARDS + 1);
	send(worker.get(), JEEBS_MSG_READY, b);
	BOOST_REQUIRE(until([&] { return answers.size() == 1; }));
	BOOST_TEST(answers[0].error().what ==
	    "answer of sshd-adopt: too many forwards");
}

BOOST_AUTO_TEST_CASE(a_job_that_is_given_up)
{
	adopt();
	job.reset();
	auto m = receive_message(worker.get());
	BOOST_TEST(!m);
	io.run_for(20ms);
	BOOST_TEST(answers.empty());
}

BOOST_AUTO_TEST_CASE(without_sshd_adopt)
{
	connect();
	auto j = client->adopt({}, 1s, [](Result<AdoptReady>) {});
	BOOST_REQUIRE(!j);
	BOOST_TEST(j.error().what == "sshd-adopt isn't running");
}

BOOST_AUTO_TEST_SUITE_END()
