// SPDX-License-Identifier: ISC
// jeebsd: reads the settings, gives up what root has and it doesn't need, runs.
#include <cap-ng.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "config.hh"
#include "daemon.hh"
#include "jeebs-wire.h"
#include "key.hh"
#include "local-address.hh"
#include "log.hh"
#include "service-manager.hh"
#include "unique_fd.hh"

#ifndef JEEBS_CONFDIR
#define JEEBS_CONFDIR "/etc/jeebs"
#endif

namespace {

using namespace jeebs;

constexpr rlim_t open_files = 65536;

[[noreturn]] void
fatal(const std::string &why)
{
	fprintf(stderr, "jeebsd: %s\n", why.c_str());
	exit(1);
}

[[noreturn]] void
usage()
{
	fprintf(stderr, "usage: jeebsd [-dtV] [-f file]\n");
	exit(1);
}

struct Account {
	uid_t uid = 0;
	gid_t gid = 0;
};

Account
find_account(const Config &c)
{
	const passwd *pw = getpwnam(c.user.c_str());
	if (pw == nullptr)
		fatal(fmt::format("{}: user: \"{}\" isn't an account here, "
		    "make it or name another", c.file, c.user));
	return {pw->pw_uid, pw->pw_gid};
}

void
make_directory(const std::string &path, mode_t mode, const Account &a)
{
	if (mkdir(path.c_str(), mode) == -1 && errno != EEXIST)
		fatal(path + ": " + strerror(errno));
	// Root gives away only what is a directory, and root's or theirs
	// already: who may write beside it may have put a name of theirs there.
	struct stat st{};
	UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC));
	if (!fd || fstat(fd.get(), &st) == -1)
		fatal(path + ": " + strerror(errno) + ": it must be a directory, "
		    "not a link to one");
	if (st.st_uid != 0 && st.st_uid != a.uid)
		fatal(fmt::format("{}: belongs to uid {}: remove it, or name "
		    "another", path, st.st_uid));
	if (fchown(fd.get(), a.uid, a.gid) == -1 ||
	    fchmod(fd.get(), mode) == -1)
		fatal(path + ": " + strerror(errno));
}

// The capabilities stay over the change of user, also in iptables, which the
// packet queue may need.
void
drop_privileges(const Account &a)
{
	// CAP_NET_BIND_SERVICE: restored sockets have the service's port.
	static const unsigned keep[] = { CAP_NET_ADMIN, CAP_NET_RAW,
	    CAP_SYS_NICE, CAP_NET_BIND_SERVICE };

	if (a.uid == 0)
		return;
	capng_clear(CAPNG_SELECT_BOTH);
	for (unsigned c : keep)
		if (capng_update(CAPNG_ADD, static_cast<capng_type_t>(
		    CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE), c)
		    != 0)
			fatal("cannot choose capabilities");
	int r = capng_change_id(static_cast<int>(a.uid),
	    static_cast<int>(a.gid), static_cast<capng_flags_t>(
	    CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING));
	if (r != 0)
		fatal(fmt::format("cannot become uid {} (error {})", a.uid,
		    r));
	for (unsigned c : keep)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0) == -1)
			fatal("cannot keep capabilities for children");
}

void
prepare_process()
{
	rlimit lim{};

	signal(SIGPIPE, SIG_IGN);
	umask(077);
	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = std::min(lim.rlim_max, open_files);
		(void)setrlimit(RLIMIT_NOFILE, &lim);
	}
	// Every byte of every session waits for this process.
	(void)setpriority(PRIO_PROCESS, 0, -10);
	// Best effort: a page that has to be read in delays a takeover. Only
	// without a limit: once root's privileges are gone, a locked stack that
	// would have to grow beyond it kills the process.
	lim.rlim_cur = lim.rlim_max = RLIM_INFINITY;
	if (setrlimit(RLIMIT_MEMLOCK, &lim) == -1 ||
	    mlockall(MCL_CURRENT) == -1)
		log::debug("memory isn't locked: {}", strerror(errno));
}

} // namespace

int
main(int argc, char **argv)
{
	std::string file = JEEBS_CONFDIR "/jeebsd.conf";
	bool test = false, debug = false;
	int ch;

	while ((ch = getopt(argc, argv, "df:tV")) != -1) {
		switch (ch) {
		case 'd':
			debug = true;
			break;
		case 'f':
			file = optarg;
			break;
		case 't':
			test = true;
			break;
		case 'V':
			printf("jeebsd %s\n", JEEBS_FORK_VERSION);
			return 0;
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();

	auto config = load_config(file);
	if (!config)
		fatal(config.error().what);
	auto key = load_key(config->key_file);
	if (!key)
		fatal(fmt::format("{}: key_file: {}", file,
		    key.error().what));
	if (key->pin == config->peer.public_key)
		fatal(fmt::format("{}: peer.public_key: is this host's own "
		    "key, put the peer's there", file));
	Account account = find_account(*config);
	if (auto r = check_paths(*config, local_addresses()); !r)
		fatal(r.error().what);
	for (const auto &w : config->warnings)
		fprintf(stderr, "jeebsd: warning: %s\n", w.c_str());
	if (test)
		return 0;
	if (geteuid() != 0)
		fatal("must be started as root; it becomes `user` itself");

	if (debug)
		(void)log::set_level("debug");
	prepare_process();
	make_directory(config->run_dir, 0755, account);
	make_directory(config->state_dir, 0700, account);

	auto earlier = service_manager::inherited();
	boost::asio::io_context io(1);
	boost::asio::signal_set signals(io, SIGTERM, SIGINT);
	Daemon daemon(io, *config, *key);
	if (auto r = daemon.prepare(); !r)
		fatal(r.error().what);
	drop_privileges(account);
	if (auto r = daemon.start(std::move(earlier)); !r)
		fatal(r.error().what);
	service_manager::ready();
	signals.async_wait([&](boost::system::error_code ec, int) {
		if (!ec)
			daemon.stop([&io] { io.stop(); });
	});
	io.run();
	return 0;
}
