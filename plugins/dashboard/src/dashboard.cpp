// dashboard: the web console as files of one plugin. It has no routes: the console speaks to the
// API of the kernel, like anybody.
#include <z4j/http.hpp>

#include <iterator>

#include "assets.inc"  // kAssets, made from web/ by console.py

namespace {

constexpr char kSettings[] =
    R"({"type": "object", "additionalProperties": false, "properties": {}})";

class Dashboard {
 public:
  Dashboard(z4j::Host, std::string_view) {}
  void start() {}
  void stop(uint32_t) {}
  void handle(z4j::Op&, const z4j_http_request&) {
    throw z4j::Error(Z4J_NOT_FOUND, "the console has no routes");
  }
};

// No routes.
const z4j_http kServed = z4j::http_table<Dashboard>(nullptr, 0, kAssets, std::size(kAssets));

const void* find_interface(z4j_str id) {
  return z4j::same(id, Z4J_IFACE_HTTP) ? &kServed : nullptr;
}

}  // namespace

Z4J_DESCRIPTOR(Dashboard, "org.z4j.dashboard", "0.1.0", "dashboard", "The web console.", "http",
               kSettings, Z4J_PLUGIN_SINGLETON, find_interface)
Z4J_PLUGIN_ENTRY(z4j_descriptor_of_this_file)
