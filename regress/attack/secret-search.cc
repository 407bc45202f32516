// SPDX-License-Identifier: ISC
// Tries to open session records with every secret that lies in a process's
// memory, a file or what went over the link, and looks there for secrets that
// are known from elsewhere.
//
//   secret-search dump PID >FILE       what PID can write to, as a core has it
//   secret-search try [-q] [-k KNOWN] [-o FOUND] -r FILE... -- NAME=FILE...
//      -r  where the sealed records and recovery keys are found
//      -k  lines "LABEL HEX": looked for as they are, as AES key schedules too
//      -o  session keys that opened something, as -k takes them
//      -q  windows as keys and as K only
//
// Every window of 32 bytes, at each offset, is taken as the key of a chain, as
// that of a root record, as K, as the shared secret of the KEM and as an X25519
// private key; every 1152 bytes as the ML-KEM one. Windows of fewer than 18
// different bytes are passed over: of 32 random bytes one in 10^9 is such.
#include <chrono>
#include <cstdio>
#include <iostream>
#include <set>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "trials.hh"

extern "C" {
#include "includes.h"
#include "digest.h"
#include "kex.h"
}

using namespace attack;

namespace {

constexpr size_t window = 32;
constexpr unsigned min_different = 18;

struct Options {
	bool quick = false;
	std::vector<std::string> records, dumps;
	std::string known, found;
};

struct Known {
	std::string name;
	std::vector<uint8_t> bytes;
};

std::string hex(Bytes b)
{
	return fmt::format("{:02x}", fmt::join(b, ""));
}

int dump(const std::string &pid)
{
	std::ifstream maps("/proc/" + pid + "/maps");
	int mem = ::open(("/proc/" + pid + "/mem").c_str(), O_RDONLY);
	std::string line;
	std::vector<char> page(4096);

	if (!maps || mem == -1)
		throw std::runtime_error("process " + pid + " can't be read");
	while (std::getline(maps, line)) {
		unsigned long begin, end;
		char perms[5] = "";
		if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end,
		    perms) != 3 || perms[1] != 'w')
			continue;
		for (; begin < end; begin += page.size())
			if (::pread(mem, page.data(), page.size(),
			    static_cast<off_t>(begin)) == 4096)
				std::cout.write(page.data(), 4096);
	}
	return 0;
}

class Search {
public:
	Search(const Options &o, const Targets &t) : options_(o), targets_(t)
	{
		for (const auto &[id, pk] : t.keys)
			x25519_.emplace(pk.end() - 32, pk.end());
	}
	void run(const std::string &name, Bytes);
	void known(const std::string &name, Bytes, const std::vector<Known> &);
	size_t opened() const { return opened_.size(); }
	const std::map<Id, Key> &session_keys() const { return session_keys_; }

private:
	void windows(Bytes);
	void as_chain_key(const Key &, const char *how, size_t at);
	void as_root_key(const AES_KEY &, const Key &, size_t at);
	void as_shared(const Key &, const char *how, size_t at);
	void as_private(Bytes, size_t at);
	void as_lattice(Bytes);
	void as_hybrid(Bytes lattice, size_t at);
	void hit(const Id &, const char *how, size_t at);

	const Options &options_;
	const Targets &targets_;
	std::set<std::vector<uint8_t>> x25519_;	// public halves
	std::string name_;
	size_t tried_ = 0, privates_ = 0;
	std::vector<std::vector<uint8_t>> halves_;	// private X25519 found
	std::set<std::pair<Id, std::string>> opened_;
	std::map<Id, Key> session_keys_;
};

void Search::hit(const Id &id, const char *how, size_t at)
{
	if (opened_.emplace(id, how).second)
		fmt::print("{}: opened {}: {} at {:#x}\n", name_, hex(id), how,
		    at);
}

// A checkpoint's state begins with an object that is now: 1, tag, id.
void Search::as_chain_key(const Key &key, const char *how, size_t at)
{
	AES_KEY aes;
	uint8_t p[16];

	AES_set_encrypt_key(key.data(), 256, &aes);
	for (const auto &[id, c] : targets_.checkpoints) {
		first_block(aes, c.env.seq, c.sealed(), p);
		if (p[0] != 1 || p[1] == 0 || p[1] > 6 || p[2] != 0 ||
		    p[3] != 0 || p[4] != 0 || !opens(c, key))
			continue;
		hit(id, how, at);
		session_keys_[id] = key;
	}
	if (std::strcmp(how, "key of the chain") == 0)
		as_root_key(aes, key, at);
}

