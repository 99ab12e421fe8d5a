#include "src/copies.hpp"

#include "lib/rq/codec.hpp"
#include "src/actions.hpp"
#include "src/answers.hpp"
#include "src/lookup.hpp"
#include "src/scripts.hpp"
#include "src/snapshots.hpp"

#include <algorithm>
#include <charconv>

namespace z4j::engine_rq {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kFormat = "rq1";
constexpr std::size_t kMaxTexts = 10'000;
constexpr std::size_t kMaxMessages = 5000;
constexpr std::int64_t kDropAtOnce = 500, kPutBackAtOnce = 5000;
constexpr std::int64_t kMostInPage = 500;
// As base64 in JSON it stays below what an answer may be.
constexpr std::size_t kMostBodyBytes = 5u << 20;
constexpr int kBetweenChunksMs = 2;

struct Names {
  std::string copy, about, parts;
};

// These are not RQ's keys: they keep out of its prefix.
Names names_of(const json::Object& args) {
  const std::string_view id = json::text(args, "copy");
  const bool good = !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (!good) throw Error(Z4J_INVALID, "copy must be the id of a copy", "/copy");
  const std::string key = "z4j:copy:" + std::string(id);
  return {key, key + ":about", key + ":parts"};
}

void append_text(std::string& out, std::string_view text) {
  out += std::to_string(text.size());
  out += ':';
  out += text;
}

class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : left_(bytes) {}

