// All N-API lives in this file, functions.cpp, priority.cpp and wake.h; the others know nothing of JavaScript.
#include <napi.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "filter.h"
#include "functions.h"
#include "loader.h"
#include "priority.h"
#include "ways.h"
#include "reflex.h"
#include "values.h"
#include "wake.h"

namespace {
constexpr size_t kSnapshotBytes = 32 << 10;

bool IsBytes(const Napi::Value& value) {
	return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array;
}

bool IsRing(const Napi::Value& value) {
	return value.IsNumber() && value.As<Napi::Number>().DoubleValue() >= 0 &&
	       value.As<Napi::Number>().DoubleValue() < RINGS;
}

Napi::Array Texts(Napi::Env env, const std::vector<std::string>& texts) {
	Napi::Array out = Napi::Array::New(env, texts.size());
	for (uint32_t i = 0; i < texts.size(); i++)
		out.Set(i, Napi::String::New(env, texts[i]));
	return out;
}

Napi::Value Numbers(Napi::Env env, const std::vector<uint64_t>& values) {
	auto out = Napi::Float64Array::New(env, values.size());
	for (size_t i = 0; i < values.size(); i++)
		out[i] = static_cast<double>(values[i]);
	return out;
}

class Capture : public Napi::ObjectWrap<Capture> {
      public:
	static Napi::Function Define(Napi::Env env) {
		return DefineClass(env, "Capture",
				   {InstanceMethod("attach", &Capture::Attach),
				    InstanceMethod("hook", &Capture::Hook),
				    InstanceMethod("drain", &Capture::Drain),
				    InstanceMethod("map", &Capture::MapRing),
				    InstanceMethod("watch", &Capture::Watch),
				    InstanceMethod("pause", &Capture::Pause),
				    InstanceMethod("wakeIn", &Capture::WakeIn),
				    InstanceMethod("fill", &Capture::Fill),
				    InstanceMethod("ignore", &Capture::Ignore),
				    InstanceMethod("setFilter", &Capture::SetFilter),
				    InstanceMethod("setCgroupKind", &Capture::SetCgroupKind),
				    InstanceMethod("judge", &Capture::Judge),
				    InstanceMethod("sparePath", &Capture::SparePath),
				    InstanceMethod("clearCgroup", &Capture::ClearCgroup),
				    InstanceMethod("filterCounters", &Capture::FilterCounters),
				    InstanceMethod("counters", &Capture::Counters),
				    InstanceMethod("losses", &Capture::Losses),
				    InstanceMethod("snapshot", &Capture::Snapshot),
				    InstanceMethod("blindSpots", &Capture::BlindSpots),
				    InstanceMethod("close", &Capture::Close)});
	}

