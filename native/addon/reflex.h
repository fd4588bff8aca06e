// What the programs killed at their start are chosen by (bpf/reflex.h), beside its tables.
#pragma once
#include "loader.h"

// A program that no reflex kills, by its path on the host.
Failure SparePath(bpf_object* object, const uint8_t* path, size_t size);
// 1: the guard rails have no objection to kills in this cgroup, 2: it is protected.
Failure ClearCgroup(bpf_object* object, uint64_t cgroup, uint32_t verdict);
