// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fields.hh"
#include "jeebs-ring.h"
#include "records.hh"
#include "ring.hh"

using namespace jeebs;
using namespace jeebs::test;

namespace {

// Plays the PA: sshd's own producer on its own mapping.
struct Producer {
	jeebs_ring *map = nullptr;
	uint32_t size = 0;

	explicit Producer(const Ring &r)
	{
		BOOST_REQUIRE(jeebs_ring_map(r.memfd(), &map, &size) == 0);
	}
	~Producer() { jeebs_ring_unmap(map, size); }

	size_t write(Bytes b)
	{
		return jeebs_ring_write(map, size, b.data(), b.size());
	}
	void frame(Bytes rec)
	{
		uint8_t len[4];
		store_be(len, static_cast<uint32_t>(rec.size()));
		BOOST_REQUIRE(write(len) == 4U);
		BOOST_REQUIRE(write(rec) == rec.size());
	}
	// Raw access, as a hostile producer has it.
	void set_head(uint64_t v)
	{
		__atomic_store_n(&map->head, v, __ATOMIC_RELEASE);
	}
	uint64_t tail() const
	{
		return __atomic_load_n(&map->tail, __ATOMIC_ACQUIRE);
	}
};

int unread(int fd)
{
	int n = -1;
	BOOST_REQUIRE(::ioctl(fd, FIONREAD, &n) == 0);
	return n;
}

} // namespace

BOOST_AUTO_TEST_SUITE(ring)

BOOST_AUTO_TEST_CASE(sizes)
{
	for (uint32_t bad : {0U, 1U, 2048U, 5000U, (64U << 20) + 1, 128U << 20})
		BOOST_TEST(!Ring::create(bad).has_value());
	BOOST_TEST(Ring::create(4096).has_value());
}

BOOST_AUTO_TEST_CASE(the_memfd_can_not_be_cut)
{
	auto r = Ring::create(4096);
	BOOST_REQUIRE(r.has_value());
	BOOST_TEST(::ftruncate(r->memfd(), 100) == -1);
	BOOST_TEST(::ftruncate(r->memfd(), 1 << 20) == -1);
	BOOST_TEST(::fcntl(r->memfd(), F_ADD_SEALS, F_SEAL_WRITE) == -1);
}

BOOST_AUTO_TEST_CASE(records_come_out_as_they_went_in)
{
	auto r = Ring::create(4096);
	Producer p(*r);
	BOOST_TEST(!r->has_data());
	// Many more bytes than the ring has, with all alignments at its end.
	for (uint32_t i = 0; i < 200; i++) {
		auto a = make_record({.seq = i + 1, .stream_len = i * 7 % 1500});
		auto b = make_record({.seq = i + 2, .stream_len = i});
		p.frame(a.bytes());
		p.frame(b.bytes());
		for (const auto *want : {&a, &b}) {
			BOOST_TEST(r->has_data());
			Buffer got;
			got.extend(3);
			auto ok = r->read_record(got);
			BOOST_REQUIRE(ok.has_value());
			BOOST_TEST(*ok);
			BOOST_TEST(!r->partial());
			BOOST_TEST(same_bytes(got.bytes().subspan(3),
			    want->bytes()));
		}
		BOOST_TEST(!r->has_data());
	}
}

BOOST_AUTO_TEST_CASE(a_record_larger_than_the_ring)
{
	auto r = Ring::create(4096);
	Producer p(*r);
	auto rec = make_record({.stream_len = 20000});
	Buffer bytes;
	FieldWriter(bytes).string(rec.bytes());
	Buffer got;
	Bytes rest = bytes.bytes();
	bool complete = false;
	// The length, too, comes in pieces at first.
	for (size_t piece = 1; !complete; piece = std::min(rest.size(), piece * 3)) {
		BOOST_TEST(r->partial() == (rest.size() != bytes.size()));
		rest = rest.subspan(p.write(rest.first(piece)));
		auto ok = r->read_record(got);
		BOOST_REQUIRE(ok.has_value());
		complete = *ok;
	}
	BOOST_TEST(rest.empty());
	BOOST_TEST(same_bytes(got.bytes(), rec.bytes()));
}

BOOST_AUTO_TEST_CASE(impossible_lengths)
{
	for (uint32_t len : {0U, uint32_t{JEEBS_ENVELOPE_LEN + JEEBS_TAG_LEN - 1},
	    static_cast<uint32_t>(JEEBS_MAX_RECORD + 1), 0xffffffffU}) {
		auto r = Ring::create(4096);
		Producer p(*r);
		uint8_t b[4];
		store_be(b, len);
		p.write(b);
		Buffer got;
		BOOST_TEST(!r->read_record(got).has_value());
		BOOST_TEST(got.size() == 0U);
	}
	// The largest length is believed, but no memory is spent on it.
	auto r = Ring::create(4096);
	Producer p(*r);
	uint8_t b[4];
	store_be(b, static_cast<uint32_t>(JEEBS_MAX_RECORD));
	p.write(b);
	Buffer got;
	BOOST_TEST(r->read_record(got).has_value());
	BOOST_TEST(got.capacity() <= size_t{1} << 20);
}

