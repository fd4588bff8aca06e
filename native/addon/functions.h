// What the addon gives besides captures.
#pragma once
#include <napi.h>

void DefineFunctions(Napi::Env env, Napi::Object exports);
