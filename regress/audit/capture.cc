// SPDX-License-Identifier: ISC
// audit-capture -i INTERFACE -w FILE [-f MAC]...
//
// Captures all frames until SIGTERM. Those of the hosts named by -f are kept
// whole; of others the headers are enough. Ends only when the kernel's buffer is
// empty, then prints "N frames, N dropped"; the exit status is 1 if any were.
#include <getopt.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

constexpr int longest_frame = 262144;
// No more: the kernel clears it in one go, on a processor that does nothing else
// meanwhile (net/packet/af_packet.c, packet_set_ring), and hosts of another lab
// look dead. What the disk is late with waits in Frames.
constexpr int buffer_bytes = 32 << 20;
constexpr size_t chunk_bytes = 1 << 20;
constexpr size_t most_waiting = 2048;	// chunks
constexpr int block_ms = 20;		// a block is handed over at least so often
constexpr bpf_u_int32 headers = 160;

volatile sig_atomic_t ended;

void
on_signal(int)
{
	ended = 1;
}

[[noreturn]] void
fatal(const std::string &why)
{
	fprintf(stderr, "audit-capture: %s\n", why.c_str());
	exit(2);
}

// "02:00:0a:4d:00:01" as it stands in a frame.
std::string
mac_bytes(const char *text)
{
	unsigned b[6];
	char more;

	if (sscanf(text, "%x:%x:%x:%x:%x:%x%c", &b[0], &b[1], &b[2], &b[3],
	    &b[4], &b[5], &more) != 6)
		fatal(std::string(text) + " is not a MAC address");
	std::string s;
	for (unsigned x : b)
		s += static_cast<char>(x);
	return s;
}

pcap_t *
open_interface(const char *interface)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_create(interface, why);

	if (p == nullptr)
		fatal(why);
	pcap_set_snaplen(p, longest_frame);
	pcap_set_promisc(p, 1);
	pcap_set_timeout(p, block_ms);
	pcap_set_buffer_size(p, buffer_bytes);
	pcap_set_tstamp_precision(p, PCAP_TSTAMP_PRECISION_NANO);
	if (pcap_activate(p) < 0 || pcap_setnonblock(p, 1, why) == -1 ||
	    pcap_setdirection(p, PCAP_D_IN) == -1)
		fatal(std::string(interface) + ": " + pcap_geterr(p));
	return p;
}

// From the thread that empties the kernel's buffer to the one that writes: whole
// frames, each behind its pcap_pkthdr.
class Frames {
public:
	using Chunk = std::vector<u_char>;

	void put(const pcap_pkthdr &h, const u_char *bytes)
	{
		const auto *head = reinterpret_cast<const u_char *>(&h);

		chunk_.insert(chunk_.end(), head, head + sizeof(h));
		chunk_.insert(chunk_.end(), bytes, bytes + h.caplen);
		if (chunk_.size() >= chunk_bytes)
			hand_over();
	}
	// Waits where too much does already: then the kernel counts what is lost.
	void hand_over()
	{
		if (chunk_.empty())
			return;
		std::unique_lock lock(mutex_);
		changed_.wait(lock, [this] {
			return waiting_.size() < most_waiting;
		});
		waiting_.push_back(std::exchange(chunk_, {}));
		changed_.notify_all();
	}
	void end()
	{
		hand_over();
		std::lock_guard lock(mutex_);
		ended_ = true;
		changed_.notify_all();
	}
	// Empty: there are no more.
	Chunk take()
	{
		std::unique_lock lock(mutex_);
		changed_.wait(lock, [this] { return ended_ || !waiting_.empty(); });
		if (waiting_.empty())
			return {};
		Chunk c = std::move(waiting_.front());
		waiting_.pop_front();
		changed_.notify_all();
		return c;
	}

private:
	Chunk chunk_;		// the reader's
	std::mutex mutex_;	// all below
	std::condition_variable changed_;
	std::deque<Chunk> waiting_;
	bool ended_ = false;
};

