// SPDX-License-Identifier: ISC
#include "log.hh"

#include <spdlog/sinks/stdout_sinks.h>

namespace jeebs::log {

spdlog::logger &logger()
{
	static const std::shared_ptr<spdlog::logger> it = [] {
		auto l = std::make_shared<spdlog::logger>("jeebsd",
		    std::make_shared<spdlog::sinks::stderr_sink_mt>());
		l->set_pattern("%Y-%m-%dT%H:%M:%S.%e %n[%P]: %l: %v");
		l->flush_on(spdlog::level::trace);
		return l;
	}();
	return *it;
}

Result<void> set_level(std::string_view name)
{
	static constexpr std::pair<std::string_view, spdlog::level::level_enum>
	    levels[] = {{"debug", spdlog::level::debug},
		{"info", spdlog::level::info},
		{"warning", spdlog::level::warn},
		{"error", spdlog::level::err}};

	for (const auto &[n, l] : levels) {
		if (n == name) {
			logger().set_level(l);
			return {};
		}
	}
	return fail(fmt::format(
	    "log level \"{}\": use debug, info, warning or error",
	    printable(name)));
}

std::string printable(std::string_view text, size_t limit)
{
	std::string out;

	for (char ch : text) {
		if (out.size() >= limit) {
			out += "...";
			break;
		}
		auto c = static_cast<unsigned char>(ch);
		if (c >= 0x20 && c < 0x7f)
			out += ch;
		else
			out += fmt::format("\\x{:02x}", c);
	}
	return out;
}

} // namespace jeebs::log
