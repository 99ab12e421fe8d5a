// The smallest notifier: it takes every message and does nothing with it.
#include <z4j/plugin.hpp>

#include <string_view>

namespace {

constexpr char kNone[] = R"({"type": "object", "additionalProperties": false, "properties": {}})";

class Packaged {
 public:
  Packaged(z4j::Host, std::string_view) {}
  void start() {}
  void stop(uint32_t) {}
  void send(z4j::Op& op, const z4j_notification&) { op.ok(); }
};

}  // namespace

Z4J_NOTIFIER_PLUGIN(Packaged, "org.example.packaged", "0.1.0", "Packaged", "Takes every message.",
                    kNone, kNone)
