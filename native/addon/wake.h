// How libuv's loop calls JavaScript back: when a descriptor is readable, and by a timer.
#pragma once
#include <napi.h>

#include <cstdlib>

#include "poll.h"

class Waker {
      public:
	// While the descriptor is readable, until Pause(). 0, or an error of libuv.
	int Watch(int fd, const Napi::Function& callback) {
		callback_ = Napi::Persistent(callback);
		if (!handle_) {
			void* handle = malloc(uv_handle_size(kUvPoll));
			if (int error = uv_poll_init(Loop(), handle, fd)) {
				free(handle);
				return error;
			}
			Take(handle);
		}
		return uv_poll_start(handle_, kUvReadable, Readable);
	}

	void Pause() {
		if (handle_) uv_poll_stop(handle_);
	}

	// Once; what was asked for before is forgotten. Another Waker than one that watches.
	void WakeIn(uint32_t ms, const Napi::Function& callback) {
		if (callback_.IsEmpty() || !callback_.Value().StrictEquals(callback))
			callback_ = Napi::Persistent(callback);
		if (!handle_) {
			void* handle = malloc(uv_handle_size(kUvTimer));
			uv_timer_init(Loop(), handle);
			Take(handle);
		}
		// The loop's time is that of the begin of its turn, and ours may have been long.
		uv_update_time(Loop());
		uv_timer_start(handle_, CallBack, ms, 0);
	}

	// A handle that is closed is stopped.
	void Close() {
		if (handle_) uv_close(handle_, free);
		handle_ = nullptr;
		callback_.Reset();
	}

      private:
	uv_loop_s* Loop() {
		uv_loop_s* loop = nullptr;
		napi_get_uv_event_loop(callback_.Env(), &loop);
		return loop;
	}

	void Take(void* handle) {
		uv_handle_set_data(handle, this);
		handle_ = handle;
	}

	static void Readable(void* handle, int, int) { CallBack(handle); }

	static void CallBack(void* handle) {
		auto* self = static_cast<Waker*>(uv_handle_get_data(handle));
		Napi::Env env = self->callback_.Env();
		Napi::HandleScope scope(env);
		self->callback_.MakeCallback(env.Global(), {});
		// Nobody is above us to catch it: it goes where uncaught exceptions go.
		if (env.IsExceptionPending()) napi_fatal_exception(env, env.GetAndClearPendingException().Value());
	}

	void* handle_ = nullptr;
	Napi::FunctionReference callback_;
};