// A root record begins with a host's name: a length below 257.
void Search::as_root_key(const AES_KEY &aes, const Key &key, size_t at)
{
	uint8_t p[16];

	for (const auto &[id, r] : targets_.roots) {
		first_block(aes, 0, r.sealed(), p);
		if (p[0] == 0 && p[1] == 0 && p[2] <= 1 && opens(r, key))
			hit(id, "key of the root record", at);
	}
}

void Search::as_shared(const Key &w, const char *how, size_t at)
{
	static const uint8_t length[] = {0, 0, 0, 32};

	for (const auto &[id, r] : targets_.roots) {
		auto pk = targets_.keys.find(r.key_id);
		if (pk == targets_.keys.end())
			continue;
		Key k = hkdf({length, w, r.ct(), pk->second},
		    Bytes(r.record).first(JEEBS_ENVELOPE_LEN));
		as_chain_key(label(k, "session"), how, at);
	}
}

void Search::as_private(Bytes w, size_t at)
{
	privates_++;
	Key pub = x25519_public(w.data());
	if (!x25519_.contains({pub.begin(), pub.end()}))
		return;
	halves_.emplace_back(w.begin(), w.end());
	fmt::print("{}: X25519 half of a recovery key at {:#x}\n", name_, at);
}

void Search::windows(Bytes in)
{
	std::array<uint16_t, 256> count{};
	unsigned different = 0;

	for (size_t i = 0; i < in.size(); i++) {
		different += count[in[i]]++ == 0;
		if (i >= window)
			different -= --count[in[i - window]] == 0;
		if (i + 1 < window || different < min_different)
			continue;
		size_t at = i + 1 - window;
		Key w;
		std::copy_n(in.data() + at, window, w.begin());
		tried_++;
		as_chain_key(w, "key of the chain", at);
		as_chain_key(label(w, "session"), "K", at);
		if (options_.quick)
			continue;
		as_shared(w, "shared secret", at);
		as_private(w, at);
	}
}

void Search::as_hybrid(Bytes lattice, size_t at)
{
	for (const auto &[id, r] : targets_.roots) {
		auto pk = targets_.keys.find(r.key_id);
		if (pk == targets_.keys.end() ||
		    !std::equal(pk->second.begin(), pk->second.begin() +
		    mlkem_pk_len, lattice.begin() + mlkem_pke_secret_len))
			continue;
		for (const auto &half : halves_) {
			auto k = std::make_unique<struct kex>();
			sshbuf *shared = nullptr;
			jeebs::SshbufPtr ct(sshbuf_from(r.ct().data(),
			    r.ct().size()));
			k->hash_alg = SSH_DIGEST_SHA256;
			std::copy(half.begin(), half.end(),
			    k->c25519_client_key);
			std::copy(lattice.begin(), lattice.end(),
			    k->mlkem768_client_key);
			if (kex_kem_mlkem768x25519_dec(k.get(), ct.get(),
			    &shared) == 0) {
				Key w;
				std::copy_n(sshbuf_ptr(shared) + 4, w.size(),
				    w.begin());
				as_shared(w, "private key of the KEM", at);
			}
			sshbuf_free(shared);
		}
	}
}

// With the public key behind it, as everybody stores it, or without.
void Search::as_lattice(Bytes in)
{
	for (size_t at = 0; at + mlkem_pke_secret_len <= in.size(); at++) {
		Bytes s = in.subspan(at, mlkem_pke_secret_len);
		// Memory is full of zeros, a secret isn't.
		if (std::count(s.begin(), s.begin() + 8, 0) == 8 ||
		    !ring_elements(s) ||
		    std::set<uint8_t>(s.begin(), s.end()).size() < 128)
			continue;
		for (const auto &[id, pk] : targets_.keys) {
			if (std::equal(s.begin(), s.end(), pk.begin()))
				continue;
			std::vector<uint8_t> whole(mlkem_secret_len);
			unsigned len = 32;
			std::copy(s.begin(), s.end(), whole.begin());
			std::copy_n(pk.begin(), mlkem_pk_len, whole.begin() +
			    mlkem_pke_secret_len);
			EVP_Digest(pk.data(), mlkem_pk_len, whole.data() +
			    mlkem_pke_secret_len + mlkem_pk_len, &len,
			    EVP_sha3_256(), nullptr);
			as_hybrid(whole, at);
		}
	}
}

void Search::run(const std::string &name, Bytes in)
{
	auto start = std::chrono::steady_clock::now();
	name_ = name;
	tried_ = privates_ = 0;
	halves_.clear();
	opened_.clear();
	windows(in);
	if (!options_.quick)
		as_lattice(in);
	std::chrono::duration<double> took = std::chrono::steady_clock::now() -
	    start;
	std::set<Id> ids;
	for (const auto &[id, how] : opened_)
		ids.insert(id);
	fmt::print("{}: {} bytes, {} windows tried, {} as private keys, "
	    "{:.1f} s: {} of {} sessions opened\n", name, in.size(), tried_,
	    privates_, took.count(), ids.size(), targets_.roots.size());
}

