// SPDX-License-Identifier: ISC
// What a standby read from its links, frame by frame, with decoders of its own;
// its records sealed anew, all else as it came.
// Owner: cut. Single-threaded.
#pragma once

#include <array>
#include <filesystem>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "session-run.hh"
#include "wire.hh"

namespace jeebs::cut {

// PROTOCOL.link 2, by number.
enum Kind : uint8_t {
	k_hello = 1, k_open = 3, k_record = 4, k_tcp = 6, k_close = 7,
	k_role = 11, k_ping = 12, k_input = 13, k_cover = 14, k_forward = 16,
	k_taken = 17, kinds = 18,
};
inline constexpr std::array<const char *, kinds> kind_names = {"", "HELLO", "",
    "OPEN", "RECORD", "", "TCP", "CLOSE", "", "", "", "ROLE", "PING", "INPUT",
    "COVER", "", "FORWARD", "TAKEN"};

// Reads fields one after the other; what isn't there ends the program.
struct Fields {
	Bytes left;

	// That many bytes, a number of that many, or an SSH string.
	Bytes take(size_t n)
	{
		if (left.size() < n)
			die("a recorded frame is too short");
		const Bytes b = left.first(n);
		left = left.subspan(n);
		return b;
	}
	uint64_t num(size_t n)
	{
		uint64_t v = 0;
		for (uint8_t b : take(n))
			v = v << 8 | b;
		return v;
	}
	Bytes string() { return take(num(4)); }
};

// PROTOCOL.jeebs 2.
struct Envelope {
	uint8_t type;
	Bytes id;
	uint64_t epoch, seq, in_off, out_off, acked_off;
	Bytes stream;

	explicit Envelope(Bytes record)
	{
		Fields f{record};
		(void)f.take(6);
		type = static_cast<uint8_t>(f.num(1));
		(void)f.take(1);
		id = f.take(16);
		epoch = f.num(8);
		seq = f.num(8);
		in_off = f.num(8);
		out_off = f.num(8);
		acked_off = f.num(8);
		const auto stream_len = f.num(4);
		(void)f.take(4);
		stream = f.take(stream_len);
	}
	// The stream offset after it.
	uint64_t out_end() const { return out_off + stream.size(); }
};

struct Frame {
	uint8_t kind;
	Bytes payload;
	size_t end;	// in the bytes of its connection
	const Incarnation *of = nullptr;	// OPEN
};

// One connection: its bytes, and where its frames end.
struct Wire {
	Blob bytes;
	std::vector<Frame> frames;
};

// The links link.1, link.2, ... of a run, and its file "records".
class LinkRun {
public:
	explicit LinkRun(const std::string &dir)
	    : recorded_(load_records(dir + "/records"))
	{
		for (int i = 1; std::filesystem::exists(name(dir, i)); i++)
			add(slurp(name(dir, i)));
		if (wires_.empty() || at_ != recorded_.size())
			die("records that no link has");
	}
	// In the order in which they came.
	const std::vector<Wire> &wires() const { return wires_; }
	const std::list<Incarnation> &incarnations() const { return all_; }
	// That came over links.
	size_t records() const
	{
		size_t n = 0;
		for (const Incarnation &i : all_)
			n += i.records().size();
		return n;
	}

private:
	static std::string name(const std::string &dir, int i)
	{
		return fmt::format("{}/link.{}", dir, i);
	}
	void add(const Blob &raw);
	const Blob &seal(Bytes record);

	std::vector<Recorded> recorded_;
	size_t at_ = 0;		// in recorded_
	std::list<Incarnation> all_;
	std::vector<Wire> wires_;
};

// The recorded record that this one was on the link. Of an incarnation that
// ended with its link the last ones may not have come.
inline const Blob &LinkRun::seal(Bytes record)
{
	const Envelope e(record);
	auto same = [&e](const Recorded &r) {
		return r.env.type == e.type && r.env.in_off == e.in_off &&
		    r.env.out_off == e.out_off &&
		    r.env.acked_off == e.acked_off &&
		    std::ranges::equal(r.stream, e.stream);
	};
	while (e.seq == 1 && at_ < recorded_.size() && !same(recorded_[at_]))
		at_++;
	if (all_.empty() || at_ == recorded_.size() || !same(recorded_[at_]))
		die(fmt::format("record {} isn't the link's", at_));
	return all_.back().add(recorded_[at_++]);
}

inline void LinkRun::add(const Blob &raw)
{
	Wire w;
	Fields f{raw};
	auto num = [&w](uint64_t v, int n) {
		while (n-- > 0)
			w.bytes.push_back(static_cast<uint8_t>(v >> 8 * n));
	};
	auto raw_bytes = [&w](Bytes b) {
		w.bytes.insert(w.bytes.end(), b.begin(), b.end());
	};
	auto string = [&](Bytes b) {
		num(b.size(), 4);
		raw_bytes(b);
	};

	while (!f.left.empty()) {
		Fields p{f.string()};
		const size_t begin = w.bytes.size();
		const auto kind = static_cast<uint8_t>(p.num(1));
		const Incarnation *of = nullptr;
		if (kind >= kinds || *kind_names[kind] == 0)
			die(fmt::format("a recorded frame of type {}", kind));
		num(0, 4);
		num(kind, 1);
		if (kind == k_open) {
			raw_bytes(p.take(8));
			const Bytes root = p.string(), tcp = p.string();
			auto state = get_tcp_state(tcp);
			must(state.has_value());
			of = &all_.emplace_back(
			    static_cast<uint8_t>(all_.size() + 1),
			    Envelope(root).epoch, *state);
			string(of->root());
			string(tcp);
		} else if (kind == k_record) {
			raw_bytes(p.take(8));
			p.left = seal(p.left);
		}
		raw_bytes(p.left);
		POKE_U32(w.bytes.data() + begin, w.bytes.size() - begin - 4);
		w.frames.push_back({kind, {}, w.bytes.size(), of});
	}
	size_t begin = 0;
	for (Frame &frame : w.frames) {
		frame.payload = Bytes(w.bytes).subspan(begin + 5,
		    frame.end - begin - 5);
		begin = frame.end;
	}
	// Moved, the bytes stay where they are.
	wires_.push_back(std::move(w));
}

} // namespace jeebs::cut
