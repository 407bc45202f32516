// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <signal.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "epoch-file.hh"

using namespace jeebs;

namespace {

struct Fixture {
	Fixture()
	{
		char name[] = "/tmp/jeebs-epoch.XXXXXX";
		BOOST_REQUIRE(mkdtemp(name) != nullptr);
		dir = name;
		path = dir + "/epoch";
	}
	~Fixture() { std::filesystem::remove_all(dir); }

	void write(const std::string &text)
	{
		std::ofstream(path) << text;
	}
	std::string read()
	{
		std::ifstream in(path);
		return {std::istreambuf_iterator<char>(in), {}};
	}

	std::string dir, path;
};

// A disk on which nothing can be written any more.
struct NoRoom {
	NoRoom()
	{
		signal(SIGXFSZ, SIG_IGN);
		getrlimit(RLIMIT_FSIZE, &old);
		rlimit none = old;
		none.rlim_cur = 0;
		setrlimit(RLIMIT_FSIZE, &none);
	}
	~NoRoom() { setrlimit(RLIMIT_FSIZE, &old); }
	rlimit old{};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(epoch_file, Fixture)

BOOST_AUTO_TEST_CASE(made_and_read_again)
{
	{
		auto f = EpochFile::open(path);
		BOOST_REQUIRE_MESSAGE(f, f.error().what);
		BOOST_TEST(f->value() == 0u);
		BOOST_TEST(bool(f->set(41)));
		BOOST_TEST(bool(f->set(42)));
	}
	BOOST_TEST(read() == "00000000000000000042\n");
	auto f = EpochFile::open(path);
	BOOST_REQUIRE(f);
	BOOST_TEST(f->value() == 42u);
	BOOST_TEST(bool(f->set(~uint64_t{0})));
	f = EpochFile::open(path);
	BOOST_REQUIRE(f);
	BOOST_TEST(f->value() == ~uint64_t{0});
}

BOOST_AUTO_TEST_CASE(what_is_no_epoch)
{
	for (const char *text : { "7\n", "0000000000000000004x\n",
	    "00000000000000000042", "00000000000000000042\n\n",
	    "99999999999999999999\n", "-0000000000000000042\n" }) {
		write(text);
		auto f = EpochFile::open(path);
		BOOST_REQUIRE_MESSAGE(!f, "accepted: " << text);
		BOOST_TEST(f.error().what.find(path + ": not an epoch") ==
		    0u);
	}
}

BOOST_AUTO_TEST_CASE(a_directory_that_isnt_there)
{
	auto f = EpochFile::open(dir + "/none/epoch");
	BOOST_REQUIRE(!f);
	BOOST_TEST(f.error().what.find("/none/epoch: No such file") !=
	    std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_room)
{
	auto f = EpochFile::open(path);
	BOOST_REQUIRE(f);
	BOOST_TEST(bool(f->set(1)));
	{
		NoRoom full;
		auto r = f->set(2);
		BOOST_REQUIRE(!r);
		BOOST_TEST(r.error().what.find(path) == 0u);
		// It goes on from memory.
		BOOST_TEST(f->value() == 2u);
		BOOST_TEST(f->pending());
		BOOST_TEST(!EpochFile::open(dir + "/other"));
	}
	BOOST_TEST(read() == "00000000000000000001\n");
	BOOST_TEST(bool(f->set(2)));
	BOOST_TEST(!f->pending());
	BOOST_TEST(read() == "00000000000000000002\n");
}

BOOST_AUTO_TEST_SUITE_END()
