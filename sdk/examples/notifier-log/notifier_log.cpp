// notifier-log: writes each alert to the log of z4j. The smallest whole plugin.
#include <z4j/json.hpp>
#include <z4j/plugin.hpp>

#include <string>
#include <string_view>

namespace {

// What an operator may set. The host checks it against this and fills the default in.
constexpr char kSettings[] = R"({"type": "object", "additionalProperties": false, "properties": {
  "prefix": {"type": "string", "maxLength": 40, "default": "alert", "description": "first word of each line"}}})";
// What people write into a channel of type "log".
constexpr char kTarget[] = R"({"type": "object", "additionalProperties": false, "properties": {
  "for": {"type": "string", "maxLength": 100, "description": "whom it is for; stands in each line"}}})";

class LogNotifier {
 public:
  // No I/O here. The settings are complete, valid JSON.
  LogNotifier(z4j::Host host, std::string_view settings_json)
      : host_(host), prefix_(z4j::json::Reader(settings_json).text("/prefix")) {}

  void start() {}
  void stop(uint32_t) {}

  // Answers at once. A notifier that waits for a reply moves `op` away and answers later, from any
  // thread.
  void send(z4j::Op& op, const z4j_notification& n) {
    if (n.title.len == 0) return op.fail(Z4J_INVALID, "an alert needs a title");
    const std::string reader(z4j::json::Reader(z4j::view(n.target_json)).text("/for"));
    if (reader.empty())
      return op.fail(Z4J_INVALID, "the channel does not say whom it is for: fill in \"for\"");
    host_.log(n.severity >= 3 ? Z4J_LOG_ERROR : Z4J_LOG_WARN,
              prefix_ + ": " + std::string(z4j::view(n.title)),
              R"({"for":)" + z4j::json::quoted(reader) + "}");
    op.ok();
  }

 private:
  z4j::Host host_;
  std::string prefix_;
};

}  // namespace

Z4J_NOTIFIER_PLUGIN(LogNotifier, "org.example.notifier-log", "1.0.0", "Log notifier",
                    "Writes each alert to the log of z4j.", kSettings, kTarget)
