// SPDX-License-Identifier: ISC
// A recorded run, cut at its bytes: each cut is adopted exactly or refused
// (README).
//   cut [-e STEP] [-f FAULT] RUN
// -e STEP: away from the edges of frames and records only each STEPth byte.
// -f FAULT: the standby is spoilt, and stops at the first wrong cut.
#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "session-run.hh"

#include "link-cut.hh"
#include "link-run.hh"
#include "standby.hh"

using namespace jeebs;
using namespace jeebs::cut;

namespace {

constexpr size_t near = 1;	// bytes beside an edge

struct Tally {
	size_t cuts = 0, adopted = 0, refused = 0, wrong = 0;
};

// Away from edges only each STEPth byte; edges ascend.
class Places {
public:
	explicit Places(size_t step) : step_(step) {}
	// Of what is few, each of so many.
	size_t few() const { return std::min<size_t>(step_, 16); }
	// Is this byte none of those to cut at?
	bool skip(size_t at, const std::vector<size_t> &edges) const
	{
		if (at % step_ == 0)
			return false;
		auto e = std::lower_bound(edges.begin(), edges.end(),
		    at > near ? at - near : 0);
		return e == edges.end() || *e > at + near;
	}

private:
	size_t step_;
};

// FAULT is "no-KIND", whose frames are lost, or "bit-KIND", whose last bit is another.
Fault fault_of(const std::string &name)
{
	const auto dash = name.find('-');
	const std::string what = name.substr(0, dash);
	auto kind = std::find(kind_names.begin(), kind_names.end(),
	    name.substr(dash + 1));
	if (kind == kind_names.end() || **kind == 0 || (what != "no" && what != "bit"))
		die(name + ": no such fault");
	const auto type = static_cast<FrameType>(kind - kind_names.begin());
	return [what, type, b = Blob()](FrameView &f) mutable {
		if (f.type != type)
			return true;
		if (what == "no")
			return false;
		b.assign(f.payload.begin(), f.payload.end());
		b.back() ^= 1;
		f.payload = b;
		return true;
	};
}

// The standby gets all links, the last one but for the bytes after the cut.
class LinkCuts {
public:
	LinkCuts(const LinkRun &run, Places places, std::string fault)
	    : run_(run), places_(places), fault_(std::move(fault)),
	      epoch_(Envelope(run.incarnations().front().root()).epoch)
	{
		for (const Wire &w : run.wires())
			if (fault_.empty() || bytes_.wrong == 0)
				cut(w);
		for (size_t i = 1; i < run.wires().size() && fault_.empty(); i++)
			cut_before(run.wires()[i - 1], run.wires()[i]);
	}
	// What was cut; ends the program if something never was.
	void say() const;
	// One link, at each byte; and two.
	const Tally &bytes() const { return bytes_; }
	const Tally &twice() const { return twice_; }

private:
	// Frames of a link after one that was cut: all of them would take hours.
	static constexpr size_t first_frames = 8;

	void cut(const Wire &);
	void cut_before(const Wire &first, const Wire &then);
	void one(const std::vector<Bytes> &links, const Model &, Tally &,
	    bool end_later);
	std::string said(Bytes, const Model &);