  std::string_view text() {
    std::size_t size = 0;
    const char* end = left_.data() + std::min<std::size_t>(left_.size(), 12);
    const auto [at, ec] = std::from_chars(left_.data(), end, size);
    if (ec != std::errc() || at == end || *at != ':') fail();
    left_.remove_prefix(static_cast<std::size_t>(at - left_.data()) + 1);
    if (size > left_.size()) fail();
    const std::string_view out = left_.substr(0, size);
    left_.remove_prefix(size);
    return out;
  }
  std::int64_t integer() {
    const std::string_view digits = text();
    std::int64_t n = 0;
    const auto [at, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
    if (ec != std::errc() || at != digits.data() + digits.size()) fail();
    return n;
  }
  redis::Args texts() {
    const std::int64_t count = integer();
    if (count < 0 || count > static_cast<std::int64_t>(kMaxTexts)) fail();
    redis::Args out;
    for (std::int64_t i = 0; i < count; ++i) out.emplace_back(text());
    return out;
  }
  void end() const {
    if (!left_.empty()) fail();
  }

 private:
  [[noreturn]] static void fail() {
    throw Error(Z4J_INVALID, "these bytes are no copied job of RQ");
  }

  std::string_view left_;
};

json::Object take(Bench& bench, const std::string& queue, const Names& names) {
  const rq::Keys& keys = bench.settings.keys;
  return changing([&] {
    const redis::Reply r =
        bench.redis.eval(scripts::kTake,
                         {keys.queue(queue), names.copy, names.about, keys.registry("wip", queue),
                          keys.registry("scheduled", queue), keys.registry("deferred", queue)},
                         {queue, rq::format_time(now_us())});
    if (word_of(r) != "done" || r.items.size() != 5)
      return refused("the copy's id is taken by a copy of another queue");
    json::Object o = outcome("done");
    o["taken"] = r.items[1].integer;
    o["not_removed"] = json::Object{{"unacked", r.items[2].integer},
                                    {"scheduled", r.items[3].integer},
                                    {"deferred", r.items[4].integer}};
    return o;
  });
}

json::Object drop(Bench& bench, const std::string& queue, const Names& names) {
  std::int64_t removed = 0;
  try {
    for (;;) {
      const redis::Reply r =
          bench.redis.eval(scripts::kDrop, {names.copy, names.about},
                           {bench.settings.keys.prefix, queue, std::to_string(kDropAtOnce)});
      if (word_of(r) == "never") return refused("no such copy of this queue was taken");
      if (r.items.size() != 2)
        throw Error(Z4J_CORRUPT, "Redis answered a script in an unexpected form");
      std::vector<PurgedJobs::Purged> gone;
      for (const redis::Reply& id : r.items[0].items) {
        if (usable_id(id.text))
          gone.push_back({id.text, queue, now_us(), "removed with its queue's content"});
      }
      removed += static_cast<std::int64_t>(gone.size());
      bench.shared.purged.add(std::move(gone));
      if (r.items[1].integer == 0) break;
      if (Clock::now() >= bench.deadline || !bench.shared.gate.pause_ms(kBetweenChunksMs)) {
        json::Object o = outcome("unknown", "time ran out before all of the copy was dropped");
        o["removed"] = removed;
        return o;
      }
    }
  } catch (const Error& e) {
    if (removed == 0 && !may_have_run(e)) throw;
    json::Object o = outcome("unknown", std::string("interrupted while dropping: ") + e.what());
    o["removed"] = removed;
    return o;
  }
  bench.shared.gate.wake();
  json::Object o = outcome("done");
  o["removed"] = removed;
  return o;
}

void append_job(redis::Args& args, const CopiedJob& job) {
  args.push_back(job.id);
  args.push_back(std::to_string(job.ttl_ms));
  for (const redis::Args* texts : {&job.fields, &job.dependents, &job.dependencies})
    args.push_back(std::to_string(texts->size()));
  for (const redis::Args* texts : {&job.fields, &job.dependents, &job.dependencies})
    args.insert(args.end(), texts->begin(), texts->end());
}

// What was listed in the queue but in another state is not run by putting it back.
bool waited(const CopiedJob& job) {
  for (std::size_t i = 0; i + 1 < job.fields.size(); i += 2) {
    if (job.fields[i] == "status") return job.fields[i + 1] == "queued";
  }
  return false;
}

// Everything that is still aside, as it is: undoes `take`.
json::Object put_all_back(Bench& bench, const std::string& queue, const Names& names) {
  std::int64_t put = 0;
  json::Object o = outcome("done");
  try {
    for (std::int64_t left = 1; left > 0;) {
      const redis::Reply r = bench.redis.eval(
          scripts::kPutBack, {names.copy, bench.settings.keys.queue(queue), names.about},
          {std::to_string(kPutBackAtOnce), queue});
      if (word_of(r) != "done" || r.items.size() != 3)
        return refused("no such copy of this queue was taken");
      put += r.items[1].integer;
      left = r.items[2].integer;
      if (left > 0 &&
          (Clock::now() >= bench.deadline || !bench.shared.gate.pause_ms(kBetweenChunksMs))) {
        o = outcome("unknown", "time ran out before all jobs were put back");
        break;
      }
    }
  } catch (const Error& e) {
    if (put == 0 && !may_have_run(e)) throw;
    o = outcome("unknown", std::string("interrupted while putting back: ") + e.what());
  }
  o["restored"] = put;
  return o;
}

json::Object restore(Bench& bench, const std::string& queue, const Names& names,
                     const json::Object& args) {
  if (const json::Value* given = args.if_contains("messages"); given == nullptr || given->is_null())
    return put_all_back(bench, queue, names);
  const json::Array* messages = json::array(args, "messages");
  if (messages == nullptr || messages->size() > kMaxMessages)
    throw Error(Z4J_INVALID, "restore needs messages, at most 5000", "/messages");
  std::string part;
  if (const json::Value* given = args.if_contains("part"); given != nullptr && !given->is_null()) {
    part = std::to_string(json::integer(args, "part", -1));
    if (!given->is_number()) throw Error(Z4J_INVALID, "part must be a number", "/part");
  }
  const rq::Keys& keys = bench.settings.keys;
  redis::Args words = {keys.prefix, queue, rq::format_time(now_us()), part};
  for (const json::Value& v : *messages) {
    const json::String* encoded = v.if_string();
    const std::optional<std::string> bytes =
        encoded == nullptr ? std::nullopt : text::base64_decode({encoded->data(), encoded->size()});
    if (!bytes) throw Error(Z4J_INVALID, "messages must hold base64", "/messages");
    CopiedJob job = unpack(*bytes);
    if (!waited(job)) job.fields.clear();
    append_job(words, job);
  }
  return changing([&] {
    const redis::Reply r = bench.redis.eval(
        scripts::kRestore, {names.copy, names.parts, keys.queues(), keys.queue(queue)}, words);
    json::Object o = outcome("done");
    if (word_of(r) == "before") {
      o["reason"] = "this part was put back before";
    } else if (word_of(r) != "done" || r.items.size() != 3) {
      throw Error(Z4J_CORRUPT, "Redis answered a script in an unexpected form");
    } else {
      o["elsewhere"] = r.items[2].integer;
    }
    o["restored"] = r.items[1].integer;
    bench.shared.gate.wake();
    return o;
  });
}

CopiedJob job_of(const redis::Reply& reply) {
  CopiedJob job;
  if (reply.items.size() != 5)
    throw Error(Z4J_CORRUPT, "Redis answered a script in an unexpected form");
  job.id = reply.items[0].text;
  job.ttl_ms = reply.items[2].integer;
  for (const redis::Reply& r : reply.items[1].items) job.fields.push_back(r.text);
  for (const redis::Reply& r : reply.items[3].items) job.dependents.push_back(r.text);
  for (const redis::Reply& r : reply.items[4].items) job.dependencies.push_back(r.text);
  return job;
}

// The function's name, for lists of what was put aside.
std::string name_of(const CopiedJob& job) {
  std::string_view data, description;
  for (std::size_t i = 0; i + 1 < job.fields.size(); i += 2) {
    if (job.fields[i] == "data") data = job.fields[i + 1];
    if (job.fields[i] == "description") description = job.fields[i + 1];
  }
  const rq::Call call = rq::decode_call(data, {.nodes = 100, .bytes = 1000, .depth = 8});
  return call.form == rq::Form::unknown ? rq::name_in_description(text::clean(description, 4096))
                                        : call.display_name;
}

}  // namespace

