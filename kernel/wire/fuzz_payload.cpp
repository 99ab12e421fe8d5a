// Any bytes as what an agent says inside a frame: events, heartbeats, commands, results, schedules.
// Nothing crashes, what we make of it is JSON, and an event that was told again says the same.
#include <z4j/abi.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wire/action.hpp"
#include "wire/event.hpp"
#include "wire/external_schedule.hpp"
#include "wire/health.hpp"
#include "wire/time.hpp"
#include "wire/version.hpp"

using namespace z4j;
namespace json = base::json;

namespace {

constexpr base::TimeUs kNow = 1'780'920'000LL * base::kSecondUs;

std::string attrs_of(wire::EventRows& rows) {
  const z4j_event_batch batch = rows.batch();
  return std::string(batch.attrs_json.data + batch.attrs_json.offsets[0],
                     batch.attrs_json.offsets[1] - batch.attrs_json.offsets[0]);
}

void tell_event(const json::Value& value) {
  wire::EventRows rows;
  if (!rows.add(value, kNow)) return;
  const z4j_event_batch batch = rows.batch();
  if (const std::string attrs = attrs_of(rows);
      !attrs.empty() && !json::parse(attrs, {.max_depth = 512}))
    std::abort();
  // What a row can say survives the way to a brain and back.
  const json::Object told = wire::wire_event(batch, 0);
  wire::EventRows again;
  if (!again.add(told, kNow)) std::abort();
  const z4j_event_batch second = again.batch();
  if (second.kind[0] != batch.kind[0] || second.attempt[0] != batch.attempt[0]) std::abort();
  json::Object twice = wire::wire_event(second, 0), once = told;
  once.erase("id");
  twice.erase("id");
  if (json::write(once) != json::write(twice)) std::abort();
}

void tell_health(const json::Object& payload) {
  const wire::Heartbeat heartbeat = wire::read_heartbeat(payload);
  const json::Object written = wire::write_heartbeat(heartbeat);
  const wire::Heartbeat again = wire::read_heartbeat(written);
  if (again.buffer_size != heartbeat.buffer_size) std::abort();
  if (!wire::is_good_telemetry_loss(written)) std::abort();
  static_cast<void>(wire::write_agent_status(wire::read_agent_status(payload)));
}

void act(const json::Object& payload) {
  const wire::Action action = wire::read_command(payload);
  if (const auto call = wire::to_call(action, kNow); call) {
    const wire::Peer peer{.agent_version = "1.12.0",
                          .capabilities = {"retry_task", "retry_by_reference_v1", "cancel_task",
                                           "purge_queue", "submit_task"},
                          .secret = std::string(32, 's'),
                          .queue_depth = 5};
    if (const auto back = wire::to_action(*call, peer, kNow); back) {
      const json::Object written = wire::command_payload(*back, "1.12.0");
      if (!json::parse(json::write(written), {.max_depth = 600})) std::abort();
    }
    const auto result = wire::action_result(*call, json::write(payload));
    static_cast<void>(wire::result_payload(result));
  }
  for (const std::string_view name : {"retry_task", "cancel_task", "purge_queue"}) {
    const auto answer =
        json::parse(wire::engine_answer(name, wire::read_result(payload)), {.max_depth = 512});
    if (!answer || json::text(answer->as_object(), "outcome").empty()) std::abort();
  }
  static_cast<void>(wire::state_item("t", wire::read_result(payload)));
}

void tell_schedules(json::Object data) {
  static_cast<void>(wire::normal_row(data, "celery-beat"));
  const wire::ScheduleStream stream{.owner = "celery-beat",
                                    .stream_id = "s",
                                    .epoch_uuid = "e",
                                    .epoch_number = 1,
                                    .adapter_instance_id = "a"};
  wire::SnapshotAssembly assembly(stream, 0);
  static_cast<void>(assembly.add(data));
  // Past the digest and the names of the stream.
  json::Value* frame = data.if_contains("external_snapshot_frame");
  if (frame == nullptr || !frame->is_object()) return;
  json::Object& o = frame->get_object();
  o["protocol_version"] = 1;
  o["owner"] = stream.owner;
  o["source_scope"] = wire::source_scope(stream.owner);
  o["stream_id"] = stream.stream_id;
  o["epoch_uuid"] = stream.epoch_uuid;
  o["epoch_number"] = 1;
  o["adapter_instance_id"] = stream.adapter_instance_id;
  if (const json::Array* rows = json::array(o, "schedules")) {
    if (auto normal = wire::normal_rows(*rows, stream.owner); normal) {
      o["snapshot_digest"] =
          wire::schedule_digest(wire::snapshot_body(stream, json::integer(o, "sequence"), *normal));
    }
  }
  data["frame_digest"] = wire::schedule_digest(o);
  static_cast<void>(assembly.add(data));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(wire::read_time(text));
  static_cast<void>(wire::accepts(text));
  const auto value = json::parse(text, {.max_bytes = 1u << 20, .max_depth = 256});
  if (!value) return 0;
  tell_event(*value);
  if (const json::Object* object = value->if_object(); object != nullptr) {
    tell_health(*object);
    act(*object);
    tell_schedules(*object);
  }
  return 0;
}
