// SPDX-License-Identifier: ISC
#include "tap.hh"

#include <algorithm>
#include <chrono>

#include <boost/asio/steady_timer.hpp>
#include <pcap/pcap.h>

#include "read-waiter.hh"

namespace jeebs {

namespace {

/** A GRO packet of IPv6 with its link header. */
constexpr int snapshot_length = 65535 + 40 + 14 + 8;
// Of Ethernet with two VLAN tags, IPv6, TCP with options; small packets whole.
constexpr uint32_t headers_length = 256, vlan_tag = 4;
constexpr int packets_per_turn = 512;
// At least.
constexpr uint32_t ring_bytes_of_packet = 1024;
// To wake up for each packet costs more than to look at it. Who can't wait
// drains. The ring has room for 512 packets of the largest kind.
constexpr std::chrono::milliseconds between_turns(1);

struct PcapCloser {
	void operator()(pcap_t *p) const { pcap_close(p); }
};

enum class Way { in, out };

std::string
filter_text(const TapConfig &config, Way way)
{
	const std::string host = way == Way::in ? "dst host " : "src host ";
	std::string hosts;
	for (const IpAddr &vip : config.vips)
		hosts += (hosts.empty() ? host : " or " + host) +
		    vip.to_string();
	const std::string some = std::string("(tcp and ") +
	    (config.others ? "not " : "") +
	    (way == Way::in ? "dst" : "src") + " port " +
	    std::to_string(config.port) + " and (" + hosts + "))";
	return some + " or (vlan and " + some + ")";
}

Result<std::vector<bpf_insn>>
compile(pcap_t *pcap, const std::string &text)
{
	bpf_program program{};
	if (pcap_compile(pcap, &program, text.c_str(), 1,
	    PCAP_NETMASK_UNKNOWN) != 0)
		return fail("tap filter: " + std::string(pcap_geterr(pcap)));
	std::vector<bpf_insn> code(program.bf_insns,
	    program.bf_insns + program.bf_len);
	pcap_freecode(&program);
	return code;
}

// What the first doesn't take is the second's, which takes headers only.
std::vector<bpf_insn>
join_filters(std::vector<bpf_insn> first, std::vector<bpf_insn> second)
{
	for (size_t i = 0; i < first.size(); i++)
		if (first[i].code == (BPF_RET | BPF_K) && first[i].k == 0)
			first[i] = {BPF_JMP | BPF_JA, 0, 0,
			    static_cast<uint32_t>(first.size() - i - 1)};
	for (bpf_insn &i : second)
		if (i.code == (BPF_RET | BPF_K) && i.k != 0)
			i.k = headers_length;
	first.insert(first.end(), second.begin(), second.end());
	return first;
}

} // namespace

std::span<const uint8_t>
strip_link_header(std::span<const uint8_t> frame)
{
	size_t at = 12;
	for (int tags = 0; tags <= 2 && at + 2 <= frame.size(); tags++) {
		const unsigned type = frame[at] * 256U + frame[at + 1];
		if (type == 0x0800 || type == 0x86dd)
			return frame.subspan(at + 2);
		if (type != 0x8100 && type != 0x88a8)
			break;
		at += 4;
	}
	return {};
}

struct Tap::Impl {
	Impl(asio::io_context &io, TapConfig c, Callback cb)
		: config(std::move(c)), callback(std::move(cb)),
		  waiter(io), timer(io) {}

	[[nodiscard]] Result<void> start();
	[[nodiscard]] Result<void> activate();
	[[nodiscard]] Result<void> set_filter();
	void stop();
	void turn();
	/** False if that was all that there is. */
	bool read_packets(int limit);
	void count_drops();