	// new Capture(objectPath, lifecycleBytes, bulkBytes, leaveOut, deny, byPerf, isSeconded): loaded, not attached.
	explicit Capture(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Capture>(info) {
		Napi::Env env = info.Env();
		if (!info[0].IsString() || !info[1].IsNumber() || !info[2].IsNumber() || !info[3].IsString() ||
		    !info[4].IsBoolean() || !info[5].IsBoolean() || !info[6].IsBoolean()) {
			Throw(env, "EINVAL", "Capture expects a path, two sizes, a name and three booleans");
			return;
		}
		Sizes sizes;
		sizes.lifecycle = info[1].As<Napi::Number>().Uint32Value();
		sizes.bulk = info[2].As<Napi::Number>().Uint32Value();
		Wishes wishes{info[3].As<Napi::String>().Utf8Value(), info[4].As<Napi::Boolean>().Value(),
			      info[5].As<Napi::Boolean>().Value(), info[6].As<Napi::Boolean>().Value()};
		Failure failure = programs_.Load(info[0].As<Napi::String>().Utf8Value(), sizes, wishes);
		if (failure.code) {
			programs_.Close();
			ThrowFailure(env, failure);
			return;
		}
		napi_add_env_cleanup_hook(env, AtExit, this);
		hooked_ = true;
	}

	~Capture() override { CloseAll(); }

      private:
	Napi::Value Closed(Napi::Env env) { return Throw(env, "EBADF", "the capture is closed"); }

	Napi::Value Attach(const Napi::CallbackInfo& info) {
		if (programs_.closed()) return Closed(info.Env());
		Failure failure = programs_.Attach();
		return failure.code ? ThrowFailure(info.Env(), failure) : info.Env().Undefined();
	}

	// hook(events): those that the kernel has not.
	Napi::Value Hook(const Napi::CallbackInfo& info) {
		Napi::Env env = info.Env();
		if (programs_.closed()) return Closed(env);
		if (!info[0].IsArray()) return Throw(env, "EINVAL", "hook expects an array of names");
		auto names = info[0].As<Napi::Array>();
		std::vector<std::string> events, missing;
		for (uint32_t i = 0; i < names.Length(); i++)
			events.push_back(names.Get(i).ToString().Utf8Value());
		Failure failure = programs_.Hook(events, &missing);
		return failure.code ? ThrowFailure(env, failure) : Texts(env, missing);
	}

	// drain(ring, bytes): how many bytes were written.
	Napi::Value Drain(const Napi::CallbackInfo& info) {
		Napi::Env env = info.Env();
		if (programs_.closed()) return Closed(env);
		if (!IsRing(info[0]) || !IsBytes(info[1]))
			return Throw(env, "EINVAL", "drain expects a ring and a Uint8Array");
		auto bytes = info[1].As<Napi::Uint8Array>();
		int64_t used =
			programs_.ring(info[0].As<Napi::Number>().Int32Value()).Drain(bytes.Data(), bytes.ByteLength());
		if (used < 0) return Throw(env, "ERANGE", "the buffer is smaller than the next record");
		return Napi::Number::New(env, static_cast<double>(used));
	}

	// map(ring): the ring's pages as they are, [reader, writer, data]; writing to the latter two kills the process.
	// undefined where the engine wants all memory to be its own.
	Napi::Value MapRing(const Napi::CallbackInfo& info) {
		Napi::Env env = info.Env();
		if (programs_.closed()) return Closed(env);
		if (!IsRing(info[0])) return Throw(env, "EINVAL", "map expects a ring");
		const auto& pages = programs_.ring(info[0].As<Napi::Number>().Int32Value()).pages();
		napi_value parts[3];
		if (!Share(env, pages, pages->reader(), pages->page(), &parts[0]) ||
		    !Share(env, pages, pages->writer(), pages->page(), &parts[1]) ||
		    !Share(env, pages, pages->data(), pages->span(), &parts[2]))
			return env.Undefined();
		Napi::Array out = Napi::Array::New(env, 3);
		for (uint32_t i = 0; i < 3; i++)
			out.Set(i, parts[i]);
		return out;
	}

	// An ArrayBuffer over foreign memory, which stays mapped for as long as the buffer lives.
	static bool Share(napi_env env, const std::shared_ptr<RingPages>& pages, uint8_t* from, size_t size,
			  napi_value* out) {
		auto* share = new std::shared_ptr<RingPages>(pages);
		auto let_go = [](napi_env, void*, void* held) {
			delete static_cast<std::shared_ptr<RingPages>*>(held);
		};
		if (napi_create_external_arraybuffer(env, from, size, let_go, share, out) == napi_ok) return true;
		delete share;
		return false;
	}

	// watch(ring, callback): calls back while the ring has records, until paused. Again: resumes.
	Napi::Value Watch(const Napi::CallbackInfo& info) {
		Napi::Env env = info.Env();
		if (programs_.closed()) return Closed(env);
		if (!IsRing(info[0]) || !info[1].IsFunction())
			return Throw(env, "EINVAL", "watch expects a ring and a function");
		int ring = info[0].As<Napi::Number>().Int32Value();
		if (int error = watchers_[ring].Watch(programs_.ring(ring).fd(), info[1].As<Napi::Function>()))
			return Throw(env, "EIO", std::string("cannot poll a ring: ") + uv_strerror(error));
		return env.Undefined();
	}

	// wakeIn(ms, callback): a timer of libuv, for Node's own costs twice as much each time.
	Napi::Value WakeIn(const Napi::CallbackInfo& info) {
		Napi::Env env = info.Env();
		if (programs_.closed()) return Closed(env);
		if (!info[0].IsNumber() || !info[1].IsFunction())
			return Throw(env, "EINVAL", "wakeIn expects milliseconds and a function");
		alarm_.WakeIn(info[0].As<Napi::Number>().Uint32Value(), info[1].As<Napi::Function>());
		return env.Undefined();
	}

	Napi::Value Pause(const Napi::CallbackInfo& info) {
		Napi::Env env = info.Env();
		if (programs_.closed()) return Closed(env);
		if (!IsRing(info[0])) return Throw(env, "EINVAL", "pause expects a ring");
		watchers_[info[0].As<Napi::Number>().Int32Value()].Pause();
		return env.Undefined();
	}

	// fill(map, bytes)
	Napi::Value Fill(const Napi::CallbackInfo& info) {
		Napi::Env env = info.Env();
		if (programs_.closed()) return Closed(env);
		if (!info[0].IsString() || !IsBytes(info[1]))
			return Throw(env, "EINVAL", "fill expects a map and a Uint8Array");
		std::string map = info[0].As<Napi::String>().Utf8Value();
		if (map != "shapes" && map != "compat_calls" && map != "reflex_tests" && map != "reflex_controls" &&
		    map != ".data.looked_at")
			return Throw(env, "EINVAL", "no map " + map);
		auto bytes = info[1].As<Napi::Uint8Array>();
		Failure failure = programs_.Fill(map.c_str(), bytes.Data(), bytes.ByteLength());
		return failure.code ? ThrowFailure(env, failure) : env.Undefined();
	}

	// ignore(pid, ignored)
	Napi::Value Ignore(const Napi::CallbackInfo& info) {
		Napi::Env env = info.Env();
		if (programs_.closed()) return Closed(env);
		if (!info[0].IsNumber() || !info[1].IsBoolean())
			return Throw(env, "EINVAL", "ignore expects a pid and a boolean");
		Failure failure =
			programs_.Ignore(info[0].As<Napi::Number>().Uint32Value(), info[1].As<Napi::Boolean>().Value());
		return failure.code ? ThrowFailure(env, failure) : env.Undefined();
	}

	// setFilter(bytes | undefined)
	Napi::Value SetFilter(const Napi::CallbackInfo& info) {
		Napi::Env env = info.Env();
		if (programs_.closed()) return Closed(env);
		if (!info[0].IsUndefined() && !IsBytes(info[0]))
			return Throw(env, "EINVAL", "setFilter expects a Uint8Array or undefined");
		const uint8_t* bytes = nullptr;
		size_t size = 0;
		if (IsBytes(info[0])) {
			auto array = info[0].As<Napi::Uint8Array>();
			bytes = array.Data();
			size = array.ByteLength();
		}
		Failure failure = SwapFilter(programs_.object(), bytes, size);
		return failure.code ? ThrowFailure(env, failure) : env.Undefined();
	}

	// judge(words): 32 bytes, struct judgement_key and struct judgement
	Napi::Value Judge(const Napi::CallbackInfo& info) {
		Napi::Env env = info.Env();
		if (programs_.closed()) return Closed(env);
		if (!info[0].IsTypedArray() ||
		    info[0].As<Napi::TypedArray>().TypedArrayType() != napi_biguint64_array ||
		    info[0].As<Napi::TypedArray>().ElementLength() != 4)
			return Throw(env, "EINVAL", "judge expects four words");
		Failure failure = ::Judge(programs_.object(), info[0].As<Napi::BigUint64Array>().Data());
		return failure.code ? ThrowFailure(env, failure) : env.Undefined();
	}

	// Says something of a cgroup: (id, number). Ids are exact, below 2^53.
	Napi::Value TellOfCgroup(const Napi::CallbackInfo& info, Failure (*tell)(bpf_object*, uint64_t, uint32_t)) {
		Napi::Env env = info.Env();
		if (programs_.closed()) return Closed(env);
		if (!info[0].IsNumber() || !info[1].IsNumber()) return Throw(env, "EINVAL", "expects two numbers");
		Failure failure =
			tell(programs_.object(), static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()),
			     info[1].As<Napi::Number>().Uint32Value());
		return failure.code ? ThrowFailure(env, failure) : env.Undefined();
	}

