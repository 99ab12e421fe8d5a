// Lives of tasks as an engine plugin tells them: raw material through the plugin's own decoder and
// emitter. A story is a shared library, so that plugin and kernel meet at the C interface only.
#pragma once

#include <z4j/abi.h>

#include <cstdint>

// Called once for each batch.
using TakeBatch = void (*)(void* to, const z4j_event_batch* batch);

// Seed 0 tells the recorded captures, in their order; others make up lives, the same for the same
// seed. Throws nothing: a story that cannot be told ends the program with its reason.
extern "C" {
void z4j_tell_celery(std::uint32_t seed, TakeBatch take, void* to) noexcept;
void z4j_tell_rq(std::uint32_t seed, TakeBatch take, void* to) noexcept;
}
