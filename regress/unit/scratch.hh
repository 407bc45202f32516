// SPDX-License-Identifier: ISC
// A directory of its own for one test, removed with what is in it.
// Owner: the test. Single-threaded.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace jeebs::test {

class ScratchDir {
public:
	ScratchDir()
	{
		std::string name = std::filesystem::temp_directory_path() /
		    "jeebs-test-XXXXXX";
		if (::mkdtemp(name.data()) == nullptr)
			throw std::runtime_error("mkdtemp");
		path_ = name;
	}
	~ScratchDir()
	{
		std::error_code ignored;
		std::filesystem::remove_all(path_, ignored);
	}
	ScratchDir(const ScratchDir &) = delete;
	ScratchDir &operator=(const ScratchDir &) = delete;

	const std::string &path() const { return path_; }
	std::string operator/(const std::string &name) const
	{
		return path_ + "/" + name;
	}

private:
	std::string path_;
};

} // namespace jeebs::test
