// SPDX-License-Identifier: ISC
#include "local-address.hh"

#include <ifaddrs.h>
#include <netinet/in.h>

#include "flow.hh"

namespace jeebs {

std::map<std::string, std::string>
local_addresses()
{
	std::map<std::string, std::string> found;
	ifaddrs *all = nullptr;

	if (getifaddrs(&all) == -1)
		return found;
	for (ifaddrs *i = all; i != nullptr; i = i->ifa_next) {
		if (i->ifa_addr == nullptr)
			continue;
		std::string text;
		if (i->ifa_addr->sa_family == AF_INET) {
			auto *a = reinterpret_cast<sockaddr_in *>(i->ifa_addr);
			text = IpAddr::from_bytes({reinterpret_cast<uint8_t *>(
			    &a->sin_addr), 4}).to_string();
		} else if (i->ifa_addr->sa_family == AF_INET6) {
			auto *a = reinterpret_cast<sockaddr_in6 *>(
			    i->ifa_addr);
			text = IpAddr::from_bytes({reinterpret_cast<uint8_t *>(
			    &a->sin6_addr), 16}).to_string();
		} else {
			continue;
		}
		found[text] = i->ifa_name;
	}
	freeifaddrs(all);
	return found;
}

} // namespace jeebs
