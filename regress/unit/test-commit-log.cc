// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <fstream>
#include <sstream>

#include <sys/stat.h>

#include "commit-log.hh"
#include "event.hh"
#include "records.hh"
#include "replica.hh"
#include "scratch.hh"

using namespace jeebs;
using namespace jeebs::test;

namespace {

struct Log {
	ScratchDir dir;
	std::string path = dir / "commits";

	Log() { BOOST_REQUIRE(commit_log::open(path).has_value()); }
	~Log() { commit_log::close(); }
	std::string text() const
	{
		std::ostringstream s;
		s << std::ifstream(path).rdbuf();
		return s.str();
	}
	// The words of its lines.
	std::string words() const
	{
		std::istringstream in(text());
		std::string line, all;
		while (std::getline(in, line)) {
			if (line.empty())
				continue;
			auto e = audit::parse_event(line);
			BOOST_TEST(e.has_value(), line);
			auto rest = line.substr(line.find(' ') + 1);
			all += rest.substr(0, rest.find(' ')) + ' ';
		}
		return all;
	}
};

// What the log had when something was sent.
struct LookingSink : FakeSink {
	const Log &log;
	std::string seen;

	explicit LookingSink(const Log &l) : log(l) {}
	bool send(Buffer b) override
	{
		seen = log.words();
		return FakeSink::send(std::move(b));
	}
};

} // namespace

BOOST_AUTO_TEST_SUITE(commit_log_of_events)

BOOST_AUTO_TEST_CASE(off)
{
	BOOST_TEST(!commit_log::on());
	commit_log::line("start host={}", "x");
	BOOST_TEST(commit_log::name_of(Flow{}, 7).empty());
}

BOOST_AUTO_TEST_CASE(a_path_that_is_none)
{
	auto r = commit_log::open("/nonexistent/commits");
	BOOST_REQUIRE(!r.has_value());
	BOOST_TEST(r.error().what.find("audit.commit-log /nonexistent/commits")
	    == 0U);
	BOOST_TEST(!commit_log::on());
}

BOOST_AUTO_TEST_CASE(lines)
{
	Log log;
	struct stat st;
	BOOST_REQUIRE(::stat(log.path.c_str(), &st) == 0);
	BOOST_TEST((st.st_mode & 0777) == 0600U);
	Flow f{IpAddr::parse("fd00::1").value(), IpAddr::parse("fd00::2")
	    .value(), 22, 5000};
	commit_log::line("over {} why=a b", commit_log::name_of(f, 7));
	auto text = log.text();
	BOOST_TEST(text.ends_with(" over flow=[fd00::1]:22/[fd00::2]:5000 "
	    "base=7 why=a b\n"));
	auto e = audit::parse_event(text.substr(1, text.size() - 2));
	BOOST_REQUIRE(e.has_value());
	BOOST_TEST((e->flow == f));
	BOOST_TEST(*e->base == 7U);
	timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	BOOST_TEST(now.tv_sec - e->time / 1000000000 < 60);
}

BOOST_AUTO_TEST_CASE(held_before_the_commit)
{
	Log log;
	LookingSink sink(log);
	Store store;
	Replica replica(store, sink);
	auto feed = [&](const Buffer &b) {
		FrameView f;
		BOOST_REQUIRE(*next_frame(b.bytes(), f) == b.size());
		BOOST_REQUIRE(replica.frame(f).has_value());
	};
	auto root = make_root(1);
	Buffer b, c;
	BOOST_REQUIRE(put_open(b, {.sid = 0xab, .root = root.bytes(),
	    .tcp = make_tcp(5000)}).has_value());
	feed(b);
	put_record(c, 0xab, make_record({.type = JEEBS_REC_CHECKPOINT,
	    .seq = 1, .stream_len = 10}).bytes());
	feed(c);
	BOOST_TEST(log.words() == "open ");
	replica.flush();
	BOOST_TEST(sink.frames == 1U);
	BOOST_TEST(sink.seen == "open held ");
	BOOST_TEST(log.text().find(" held sid=ab epoch=7 seq=1 out=10 in=0\n")
	    != std::string::npos);
	Buffer d;
	put_close(d, 0xab, "over");
	feed(d);
	BOOST_TEST(sink.seen == "open held lost ");
}

BOOST_AUTO_TEST_SUITE_END()
