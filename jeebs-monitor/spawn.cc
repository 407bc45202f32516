// SPDX-License-Identifier: ISC
#include "spawn.hh"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace jeebs {

Result<int>
run_program(const std::vector<std::string> &argv, bool quiet)
{
	std::vector<char *> args;
	for (const auto &arg : argv)
		args.push_back(const_cast<char *>(arg.c_str()));
	args.push_back(nullptr);

	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
	    O_RDONLY, 0);
	if (quiet) {
		posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO,
		    "/dev/null", O_WRONLY, 0);
		posix_spawn_file_actions_addopen(&actions, STDERR_FILENO,
		    "/dev/null", O_WRONLY, 0);
	}
	pid_t pid = -1;
	const int error = posix_spawnp(&pid, args[0], &actions, nullptr,
	    args.data(), environ);
	posix_spawn_file_actions_destroy(&actions);
	if (error != 0)
		return fail_errno("cannot run " + argv[0], error);

	int status = 0;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return fail_errno("cannot wait for " + argv[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	    128 + WTERMSIG(status);
}

} // namespace jeebs
