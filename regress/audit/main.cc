// SPDX-License-Identifier: ISC
// audit [-p POWER] [-t DIR] CAPTURE LOG...
//
// Joins a capture with the commit logs of its hosts. Exit status: 0 nothing
// found, 1 findings (one line each on standard output), 2 can't audit.
#include <getopt.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "auditor.hh"
#include "capture-file.hh"
#include "file-storage.hh"
#include "log-file.hh"

namespace {

using namespace jeebs;
using namespace jeebs::audit;

[[noreturn]] void
fatal(const std::string &why)
{
	fprintf(stderr, "audit: %s\n", why.c_str());
	exit(2);
}

[[noreturn]] void
usage()
{
	fprintf(stderr, "usage: audit [-p power-events] [-t directory] "
	    "capture log ...\n");
	exit(2);
}

class Run {
public:
	Run(const std::string &capture, const std::string &power,
	    std::span<char *> logs, AuditOptions options)
	    : auditor_(logs.size(), std::move(options)),
	      frames_(must(CaptureFile::open(capture)))
	{
		for (const char *l : logs)
			logs_.push_back(must(LogFile::open(l,
			    LogFile::Kind::commits)));
		commit_logs_ = logs_.size();
		if (!power.empty())
			logs_.push_back(must(LogFile::open(power,
			    LogFile::Kind::power)));
	}

	// Everything in order of time.
	int run()
	{
		for (;;) {
			size_t log = earliest();
			const auto *f = frames_.frame();
			if (log < logs_.size() && (f == nullptr ||
			    logs_[log].event()->time <= f->time)) {
				auditor_.event(log, *logs_[log].event());
				broken(logs_[log].next(), 0);
			} else if (f != nullptr) {
				Stamp time = f->time;
				auditor_.packet(parse_packet(time, f->bytes));
				broken(frames_.next(), time);
			} else {
				break;
			}
		}
		return report();
	}

private:
	template <class T> static T must(Result<T> r)
	{
		if (!r)
			fatal(r.error().what);
		return std::move(*r);
	}

	size_t earliest() const
	{
		size_t found = logs_.size();
		for (size_t i = 0; i < logs_.size(); i++)
			if (logs_[i].event() && (found == logs_.size() ||
			    logs_[i].event()->time <
			    logs_[found].event()->time))
				found = i;
		return found;
	}

	void broken(const Result<void> &r, Stamp time)
	{
		if (!r)
			auditor_.bad_evidence(time, "recording",
			    r.error().what);
	}

	int report()
	{
		Summary &s = auditor_.summary();
		for (size_t i = 0; i < commit_logs_; i++) {
			s.log_lines += logs_[i].lines();
			s.torn_lines += logs_[i].torn();
		}
		auditor_.finish();
		const auto &all = auditor_.findings().all();
		for (const Finding &f : all)
			printf("audit: %s\n", f.line().c_str());
		printf("%saudit: %zu findings\n", s.text().c_str(), all.size());
		return all.empty() ? 0 : 1;
	}

	Auditor auditor_;
	CaptureFile frames_;
	std::vector<LogFile> logs_;	// and the power's at the end
	size_t commit_logs_ = 0;
};

} // namespace

int
main(int argc, char **argv)
{
	const char *dir = getenv("TMPDIR");
	std::string storage = dir != nullptr ? dir : "/tmp", power;
	AuditOptions options;
	rlimit files{};
	int ch;

	while ((ch = getopt(argc, argv, "p:t:")) != -1) {
		switch (ch) {
		case 'p':
			power = optarg;
			break;
		case 't':
			storage = optarg;
			break;
		default:
			usage();
		}
	}
	if (argc - optind < 2)
		usage();
	// One for each connection.
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	options.storage = [storage] {
		return std::make_unique<FileStorage>(storage);
	};
	Run run(argv[optind], power, std::span(argv + optind + 1,
	    static_cast<size_t>(argc - optind - 1)), std::move(options));
	return run.run();
}
