// Celery's task message as kombu puts it into Redis: an envelope in JSON, headers of protocol 2
// (and 1, to read only), a body in the serializer of the project.
//
// Nothing here runs or imports what a message names. Messages come from whoever can write to the
// broker: sizes and depths are bounded, what cannot be read is said to be so and never guessed.
#pragma once

#include "lib/json/json.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace z4j::celery {

inline constexpr std::size_t kMaxMessageBytes = 8u << 20;
inline constexpr std::size_t kMaxNameBytes = 500;  // ids, task names, queues, workers
// Such a name in a member of the object, clean and cut; "" when there is none.
[[nodiscard]] std::string name_in(const json::Object& object, std::string_view key);

// The outer layer; also that of events and control replies.
struct Envelope {
  json::Object root;  // everything, as it came
  std::string body;   // bytes, base64 taken off
  std::string content_type;

  [[nodiscard]] const json::Object& headers() const;
  [[nodiscard]] const json::Object& properties() const;
};

// Throws Z4J_INVALID or Z4J_TOO_LARGE.
[[nodiscard]] Envelope parse_envelope(std::string_view text,
                                      std::size_t max_bytes = kMaxMessageBytes);

enum class BodyForm { json, pickle, opaque };

// The inner layer: arguments and what is to follow. In the JSON form the three texts are byte for
// byte those of the message.
struct Body {
  BodyForm form = BodyForm::opaque;
  std::string args, kwargs, embed;  // JSON texts; of a pickle only when JSON can hold them exactly
  std::string args_repr, kwargs_repr;  // of a pickle, for people
  bool has_continuation = false;       // chain, callbacks or errbacks
  bool has_chord = false;
  std::string why_opaque;
};

struct Message {
  Envelope envelope;
  int protocol = 2;
  std::string id, task, root_id, parent_id, group, args_repr, kwargs_repr, routing_key;
  std::optional<std::int64_t> eta_us, expires_us;
  std::uint32_t retries = 0;
  int priority = 0;
};

// Throws Z4J_INVALID or Z4J_TOO_LARGE; Z4J_INVALID too when it is no task message.
[[nodiscard]] Message parse_message(std::string_view text);
[[nodiscard]] Body parse_body(const Message& message);

// What to write for a task to run. args and kwargs are JSON texts that were checked.
struct NewTask {
  std::string id, task, queue;
  std::string args = "[]", kwargs = "{}";
  std::string root_id;  // empty: its own id
  int priority = 0;
  std::optional<std::int64_t> eta_us;
  json::Object headers = {};            // of the project; those of the protocol stay
  std::string periodic_task_name = {};  // as beat gives it: in the headers and the properties
};
[[nodiscard]] std::string write_message(const NewTask& task);

// The same task once more: a new id and delivery, no retries, no old eta or expiry, out of its
// group and chord unless it takes the place of the original there. Arguments, continuation, headers
// of the project, serializer and root stay. With `args` and `kwargs` (JSON texts) those are sent
// instead; that takes a body in JSON, or a pickle that nothing hangs on.
struct Again {
  std::string id, queue;
  std::optional<int> priority;
  std::optional<std::int64_t> eta_us;
  std::string args, kwargs;
  bool takes_its_place = false;
};
// Throws Z4J_UNSUPPORTED with the reason when the body would have to change and cannot.
[[nodiscard]] std::string write_again(const Message& message, const Body& body, const Again& again);

}  // namespace z4j::celery
