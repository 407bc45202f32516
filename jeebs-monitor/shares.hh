// SPDX-License-Identifier: ISC
// A limited number of places, and who may have one: a user has at most as many
// as are free then. So k users who want all get 1/(k+1) of them each, and
// whoever comes next finds as much (dynamic thresholds: Choudhury and Hahne,
// IEEE/ACM Transactions on Networking 6(2), 1998).
// Owner: whoever has the places. Pure, single-threaded.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>

namespace jeebs {

class Shares {
	struct State;

public:
	// Gives itself back at its end.
	class Place {
	public:
		Place() = default;
		Place(Place &&) noexcept = default;
		Place &operator=(Place &&) noexcept = default;
		explicit operator bool() const { return held_ != nullptr; }

	private:
		friend class Shares;
		struct Held {
			std::shared_ptr<State> state;
			std::string user;
			~Held() { state->give_back(user); }
		};
		std::unique_ptr<Held> held_;
	};

	explicit Shares(size_t places)
	    : state_(std::make_shared<State>(State{places, 0, {}})) {}

	// False, as a Place, if the user has had his share.
	[[nodiscard]] Place take(const std::string &user)
	{
		auto it = state_->of_user.find(user);
		size_t own = it == state_->of_user.end() ? 0 : it->second;
		if (taken() >= places() || own >= places() - taken())
			return {};
		return take_anyway(user);
	}
	[[nodiscard]] Place take_anyway(const std::string &user)
	{
		Place p;
		p.held_.reset(new Place::Held{state_, user});
		state_->taken++;
		state_->of_user[user]++;
		return p;
	}
	size_t places() const { return state_->places; }
	size_t taken() const { return state_->taken; }

private:
	struct State {
		size_t places, taken;
		std::unordered_map<std::string, size_t> of_user;

		void give_back(const std::string &user)
		{
			auto it = of_user.find(user);
			taken--;
			if (--it->second == 0)
				of_user.erase(it);
		}
	};
	std::shared_ptr<State> state_;
};

} // namespace jeebs
