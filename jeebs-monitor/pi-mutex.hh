// SPDX-License-Identifier: ISC
// A mutex that a real-time thread may share with an ordinary one: whoever
// holds it inherits the priority of who waits (pthread_mutexattr_setprotocol).
// Any thread; for std::lock_guard and std::unique_lock.
#pragma once

#include <pthread.h>

namespace jeebs {

class PiMutex {
public:
	PiMutex()
	{
		pthread_mutexattr_t a;
		pthread_mutexattr_init(&a);
		pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
		pthread_mutex_init(&m_, &a);
		pthread_mutexattr_destroy(&a);
	}
	~PiMutex() { pthread_mutex_destroy(&m_); }
	PiMutex(const PiMutex &) = delete;
	PiMutex &operator=(const PiMutex &) = delete;

	void lock() { pthread_mutex_lock(&m_); }
	bool try_lock() { return pthread_mutex_trylock(&m_) == 0; }
	void unlock() { pthread_mutex_unlock(&m_); }

private:
	pthread_mutex_t m_;
};

} // namespace jeebs
