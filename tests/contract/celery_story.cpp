// Celery: event messages as Redis hands them over, recorded ones and others in their shape.
#include "lib/celery/event.hpp"
#include "lib/json/json.hpp"
#include "lib/text/text.hpp"
#include "src/emitter.hpp"
#include "src/shared.hpp"

#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine_story.hpp"
#include "story_host.hpp"

namespace z4j::story {
namespace {

std::vector<std::string> recorded_messages() {
  std::ifstream in(Z4J_SOURCE_DIR "/tests/fixtures/vectors/celery-redis-events-5.2.6.json");
  const json::Value capture = json::parse(
      std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>()));
  std::vector<std::string> messages;
  for (const auto& type : *json::object(capture.get_object(), "events")) {
    for (const json::Value& sample : type.value().get_array())
      messages.emplace_back(json::text(sample.get_object(), "message"));
  }
  return messages;
}

std::string message_of(const json::Array& events) {
  const bool is_one = events.size() == 1;
  const json::Object envelope{
      {"body", text::base64_encode(json::write(is_one ? events[0] : json::Value(events)))},
      {"content-encoding", "utf-8"},
      {"content-type", "application/json"},
      {"headers", json::Object{{"hostname", "w1@host"}}},
      {"properties", json::Object{{"delivery_mode", 1}, {"body_encoding", "base64"}}}};
  return json::write(envelope);
}

// The events of one task, as producer and workers send them; some are lost on the way.
class Life {
 public:
  Life(Dice& dice, std::string id) : dice_(dice), id_(std::move(id)) {}

  json::Array events() {
    if (!dice_.one_in(3)) send("producer@host");
    for (int run = 0; run < 4; ++run) {
      const std::string worker = "w" + std::to_string(dice_.below(3)) + "@host";
      add("task-received", worker,
          {{"name", "shop.charge"},
           {"args", "(" + std::to_string(run) + ",)"},
           {"kwargs", "{}"},
           {"retries", retries_},
           {"eta", dice_.one_in(3) ? json::Value("2026-11-23T21:00:00+00:00") : json::Value()},
           {"root_id", id_},
           {"parent_id", nullptr}});
      if (dice_.one_in(8)) {
        add("task-rejected", worker, {{"requeue", true}});
        continue;  // the broker delivers it again
      }
      if (dice_.one_in(10)) {
        add("task-revoked", worker,
            {{"terminated", false}, {"expired", true}, {"signum", nullptr}});
        return std::move(events_);
      }
      add("task-started", worker, {});
      if (dice_.one_in(6)) return std::move(events_);  // still at it
      if (run < 3 && dice_.one_in(2)) {
        add("task-retried", worker, {{"exception", "Again()"}, {"traceback", "Traceback"}});
        ++retries_;
        if (dice_.one_in(2)) send(worker);
        continue;
      }
      end(worker);
      break;
    }
    return std::move(events_);
  }

 private:
  void send(const std::string& from) {
    add("task-sent", from,
        {{"name", "shop.charge"},
         {"args", "(0,)"},
         {"kwargs", "{'n': 1}"},
         {"retries", retries_},
         {"queue", "q" + std::to_string(dice_.below(2))},
         {"root_id", id_},
         {"parent_id", nullptr}});
  }
  void end(const std::string& worker) {
    switch (dice_.below(4)) {
      case 0:
        return add("task-failed", worker,
                   {{"exception", "ValueError('x')"}, {"traceback", "Traceback"}});
      case 1:
        return add("task-revoked", worker, {{"terminated", true}, {"signum", "SIGTERM"}});
      case 2:
        return add("task-rejected", worker, {{"requeue", false}});
      default:
        return add("task-succeeded", worker, {{"result", "3"}, {"runtime", 0.25}});
    }
  }
  void add(const char* type, const std::string& host, json::Object more) {
    // Hosts' clocks differ: a later event may carry an earlier time, or the same.
    at_ += dice_.one_in(5) ? -dice_.below(400'000) : dice_.below(900'000);
    while (!times_.emplace(type, at_).second) ++at_;
    if (dice_.one_in(12)) return;
    more["type"] = type;
    more["uuid"] = id_;
    more["hostname"] = host;
    more["timestamp"] = static_cast<double>(at_) / 1e6;
    more["clock"] = static_cast<std::int64_t>(events_.size());
    more["pid"] = 7;
    more["utcoffset"] = 0;
    events_.push_back(std::move(more));
  }

  Dice& dice_;
  std::string id_;
  json::Array events_;
  std::set<std::pair<std::string, std::int64_t>> times_;
  std::int64_t at_ = kBegin, retries_ = 0;
};

std::vector<std::string> made_up_messages(std::uint32_t seed) {
  Dice dice(seed);
  std::vector<std::string> messages;
  for (int n = 1 + dice.below(3); n > 0; --n) {
    json::Array together;
    for (json::Value& event : Life(dice, "task-" + std::to_string(n)).events()) {
      together.push_back(std::move(event));
      if (dice.one_in(2)) messages.push_back(message_of(std::exchange(together, {})));
    }
    if (!together.empty()) messages.push_back(message_of(together));
  }
  return messages;
}

void tell(const std::vector<std::string>& messages, engine_celery::Emitter& emitter) {
  for (const std::string& message : messages) {
    std::vector<celery::Event> events;
    if (celery::read_events(message, kBegin, events) != 0)
      throw Error(Z4J_INVALID, "the story has an event that cannot be read");
    emitter.emit(events);
  }
}

}  // namespace
}  // namespace z4j::story

void z4j_tell_celery(std::uint32_t seed, TakeBatch take, void* to) noexcept {
  using namespace z4j;
  const story::StoryHost host(take, to);
  wait::Gate gate;
  engine_celery::Emitter emitter(host.host(), gate);
  story::tell(seed == 0 ? story::recorded_messages() : story::made_up_messages(seed), emitter);
}
