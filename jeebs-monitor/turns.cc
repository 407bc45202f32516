// SPDX-License-Identifier: ISC
#include "turns.hh"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <tuple>
#include <unordered_map>

namespace jeebs {

std::vector<size_t> fair_order(std::span<const Turn> turns)
{
	struct Seen {
		size_t sessions = 0;
		uint64_t served = 0;	// the user, by the last of his sessions
	};
	std::unordered_map<std::string_view, Seen> users;
	std::vector<size_t> order(turns.size()), round(turns.size());

	std::iota(order.begin(), order.end(), size_t{0});
	std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
		return turns[a].served < turns[b].served;
	});
	for (size_t i : order) {
		Seen &u = users[turns[i].user];
		round[i] = u.sessions++;
		u.served = turns[i].served;
	}
	std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
		return std::tuple(round[a], users[turns[a].user].served) <
		    std::tuple(round[b], users[turns[b].user].served);
	});
	return order;
}

} // namespace jeebs