	TapConfig config;
	Callback callback;
	ReadWaiter waiter;
	asio::steady_timer timer;
	std::unique_ptr<pcap_t, PcapCloser> pcap;
	bool running = false;
	bool reading = false;
	std::shared_ptr<bool> alive = std::make_shared<bool>(true);
	uint64_t cut_short = 0;
	uint64_t ring_drops = 0;	/* of earlier handles */
	TapStats stats;
};

Result<void>
Tap::Impl::activate()
{
	char error[PCAP_ERRBUF_SIZE] = "";
	pcap.reset(pcap_create(config.interface.c_str(), error));
	if (!pcap)
		return fail("tap on " + config.interface + ": " + error);
	pcap_set_snaplen(pcap.get(), snapshot_length);
	pcap_set_promisc(pcap.get(), 1);
	pcap_set_immediate_mode(pcap.get(), 1);
	pcap_set_buffer_size(pcap.get(), static_cast<int>(
	    std::min<uint32_t>(config.ring_bytes, INT32_MAX)));
	const int r = pcap_activate(pcap.get());
	if (r < 0)
		return fail("tap on " + config.interface + ": " +
		    pcap_statustostr(r) + " " + pcap_geterr(pcap.get()));
	if (pcap_datalink(pcap.get()) != DLT_EN10MB)
		return fail("tap on " + config.interface +
		    ": not an Ethernet interface");
	if (pcap_setnonblock(pcap.get(), 1, error) != 0)
		return fail("tap on " + config.interface + ": " + error);
	return {};
}

Result<void>
Tap::Impl::set_filter()
{
	auto code = compile(pcap.get(), filter_text(config, Way::in));
	if (code && !config.others) {
		auto out = compile(pcap.get(), filter_text(config, Way::out));
		code = out.map([&](auto &c) { return join_filters(*code, c); });
	}
	if (!code)
		return tl::unexpected(code.error());
	bpf_program program{static_cast<u_int>(code->size()), code->data()};
	if (pcap_setfilter(pcap.get(), &program) != 0)
		return fail("tap filter: " +
		    std::string(pcap_geterr(pcap.get())));
	return {};
}

Result<void>
Tap::Impl::start()
{
	if (config.vips.empty())
		return fail("tap on " + config.interface + ": no address",
		    EINVAL);
	stop();
	auto r = activate().and_then([&] { return set_filter(); });
	if (!r) {
		pcap.reset();
		return r;
	}
	running = true;
	return waiter.start(pcap_get_selectable_fd(pcap.get()),
	    [this] { turn(); });
}

void
Tap::Impl::stop()
{
	running = false;
	timer.cancel();
	waiter.stop();
	/* pcap mustn't be closed under its own callback. */
	if (reading || !pcap)
		return;
	count_drops();
	ring_drops = stats.dropped - cut_short;
	pcap.reset();
}

void
Tap::Impl::turn()
{
	if (read_packets(packets_per_turn) || !running)
		return;
	waiter.pause();
	timer.expires_after(between_turns);
	timer.async_wait([this, weak = std::weak_ptr(alive)](
	    boost::system::error_code error) {
		if (!error && !weak.expired())
			waiter.resume();
	});
}

bool
Tap::Impl::read_packets(int limit)
{
	if (reading || !running)
		return false;
	bool more = true;
	reading = true;
	for (int i = 0; i < limit && running; i++) {
		pcap_pkthdr *header = nullptr;
		const uint8_t *data = nullptr;
		if (pcap_next_ex(pcap.get(), &header, &data) != 1) {
			more = false;
			break;
		}
		const auto packet = strip_link_header({data, header->caplen});
		// pcap puts a tag back that the card has taken out.
		if (packet.empty() || (header->caplen < header->len &&
		    header->caplen > headers_length + vlan_tag)) {
			cut_short++;
			continue;
		}
		stats.seen++;
		callback(packet);
	}
	reading = false;
	if (!running)
		stop();
	return more;
}

void
Tap::Impl::count_drops()
{
	pcap_stat counters{};
	if (pcap && pcap_stats(pcap.get(), &counters) == 0)
		stats.dropped = ring_drops + cut_short + counters.ps_drop +
		    counters.ps_ifdrop;
}

Tap::Tap(asio::io_context &io, TapConfig config, Callback callback)
	: impl_(std::make_unique<Impl>(io, std::move(config),
	    std::move(callback))) {}

Tap::~Tap() { impl_->stop(); }

Result<void>
Tap::start()
{
	return impl_->start();
}

void
Tap::stop()
{
	impl_->stop();
}

void
Tap::drain()
{
	// What comes meanwhile isn't waited for.
	impl_->read_packets(static_cast<int>(std::max(1U,
	    impl_->config.ring_bytes / ring_bytes_of_packet)));
}

TapStats
Tap::stats() const
{
	impl_->count_drops();
	return impl_->stats;
}

} // namespace jeebs
