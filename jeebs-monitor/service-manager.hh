// SPDX-License-Identifier: ISC
// What jeebsd and the service manager that started it tell each other: that it is
// ready, and which descriptors outlive it (systemd's sd_notify(3) and
// sd_listen_fds(3)). Without a manager nothing is told and nothing was kept.
// One thread.
#pragma once

#include <map>
#include <string>

#include "unique_fd.hh"

namespace jeebs::service_manager {

using Descriptors = std::map<std::string, UniqueFd>;

/** What an earlier process left, by name; close-on-exec. Once. */
[[nodiscard]] Descriptors inherited();
/** It gets a descriptor of its own, for the process that comes after this one. */
void keep(const std::string &name, int fd);
/** It closes those of that name. */
void forget(const std::string &name);
void ready();

} // namespace jeebs::service_manager