std::string pack(const CopiedJob& job) {
  std::string out;
  append_text(out, kFormat);
  append_text(out, job.id);
  append_text(out, std::to_string(job.ttl_ms));
  for (const redis::Args* texts : {&job.fields, &job.dependents, &job.dependencies}) {
    append_text(out, std::to_string(texts->size()));
    for (const std::string& text : *texts) append_text(out, text);
  }
  return out;
}

CopiedJob unpack(std::string_view bytes) {
  Unpacker in(bytes);
  CopiedJob job;
  if (in.text() != kFormat) throw Error(Z4J_INVALID, "these bytes are no copied job of RQ");
  job.id = in.text();
  job.ttl_ms = in.integer();
  job.fields = in.texts();
  job.dependents = in.texts();
  job.dependencies = in.texts();
  in.end();
  if (job.id.empty() || job.fields.size() % 2 != 0)
    throw Error(Z4J_INVALID, "these bytes are no copied job of RQ");
  return job;
}

json::Object copy_queue(Bench& bench, const std::string& queue, const json::Object& args) {
  if (!usable_id(queue)) throw Error(Z4J_INVALID, "the name of the queue is not usable");
  const Names names = names_of(args);
  const std::string_view step = json::text(args, "step");
  if (step == "take") return take(bench, queue, names);
  if (step == "drop") return drop(bench, queue, names);
  if (step == "restore") return restore(bench, queue, names, args);
  throw Error(Z4J_INVALID, "step must be take, drop or restore", "/step");
}

json::Object copy_page(Bench& bench, const json::Object& page, const PageAsked& asked) {
  const Names names = names_of(page);
  const std::string& cursor = asked.cursor;
  std::int64_t first = 0;
  const char* end = cursor.data() + cursor.size();
  if (!cursor.empty() && (std::from_chars(cursor.data(), end, first).ptr != end || first < 0))
    throw Error(Z4J_INVALID, "the cursor is not one of a copy", "/cursor");
  const auto most = std::min<std::int64_t>(static_cast<std::int64_t>(asked.limit), kMostInPage);
  const redis::Reply jobs = bench.redis.eval(scripts::kReadCopy, {names.copy},
                                             {bench.settings.keys.prefix, std::to_string(first),
                                              std::to_string(most), std::to_string(kPageBytes)});
  json::Array items;
  for (const redis::Reply& reply : jobs.items) {
    const CopiedJob job = job_of(reply);
    const std::string body = pack(job);
    if (body.size() > kMostBodyBytes)
      throw Error(Z4J_TOO_LARGE, "job " + text::clean(job.id, 200) + " is too large for a copy");
    json::Object item{{"body", text::base64_encode(body)}};
    if (usable_id(job.id)) item["task_id"] = job.id;
    if (const std::string name = name_of(job); !name.empty()) item["task_name"] = name;
    items.emplace_back(std::move(item));
  }
  const std::int64_t next = first + static_cast<std::int64_t>(jobs.items.size());
  const std::int64_t length = bench.redis.command({"LLEN", names.copy}).integer;
  return answer_of(std::move(items),
                   !jobs.items.empty() && next < length ? std::to_string(next) : std::string());
}

}  // namespace z4j::engine_rq