BOOST_AUTO_TEST_CASE(a_head_that_lies)
{
	for (uint64_t head : {uint64_t{4097}, uint64_t{1} << 40, UINT64_MAX}) {
		auto r = Ring::create(4096);
		Producer p(*r);
		p.set_head(head);
		Buffer got;
		BOOST_TEST(r->has_data());
		BOOST_TEST(!r->read_record(got).has_value());
	}
	// Backwards after something was read.
	auto r = Ring::create(4096);
	Producer p(*r);
	p.frame(make_record({}).bytes());
	Buffer got;
	BOOST_REQUIRE(r->read_record(got).has_value());
	p.set_head(3);
	BOOST_TEST(!r->read_record(got).has_value());
}

BOOST_AUTO_TEST_CASE(what_the_producer_writes_over_our_fields_is_ignored)
{
	auto r = Ring::create(4096);
	Producer p(*r);
	auto rec = make_record({.stream_len = 50});
	p.frame(rec.bytes());
	__atomic_store_n(&p.map->tail, 1000, __ATOMIC_RELEASE);
	p.map->size = 1U << 30;
	p.map->magic = 0;
	p.map->committed = 1U << 20;
	Buffer got;
	auto ok = r->read_record(got);
	BOOST_REQUIRE(ok.has_value());
	BOOST_TEST(same_bytes(got.bytes(), rec.bytes()));
	BOOST_TEST(p.tail() == rec.size() + 4);
	r->commit(10, 1);
	BOOST_TEST(p.map->committed == 10U);
}

BOOST_AUTO_TEST_CASE(commits_never_go_back)
{
	auto r = Ring::create(4096);
	Producer p(*r);
	r->commit(100, 7);
	BOOST_TEST(jeebs_ring_committed(p.map) == 100U);
	BOOST_TEST(jeebs_ring_committed_seq(p.map) == 7U);
	r->commit(99, 6);
	BOOST_TEST(jeebs_ring_committed(p.map) == 100U);
	BOOST_TEST(jeebs_ring_committed_seq(p.map) == 7U);
	r->commit(101, 8);
	BOOST_TEST(jeebs_ring_committed(p.map) == 101U);
	// A record without a byte for the client.
	r->commit(101, 9);
	BOOST_TEST(jeebs_ring_committed_seq(p.map) == 9U);
}

BOOST_AUTO_TEST_CASE(one_token_waits_at_most)
{
	auto r = Ring::create(4096);
	int fd = r->producer_commit();
	uint64_t token = 0;
	BOOST_TEST(::read(fd, &token, sizeof(token)) == -1);
	BOOST_TEST(errno == EAGAIN);
	r->wake();
	r->wake();
	BOOST_TEST(unread(fd) == 8);
	BOOST_TEST(::read(fd, &token, sizeof(token)) == 8);
	BOOST_TEST(token == 1U);
	BOOST_TEST(unread(fd) == 0);
	r->wake();
	BOOST_TEST(unread(fd) == 8);
}

BOOST_AUTO_TEST_CASE(a_hostile_producer_can_not_make_us_wait)
{
	auto r = Ring::create(4096);
	auto kick = r->take_kick();
	for (int fd : {r->producer_commit(), r->producer_kick()}) {
		// Full, then blocking as far as the producer can make it.
		char junk[4096] = {};
		while (::write(fd, junk, sizeof(junk)) > 0)
			;
		BOOST_REQUIRE(::fcntl(fd, F_SETFL, 0) == 0);
	}
	r->wake();
	Ring::drain_tokens(kick.get());
	BOOST_TEST(unread(r->producer_kick()) == 0);
	Ring::drain_tokens(kick.get());
	// Drained behind our back.
	BOOST_REQUIRE(::fcntl(r->producer_commit(), F_SETFL, O_NONBLOCK) == 0);
	Ring::drain_tokens(r->producer_commit());
	BOOST_REQUIRE(::fcntl(r->producer_commit(), F_SETFL, 0) == 0);
	r->wake();
	BOOST_TEST(unread(r->producer_commit()) == 8);
}

BOOST_AUTO_TEST_CASE(no_hang_up_when_one_side_goes)
{
	auto r = Ring::create(4096);
	UniqueFd kick(::fcntl(r->producer_kick(), F_DUPFD_CLOEXEC, 0));
	UniqueFd commit(::fcntl(r->producer_commit(), F_DUPFD_CLOEXEC, 0));
	{
		auto gone = std::move(*r);
	}
	pollfd p{commit.get(), POLLIN, 0};
	BOOST_TEST(::poll(&p, 1, 0) == 0);
	uint64_t token = 1;
	BOOST_TEST(::write(kick.get(), &token, sizeof(token)) == 8);

	auto other = Ring::create(4096);
	auto ours = other->take_kick();
	other->offered();
	BOOST_TEST(other->memfd() == -1);
	pollfd q{ours.get(), POLLIN, 0};
	BOOST_TEST(::poll(&q, 1, 0) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
