// SPDX-License-Identifier: ISC
#include "frame.hh"

#include <fmt/format.h>

#include "fields.hh"
#include "wire.hh"

namespace jeebs {

namespace {

constexpr uint64_t max_offset = uint64_t{1} << 63;	// PROTOCOL.jeebs 1

// Appends one frame; the length is written when it goes.
class Writer : public FieldWriter {
public:
	Writer(Buffer &b, FrameType t) : FieldWriter(b), b_(b), start_(b.size())
	{
		b_.extend(frame_header_len);
		b_.data()[start_ + 4] = static_cast<uint8_t>(t);
	}
	~Writer()
	{
		store_be(b_.data() + start_,
		    static_cast<uint32_t>(b_.size() - start_ - 4));
	}
	Writer(const Writer &) = delete;
	Writer &operator=(const Writer &) = delete;

private:
	Buffer &b_;
	size_t start_;
};

PeerRole read_role(FieldReader &r)
{
	auto v = r.num<uint8_t>();
	if (v > static_cast<uint8_t>(PeerRole::primary))
		r.bad("unknown role");
	return static_cast<PeerRole>(v);
}

} // namespace

Result<size_t> next_frame(Bytes in, FrameView &out, size_t *need)
{
	if (need != nullptr)
		*need = frame_header_len;
	if (in.size() < 4)
		return size_t{0};
	size_t len = load_be<uint32_t>(in.data());
	if (len < 1 || len > 1 + max_frame_payload)
		return fail(fmt::format("frame length {}", len));
	if (in.size() < frame_header_len)
		return size_t{0};
	auto type = in[4];
	if (type < static_cast<uint8_t>(FrameType::hello) ||
	    type > static_cast<uint8_t>(FrameType::taken))
		return fail(fmt::format("frame type {}", type));
	if (need != nullptr)
		*need = 4 + len;
	if (in.size() < 4 + len)
		return size_t{0};
	out.type = static_cast<FrameType>(type);
	out.payload = in.subspan(frame_header_len, len - 1);
	return 4 + len;
}

void put_hello(Buffer &b, const PeerHello &h)
{
	Writer(b, FrameType::hello).u32(h.proto).text(h.host, JEEBS_MAX_NAME)
	    .text(h.version, JEEBS_MAX_NAME).u64(h.instance).u64(h.epoch)
	    .u8(static_cast<uint8_t>(h.role)).u32(h.wants);
}

Result<PeerHello> get_hello(Bytes p)
{
	FieldReader r(p, "HELLO frame");
	PeerHello h;
	h.proto = r.num<uint32_t>();
	// Fields of another version are anybody's guess.
	if (h.proto != link_proto)
		return fail(fmt::format("HELLO frame: the peer's link protocol "
		    "is {}, ours {}", h.proto, link_proto));
	h.host = r.text(JEEBS_MAX_NAME);
	h.version = r.text(JEEBS_MAX_NAME);
	h.instance = r.num<uint64_t>();
	h.epoch = r.num<uint64_t>();
	h.role = read_role(r);
	h.wants = r.num<uint32_t>();
	return r.finish(std::move(h));
}

void put_key(Buffer &b, Bytes key)
{
	Writer(b, FrameType::key).string(key);
}

Result<Bytes> get_key(Bytes p)
{
	FieldReader r(p, "KEY frame");
	auto key = r.string(JEEBS_MAX_RECOVERY);
	return r.finish(key);
}

Result<void> put_open(Buffer &b, const OpenFrame &o)
{
	Buffer tcp;
	if (auto ok = put_tcp_state(tcp, o.tcp); !ok)
		return ok;
	Writer(b, FrameType::open).u64(o.sid).string(o.root)
	    .string(tcp.bytes()).text(o.user, JEEBS_MAX_NAME);
	return {};
}

Result<OpenFrame> get_open(Bytes p)
{
	FieldReader r(p, "OPEN frame");
	OpenFrame o;
	o.sid = r.num<uint64_t>();
	o.root = r.string(JEEBS_MAX_ROOT);
	auto tcp = get_tcp_state(r.string(JEEBS_TCP_LEN));
	if (!tcp)
		r.bad("impossible TCP state");
	else
		o.tcp = *tcp;
	o.user = r.text(JEEBS_MAX_NAME);
	return r.finish(std::move(o));
}

void put_record(Buffer &b, uint64_t sid, Bytes record)
{
	Writer(b, FrameType::record).u64(sid).raw(record);
}

void finish_record_frame(Buffer &b, uint64_t sid)
{
	store_be(b.data(), static_cast<uint32_t>(b.size() - 4));
	b.data()[4] = static_cast<uint8_t>(FrameType::record);
	store_be(b.data() + frame_header_len, sid);
}

Result<RecordFrame> get_record(Bytes p)
{
	FieldReader r(p, "RECORD frame");
	RecordFrame f;
	f.sid = r.num<uint64_t>();
	f.record = r.rest();
	return r.finish(f);
}

void put_commit(Buffer &b, std::span<const CommitEntry> entries)
{
	Writer w(b, FrameType::commit);
	w.u32(static_cast<uint32_t>(entries.size()));
	for (const auto &e : entries)
		w.u64(e.sid).u64(e.seq).u64(e.out_end);
}

Result<std::vector<CommitEntry>> get_commit(Bytes p)
{
	FieldReader r(p, "COMMIT frame");
	auto n = r.num<uint32_t>();
	std::vector<CommitEntry> entries;
	if (n == 0 || n > max_commits || p.size() != 4 + size_t{n} * 24)
		r.bad("wrong number of entries");
	else
		entries.resize(n);
	for (auto &e : entries) {
		e.sid = r.num<uint64_t>();
		e.seq = r.num<uint64_t>();
		e.out_end = r.num<uint64_t>();
	}
	return r.finish(std::move(entries));
}

Result<void> put_tcp(Buffer &b, uint64_t sid, const jeebs_tcp_state &state)
{
	Buffer tcp;
	if (auto ok = put_tcp_state(tcp, state); !ok)
		return ok;
	Writer(b, FrameType::tcp).u64(sid).string(tcp.bytes());
	return {};
}

Result<TcpFrame> get_tcp(Bytes p)
{
	FieldReader r(p, "TCP frame");
	TcpFrame f;
	f.sid = r.num<uint64_t>();
	auto tcp = get_tcp_state(r.string(JEEBS_TCP_LEN));
	if (!tcp)
		r.bad("impossible TCP state");
	else
		f.tcp = *tcp;
	return r.finish(f);
}

void put_close(Buffer &b, uint64_t sid, std::string_view reason)
{
	Writer(b, FrameType::close).u64(sid).text(reason, JEEBS_MAX_REASON);
}

void put_drop(Buffer &b, uint64_t sid, std::string_view reason)
{
	Writer(b, FrameType::drop).u64(sid).text(reason, JEEBS_MAX_REASON);
}

Result<SidText> get_close(Bytes p)
{
	FieldReader r(p, "CLOSE or DROP frame");
	SidText c;
	c.sid = r.num<uint64_t>();
	c.text = r.text(JEEBS_MAX_REASON);
	return r.finish(std::move(c));
}

void put_closed(Buffer &b, uint64_t sid)
{
	Writer(b, FrameType::closed).u64(sid);
}

Result<uint64_t> get_closed(Bytes p)
{
	FieldReader r(p, "CLOSED frame");
	auto sid = r.num<uint64_t>();
	return r.finish(sid);
}

void put_resign(Buffer &b, uint64_t epoch, std::string_view reason)
{
	Writer(b, FrameType::resign).u64(epoch).text(reason, JEEBS_MAX_REASON);
}

Result<EpochText> get_resign(Bytes p)
{
	FieldReader r(p, "RESIGN frame");
	EpochText e;
	e.epoch = r.num<uint64_t>();
	e.text = r.text(JEEBS_MAX_REASON);
	return r.finish(std::move(e));
}

void put_role(Buffer &b, uint64_t epoch, PeerRole role)
{
	Writer(b, FrameType::role).u64(epoch).u8(static_cast<uint8_t>(role));
}

Result<RoleFrame> get_role(Bytes p)
{
	FieldReader r(p, "ROLE frame");
	RoleFrame f;
	f.epoch = r.num<uint64_t>();
	f.role = read_role(r);
	return r.finish(f);
}

void put_ping(Buffer &b)
{
	Writer(b, FrameType::ping);
}

Result<void> get_ping(Bytes p)
{
	return FieldReader(p, "PING frame").finish();
}

void put_input(Buffer &b, const InputFrame &f)
{
	Writer(b, FrameType::input).u64(f.sid).u64(f.offset).raw(f.packet);
}

Result<InputFrame> get_input(Bytes p)
{
	FieldReader r(p, "INPUT frame");
	InputFrame f;
	f.sid = r.num<uint64_t>();
	f.offset = r.num<uint64_t>();
	f.packet = r.rest();
	if (f.offset >= max_offset)
		r.bad("impossible offset");
	if (f.packet.empty() || f.packet.size() > max_input_packet)
		r.bad("no packet, or too large a one");
	return r.finish(f);
}

void put_cover(Buffer &b, const CoverFrame &c)
{
	Writer(b, FrameType::cover).u64(c.sid).u64(c.from);
}

Result<CoverFrame> get_cover(Bytes p)
{
	FieldReader r(p, "COVER frame");
	CoverFrame c;
	c.sid = r.num<uint64_t>();
	c.from = r.num<uint64_t>();
	if (c.from >= max_offset)
		r.bad("impossible offset");
	return r.finish(c);
}

void put_input_commit(Buffer &b, uint64_t n)
{
	Writer(b, FrameType::input_commit).u64(n);
}

Result<uint64_t> get_input_commit(Bytes p)
{
	FieldReader r(p, "INPUT_COMMIT frame");
	auto n = r.num<uint64_t>();
	return r.finish(n);
}

Result<void> put_forward(Buffer &b, const ForwardFrame &f)
{
	Buffer tcp;
	if (auto ok = put_tcp_state(tcp, f.tcp); !ok)
		return ok;
	Writer(b, FrameType::forward).u64(f.sid).u64(f.id)
	    .string(tcp.bytes());
	return {};
}

Result<ForwardFrame> get_forward(Bytes p)
{
	FieldReader r(p, "FORWARD frame");
	ForwardFrame f;
	f.sid = r.num<uint64_t>();
	f.id = r.num<uint64_t>();
	auto tcp = get_tcp_state(r.string(JEEBS_TCP_LEN));
	if (!tcp)
		r.bad("impossible TCP state");
	else
		f.tcp = *tcp;
	return r.finish(f);
}

void put_taken(Buffer &b, const TakenFrame &t)
{
	Writer(b, FrameType::taken).u64(t.id).u64(t.offset);
}

Result<TakenFrame> get_taken(Bytes p)
{
	FieldReader r(p, "TAKEN frame");
	TakenFrame t;
	t.id = r.num<uint64_t>();
	t.offset = r.num<uint64_t>();
	if (t.offset >= max_offset)
		r.bad("impossible offset");
	return r.finish(t);
}

const char *to_string(PeerRole r)
{
	switch (r) {
	case PeerRole::joining:
		return "joining";
	case PeerRole::standby:
		return "standby";
	case PeerRole::primary:
		return "primary";
	}
	return "unknown";
}

} // namespace jeebs
