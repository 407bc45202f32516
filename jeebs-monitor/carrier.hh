// SPDX-License-Identifier: ISC
// Watches the carrier of the interfaces that have the given local addresses
// (rtnetlink). Owner: the daemon; event loop's thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "result.hh"

namespace jeebs {

class CarrierWatch {
public:
	// index: of the address in the list given.
	using Callback = std::function<void(size_t index, bool up)>;

	CarrierWatch(boost::asio::io_context &,
	    std::vector<std::string> addresses, Callback);
	~CarrierWatch();
	CarrierWatch(const CarrierWatch &) = delete;
	CarrierWatch &operator=(const CarrierWatch &) = delete;

	// An address that no interface has is left alone.
	[[nodiscard]] Result<void> start();

private:
	struct Impl;
	std::shared_ptr<Impl> impl_;
};

} // namespace jeebs
