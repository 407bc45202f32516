// SPDX-License-Identifier: ISC
// Asio's own functions, compiled once for all (BOOST_ASIO_SEPARATE_COMPILATION).
#include <utility>

#include <boost/asio/impl/src.hpp>