void Search::known(const std::string &name, Bytes in,
    const std::vector<Known> &all)
{
	std::set<std::string> names;

	for (const Known &k : all) {
		std::vector<std::vector<uint8_t>> forms{k.bytes};
		size_t n = k.bytes.size();
		AES_KEY e, d;
		if (n == 16 || n == 24 || n == 32) {
			AES_set_encrypt_key(k.bytes.data(),
			    static_cast<int>(n * 8), &e);
			AES_set_decrypt_key(k.bytes.data(),
			    static_cast<int>(n * 8), &d);
			// What follows the key itself, in both byte orders.
			for (const uint32_t *w : {e.rd_key + n / 4,
			    d.rd_key + 4}) {
				auto *p = reinterpret_cast<const uint8_t *>(w);
				forms.emplace_back(p, p + 16);
				forms.push_back(forms.back());
				for (size_t i = 0; i < 16; i += 4)
					std::reverse(forms.back().begin() +
					    static_cast<ptrdiff_t>(i),
					    forms.back().begin() +
					    static_cast<ptrdiff_t>(i + 4));
			}
		}
		for (const auto &f : forms)
			each_match(in, f, [&](size_t at) {
				if (names.insert(k.name).second)
					fmt::print("{}: has {} at {:#x}\n",
					    name, k.name, at);
			});
	}
	fmt::print("{}: {} of {} known secrets\n", name, names.size(),
	    all.size());
}

std::vector<Known> read_known(const std::string &path)
{
	std::vector<Known> all;
	std::ifstream in(path);
	std::string name, digits;

	while (in >> name >> digits) {
		Known k{name, {}};
		for (size_t i = 0; i + 1 < digits.size(); i += 2)
			k.bytes.push_back(static_cast<uint8_t>(
			    std::stoul(digits.substr(i, 2), nullptr, 16)));
		if (k.bytes.size() < 8)
			throw std::runtime_error(path + ": " + name +
			    " has too few digits");
		all.push_back(std::move(k));
	}
	return all;
}

int try_all(const Options &o)
{
	Targets t;
	std::vector<Known> known;

	for (const auto &path : o.records)
		find_targets(read_file(path), t);
	std::erase_if(t.roots, [&t](const auto &r) {
		return !t.checkpoints.contains(r.first);
	});
	std::erase_if(t.checkpoints, [&t](const auto &c) {
		return !t.roots.contains(c.first);
	});
	if (!o.records.empty())
		fmt::print("{} sessions' records, {} recovery keys\n",
		    t.roots.size(), t.keys.size());
	if (!o.known.empty())
		known = read_known(o.known);
	std::map<Id, Key> found;
	for (const auto &d : o.dumps) {
		size_t eq = d.find('=');
		if (eq == d.npos)
			throw std::runtime_error(d + ": not NAME=FILE");
		auto in = read_file(d.substr(eq + 1));
		Search s(o, t);
		if (!t.roots.empty())
			s.run(d.substr(0, eq), in);
		if (!known.empty())
			s.known(d.substr(0, eq), in, known);
		found.insert(s.session_keys().begin(), s.session_keys().end());
		std::fflush(stdout);
	}
	if (!o.found.empty()) {
		std::ofstream out(o.found);
		for (const auto &[id, key] : found)
			out << "record-key-" << hex(id) << ' ' << hex(key) << '\n';
	}
	return 0;
}

} // namespace

int main(int argc, char **argv)
try {
	std::vector<std::string> args(argv + 1, argv + argc);
	Options o;

	if (args.size() == 2 && args[0] == "dump")
		return dump(args[1]);
	if (args.empty() || args[0] != "try")
		throw std::runtime_error("usage: see the head of the source");
	bool rest = false;
	for (size_t i = 1; i < args.size(); i++) {
		const auto &a = args[i];
		if (rest)
			o.dumps.push_back(a);
		else if (a == "--")
			rest = true;
		else if (a == "-q")
			o.quick = true;
		else if (i + 1 == args.size())
			throw std::runtime_error(a + ": a value is missing");
		else if (a == "-r")
			o.records.push_back(args[++i]);
		else if (a == "-k")
			o.known = args[++i];
		else if (a == "-o")
			o.found = args[++i];
		else
			throw std::runtime_error(a + ": unknown");
	}
	return try_all(o);
} catch (const std::exception &e) {
	std::cerr << "secret-search: " << e.what() << '\n';
	return 2;
}
