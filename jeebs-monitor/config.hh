// SPDX-License-Identifier: ISC
// jeebsd.conf: the settings of one host, parsed and checked as a whole.
// Owner: main, which hands a const Config to everybody. Immutable after load,
// so any thread may read it. No I/O but reading the file.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "result.hh"

namespace jeebs {

enum class InputMode { tap, hold };

// An address that moves between the two hosts.
struct VipConfig {
	std::string address;	// numeric, as inet_ntop(3) writes it
	int family = 0;		// AF_INET or AF_INET6
	std::string interface;	// where it lives while this host serves
	bool operator==(const VipConfig &) const = default;
};

// One path on which the two hosts hear each other.
struct HeartbeatPath {
	std::string local;	// numeric, this host's own address on the path
	std::string remote;	// numeric, the peer's
	int family = 0;		// of both
	uint16_t port = 0;	// UDP, at both ends
	bool operator==(const HeartbeatPath &) const = default;
};

struct PeerConfig {
	std::string name;	// the peer's `host`
	std::string address;	// numeric; of the replication link
	int family = 0;
	uint16_t port = 0;	// TCP; each host listens on it
	std::string public_key;	// its pin, as jeebsctl keygen prints it there
	bool operator==(const PeerConfig &) const = default;
};

struct Timing {
	using ms = std::chrono::milliseconds;
	ms heartbeat{50};
	ms suspect{150};
	ms detect{500};
	ms lease{500};		// default: detect
	ms boot_wait{2000};
	ms alone_after{2000};
	ms gap_timeout{3000};
	ms adopt_timeout{5000};
	bool operator==(const Timing &) const = default;
};

struct Config {
	std::string file;	// where it was read from
	std::string host;
	std::string run_dir = "/run/jeebs";
	std::string state_dir = "/var/lib/jeebs";
	std::string key_file = "/etc/jeebs/key";
	std::string user = "_jeebs";
	bool preferred = false;
	bool unsafe_single_path = false;
	InputMode input_commit = InputMode::hold;
	PeerConfig peer;
	std::vector<VipConfig> vips;			// at least one
	uint16_t service_port = 22;
	Timing timing;
	std::vector<HeartbeatPath> heartbeats;		// at least one
	std::vector<std::string> fence;			// argv; empty: none
	std::chrono::milliseconds fence_timeout{10000};
	std::string commit_log;	// path; empty: none
	// Things that are legal but that the administrator should know,
	// as "FILE:LINE: key: …".
	std::vector<std::string> warnings;

	std::string export_socket() const { return run_dir + "/export.sock"; }
	std::string adopt_socket() const { return run_dir + "/adopt.sock"; }
	std::string ctl_socket() const { return run_dir + "/ctl.sock"; }
	std::string epoch_file() const { return state_dir + "/epoch"; }
};

// Reads and checks a whole file. The error is one line,
// "FILE:LINE: key: what is wrong, what to do".
[[nodiscard]] Result<Config> load_config(const std::string &file);

// The same from text; name stands for the file in errors.
[[nodiscard]] Result<Config> parse_config(std::string_view text,
    const std::string &name);

// What the file alone doesn't tell: does a path run beside the VIPs' LAN?
// interfaces: which one has an address, of those that this host has.
[[nodiscard]] Result<void> check_paths(const Config &,
    const std::map<std::string, std::string> &interfaces);

} // namespace jeebs
