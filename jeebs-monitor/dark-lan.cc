// SPDX-License-Identifier: ISC
#include "dark-lan.hh"

#include <algorithm>
#include <fstream>
#include <memory>

#include <boost/asio/steady_timer.hpp>

#include "log.hh"

namespace jeebs {

namespace {

constexpr std::chrono::seconds look_again(1);

bool
has_no_carrier(const std::string &file)
{
	std::ifstream f(file);
	int carrier = 0;

	// A card that is down can be opened and not read.
	return f.is_open() && !(f >> carrier && carrier == 1);
}

void
look(boost::asio::io_context &io, DarkLan lan, std::function<void()> lit,
    bool told)
{
	if (!lan.is_dark())
		return lit();
	if (!told)
		log::warning("no card of a VIP has a carrier: it is this host "
		    "that is cut off, waiting");
	auto timer = std::make_shared<boost::asio::steady_timer>(io,
	    look_again);
	timer->async_wait([&io, lan = std::move(lan), lit = std::move(lit),
	    timer](boost::system::error_code ec) {
		if (!ec)
			look(io, lan, lit, true);
	});
}

} // namespace

DarkLan::DarkLan(const std::vector<VipConfig> &vips, std::string sys)
{
	for (const VipConfig &v : vips)
		files_.push_back(sys + "/" + v.interface + "/carrier");
}

bool
DarkLan::is_dark() const
{
	return std::all_of(files_.begin(), files_.end(), has_no_carrier);
}

void
DarkLan::when_lit(boost::asio::io_context &io, std::function<void()> lit)
    const
{
	look(io, *this, std::move(lit), false);
}

} // namespace jeebs
