// SPDX-License-Identifier: ISC
#include "ring.hh"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <bit>

#include <fmt/format.h>

#include "fields.hh"

namespace jeebs {

namespace {

constexpr uint32_t min_size = 4096, max_size = 64U << 20;
constexpr size_t min_record = JEEBS_ENVELOPE_LEN + JEEBS_TAG_LEN;
// Reserved at once for a record; more only as its bytes come in.
constexpr size_t first_reserve = 256U << 10;

// Two descriptions of one FIFO, each for both directions (see ring.hh).
Result<void> make_tokens(UniqueFd &a, UniqueFd &b)
{
	int p[2];
	if (::pipe2(p, O_CLOEXEC) == -1)
		return fail_errno("pipe");
	UniqueFd rd(p[0]), wr(p[1]);
	auto path = fmt::format("/proc/self/fd/{}", rd.get());
	a.reset(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
	b.reset(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
	if (!a || !b)
		return fail_errno(path);
	return {};
}

} // namespace

Result<Ring> Ring::create(uint32_t size)
{
	if (!std::has_single_bit(size) || size < min_size || size > max_size)
		return fail(fmt::format("ring of {} bytes", size), EINVAL);
	Ring r;
	r.memfd_.reset(::memfd_create("jeebs-ring",
	    MFD_CLOEXEC | MFD_ALLOW_SEALING));
	if (!r.memfd_ || ::ftruncate(r.memfd_.get(),
	    static_cast<off_t>(JEEBS_RING_HEADER) + size) == -1)
		return fail_errno("ring's memfd");
	void *p = ::mmap(nullptr, JEEBS_RING_HEADER + size_t{size},
	    PROT_READ | PROT_WRITE, MAP_SHARED, r.memfd_.get(), 0);
	if (p == MAP_FAILED)
		return fail_errno("ring's mmap");
	r.map_ = static_cast<jeebs_ring *>(p);
	r.size_ = size;
	r.map_->magic = JEEBS_RING_MAGIC;
	r.map_->size = size;
	if (::fcntl(r.memfd_.get(), F_ADD_SEALS,
	    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == -1)
		return fail_errno("ring's seals");
	if (auto ok = make_tokens(r.kick_, r.producer_kick_); !ok)
		return tl::unexpected(ok.error());
	if (auto ok = make_tokens(r.commit_, r.producer_commit_); !ok)
		return tl::unexpected(ok.error());
	return r;
}

Ring::Ring(Ring &&o) noexcept
    : memfd_(std::move(o.memfd_)), producer_kick_(std::move(o.producer_kick_)),
      producer_commit_(std::move(o.producer_commit_)),
      kick_(std::move(o.kick_)), commit_(std::move(o.commit_)),
      map_(std::exchange(o.map_, nullptr)), size_(o.size_), tail_(o.tail_),
      committed_(o.committed_), committed_seq_(o.committed_seq_),
      have_(o.have_), want_(o.want_)
{
	std::copy_n(o.len_, sizeof(len_), len_);
}

Ring::~Ring()
{
	if (map_ != nullptr)
		::munmap(map_, JEEBS_RING_HEADER + size_t{size_});
}

void Ring::offered()
{
	memfd_.reset();
	producer_kick_.reset();
	producer_commit_.reset();
}

void Ring::drain_tokens(int fd)
{
	uint8_t tokens[1U << 16];
	// Once: a producer could fill it as fast as a loop empties it.
	[[maybe_unused]] auto n = ::read(fd, tokens, sizeof(tokens));
}

Result<size_t> Ring::available() const
{
	uint64_t head = __atomic_load_n(&map_->head, __ATOMIC_ACQUIRE);
	if (head - tail_ > size_)
		return fail("ring's head is out of range");
	return static_cast<size_t>(head - tail_);
}

bool Ring::has_data() const
{
	return __atomic_load_n(&map_->head, __ATOMIC_ACQUIRE) != tail_;
}

void Ring::copy_out(uint8_t *to, size_t n)
{
	const auto *data = reinterpret_cast<const uint8_t *>(map_) +
	    JEEBS_RING_HEADER;
	size_t at = tail_ & (size_ - 1);
	size_t first = std::min(n, size_ - at);
	std::memcpy(to, data + at, first);
	std::memcpy(to + first, data, n - first);
	tail_ += n;
}

Result<bool> Ring::read_record(Buffer &out)
{
	auto avail = available();
	if (!avail)
		return tl::unexpected(avail.error());
	size_t left = *avail;

	if (have_ < sizeof(len_)) {
		size_t n = std::min(sizeof(len_) - have_, left);
		copy_out(len_ + have_, n);
		have_ += static_cast<uint32_t>(n);
		left -= n;
		if (have_ == sizeof(len_)) {
			want_ = load_be<uint32_t>(len_);
			if (want_ < min_record || want_ > JEEBS_MAX_RECORD)
				return fail(fmt::format(
				    "record of {} bytes in the ring", want_));
			out.reserve(out.size() +
			    std::min<size_t>(want_, first_reserve));
		}
	}
	bool complete = false;
	if (have_ >= sizeof(len_)) {
		size_t n = std::min<size_t>(want_ + sizeof(len_) - have_, left);
		if (n != 0)
			copy_out(out.extend(n), n);
		have_ += static_cast<uint32_t>(n);
		complete = have_ == want_ + sizeof(len_);
	}
	__atomic_store_n(&map_->tail, tail_, __ATOMIC_RELEASE);
	if (complete)
		have_ = 0;
	return complete;
}

void Ring::commit(uint64_t out_end, uint64_t seq)
{
	committed_ = std::max(committed_, out_end);
	committed_seq_ = std::max(committed_seq_, seq);
	__atomic_store_n(&map_->committed, committed_, __ATOMIC_RELEASE);
	__atomic_store_n(&map_->committed_seq, committed_seq_,
	    __ATOMIC_RELEASE);
}

void Ring::wake()
{
	// An unread token is read after this, and what it tells of after it.
	std::atomic_thread_fence(std::memory_order_seq_cst);
	int unread = 0;
	if (::ioctl(commit_.get(), FIONREAD, &unread) == 0 && unread > 0)
		return;
	uint64_t token = 1;
	// Full means that the producer doesn't read: its own affair.
	[[maybe_unused]] auto n = ::write(commit_.get(), &token, sizeof(token));
}

} // namespace jeebs