	const LinkRun &run_;
	Places places_;
	std::string fault_;
	uint64_t epoch_;
	Ends ends_;
	Model model_;	// after whole links
	Tally bytes_, twice_;
	Seen seen_;
	Judge judge_{seen_};
	size_t commits_ = 0;	// cuts before which the standby could send some
	std::array<size_t, kinds> frames_{}, inside_{};
};

void LinkCuts::cut(const Wire &w)
{
	std::vector<size_t> edges{0};
	std::vector<Bytes> links;
	auto next = w.frames.begin();

	model_.new_connection();
	for (const Wire *before = run_.wires().data(); before != &w; before++)
		links.push_back(before->bytes);
	for (const Frame &f : w.frames) {
		edges.push_back(f.end);
		frames_[f.kind]++;
	}
	links.emplace_back();
	for (size_t at = 0; at <= w.bytes.size(); at++) {
		if (next != w.frames.end() && next->end == at)
			model_.frame(*next++);
		if (places_.skip(at, edges))
			continue;
		if (next != w.frames.end() && at != (next ==
		    w.frames.begin() ? 0 : std::prev(next)->end))
			inside_[next->kind]++;
		links.back() = Bytes(w.bytes).first(at);
		one(links, model_, bytes_, at % 2 == 0);
		if (!fault_.empty() && bytes_.wrong > 0)
			return;
	}
}

// The first one lost after each of its frames, then the next one, which doesn't
// know how far that came, lost after each of its first frames.
void LinkCuts::cut_before(const Wire &first, const Wire &then)
{
	for (size_t n = 1; n < first.frames.size(); n += places_.few())
		for (size_t k = 1; k <= first_frames && k < then.frames.size();
		    k++) {
			Model m;
			for (size_t i = 0; i < n; i++)
				m.frame(first.frames[i]);
			m.new_connection();
			for (size_t i = 0; i < k; i++)
				m.frame(then.frames[i]);
			one({Bytes(first.bytes).first(first.frames[n - 1].end),
			    Bytes(then.bytes).first(then.frames[k - 1].end)}, m,
			    twice_, n % 2 == 0);
		}
}

// No commit of what isn't whole: sshd and the kernel let go of that.
std::string LinkCuts::said(Bytes all, const Model &model)
{
	Fields f{all};
	bool told = false;

	while (f.left.size() >= 4) {
		Fields p{f.string()};
		const auto type = p.num(1);
		if (type == static_cast<uint8_t>(FrameType::drop))
			return "dropped";
		if (type == static_cast<uint8_t>(FrameType::input_commit) &&
		    p.num(8) > model.inputs)
			return "a commit of input that never came";
		if (type != static_cast<uint8_t>(FrameType::commit))
			continue;
		told = true;
		for (auto n = p.num(4); n > 0; n--) {
			const auto sid = p.num(8), seq = p.num(8),
			    out_end = p.num(8);
			for (const auto &[flow, s] : model.sessions)
				if (s.active && s.active->sid == sid &&
				    (seq > s.active->last().seq || out_end >
				    s.active->last().out_end()))
					return "a commit of no record";
		}
	}
	commits_ += told;
	return "";
}

void LinkCuts::one(const std::vector<Bytes> &links, const Model &model, Tally &t,
    bool end_later)
{
	Standby standby(ends_.sink(), epoch_,
	    fault_.empty() ? Fault() : fault_of(fault_));
	Buffer answers;
	std::string where;
	for (Bytes l : links) {
		answers = ends_.give(standby, l,
		    l.data() != links.back().data() || end_later);
		where += fmt::format("{}{}", where.empty() ? "" : " and ",
		    l.size());
	}
	const size_t adoptable = seen_.adoptable;
	std::string why = said(answers.bytes(), model);
	if (why.empty())
		why = judge_.all(standby.store, model);
	t.cuts++;
	if (why.empty()) {
		(seen_.adoptable > adoptable ? t.adopted : t.refused)++;
		return;
	}
	t.wrong++;
	fmt::print("links cut at {}: {}\n", where, why);
}

void LinkCuts::say() const
{
	std::string kinds_said;
	for (size_t k = 0; k < kinds; k++)
		if (frames_[k] > 0)
			kinds_said += fmt::format("{}{} {} ({} cuts inside)",
			    kinds_said.empty() ? "" : ", ", frames_[k],
			    kind_names[k], inside_[k]);
	fmt::print("link: {}\n", kinds_said);
	fmt::print("link: {} with input that sshd hadn't consumed, {} by the "
	    "incarnation before\n", seen_.held, seen_.before);
	fmt::print("link: forwards: {} go on, {} of them with bytes that are in no "
	    "record; {} are closed\n", seen_.going_on, seen_.far_held,
	    seen_.closing);
	fmt::print("link: {} with commits\n", commits_);
	for (size_t n : {seen_.held, seen_.before, seen_.going_on,
	    seen_.far_held, seen_.closing, commits_})
		if (n == 0)
			die("not all of that was tried");
}

// sshd-adopt gets the first `at` bytes of the file with an incarnation's records.
void cut_file(const Incarnation &i, Places places, Tally &t)
{
	Blob all;
	std::vector<size_t> edges, ends;

	auto put = [&](const Blob &rec) {
		uint8_t len[4];
		POKE_U32(len, rec.size());
		all.insert(all.end(), len, len + 4);
		all.insert(all.end(), rec.begin(), rec.end());
		edges.push_back(all.size());
	};
	put(i.root());
	for (const Blob &r : i.records()) {
		put(r);
		ends.push_back(all.size());
	}
	for (size_t at = 0; at <= all.size(); at++) {
		if (places.skip(at, edges))
			continue;
		UniqueFd fd(memfd_create("cut", MFD_CLOEXEC |
		    MFD_ALLOW_SEALING));
		must(fd && write(fd.get(), all.data(), at) ==
		    static_cast<ssize_t>(at) && fcntl(fd.get(), F_ADD_SEALS,
		    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
		auto end = std::find(ends.begin(), ends.end(), at);
		const size_t whole = end == ends.end() ? 0 :
		    static_cast<size_t>(end - ends.begin()) + 1;
		const std::string why = i.adopt(fd.get(), whole).wrong;
		const bool refused = why.starts_with("refused");
		t.cuts++;
		t.adopted += why.empty();
		t.refused += refused;
		if ((whole == 0 && refused) || (whole != 0 && why.empty()))
			continue;
		t.wrong++;
		fmt::print("file cut at {}, after {} records: {}\n", at, whole,
		    why.empty() ? "adopted" : why);
	}
}

void say(const char *what, size_t records, const Tally &t)
{
	fmt::print("{}: {} records, {} cuts, {} adopted exactly, {} refused, {} "
	    "wrong\n", what, records, t.cuts, t.adopted, t.refused, t.wrong);
	if (t.adopted == 0 || t.refused == 0)
		die("nothing was tried");
}

} // namespace

int main(int argc, char **argv)
{
	size_t step = 1;
	std::string fault;
	int o;

	while ((o = getopt(argc, argv, "e:f:")) != -1) {
		if (o == 'f')
			fault = optarg;
		else if (o != 'e' || (step = strtoul(optarg, nullptr, 10)) == 0)
			die("usage: cut [-e STEP] [-f FAULT] RUN");
	}
	if (optind + 1 != argc)
		die("usage: cut [-e STEP] [-f FAULT] RUN");
	log::logger().set_level(spdlog::level::off);
	const LinkRun run(argv[optind]);
	const LinkCuts link(run, Places(step), fault);
	if (!fault.empty())
		return link.bytes().wrong > 0 ? 1 : 0;
	link.say();
	say("link", run.records(), link.bytes());
	say("two links", run.records(), link.twice());
	Tally file;
	for (const Incarnation &i : run.incarnations())
		cut_file(i, Places(step), file);
	say("file", run.records(), file);
	return link.bytes().wrong + link.twice().wrong + file.wrong == 0 ? 0 : 1;
}
