// The part of libuv's stable interface (1.x) that the addon uses; node-api-headers ship none of uv.h.
#pragma once
#include <cstddef>
#include <cstdint>

extern "C" {
struct uv_loop_s;
size_t uv_handle_size(int type);
int uv_poll_init(uv_loop_s* loop, void* handle, int fd);
int uv_poll_start(void* handle, int events, void (*callback)(void* handle, int status, int events));
int uv_poll_stop(void* handle);
void uv_update_time(uv_loop_s* loop);
int uv_timer_init(uv_loop_s* loop, void* handle);
int uv_timer_start(void* handle, void (*callback)(void* handle), uint64_t timeout, uint64_t repeat);
int uv_timer_stop(void* handle);
void uv_close(void* handle, void (*callback)(void* handle));
void* uv_handle_get_data(const void* handle);
void uv_handle_set_data(void* handle, void* data);
const char* uv_strerror(int error);
}

constexpr int kUvPoll = 8;     // UV_POLL, in uv_handle_type
constexpr int kUvTimer = 13;   // UV_TIMER
constexpr int kUvReadable = 1; // UV_READABLE
