// SPDX-License-Identifier: ISC
// What the auditor reads, and what it makes of it when it is broken.
#include <boost/test/unit_test.hpp>

#include <fstream>

#include <pcap/pcap.h>

#include "audit-lan.hh"
#include "capture-file.hh"
#include "content.hh"
#include "file-storage.hh"
#include "log-file.hh"
#include "scratch.hh"

using namespace jeebs;
using namespace jeebs::test;
using audit::LogFile;

namespace {

struct Files {
	ScratchDir dir;

	std::string write(const std::string &text)
	{
		std::ofstream(dir / "file") << text;
		return dir / "file";
	}
	Result<LogFile> log(const std::string &text)
	{
		return LogFile::open(write(text), LogFile::Kind::commits);
	}
	// Frames of one byte each, at these nanoseconds.
	std::string capture(const std::vector<int> &times)
	{
		pcap_t *p = pcap_open_dead_with_tstamp_precision(DLT_EN10MB,
		    65535, PCAP_TSTAMP_PRECISION_NANO);
		auto path = dir / "pcap";
		pcap_dumper_t *d = pcap_dump_open(p, path.c_str());
		uint8_t bytes[60] = {};
		for (int t : times) {
			pcap_pkthdr h{};
			h.ts.tv_sec = 5;
			h.ts.tv_usec = t;
			h.caplen = h.len = sizeof(bytes);
			pcap_dump(reinterpret_cast<u_char *>(d), &h, bytes);
		}
		pcap_dump_close(d);
		pcap_close(p);
		return path;
	}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(audit_files, Files)

BOOST_AUTO_TEST_CASE(a_log)
{
	auto l = log("\n5 gate open\n6 gate closed\n");
	BOOST_REQUIRE(l.has_value());
	BOOST_TEST(l->event()->time == 5);
	BOOST_REQUIRE(l->next().has_value());
	BOOST_TEST(l->event()->time == 6);
	BOOST_REQUIRE(l->next().has_value());
	BOOST_TEST(!l->event().has_value());
	BOOST_TEST(l->lines() == 2U);
	BOOST_TEST(l->torn() == 0U);
}

BOOST_AUTO_TEST_CASE(lines_torn_by_a_crash)
{
	auto l = log("\n5 gate open\n6 held sid=a\n\n"
	    "7 start host=a peer=b epoch=1 lease=1 port=22\n8 gate clo");
	BOOST_REQUIRE(l.has_value());
	BOOST_REQUIRE(l->next().has_value());
	BOOST_TEST(l->event()->time == 7);
	BOOST_REQUIRE(l->next().has_value());
	BOOST_TEST(!l->event().has_value());
	BOOST_TEST(l->torn() == 2U);
}

BOOST_AUTO_TEST_CASE(lines_that_no_crash_explains)
{
	auto l = log("5 gate open\n6 held sid=a\n7 gate open\n");
	BOOST_REQUIRE(l.has_value());
	auto r = l->next();
	BOOST_REQUIRE(!r.has_value());
	BOOST_TEST(r.error().what.ends_with(":2: out is missing or wrong: "
	    "\"6 held sid=a\""), r.error().what);
	auto back = log("5 gate open\n4 gate open\n");
	BOOST_REQUIRE(back.has_value());
	r = back->next();
	BOOST_REQUIRE(!r.has_value());
	BOOST_TEST(r.error().what.ends_with(":2: the clock went back"));
	BOOST_TEST(!LogFile::open(dir / "none", LogFile::Kind::commits)
	    .has_value());
}

BOOST_AUTO_TEST_CASE(frames_in_order_of_time)
{
	auto c = audit::CaptureFile::open(capture({7, 3, 9}));
	BOOST_REQUIRE(c.has_value());
	for (int want : {3, 7, 9}) {
		BOOST_REQUIRE(c->frame() != nullptr);
		BOOST_TEST(c->frame()->time == 5'000'000'000 + want);
		BOOST_REQUIRE(c->next().has_value());
	}
	BOOST_TEST(c->frame() == nullptr);
}

BOOST_AUTO_TEST_CASE(a_capture_that_is_cut)
{
	auto path = capture(std::vector<int>(300, 1));
	std::filesystem::resize_file(path,
	    std::filesystem::file_size(path) - 10);
	auto c = audit::CaptureFile::open(path);
	BOOST_REQUIRE(c.has_value());
	unsigned frames = 0, errors = 0;
	std::string what;
	for (; c->frame() != nullptr; frames++)
		if (auto r = c->next(); !r) {
			errors++;
			what = r.error().what;
		}
	BOOST_TEST(frames == 299U);
	BOOST_TEST(errors == 1U);
	BOOST_TEST(what.find("after 299 frames") != std::string::npos, what);
	std::filesystem::resize_file(path, 7);
	BOOST_TEST(!audit::CaptureFile::open(path).has_value());
}

BOOST_AUTO_TEST_CASE(contents)
{
	for (bool file : {false, true}) {
		std::unique_ptr<audit::Storage> storage;
		if (file)
			storage = std::make_unique<audit::FileStorage>(
			    dir.path());
		else
			storage = std::make_unique<audit::MemoryStorage>();
		audit::Content c(std::move(storage));
		std::vector<uint8_t> a(10, 'a'), b(30, 'a');
		auto s = c.emit(10, a, 1, 0);
		BOOST_TEST(s.fresh == 10U);
		s = c.emit(0, b, 2, 1);		// around what was there
		BOOST_TEST(s.fresh == 20U);
		BOOST_TEST(s.again == 10U);
		BOOST_TEST(!s.clash.has_value());
		b[12] = 'b';
		b[25] = 'b';
		s = c.emit(0, b, 3, 1);
		BOOST_TEST(s.fresh == 0U);
		BOOST_REQUIRE(s.clash.has_value());
		BOOST_TEST(s.clash->off == 12U);
		BOOST_TEST(s.clash->time == 1);
		BOOST_TEST(s.clash->host == 0U);
		BOOST_TEST(c.end() == 30U);
		BOOST_TEST(c.missing(30) == 0U);
		(void)c.emit(40, a, 4, 0);
		BOOST_TEST(c.missing(30) == 0U);
		BOOST_TEST(c.missing(45) == 10U);
		BOOST_TEST(c.missing(60) == 20U);
	}
}

// Whatever bytes it gets, the parser stays inside of them.
BOOST_AUTO_TEST_CASE(frames_of_any_length)
{
	SegmentFields f;
	f.source = IpAddr::parse("fd00::1").value();
	f.destination = IpAddr::parse("fd00::2").value();
	const uint8_t text[] = "hello";
	f.payload = text;
	auto ip = build_segment(f);
	std::vector<uint8_t> frame(14);
	frame[12] = 0x86;
	frame[13] = 0xdd;
	frame.insert(frame.end(), ip.begin(), ip.end());
	auto p = audit::parse_packet(0, frame);
	BOOST_TEST((p.kind == audit::PacketKind::tcp));
	BOOST_TEST(p.payload.size() == sizeof(text));
	for (size_t n = 0; n < frame.size(); n++) {
		std::vector<uint8_t> cut(frame.begin(), frame.begin() +
		    static_cast<ptrdiff_t>(n));
		p = audit::parse_packet(0, cut);
		BOOST_TEST(p.payload.size() < sizeof(text));
		if (p.kind == audit::PacketKind::tcp)
			BOOST_TEST(p.length == sizeof(text));
	}
}

BOOST_AUTO_TEST_SUITE_END()
