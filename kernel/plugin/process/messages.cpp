#include "plugin/process/messages.hpp"

#include <algorithm>
#include <cstring>

#include "plugin/crossing.hpp"

namespace z4j::plugin::process {
namespace {

constexpr std::uint32_t kMostDirectories = 64, kMostRoutes = 256, kMostAssets = 4096;
constexpr std::uint32_t kMostHeaders = 256;

void put_list(Writer& to, const std::vector<std::string>& texts) {
  to.put(static_cast<std::uint32_t>(texts.size()));
  for (const std::string& text : texts) to.put(text);
}

// Empty when there are too many or too few of them; the reader is spoilt then.
std::uint32_t take_count(Reader& from, std::uint32_t most) {
  std::uint32_t count = 0;
  from.take(count);
  if (count > most) from.bytes(SIZE_MAX);
  return from.is_good() ? count : 0;
}

std::vector<std::string> take_list(Reader& from) {
  std::vector<std::string> out(take_count(from, kMostDirectories));
  for (std::string& text : out) from.take(text);
  return out;
}

// The same fields in the same order both ways.
template <class Declaration, class F>
void each_field(Declaration& d, F&& field) {
  field(d.holds);
  field(d.flags);
  field(d.functions);
  for (auto* text : {&d.id, &d.version, &d.name, &d.summary, &d.vendor, &d.license, &d.url,
                     &d.kinds, &d.schema, &d.needs, &d.engine_name, &d.scheduler_name})
    field(*text);
  field(d.max_body_bytes);
  field(d.notifier_capabilities);
  field(d.target_schema);
  field(d.types);
  field(d.refused_at);
  field(d.what_to_do);
}

template <class Outcomes, class F>
void each_outcome_field(Outcomes& o, F&& field) {
  field(o.status);
  field(o.retry_after_ms);
  field(o.where);
  field(o.message);
  field(o.body);
}

std::string_view shown(const char* text, std::size_t most) { return {text, ::strnlen(text, most)}; }

void put_into(char* to, std::size_t size, std::string_view text) noexcept {
  const std::string_view fits = cut(text, size - 1);
  std::memcpy(to, fits.data(), fits.size());
  to[fits.size()] = '\0';
}

void put_headers(Writer& to, const z4j_http_header* headers, std::uint32_t count) {
  to.put(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    to.put(text_of(headers[i].name));
    to.put(text_of(headers[i].value));
  }
}

std::vector<z4j_http_header> take_headers(Reader& from) {
  std::vector<z4j_http_header> out(take_count(from, kMostHeaders));
  for (z4j_http_header& header : out) {
    std::string_view name, value;
    from.take(name);
    from.take(value);
    header = z4j_http_header{lend(name), lend(value)};
  }
  return out;
}

}  // namespace

const char* built_version() noexcept { return Z4J_VERSION; }

std::string encode(const Load& load) {
  Writer out;
  out.put(load.version);
  out.put(load.path);
  out.put(load.sha256);
  out.put(static_cast<std::uint8_t>(load.is_sealed ? 1 : 0));
  out.put(load.sandbox.limits.memory_bytes);
  out.put(load.sandbox.limits.open_files);
  put_list(out, load.sandbox.hidden);
  put_list(out, load.sandbox.readable);
  return out.take();
}

std::optional<Load> decode_load(std::string_view bytes) {
  Reader in(bytes);
  Load out;
  in.take(out.version);
  if (in.is_good() && out.version != built_version()) return out;
  std::uint8_t is_sealed = 0;
  in.take(out.path);
  in.take(out.sha256);
  in.take(is_sealed);
  out.is_sealed = is_sealed != 0;
  in.take(out.sandbox.limits.memory_bytes);
  in.take(out.sandbox.limits.open_files);
  out.sandbox.hidden = take_list(in);
  out.sandbox.readable = take_list(in);
  return in.is_done() ? std::optional(std::move(out)) : std::nullopt;
}

std::string encode(const Outcome& outcome) {
  Writer out;
  out.put(static_cast<std::uint8_t>(outcome.threw ? 1 : 0));
  each_outcome_field(outcome, [&](const auto& field) { out.put(field); });
  return out.take();
}

std::optional<Outcome> decode_outcome(std::string_view bytes) {
  Reader in(bytes);
  Outcome out;
  std::uint8_t threw = 0;
  in.take(threw);
  each_outcome_field(out, [&](auto& field) { in.take(field); });
  out.threw = threw != 0;
  return in.is_done() ? std::optional(std::move(out)) : std::nullopt;
}

Outcome outcome_of(z4j_status status, const z4j_error& error) {
  Outcome out;
  out.status = status;
  if (status == Z4J_OK || status == Z4J_PENDING) return out;
  out.retry_after_ms = error.retry_after_ms;
  out.where = shown(error.where, sizeof error.where);
  out.message = shown(error.message, sizeof error.message);
  return out;
}

z4j_status end_call(const Outcome& outcome, z4j_error* error) noexcept {
  if (Z4J_REACHES(error, z4j_error, message) && outcome.status != Z4J_OK &&
      outcome.status != Z4J_PENDING) {
    error->code = outcome.status;
    error->retry_after_ms = outcome.retry_after_ms;
    put_into(error->where, sizeof error->where, outcome.where);
    put_into(error->message, sizeof error->message, outcome.message);
  }
  return outcome.status;
}

std::string encode(const Declared& declared) {
  Writer out;
  each_field(declared, [&](const auto& field) { out.put(field); });
  out.put(encode(declared.refusal));
  out.put(static_cast<std::uint32_t>(declared.routes.size()));
  for (const Declared::Route& route : declared.routes) {
    out.put(route.method);
    out.put(route.path);
    out.put(route.permission);
    out.put(route.flags);
    out.put(route.max_body);
  }
  out.put(static_cast<std::uint32_t>(declared.assets.size()));
  for (const Declared::Asset& asset : declared.assets) {
    out.put(asset.path);
    out.put(asset.content_type);
    out.put(asset.etag);
    out.put(asset.bytes);
  }
  return out.take();
}

std::optional<Declared> decode_declared(std::string_view bytes) {
  Reader in(bytes);
  Declared out;
  each_field(out, [&](auto& field) { in.take(field); });
  std::string_view refusal;
  in.take(refusal);
  auto outcome = decode_outcome(refusal);
  if (!outcome) return std::nullopt;
  out.refusal = std::move(*outcome);
  out.routes.resize(take_count(in, kMostRoutes));
  for (Declared::Route& route : out.routes) {
    in.take(route.method);
    in.take(route.path);
    in.take(route.permission);
    in.take(route.flags);
    in.take(route.max_body);
  }
  out.assets.resize(take_count(in, kMostAssets));
  for (Declared::Asset& asset : out.assets) {
    in.take(asset.path);
    in.take(asset.content_type);
    in.take(asset.etag);
    in.take(asset.bytes);
  }
  return in.is_done() ? std::optional(std::move(out)) : std::nullopt;
}

Declared declared_by(const z4j_plugin& plugin) {
  Declared out;
  out.flags = plugin.flags;
  out.id = text_of(plugin.id);
  out.version = text_of(plugin.version);
  out.name = text_of(plugin.name);
  out.summary = text_of(plugin.summary);
  out.vendor = text_of(plugin.vendor);
  out.license = text_of(plugin.license);
  out.url = text_of(plugin.url);
  out.kinds = text_of(plugin.kinds);
  out.schema = text_of(plugin.config_schema_json);
  out.needs = text_of(plugin.needs);
  if (plugin.validate != nullptr) out.functions |= Declared::kValidate;
  const auto table = [&](const char* id) { return plugin.get_interface(lend(id)); };
  if (const auto* engine = static_cast<const z4j_engine*>(table(Z4J_IFACE_ENGINE)))
    out.engine_name = text_of(engine->engine_name);
  if (const auto* scheduler = static_cast<const z4j_scheduler*>(table(Z4J_IFACE_SCHEDULER))) {
    out.scheduler_name = text_of(scheduler->scheduler_name);
    if (scheduler->list != nullptr) out.functions |= Declared::kList;
    if (scheduler->put != nullptr) out.functions |= Declared::kPut;
    if (scheduler->remove != nullptr) out.functions |= Declared::kRemove;
    if (scheduler->trigger != nullptr) out.functions |= Declared::kTrigger;
    if (scheduler->preview != nullptr) out.functions |= Declared::kPreview;
  }
  if (const auto* notifier = static_cast<const z4j_notifier*>(table(Z4J_IFACE_NOTIFIER))) {
    out.max_body_bytes = notifier->max_body_bytes;
    out.notifier_capabilities = notifier->capabilities;
    out.target_schema = text_of(notifier->target_schema_json);
    out.types = text_of(notifier->types_json);
  }
  if (const auto* http = static_cast<const z4j_http*>(table(Z4J_IFACE_HTTP))) {
    for (std::uint32_t i = 0; i < std::min(http->route_count, kMostRoutes); ++i) {
      const z4j_route& route = http->routes[i];
      out.routes.push_back({std::string(text_of(route.method)), std::string(text_of(route.path)),
                            std::string(text_of(route.permission)), route.flags, route.max_body});
    }
    for (std::uint32_t i = 0; i < std::min(http->asset_count, kMostAssets); ++i) {
      const z4j_asset& asset = http->assets[i];
      out.assets.push_back({std::string(text_of(asset.path)),
                            std::string(text_of(asset.content_type)),
                            std::string(text_of(asset.etag)), std::string(text_of(asset.bytes))});
    }
  }
  return out;
}

std::string encode(const z4j_http_call& call) {
  Writer out;
  out.put(text_of(call.method));
  out.put(text_of(call.url));
  out.put(text_of(call.body));
  out.put(call.deadline_ms);
  out.put(call.max_answer_bytes);
  out.put(call.max_redirects);
  put_headers(out, call.headers, call.header_count);
  return out.take();
}

std::optional<HeldHttpCall> decode_http_call(Reader& in) {
  HeldHttpCall out;
  in.take(out.method);
  in.take(out.url);
  in.take(out.body);
  out.call.struct_size = sizeof out.call;
  in.take(out.call.deadline_ms);
  in.take(out.call.max_answer_bytes);
  in.take(out.call.max_redirects);
  out.headers = take_headers(in);
  if (!in.is_done()) return std::nullopt;
  out.call.method = lend(out.method);
  out.call.url = lend(out.url);
  out.call.body = lend(out.body);
  out.call.headers = out.headers.data();
  out.call.header_count = static_cast<std::uint32_t>(out.headers.size());
  return out;
}

std::string encode(const z4j_http_answer& answer) {
  Writer out;
  out.put(answer.status);
  out.put(answer.http_status);
  out.put(answer.is_cut);
  out.put(text_of(answer.body));
  out.put(text_of(answer.message));
  put_headers(out, answer.headers, std::min(answer.header_count, kMostHeaders));
  return out.take();
}

std::optional<HeldHttpAnswer> decode_http_answer(Reader& in) {
  HeldHttpAnswer out;
  std::string_view body, message;
  out.answer.struct_size = sizeof out.answer;
  in.take(out.answer.status);
  in.take(out.answer.http_status);
  in.take(out.answer.is_cut);
  in.take(body);
  in.take(message);
  out.headers = take_headers(in);
  if (!in.is_done()) return std::nullopt;
  out.answer.body = lend(body);
  out.answer.message = lend(message);
  out.answer.headers = out.headers.data();
  out.answer.header_count = static_cast<std::uint32_t>(out.headers.size());
  return out;
}

void put_schedule(Writer& to, const z4j_stored_schedule& row) {
  to.put(row.is_enabled);
  to.put(row.is_planned);
  to.put(row.is_deleted);
  to.raw({reinterpret_cast<const char*>(row.id), sizeof row.id});
  to.put(row.revision);
  to.put(row.next_run_us);
  to.put(row.last_run_us);
  to.put(row.changed_us);
  to.put(text_of(row.schedule_json));
}

bool take_schedule(Reader& from, z4j_stored_schedule& row) {
  row = {};
  row.struct_size = sizeof row;
  from.take(row.is_enabled);
  from.take(row.is_planned);
  from.take(row.is_deleted);
  const std::string_view id = from.bytes(sizeof row.id);
  from.take(row.revision);
  from.take(row.next_run_us);
  from.take(row.last_run_us);
  from.take(row.changed_us);
  std::string_view json;
  from.take(json);
  if (!from.is_good()) return false;
  std::memcpy(row.id, id.data(), sizeof row.id);
  row.schedule_json = lend(json);
  return true;
}

}  // namespace z4j::plugin::process
