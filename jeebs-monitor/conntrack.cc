// SPDX-License-Identifier: ISC
#include "conntrack.hh"

#include <fstream>

namespace jeebs {

bool
conntrack_wants_syn(const std::string &directory)
{
	std::ifstream file(directory + "/nf_conntrack_tcp_loose");
	int loose = 1;

	return file >> loose && loose == 0;
}

} // namespace jeebs
