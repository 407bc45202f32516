// SPDX-License-Identifier: ISC
// Gives the real sshd-adopt what somebody who holds the standby's store, or
// the way to it, could make of real records: edited, cut, spliced, replayed.
// Each must be refused, with a reason; so that this means something, untouched
// records are handed over now and then, and must be accepted.
//
//   build/e2e/forger RUN-DIR EVERY      on the host of a running sshd, jeebsd
//                                       dead; two sessions are there
//
// The session of user "lab" must keep printing, root's must be quiet. With EVERY
// 1, every bit of the root record and every byte of the others is flipped; else
// one bit of each byte of the root record, each byte of an envelope (in one of
// the records), of the others' sealed part every EVERYth. Prints a line "ok: ..."
// or "FAIL: ..." per attack; at the end kills root's sshd, adopts that session
// for good, and says "adopted"; ends at the end of its input.
#include <signal.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>

#include "fake-jeebsd.hh"

using namespace jeebs;
using namespace jeebs::attack;

namespace {

constexpr size_t chain_records = 3;	// a checkpoint, two progress records

int failures;

void verdict(bool ok, const std::string &what)
{
	std::printf("%s: %s\n", ok ? "ok" : "FAIL", what.c_str());
	std::fflush(stdout);
	failures += !ok;
}

struct Forger {
	explicit Forger(const std::string &dir) : jeebsd(dir)
	{
		jeebsd.connect_adopt();
		for (int i = 0; i < 2; i++) {
			Victim v = jeebsd.accept();
			(v.user == "root" ? other : victim) = std::move(v);
		}
		must(victim.channel && other.channel, "one session each");
	}

	// A new incarnation of the talkative session. Its epoch is newer than
	// any before: nothing but the attack itself may be refused.
	void fresh(size_t n = chain_records)
	{
		jeebsd.protect(victim, ++epoch, n);
	}
	// Hands these bytes over for the talkative session's connection.
	Answer adopt(const Record &file)
	{
		return adopt_at(file, victim.chain.first_off);
	}
	Answer adopt_at(const Record &file, uint64_t acked)
	{
		return jeebsd.adopt(acked, victim.tcp.get(),
		    memfd_of(file).get());
	}
	Record file() { return file_of(victim.chain.root, victim.chain.records); }

	// Untouched records are accepted, or no refusal means anything.
	void control(const std::string &when)
	{
		fresh();
		auto a = adopt(file());
		verdict(a.ready && a.out_end == victim.chain.out_end,
		    "untouched records are accepted " + when +
		    (a.ready ? "" : ": " + a.reason));
	}
	void refused(const std::string &what, const Answer &a,
	    const std::string &why)
	{
		if (a.ready)
			verdict(false, what + ": adopted");
		else
			verdict(a.reason.find(why) != std::string::npos,
			    what + ": refused: " + a.reason);
	}

