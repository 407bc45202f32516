// SPDX-License-Identifier: ISC
#include "sealed.hh"

#include <atomic>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace sealed;

namespace {

const int all_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

int make_memfd(size_t file_size, uint32_t size, uint32_t magic, int seals)
{
	int fd = memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	jeebs_ring r{};
	r.magic = magic;
	r.size = size;
	BOOST_REQUIRE(fd != -1 && ftruncate(fd, file_size) == 0 &&
	    pwrite(fd, &r, sizeof(r), 0) == sizeof(r) &&
	    fcntl(fd, F_ADD_SEALS, seals) == 0);
	return fd;
}

struct Ring {
	jeebs_ring *ring = nullptr;
	uint32_t size = 0;

	explicit Ring(uint32_t want)
	{
		int fd = make_memfd(JEEBS_RING_HEADER + want, want,
		    JEEBS_RING_MAGIC, all_seals);
		SSH_OK(jeebs_ring_map(fd, &ring, &size));
		close(fd);
		BOOST_TEST(size == want);
	}
	Ring(const Ring &) = delete;
	Ring &operator=(const Ring &) = delete;
	~Ring() { jeebs_ring_unmap(ring, size); }

	size_t write(const Blob &b)
	{
		return jeebs_ring_write(ring, size, b.data(), b.size());
	}

	int put(const std::vector<Blob> &pieces)
	{
		std::vector<iovec> iov;
		for (const Blob &b : pieces)
			iov.push_back({const_cast<uint8_t *>(b.data()),
			    b.size()});
		return jeebs_ring_put(ring, size, iov.data(),
		    static_cast<int>(iov.size()));
	}

	// What a consumer does, byte by byte.
	Blob take()
	{
		const auto *data = reinterpret_cast<const uint8_t *>(ring) +
		    JEEBS_RING_HEADER;
		uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
		Blob b;
		for (uint64_t at = ring->tail; at != head; at++)
			b.push_back(data[at % size]);
		__atomic_store_n(&ring->tail, head, __ATOMIC_RELEASE);
		return b;
	}
};

Blob pattern(uint64_t from, size_t len)
{
	Blob b(len);
	for (size_t i = 0; i < len; i++)
		b[i] = static_cast<uint8_t>(((from + i) * 2654435761U) >> 13);
	return b;
}

} // namespace

BOOST_AUTO_TEST_SUITE(jeebs_ring_producer)

BOOST_AUTO_TEST_CASE(bytes_come_out_as_they_went_in_round_the_end)
{
	Ring r(4096);
	uint64_t n = 0;
	for (size_t len : { 1, 4095, 4096, 1000, 4000, 3, 2048, 2049, 4096 }) {
		BOOST_TEST(r.write(pattern(n, len)) == len);
		BOOST_TEST((r.take() == pattern(n, len)));
		n += len;
	}
	BOOST_TEST(r.ring->head == n);
}

BOOST_AUTO_TEST_CASE(a_full_ring_takes_what_fits)
{
	Ring r(4096);
	BOOST_TEST(r.write(pattern(0, 5000)) == 4096U);
	BOOST_TEST(r.write(pattern(0, 1)) == 0U);
	BOOST_TEST((r.take() == pattern(0, 4096)));
	BOOST_TEST(r.write(pattern(4096, 904)) == 904U);
	BOOST_TEST((r.take() == pattern(4096, 904)));
	BOOST_TEST(r.write({}) == 0U);
}

BOOST_AUTO_TEST_CASE(pieces_go_in_all_or_none)
{
	Ring r(4096);
	BOOST_TEST(r.put({pattern(0, 1000), {}, pattern(1000, 2000)}) == 1);
	BOOST_TEST(r.put({pattern(0, 96), pattern(96, 1001)}) == 0);
	BOOST_TEST(r.ring->head == 3000U);
	BOOST_TEST((r.take() == pattern(0, 3000)));
	BOOST_TEST(r.put({pattern(3000, 1500), pattern(4500, 2596)}) == 1);
	BOOST_TEST(r.put({pattern(0, 1)}) == 0);
	BOOST_TEST((r.take() == pattern(3000, 4096)));
	BOOST_TEST(r.put({}) == 1);
	BOOST_TEST(r.ring->head == 7096U);
}

