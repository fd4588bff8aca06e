// N-API of what needs no capture: processes by descriptor, and this process's own memory.
#include "functions.h"

#include "memory.h"
#include "pidfd.h"
#include "values.h"

namespace {

// openPidfd(pid): a descriptor that the caller closes.
Napi::Value OpenProcess(const Napi::CallbackInfo& info) {
	Napi::Env env = info.Env();
	if (!info[0].IsNumber()) return Throw(env, "EINVAL", "openPidfd expects a pid");
	int fd = OpenPidfd(info[0].As<Napi::Number>().Int32Value());
	if (fd < 0) return ThrowFailure(env, {-fd, "pidfd_open"});
	return Napi::Number::New(env, fd);
}

// signalPidfd(fd, number)
Napi::Value SignalProcess(const Napi::CallbackInfo& info) {
	Napi::Env env = info.Env();
	if (!info[0].IsNumber() || !info[1].IsNumber())
		return Throw(env, "EINVAL", "signalPidfd expects a descriptor and a number");
	int error = SignalPidfd(info[0].As<Napi::Number>().Int32Value(), info[1].As<Napi::Number>().Int32Value());
	return error ? ThrowFailure(env, {-error, "pidfd_send_signal"}) : env.Undefined();
}

// dropPages(ranges): two addresses each, from and to; how many were dropped.
Napi::Value Drop(const Napi::CallbackInfo& info) {
	Napi::Env env = info.Env();
	if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_biguint64_array ||
	    info[0].As<Napi::TypedArray>().ElementLength() % 2 != 0)
		return Throw(env, "EINVAL", "dropPages expects pairs of addresses");
	auto words = info[0].As<Napi::BigUint64Array>();
	std::vector<PageRange> ranges;
	for (size_t i = 0; i < words.ElementLength(); i += 2)
		ranges.push_back({words.Data()[i], words.Data()[i + 1]});
	return Napi::Number::New(env, static_cast<double>(DropPages(ranges)));
}

Napi::Value Trim(const Napi::CallbackInfo& info) {
	TrimAllocator();
	return info.Env().Undefined();
}

} // namespace

void DefineFunctions(Napi::Env env, Napi::Object exports) {
	exports.Set("openPidfd", Napi::Function::New(env, OpenProcess));
	exports.Set("signalPidfd", Napi::Function::New(env, SignalProcess));
	exports.Set("dropPages", Napi::Function::New(env, Drop));
	exports.Set("trimAllocator", Napi::Function::New(env, Trim));
}
