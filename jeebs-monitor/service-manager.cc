// SPDX-License-Identifier: ISC
#include "service-manager.hh"

#include <cstdlib>
#include <cstring>

#include <systemd/sd-daemon.h>

#include "log.hh"

namespace jeebs::service_manager {

namespace {

void
tell(const std::string &text, const int *fds = nullptr, unsigned n = 0)
{
	const int r = sd_pid_notify_with_fds(0, 0, text.c_str(), fds, n);
	if (r < 0)
		log::warning("the service manager isn't told \"{}\": {}",
		    log::printable(text), strerror(-r));
}

} // namespace

Descriptors
inherited()
{
	char **names = nullptr;
	const int n = sd_listen_fds_with_names(1, &names);
	if (n < 0)
		log::warning("the service manager's descriptors: {}", strerror(-n));
	Descriptors all;
	for (int i = 0; i < n; i++) {
		all[names[i]].reset(SD_LISTEN_FDS_START + i);
		free(names[i]);
	}
	free(names);
	return all;
}

void
keep(const std::string &name, int fd)
{
	/* A netlink socket that lost a packet looks broken to who polls it. */
	tell("FDSTORE=1\nFDPOLL=0\nFDNAME=" + name, &fd, 1);
}

void
forget(const std::string &name)
{
	tell("FDSTOREREMOVE=1\nFDNAME=" + name);
}

void
ready()
{
	tell("READY=1");
}

} // namespace jeebs::service_manager
