// SPDX-License-Identifier: ISC
#include "hold.hh"

#include <array>
#include <optional>
#include <unordered_map>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "nft.hh"
#include "segment.hh"
#include "spawn.hh"
#include "unique_fd.hh"

namespace jeebs {

namespace {

constexpr int receive_buffer = 32 << 20;
constexpr size_t packets_per_turn = 256;
/** Upper half of the mark of a packet for the queue whose number is below. */
constexpr uint32_t mark_prefix = 0x4a650000;

struct Kept {
	Hold::Packets packets;
	size_t bytes = 0;
};

/** As the nft sets have it: the client's end first. */
std::string
element(const Flow &flow)
{
	return "{ " + flow.remote.to_string() + " . " +
	    std::to_string(flow.remote_port) + " . " +
	    flow.local.to_string() + " . " +
	    std::to_string(flow.local_port) + " }\n";
}

} // namespace

struct Hold::Impl : std::enable_shared_from_this<Hold::Impl> {
	Impl(asio::io_context &io, HoldConfig c, Callback cb)
		: config(std::move(c)), callback(std::move(cb)),
		  table("inet jeebs_hold_" +
		    std::to_string(config.queue_number)),
		  descriptor(io) {}
	~Impl() { close(); }

	[[nodiscard]] std::string rules(const std::string &statement) const;
	[[nodiscard]] Result<int> iptables(const char *program,
	    const char *verb) const;
	[[nodiscard]] Result<void> add_iptables_rule(const char *program);
	[[nodiscard]] Result<void> install_rules();
	[[nodiscard]] Result<void> open_queue();
	[[nodiscard]] Result<void> configure(nlmsghdr *);
	[[nodiscard]] Result<void> change(std::span<const Flow>, bool add);
	void close();
	void wait();
	void read_packets(size_t limit);
	void packet(uint32_t id, std::span<const uint8_t>);
	void verdict(uint16_t type, uint32_t id, uint32_t verdict);
	void flush_drops();
	bool keep(std::span<const uint8_t>);