	FakeJeebsd jeebsd;
	Victim victim, other;
	uint64_t epoch = 1;
};

void flip(Record &file, size_t at)
{
	file[at] ^= static_cast<uint8_t>(1U << at % 8);
}

// The root record and its length.
void flips_in_root(Forger &f, int step)
{
	f.fresh();
	Record good = f.file();
	size_t runs = 0, refused = 0;
	for (size_t at = 0; at < 4 + f.victim.chain.root.size(); at++) {
		for (int bit = static_cast<int>(at) % step; bit < 8;
		    bit += step) {
			Record bad = good;
			bad[at] ^= static_cast<uint8_t>(1U << bit);
			auto a = f.adopt(bad);
			runs++;
			if (!a.ready && a.reason.starts_with("root record"))
				refused++;
			else
				std::printf("root record, byte %zu, bit %d: "
				    "%s\n", at, bit, a.ready ? "adopted" :
				    a.reason.c_str());
		}
	}
	verdict(runs == refused, fmt::format("{} single bits flipped in the "
	    "root record ({} bytes, all of them): {} refused", runs,
	    f.victim.chain.root.size(), refused));
	auto a = f.adopt(good);
	verdict(a.ready, "the same root record untouched: accepted" +
	    (a.ready ? "" : ": " + a.reason));
}

// A root record opens once, so that each flip behind it has its own chain.
void flips_in_records(Forger &f, size_t every)
{
	for (size_t which = 0; which < chain_records; which++) {
		size_t runs = 0, refused = 0, len = 1;
		size_t clear = 4 + JEEBS_ENVELOPE_LEN;
		for (size_t at = 0; at < len; at += at < clear ? 1 : every) {
			if (every > 1 && at < clear &&
			    at % chain_records != which)
				continue;
			f.fresh();
			std::vector<size_t> starts;
			Record bad = file_of(f.victim.chain.root,
			    f.victim.chain.records, &starts);
			const auto &r = f.victim.chain.records[which];
			len = 4 + r.size();
			flip(bad, starts[which + 1] + at);
			auto a = f.adopt(bad);
			runs++;
			if (!a.ready && a.reason.starts_with("records: "))
				refused++;
			else
				std::printf("record %zu, byte %zu of %zu: %s\n",
				    which, at, len, a.ready ? "adopted" :
				    a.reason.c_str());
		}
		verdict(runs == refused, fmt::format("{} bytes flipped in "
		    "record {} of the chain (about {}): {} refused", runs,
		    which + 1, len, refused));
	}
}

// The chain put together anew from its own records.
void shuffled(Forger &f)
{
	struct Case {
		const char *what;
		std::vector<size_t> order;	// of records 0, 1, 2
	};
	const Case cases[] = {
		{"two records swapped", {0, 2, 1}},
		{"a record left out", {0, 2}},
		{"a record twice", {0, 1, 1, 2}},
		{"the last record twice", {0, 1, 2, 2}},
		{"the checkpoint twice", {0, 0, 1, 2}},
		{"the checkpoint last", {1, 2, 0}},
		{"no checkpoint", {1, 2}},
		{"no record", {}},
		{"all records backwards", {2, 1, 0}},
	};
	for (const Case &c : cases) {
		f.fresh();
		std::vector<Record> rs;
		for (size_t i : c.order)
			rs.push_back(f.victim.chain.records[i]);
		f.refused(c.what, f.adopt(file_of(f.victim.chain.root, rs)),
		    "records: ");
	}
	f.fresh();
	auto &rs = f.victim.chain.records;
	f.refused("a root record among the records", f.adopt(file_of(
	    f.victim.chain.root, {rs[0], f.victim.chain.root, rs[1]})),
	    "records: ");
}

void cut(Forger &f)
{
	f.fresh();
	Record good = f.file();
	size_t root = 4 + f.victim.chain.root.size(), n = 0, refused = 0;
	for (size_t len = 0; len < root; len += 7, n++)
		refused += !f.adopt(Record(good.begin(),
		    good.begin() + static_cast<long>(len))).ready;
	verdict(n == refused, fmt::format("cut inside of the root record at "
	    "{} places: {} refused", n, refused));
	for (size_t less : {1U, 4U, 15U, 16U, 17U, 60U}) {
		f.fresh();
		good = f.file();
		good.resize(good.size() - less);
		f.refused(fmt::format("the last {} bytes cut off", less),
		    f.adopt(good), "records: ");
	}
	f.fresh();
	good = f.file();
	good.insert(good.end(), {0, 0, 0});
	f.refused("three more bytes at the end", f.adopt(good), "records: ");
	f.fresh();
	good = f.file();
	good.insert(good.end(), {0, 0, 0, 0});
	f.refused("an empty record at the end", f.adopt(good), "records: ");
	f.fresh();
	good = f.file();
	good.insert(good.end(), {0xff, 0xff, 0xff, 0xff});
	f.refused("a length of 2^32 - 1 at the end", f.adopt(good),
	    "records: ");
}

// An earlier state of the session under an acknowledgement that is later.
void rolled_back(Forger &f)
{
	f.fresh();
	auto rs = f.victim.chain.records;
	auto cut_off = must(get_record_envelope(rs.back()));
	rs.pop_back();
	f.refused("the last record held back, its bytes ACKed",
	    f.adopt_at(file_of(f.victim.chain.root, rs),
	    cut_off.out_off + cut_off.stream_len), "acknowledgement");
	f.fresh();
	f.refused("an ACK of more than was ever sent",
	    f.adopt_at(f.file(), f.victim.chain.out_end + 1),
	    "acknowledgement");
	f.fresh();
	f.refused("an ACK of less than is recorded",
	    f.adopt_at(f.file(), f.victim.chain.first_off - 1),
	    "acknowledgement");
	f.fresh();
	f.refused("an ACK of 2^64 - 1", f.adopt_at(f.file(), UINT64_MAX),
	    "acknowledgement");
}

// Records of one session in another's place.
void spliced(Forger &f)
{
	auto both = [&f] {
		f.fresh();
		f.jeebsd.protect(f.other, f.epoch, 1);
	};
	both();
	f.refused("root's identity, lab's records and connection",
	    f.adopt(file_of(f.other.chain.root, f.victim.chain.records)),
	    "connection isn't the one");
	both();
	f.refused("root's identity and connection, lab's records",
	    f.jeebsd.adopt(f.victim.chain.first_off, f.other.tcp.get(),
	    memfd_of(file_of(f.other.chain.root,
	    f.victim.chain.records)).get()), "records: ");
	both();
	f.refused("lab's identity and connection, root's records",
	    f.adopt(file_of(f.victim.chain.root, f.other.chain.records)),
	    "records: ");
	// The envelope says that they belong there; the key doesn't.
	both();
	auto renamed = f.other.chain.records;
	for (auto &r : renamed)
		std::copy_n(f.victim.chain.root.begin() + 8, JEEBS_ID_LEN,
		    r.begin() + 8);
	f.refused("the same with lab's record id in root's records",
	    f.adopt(file_of(f.victim.chain.root, renamed)), "records: ");
	both();
	f.refused("lab's records, root's connection",
	    f.jeebsd.adopt(f.victim.chain.first_off, f.other.tcp.get(),
	    memfd_of(f.file()).get()), "connection isn't the one");
	// Two incarnations of one session.
	f.fresh();
	auto before = f.victim.chain;
	f.fresh();
	f.refused("a new root record before an old chain", f.adopt(file_of(
	    f.victim.chain.root, before.records)), "records: ");
	f.fresh();
	before = f.victim.chain;
	f.fresh();
	auto mixed = before.records;
	mixed.back() = f.victim.chain.records.back();
	f.refused("a record of a new incarnation in an old chain",
	    f.adopt(file_of(before.root, mixed)), "records: ");
	// The root's parts, from two root records of the same length.
	both();
	auto chimera = f.victim.chain.root;
	auto &donor = f.other.chain.root;
	std::copy_n(donor.begin(), JEEBS_ENVELOPE_LEN, chimera.begin());
	f.refused("the envelope of another root record",
	    f.adopt(file_of(chimera, f.victim.chain.records)), "root record");
}

void replayed(Forger &f)
{
	f.fresh();
	Record first = f.file();
	auto a = f.adopt(first);
	verdict(a.ready, "a record is accepted once");
	f.refused("the same again while the first lives", f.adopt(first),
	    "adopted before");
	a.job.reset();
	f.refused("the same again after the first is gone", f.adopt(first),
	    "adopted before");
	f.fresh();
	Record both = f.file();
	auto one = f.jeebsd.ask(f.victim.chain.first_off, f.victim.tcp.get(),
	    memfd_of(both).get());
	auto two = f.jeebsd.ask(f.victim.chain.first_off, f.victim.tcp.get(),
	    memfd_of(both).get());
	auto a1 = f.jeebsd.answer(std::move(one));
	auto a2 = f.jeebsd.answer(std::move(two));
	verdict(a1.ready && !a2.ready, "two requests at one time: one is "
	    "accepted");
	f.jeebsd.connect_adopt();
	f.refused("again over a new connection", f.adopt(first),
	    "adopted before");
	// Not adopted yet, but another incarnation of the session was.
	f.fresh();
	Record stale = f.file();
	f.fresh();
	a = f.adopt(f.file());
	verdict(a.ready, "the newest incarnation is accepted");
	f.refused("an incarnation from before that one", f.adopt(stale),
	    "epoch");
	f.jeebsd.protect(f.victim, f.epoch, chain_records);
	f.refused("one more of the session in the same epoch",
	    f.adopt(f.file()), "epoch");
	f.jeebsd.protect(f.victim, f.epoch - 1, chain_records);
	f.refused("a new record that names an older epoch", f.adopt(f.file()),
	    "epoch");
}

// What else comes over the socket that only jeebsd should have.
void bad_requests(Forger &f)
{
	f.fresh();
	Record good = f.file();
	auto memfd = memfd_of(good);
	auto with = [&](int tcp, int records) {
		return f.jeebsd.adopt(f.victim.chain.first_off, tcp, records);
	};
	f.refused("records in a memfd that can still be written",
	    with(f.victim.tcp.get(), memfd_of(good, F_SEAL_SHRINK |
	    F_SEAL_GROW).get()), "root record");
	f.refused("records in a memfd that can be cut",
	    with(f.victim.tcp.get(), memfd_of(good, F_SEAL_WRITE |
	    F_SEAL_GROW).get()), "root record");
	int p[2];
	must(::pipe2(p, O_CLOEXEC) == 0, "pipe");
	UniqueFd rd(p[0]), wr(p[1]);
	f.refused("a pipe for the records", with(f.victim.tcp.get(), rd.get()),
	    "root record");
	UniqueFd udp(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	f.refused("a UDP socket for the connection", with(udp.get(),
	    memfd.get()), "");
	f.fresh();
	UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
	f.refused("/dev/null for the connection", with(null.get(),
	    memfd_of(f.file()).get()), "");
	f.fresh();
	UniqueFd tcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	f.refused("an unconnected socket", with(tcp.get(),
	    memfd_of(f.file()).get()), "");
	for (size_t n : {0U, 1U, 2U, 3U}) {
		Buffer b;
		FieldWriter(b).u64(1).u64(0).u64(0).text("a", 9).text("b", 9).u64(1);
		if (n == 3)
			b.append(Bytes(good).first(1));	// trailing byte
		std::vector<int> fds(n, null.get());
		(void)f.jeebsd.say(JEEBS_MSG_ADOPT, b.bytes(), fds);
	}
	(void)f.jeebsd.say(JEEBS_MSG_ADOPT, Bytes(good).first(5), {});
	f.control("after ADOPTs of no sense");
	for (uint8_t type : {JEEBS_MSG_KEY, JEEBS_MSG_GO, JEEBS_MSG_ROOT}) {
		(void)f.jeebsd.say(type, {}, {});
		verdict(f.jeebsd.adopt_hung_up(), fmt::format("a message of "
		    "type {}: sshd-adopt hangs up", type));
		f.jeebsd.connect_adopt();
	}
	// More connections than it takes.
	std::vector<UniqueFd> idle;
	for (int i = 0; i < 20; i++)
		idle.push_back(f.jeebsd.knock());
	f.control("under a flood of connections");
}

pid_t peer_pid(int fd)
{
	ucred cred{};
	socklen_t len = sizeof(cred);
	must(::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0,
	    "SO_PEERCRED");
	return cred.pid;
}

pid_t channel_pid(const Victim &v)
{
	return peer_pid(v.channel.get());
}

// Which process holds sshd-adopt's end: the supervisor.
pid_t supervisor(const Forger &f)
{
	return peer_pid(f.jeebsd.adopt_fd());
}

void restarted(Forger &f, pid_t first)
{
	verdict(supervisor(f) == first, "sshd-adopt is the process that it "
	    "was before all this");
	f.fresh();
	Record old = f.file();
	must(::kill(first, SIGKILL) == 0, "kill sshd-adopt");
	must(f.jeebsd.adopt_hung_up(), "sshd-adopt is gone");
	::usleep(200'000);
	f.jeebsd.connect_adopt();
	f.refused("records of before sshd-adopt started anew", f.adopt(old),
	    "recovery key");
	f.control("after that");
}

// root's session goes on for good.
void adopt_for_good(Forger &f)
{
	pid_t mon = channel_pid(f.other);
	f.jeebsd.protect(f.other, ++f.epoch, 1);
	while (f.jeebsd.take_one(f.other, 300))
		;
	std::ifstream children(fmt::format("/proc/{}/task/{}/children", mon,
	    mon));
	std::vector<pid_t> pids{mon};
	for (pid_t p; children >> p;)
		pids.push_back(p);
	for (pid_t p : pids)
		must(::kill(p, SIGKILL) == 0, "kill sshd-session");
	auto a = f.jeebsd.adopt(f.other.chain.out_end, f.other.tcp.get(),
	    memfd_of(file_of(f.other.chain.root, f.other.chain.records)).get());
	verdict(a.ready && send_message(a.job.get(), JEEBS_MSG_GO, {}),
	    "root's session is adopted for good" +
	    (a.ready ? "" : ": " + a.reason));
	f.other.tcp.reset();
	std::puts("adopted");
	std::fflush(stdout);
	while (std::getchar() != EOF)
		;
}

} // namespace

int main(int argc, char **argv)
try {
	if (argc != 3)
		throw std::runtime_error("usage: forger RUN-DIR EVERY");
	Forger f(argv[1]);
	pid_t first = supervisor(f);
	auto every = static_cast<size_t>(std::atoi(argv[2]));
	must(every > 0, "EVERY must be a number");
	f.control("at first");
	flips_in_root(f, every == 1 ? 1 : 8);
	flips_in_records(f, every);
	f.control("after the flips");
	shuffled(f);
	cut(f);
	rolled_back(f);
	spliced(f);
	bad_requests(f);
	replayed(f);
	restarted(f, first);
	adopt_for_good(f);
	return failures != 0;
} catch (const std::exception &e) {
	std::printf("FAIL: forger: %s\n", e.what());
	return 1;
}
