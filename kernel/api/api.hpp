// The HTTP API: routes requests to what the kernel knows and writes the answers.
//
// An unknown path answers {"detail":"Not Found"}; errors of ours are the envelope {error, message,
// request_id, details}. Thread-safe.
#pragma once

#include <atomic>
#include <string>

#include "base/clock.hpp"
#include "core/store.hpp"
#include "net/http.hpp"
#include "plugin/host.hpp"

namespace z4j::api {

struct Parts {
  core::Store& store;
  plugin::Host& plugins;
  const base::Clock& clock;
  std::string version;
};

class Api {
 public:
  explicit Api(Parts parts) : parts_(std::move(parts)), started_at_(parts_.clock.now()) {}
  [[nodiscard]] net::Response handle(const net::Request& request);

 private:
  net::Response route(const net::Request& request);
  net::Response ready();
  net::Response system();
  net::Response plugin_list();
  net::Response metrics();

  Parts parts_;
  const base::TimeUs started_at_;
  std::atomic<std::uint64_t> requests_{0};
};

}  // namespace z4j::api