	// setCgroupKind(id, kind)
	Napi::Value SetCgroupKind(const Napi::CallbackInfo& info) { return TellOfCgroup(info, ::SetCgroupKind); }

	// clearCgroup(id, verdict)
	Napi::Value ClearCgroup(const Napi::CallbackInfo& info) { return TellOfCgroup(info, ::ClearCgroup); }

	// sparePath(bytes)
	Napi::Value SparePath(const Napi::CallbackInfo& info) {
		Napi::Env env = info.Env();
		if (programs_.closed()) return Closed(env);
		if (!IsBytes(info[0])) return Throw(env, "EINVAL", "sparePath expects a Uint8Array");
		auto path = info[0].As<Napi::Uint8Array>();
		Failure failure = ::SparePath(programs_.object(), path.Data(), path.ByteLength());
		return failure.code ? ThrowFailure(env, failure) : env.Undefined();
	}

	// By system call, two numbers: sent, dropped.
	Napi::Value FilterCounters(const Napi::CallbackInfo& info) {
		Napi::Env env = info.Env();
		if (programs_.closed()) return Closed(env);
		return Numbers(env, ::FilterCounters(programs_.object()));
	}

	// By type of event, LOSSES numbers.
	Napi::Value Losses(const Napi::CallbackInfo& info) {
		return programs_.closed() ? Closed(info.Env()) : Numbers(info.Env(), programs_.Losses());
	}

