// What the frames say that is more than a few values: a plugin to load, what it declares, how a
// call ended, a row of schedules. Decoding believes nothing; see frame.hpp.
#pragma once

#include <z4j/abi.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "plugin/process/frame.hpp"
#include "plugin/process/sandbox.hpp"

namespace z4j::plugin::process {

// The host's services; a set of them is told by their places here.
inline constexpr const char* kServiceNames[] = {Z4J_SERVICE_NOTICES,        Z4J_SERVICE_HTTP_CLIENT,
                                                Z4J_SERVICE_RESOLVER,       Z4J_SERVICE_SUBMIT,
                                                Z4J_SERVICE_SCHEDULE_STORE, Z4J_SERVICE_HTTP_REPLY};

// Of the build. Both sides must be of one: their frames are nobody else's.
[[nodiscard]] const char* built_version() noexcept;

// The first frame: which file, and what its process may do. The file is open as kFileFd, and was
// checked before; `is_sealed`: it is a copy that nobody can change.
struct Load {
  std::string version = built_version();
  std::string path, sha256;
  bool is_sealed = false;
  Sandbox sandbox;
};
[[nodiscard]] std::string encode(const Load& load);
// Of another version only that is read.
[[nodiscard]] std::optional<Load> decode_load(std::string_view bytes);

// How a call ended. `threw`: with an exception, whose text is the message.
struct Outcome {
  bool threw = false;
  z4j_status status = Z4J_INTERNAL;
  std::uint32_t retry_after_ms = 0;
  std::string where, message, body;
};
[[nodiscard]] std::string encode(const Outcome& outcome);
[[nodiscard]] std::optional<Outcome> decode_outcome(std::string_view bytes);
// With the words of `error`, if the call filled it.
[[nodiscard]] Outcome outcome_of(z4j_status status, const z4j_error& error);
// The other way: fills `error`, if there is one, and gives the status.
z4j_status end_call(const Outcome& outcome, z4j_error* error) noexcept;

// What a plugin's file declares, in its own words: tables without functions. Who refuses it has a
// step and a reason instead.
struct Declared {
  enum Function : std::uint32_t {
    kValidate = 1u << 0,
    kList = 1u << 1,
    kPut = 1u << 2,
    kRemove = 1u << 3,
    kTrigger = 1u << 4,
    kPreview = 1u << 5
  };
  std::string holds;  // what of the sandbox holds
  std::uint32_t flags = 0, functions = 0;
  std::string id, version, name, summary, vendor, license, url, kinds, schema, needs;
  std::string engine_name, scheduler_name;
  std::uint32_t max_body_bytes = 0;
  std::uint64_t notifier_capabilities = 0;
  std::string target_schema, types;
  struct Route {
    std::string method, path, permission;
    std::uint32_t flags = 0, max_body = 0;
  };
  struct Asset {
    std::string path, content_type, etag, bytes;
  };
  std::vector<Route> routes;
  std::vector<Asset> assets;

  // Not "": it was refused at that step.
  std::string refused_at;
  Outcome refusal;
  std::string what_to_do;
};
[[nodiscard]] std::string encode(const Declared& declared);
[[nodiscard]] std::optional<Declared> decode_declared(std::string_view bytes);
// Of a file that the loader found good.
[[nodiscard]] Declared declared_by(const z4j_plugin& plugin);

// HTTP calls and answers.
[[nodiscard]] std::string encode(const z4j_http_call& call);
struct HeldHttpCall {
  std::string_view method, url, body;
  std::vector<z4j_http_header> headers;
  z4j_http_call call{};
};
// Points into `bytes`.
[[nodiscard]] std::optional<HeldHttpCall> decode_http_call(Reader& in);
[[nodiscard]] std::string encode(const z4j_http_answer& answer);
struct HeldHttpAnswer {
  std::vector<z4j_http_header> headers;
  z4j_http_answer answer{};
};
[[nodiscard]] std::optional<HeldHttpAnswer> decode_http_answer(Reader& in);

// Stored schedules, one behind the other.
void put_schedule(Writer& to, const z4j_stored_schedule& row);
// False at the end or on nonsense; tell by the reader. Points into the bytes.
[[nodiscard]] bool take_schedule(Reader& from, z4j_stored_schedule& row);

}  // namespace z4j::plugin::process