	HoldConfig config;
	Callback callback;
	std::string table;
	std::string backend;
	Nft nft;
	asio::posix::stream_descriptor descriptor;	/* a copy of fd */
	UniqueFd fd;
	std::optional<uint32_t> last_drop;	/* verdicts not sent yet */
	std::unordered_map<Flow, Kept> held;
	size_t bytes = 0;
	HoldStats stats;
	std::array<uint8_t, 0xffff + 4096> buffer;
};

std::string
Hold::Impl::rules(const std::string &statement) const
{
	const std::string rule = "add rule " + table +
	    " prerouting iifname \"" + config.interface + "\" ";
	const std::string rest = " tcp flags & (syn | ack) != syn " +
	    statement + "\n";
	return "add table " + table + "\n"
	    "delete table " + table + "\n"
	    "add table " + table + "\n"
	    "add set " + table + " held4 { type ipv4_addr . inet_service . "
	    "ipv4_addr . inet_service; }\n"
	    "add set " + table + " held6 { type ipv6_addr . inet_service . "
	    "ipv6_addr . inet_service; }\n"
	    /* Ahead of raw (-300), where iptables' rule is, and conntrack. */
	    "add chain " + table + " prerouting "
	    "{ type filter hook prerouting priority -310; policy accept; }\n" +
	    rule + "ip saddr . tcp sport . ip daddr . tcp dport @held4" +
	    rest +
	    rule + "ip6 saddr . tcp sport . ip6 daddr . tcp dport @held6" +
	    rest;
}

Result<int>
Hold::Impl::iptables(const char *program, const char *verb) const
{
	const std::string queue = std::to_string(config.queue_number);
	const std::string mark =
	    std::to_string(mark_prefix | config.queue_number);
	return run_program({program, "-w", "-t", "raw", verb, "PREROUTING",
	    "-m", "mark", "--mark", mark, "-j", "NFQUEUE", "--queue-num",
	    queue}, verb[1] != 'A');
}

Result<void>
Hold::Impl::add_iptables_rule(const char *program)
{
	auto status = iptables(program, "-C");
	if (status && *status != 0)
		status = iptables(program, "-A");
	if (!status)
		return tl::unexpected(status.error());
	if (*status != 0)
		return fail(std::string(program) + " cannot add an NFQUEUE rule"
		    " (exit status " + std::to_string(*status) + ")");
	return {};
}

/**
 * nft's queue statement; else nft marks the packet, and one static rule of
 * iptables sends what is marked to the queue.
 */
Result<void>
Hold::Impl::install_rules()
{
	if (!is_interface_name(config.interface))
		return fail("\"" + config.interface +
		    "\" is not an interface name", EINVAL);
	if (nft.run(rules("queue num " +
	    std::to_string(config.queue_number)))) {
		backend = "nft";
		return {};
	}
	backend = "iptables";
	return add_iptables_rule("iptables")
	    .and_then([&] { return add_iptables_rule("ip6tables"); })
	    .and_then([&] {
		return nft.run(rules("meta mark set " +
		    std::to_string(mark_prefix | config.queue_number))); });
}

Result<void>
Hold::Impl::configure(nlmsghdr *message)
{
	message->nlmsg_flags |= NLM_F_ACK;
	if (::send(fd.get(), message, message->nlmsg_len, 0) < 0)
		return fail_errno("cannot configure the packet queue");
	const ssize_t n = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
	if (n < 0 || mnl_cb_run(buffer.data(), static_cast<size_t>(n), 0, 0,
	    nullptr, nullptr) < 0)
		return fail_errno("cannot bind packet queue " +
		    std::to_string(config.queue_number) +
		    " (is another jeebsd using it?)");
	return {};
}

Result<void>
Hold::Impl::open_queue()
{
	fd.reset(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_NETFILTER));
	sockaddr_nl kernel{};
	kernel.nl_family = AF_NETLINK;
	if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr *>(&kernel),
	    sizeof(kernel)) != 0 ||
	    ::connect(fd.get(), reinterpret_cast<sockaddr *>(&kernel),
	    sizeof(kernel)) != 0)
		return fail_errno("cannot open the packet queue");
	/* Best effort: what doesn't fit is dropped and sent again. */
	(void)setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE,
	    &receive_buffer, sizeof(receive_buffer));

	alignas(nlmsghdr) std::array<char, 512> request;
	nlmsghdr *message = nfq_nlmsg_put(request.data(), NFQNL_MSG_CONFIG,
	    config.queue_number);
	nfq_nlmsg_cfg_put_cmd(message, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
	if (auto r = configure(message); !r)
		return r;
	/* No NFQA_CFG_F_GSO: the kernel segments and completes checksums. */
	message = nfq_nlmsg_put(request.data(), NFQNL_MSG_CONFIG,
	    config.queue_number);
	nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, 0xffff);
	nfq_nlmsg_cfg_put_qmaxlen(message, config.queue_length);
	mnl_attr_put_u32(message, NFQA_CFG_FLAGS, 0);
	mnl_attr_put_u32(message, NFQA_CFG_MASK,
	    htonl(NFQA_CFG_F_FAIL_OPEN | NFQA_CFG_F_GSO));
	if (auto r = configure(message); !r)
		return r;

	const int copy = fcntl(fd.get(), F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return fail_errno("cannot open the packet queue");
	descriptor.assign(copy);
	wait();
	return {};
}

void
Hold::Impl::close()
{
	boost::system::error_code ignored;
	descriptor.close(ignored);
	fd.reset();
	last_drop.reset();
}

void
Hold::Impl::wait()
{
	descriptor.async_wait(descriptor.wait_read,
	    [weak = weak_from_this()](boost::system::error_code error) {
		auto self = weak.lock();
		if (!self || error)
			return;
		self->read_packets(packets_per_turn);
		if (self->descriptor.is_open())
			self->wait();
	});
}

void
Hold::Impl::read_packets(size_t limit)
{
	for (size_t i = 0; i < limit && fd; i++) {
		const ssize_t n = ::recv(fd.get(), buffer.data(),
		    buffer.size(), MSG_DONTWAIT);
		if (n < 0 && errno == ENOBUFS) {
			stats.overruns++;
			continue;
		}
		if (n <= 0)
			break;
		mnl_cb_run(buffer.data(), static_cast<size_t>(n), 0, 0,
		    [](const nlmsghdr *message, void *data) {
			std::array<nlattr *, NFQA_MAX + 1> attrs{};
			if (nfq_nlmsg_parse(message, attrs.data()) < 0 ||
			    !attrs[NFQA_PACKET_HDR])
				return MNL_CB_OK;
			const auto *header =
			    static_cast<const nfqnl_msg_packet_hdr *>(
			    mnl_attr_get_payload(attrs[NFQA_PACKET_HDR]));
			std::span<const uint8_t> payload;
			if (attrs[NFQA_PAYLOAD])
				payload = {static_cast<const uint8_t *>(
				    mnl_attr_get_payload(attrs[NFQA_PAYLOAD])),
				    mnl_attr_get_payload_len(
				    attrs[NFQA_PAYLOAD])};
			static_cast<Impl *>(data)->packet(
			    ntohl(header->packet_id), payload);
			return MNL_CB_OK;
		    }, this);
	}
	flush_drops();
}