	// In the order of enum counter in event.h, then the skipped runs.
	Napi::Value Counters(const Napi::CallbackInfo& info) {
		Napi::Env env = info.Env();
		if (programs_.closed()) return Closed(env);
		return Numbers(env, programs_.Counters());
	}

	// snapshot(bytes): how many bytes of the list of processes were written, 0 at its end; undefined: none can be
	// had.
	Napi::Value Snapshot(const Napi::CallbackInfo& info) {
		Napi::Env env = info.Env();
		if (programs_.closed()) return Closed(env);
		if (!IsBytes(info[0]) || info[0].As<Napi::Uint8Array>().ByteLength() < kSnapshotBytes)
			return Throw(env, "EINVAL", "snapshot expects a Uint8Array of 32 KiB or more");
		auto bytes = info[0].As<Napi::Uint8Array>();
		int64_t used = programs_.ReadSnapshot(bytes.Data(), bytes.ByteLength());
		return used < 0 ? env.Undefined() : Napi::Number::New(env, static_cast<double>(used));
	}

	Napi::Value BlindSpots(const Napi::CallbackInfo& info) {
		if (programs_.closed()) return Closed(info.Env());
		return Texts(info.Env(), programs_.blind_spots());
	}

	Napi::Value Close(const Napi::CallbackInfo& info) {
		CloseAll();
		return info.Env().Undefined();
	}

	static void AtExit(void* capture) {
		auto* self = static_cast<Capture*>(capture);
		self->hooked_ = false;
		self->CloseAll();
	}

	void CloseAll() {
		for (Waker& watcher : watchers_)
			watcher.Close();
		alarm_.Close();
		programs_.Close();
		if (hooked_) napi_remove_env_cleanup_hook(Env(), AtExit, this);
		hooked_ = false;
	}

	Programs programs_;
	Waker watchers_[RINGS];
	Waker alarm_;
	bool hooked_ = false;
};

// A function without arguments.
template <typename Answer> Napi::Function Asking(Napi::Env env, Answer answer) {
	return Napi::Function::New(env, [answer](const Napi::CallbackInfo& info) { return answer(info.Env()); });
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
	exports.Set("Capture", Capture::Define(env));
	// A sentence for each other way to see what happens.
	exports.Set("tryWays", Asking(env, [](Napi::Env in) { return Texts(in, TryWays()); }));
	exports.Set("takesOtherEntries",
		    Asking(env, [](Napi::Env in) { return Napi::Boolean::New(in, TakesOtherEntries()); }));
	// As blindSpots(), without loading anything.
	exports.Set("findBlindSpots", Asking(env, [](Napi::Env in) { return Texts(in, FindBlindSpots("")); }));
	DefineFunctions(env, exports);
	exports.Set("raisePriority", Napi::Function::New(env, RaisePriorityFor));
	return exports;
}

} // namespace

NODE_API_MODULE(lanner, Init)
