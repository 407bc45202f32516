// SPDX-License-Identifier: ISC
// Descriptors that a run of a fuzz target leaves open. They are given out lowest
// first, so the lowest free one is the same before and after. The first run may
// keep some (whatever is set up once), and libFuzzer itself opens some between
// runs. Owner: a target. Single-threaded.
#pragma once

#include <cstdlib>

#include <unistd.h>

class NoLeaks {
public:
	NoLeaks() : before_(lowest()) {}
	~NoLeaks()
	{
		static bool first = true;
		if (lowest() != before_ && !first)
			abort();
		first = false;
	}
	NoLeaks(const NoLeaks &) = delete;
	NoLeaks &operator=(const NoLeaks &) = delete;

private:
	static int lowest()
	{
		const int fd = dup(STDERR_FILENO);
		if (fd == -1 || close(fd) == -1)
			abort();
		return fd;
	}
	int before_;
};