BOOST_AUTO_TEST_CASE(an_impossible_tail_is_a_full_ring)
{
	Ring r(4096);
	BOOST_TEST(r.write(pattern(0, 100)) == 100U);
	for (uint64_t tail : { uint64_t{101}, uint64_t{100} - 4097,
	    uint64_t{1} << 63 }) {
		r.ring->tail = tail;
		BOOST_TEST(r.write(pattern(0, 10)) == 0U);
		BOOST_TEST(r.put({pattern(0, 10)}) == 0);
	}
	BOOST_TEST(r.ring->head == 100U);
}

BOOST_AUTO_TEST_CASE(counters_wrap)
{
	Ring r(4096);
	r.ring->head = r.ring->tail = UINT64_MAX - 99;
	BOOST_TEST(r.write(pattern(7, 300)) == 300U);
	BOOST_TEST(r.ring->head == 200U);
	BOOST_TEST((r.take() == pattern(7, 300)));
}

BOOST_AUTO_TEST_CASE(committed_is_read)
{
	Ring r(4096);
	r.ring->committed = 0x123456789abcdef0;
	BOOST_TEST(jeebs_ring_committed(r.ring) == 0x123456789abcdef0U);
}

BOOST_AUTO_TEST_CASE(two_processes_at_once)
{
	Ring r(4096);
	const uint64_t total = 4 << 20;
	std::atomic<bool> bad{false};
	std::thread consumer([&] {
		for (uint64_t n = 0; n < total && !bad;) {
			Blob b = r.take();
			if (b != pattern(n, b.size()))
				bad = true;
			n += b.size();
			if (b.empty())
				std::this_thread::yield();
		}
	});
	for (uint64_t n = 0; n < total && !bad;) {
		size_t len = std::min<uint64_t>(1 + n % 3001, total - n);
		size_t did = r.write(pattern(n, len));
		n += did;
		if (did == 0)
			std::this_thread::yield();
	}
	consumer.join();
	BOOST_TEST(!bad);
}

BOOST_AUTO_TEST_CASE(what_is_no_sealed_ring_is_refused)
{
	struct {
		size_t file_size;
		uint32_t size, magic;
		int seals, want;
	} const cases[] = {
		{ 8192, 4096, JEEBS_RING_MAGIC, all_seals, 0 },
		{ 8192, 4096, JEEBS_RING_MAGIC, F_SEAL_SHRINK | F_SEAL_GROW,
		    SSH_ERR_INVALID_FORMAT },
		{ 8192, 4096, JEEBS_RING_MAGIC, F_SEAL_GROW | F_SEAL_SEAL,
		    SSH_ERR_INVALID_FORMAT },
		{ 8192, 4096, JEEBS_RING_MAGIC, 0, SSH_ERR_INVALID_FORMAT },
		{ 8192, 4096, JEEBS_RING_MAGIC + 1, all_seals,
		    SSH_ERR_INVALID_FORMAT },
		{ 8192, 8192, JEEBS_RING_MAGIC, all_seals,
		    SSH_ERR_INVALID_FORMAT },
		{ 4096 + 6000, 6000, JEEBS_RING_MAGIC, all_seals,
		    SSH_ERR_INVALID_FORMAT },
		{ 4096, 0, JEEBS_RING_MAGIC, all_seals,
		    SSH_ERR_INVALID_FORMAT },
		{ 4096 + 2048, 2048, JEEBS_RING_MAGIC, all_seals,
		    SSH_ERR_INVALID_FORMAT },
		{ JEEBS_RING_HEADER + 2UL * JEEBS_RING_MAX, 2 * JEEBS_RING_MAX,
		    JEEBS_RING_MAGIC, all_seals, SSH_ERR_INVALID_FORMAT },
	};
	for (const auto &c : cases) {
		jeebs_ring *ring;
		uint32_t size;
		int fd = make_memfd(c.file_size, c.size, c.magic, c.seals);
		SSH_IS(jeebs_ring_map(fd, &ring, &size), c.want);
		BOOST_TEST((c.want == 0) == (ring != nullptr));
		jeebs_ring_unmap(ring, size);
		close(fd);
	}
	jeebs_ring *ring;
	uint32_t size;
	int p[2];
	BOOST_REQUIRE(pipe(p) == 0);
	SSH_IS(jeebs_ring_map(p[0], &ring, &size), SSH_ERR_SYSTEM_ERROR);
	close(p[0]);
	close(p[1]);
}

BOOST_AUTO_TEST_SUITE_END()
