// What the files that speak N-API share.
#pragma once
#include <napi.h>

#include <cstring>
#include <string>

#include "failure.h"

inline Napi::Value Throw(Napi::Env env, const char* code, const std::string& message) {
	Napi::Error error = Napi::Error::New(env, message);
	error.Set("code", Napi::String::New(env, code));
	error.ThrowAsJavaScriptException();
	return env.Undefined();
}

inline Napi::Value ThrowFailure(Napi::Env env, const Failure& failure) {
	const char* name = strerrorname_np(failure.code);
	return Throw(env, name ? name : "EIO", failure.message);
}