void
Hold::Impl::packet(uint32_t id, std::span<const uint8_t> bytes_of_packet)
{
	const auto segment = Segment::parse(bytes_of_packet);
	if (segment && !held.contains(segment->flow_to_local())) {
		flush_drops();
		verdict(NFQNL_MSG_VERDICT, id, NF_ACCEPT);
		stats.accepted++;
		return;
	}
	last_drop = id;
	if (segment && keep(segment->bytes())) {
		stats.held++;
		if (callback)
			callback(segment->bytes());
	} else {
		stats.dropped++;
	}
}

bool
Hold::Impl::keep(std::span<const uint8_t> packet_bytes)
{
	const auto segment = Segment::parse(packet_bytes);
	Kept &kept = held[segment->flow_to_local()];
	if (kept.bytes + packet_bytes.size() > config.bytes_per_flow ||
	    bytes + packet_bytes.size() > config.bytes_total)
		return false;
	kept.packets.emplace_back(packet_bytes.begin(), packet_bytes.end());
	kept.bytes += packet_bytes.size();
	bytes += packet_bytes.size();
	return true;
}

void
Hold::Impl::verdict(uint16_t type, uint32_t id, uint32_t what)
{
	alignas(nlmsghdr) std::array<char, 128> request;
	nlmsghdr *message = nfq_nlmsg_put(request.data(), type,
	    config.queue_number);
	nfq_nlmsg_verdict_put(message, static_cast<int>(id),
	    static_cast<int>(what));
	/* An error means that the packet is gone from the queue already. */
	(void)::send(fd.get(), message, message->nlmsg_len, 0);
}

/** One verdict for all packets up to the newest one dropped. */
void
Hold::Impl::flush_drops()
{
	if (last_drop && fd)
		verdict(NFQNL_MSG_VERDICT_BATCH, *last_drop, NF_DROP);
	last_drop.reset();
}

Result<void>
Hold::Impl::change(std::span<const Flow> flows, bool add)
{
	std::string text;
	for (const Flow &flow : flows) {
		const std::string set = table + " held" +
		    (flow.local.is_v6() ? "6 " : "4 ");
		/* Deleting what isn't there is an error: add it first. */
		text += "add element " + set + element(flow);
		if (!add)
			text += "delete element " + set + element(flow);
	}
	if (text.empty())
		return {};
	return nft.run(text);
}

Hold::Hold(asio::io_context &io, HoldConfig config, Callback callback)
	: impl_(std::make_shared<Impl>(io, std::move(config),
	    std::move(callback))) {}

Hold::~Hold() { impl_->close(); }

Result<void>
Hold::install()
{
	impl_->close();
	impl_->held.clear();
	impl_->bytes = 0;
	/* The reader first: a packet for a queue without one is dropped. */
	return impl_->open_queue().and_then([&] {
		return impl_->install_rules(); });
}

Result<void>
Hold::remove()
{
	auto result = impl_->nft.run("add table " + impl_->table + "\n"
	    "delete table " + impl_->table + "\n");
	if (impl_->backend != "nft") {
		for (const char *program : {"iptables", "ip6tables"}) {
			auto status = impl_->iptables(program, "-D");
			if (!status && result)
				result = tl::unexpected(status.error());
		}
	}
	impl_->close();
	impl_->held.clear();
	impl_->bytes = 0;
	impl_->backend.clear();
	return result;
}

Result<void>
Hold::hold(std::span<const Flow> flows)
{
	auto result = impl_->change(flows, true);
	if (result)
		for (const Flow &flow : flows)
			impl_->held.try_emplace(flow);
	return result;
}

Result<void>
Hold::release(std::span<const Flow> flows)
{
	for (const Flow &flow : flows) {
		(void)take(flow);
		impl_->held.erase(flow);
	}
	return impl_->change(flows, false);
}

void
Hold::drain()
{
	impl_->read_packets(impl_->config.queue_length);
}

Hold::Packets
Hold::take(const Flow &flow)
{
	const auto it = impl_->held.find(flow);
	if (it == impl_->held.end())
		return {};
	Packets packets = std::move(it->second.packets);
	impl_->bytes -= it->second.bytes;
	it->second = {};
	return packets;
}

HoldStats
Hold::stats() const
{
	return impl_->stats;
}

std::string
Hold::backend() const
{
	return impl_->backend;
}

} // namespace jeebs