struct Input {
	Frames frames;
	std::vector<std::string> whole;
	unsigned long count = 0;
	timespec last{};	// frame's time
};

bool
operator<(const timespec &a, const timespec &b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec :
	    a.tv_nsec < b.tv_nsec;
}

timespec
after_now(long ms)
{
	timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

void
read_frame(u_char *arg, const pcap_pkthdr *h, const u_char *bytes)
{
	auto *in = reinterpret_cast<Input *>(arg);
	pcap_pkthdr header = *h;
	std::string from(reinterpret_cast<const char *>(bytes) + 6, 6);

	in->count++;
	in->last = {h->ts.tv_sec, h->ts.tv_usec};	// in ns
	if (std::find(in->whole.begin(), in->whole.end(), from) ==
	    in->whole.end())
		header.caplen = std::min(header.caplen, headers);
	in->frames.put(header, bytes);
}

void
write_all(Frames &frames, pcap_dumper_t *file)
{
	for (;;) {
		const Frames::Chunk c = frames.take();
		if (c.empty())
			return;
		for (size_t at = 0; at < c.size();) {
			pcap_pkthdr h;
			memcpy(&h, c.data() + at, sizeof(h));
			at += sizeof(h);
			pcap_dump(reinterpret_cast<u_char *>(file), &h,
			    c.data() + at);
			at += h.caplen;
		}
	}
}

// A smaller buffer wants to be emptied in time. Behind the hosts' heartbeats.
void
be_prompt()
{
	sched_param param{};

	param.sched_priority = 1;
	(void)pthread_setschedparam(pthread_self(), SCHED_FIFO, &param);
}

} // namespace

int
main(int argc, char **argv)
{
	const char *interface = nullptr, *path = nullptr;
	Input in;
	int ch;

	while ((ch = getopt(argc, argv, "f:i:w:")) != -1) {
		if (ch == 'f')
			in.whole.push_back(mac_bytes(optarg));
		else if (ch == 'i')
			interface = optarg;
		else if (ch == 'w')
			path = optarg;
		else
			exit(2);
	}
	if (interface == nullptr || path == nullptr || optind != argc)
		fatal("usage: audit-capture -i interface -w file [-f mac] ...");
	pcap_t *p = open_interface(interface);
	pcap_dumper_t *file = pcap_dump_open(p, path);
	if (file == nullptr)
		fatal(pcap_geterr(p));
	struct sigaction sa{};
	sa.sa_handler = on_signal;
	sigaction(SIGTERM, &sa, nullptr);
	sigaction(SIGINT, &sa, nullptr);
	std::thread writer([&in, file] { write_all(in.frames, file); });
	be_prompt();
	printf("listening\n");
	fflush(stdout);

	pollfd fd{pcap_get_selectable_fd(p), POLLIN, 0};
	timespec end{};
	// After the signal until a frame is later than that, or until two looks
	// in a row, each after a block's time, find nothing.
	for (int quiet = 0; quiet < 2 && (end.tv_sec == 0 || in.last < end);) {
		(void)poll(&fd, 1, 2 * block_ms);
		if (ended && end.tv_sec == 0)
			end = after_now(2 * block_ms);
		int n = pcap_dispatch(p, -1, read_frame,
		    reinterpret_cast<u_char *>(&in));
		if (n < 0)
			fatal(pcap_geterr(p));
		in.frames.hand_over();
		quiet = n == 0 && end.tv_sec != 0 ? quiet + 1 : 0;
	}
	in.frames.end();
	writer.join();
	pcap_stat st{};
	if (pcap_stats(p, &st) == -1 || pcap_dump_flush(file) == -1 ||
	    ferror(pcap_dump_file(file)))
		fatal("the capture isn't complete");
	pcap_dump_close(file);
	printf("%lu frames, %u dropped\n", in.count, st.ps_drop);
	return st.ps_drop == 0 ? 0 : 1;
}
