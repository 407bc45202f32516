// SPDX-License-Identifier: ISC
// audit-capture -i INTERFACE -w FILE [-f MAC]...
//
// Captures all frames until SIGTERM. Those of the hosts named by -f are kept
// whole; of others the headers are enough. Ends only when the kernel's buffer is
// empty, then prints "N frames, N dropped"; the exit status is 1 if any were.
#include <getopt.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr int longest_frame = 262144;
constexpr int buffer_bytes = 192 << 20;
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

struct Output {
	pcap_dumper_t *file;
	std::vector<std::string> whole;
	unsigned long frames = 0;
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
write_frame(u_char *arg, const pcap_pkthdr *h, const u_char *bytes)
{
	auto *out = reinterpret_cast<Output *>(arg);
	pcap_pkthdr header = *h;
	std::string from(reinterpret_cast<const char *>(bytes) + 6, 6);

	out->frames++;
	out->last = {h->ts.tv_sec, h->ts.tv_usec};	// in ns
	if (std::find(out->whole.begin(), out->whole.end(), from) ==
	    out->whole.end())
		header.caplen = std::min(header.caplen, headers);
	pcap_dump(reinterpret_cast<u_char *>(out->file), &header, bytes);
}

} // namespace

int
main(int argc, char **argv)
{
	const char *interface = nullptr, *path = nullptr;
	Output out{};
	int ch;

	while ((ch = getopt(argc, argv, "f:i:w:")) != -1) {
		if (ch == 'f')
			out.whole.push_back(mac_bytes(optarg));
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
	out.file = pcap_dump_open(p, path);
	if (out.file == nullptr)
		fatal(pcap_geterr(p));
	struct sigaction sa{};
	sa.sa_handler = on_signal;
	sigaction(SIGTERM, &sa, nullptr);
	sigaction(SIGINT, &sa, nullptr);
	printf("listening\n");
	fflush(stdout);

	pollfd fd{pcap_get_selectable_fd(p), POLLIN, 0};
	timespec end{};
	// After the signal until a frame is later than that, or until two looks
	// in a row, each after a block's time, find nothing.
	for (int quiet = 0; quiet < 2 && (end.tv_sec == 0 || out.last < end);) {
		(void)poll(&fd, 1, 2 * block_ms);
		if (ended && end.tv_sec == 0)
			end = after_now(2 * block_ms);
		int n = pcap_dispatch(p, -1, write_frame,
		    reinterpret_cast<u_char *>(&out));
		if (n < 0)
			fatal(pcap_geterr(p));
		quiet = n == 0 && end.tv_sec != 0 ? quiet + 1 : 0;
	}
	pcap_stat st{};
	if (pcap_stats(p, &st) == -1 || pcap_dump_flush(out.file) == -1 ||
	    ferror(pcap_dump_file(out.file)))
		fatal("the capture isn't complete");
	pcap_dump_close(out.file);
	printf("%lu frames, %u dropped\n", out.frames, st.ps_drop);
	return st.ps_drop == 0 ? 0 : 1;
}
