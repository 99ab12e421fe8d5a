// The host service z4j.http-reply/1 of an instance.
#include <algorithm>
#include <utility>

#include "base/ascii.hpp"
#include "base/json.hpp"
#include "plugin/crossing.hpp"
#include "plugin/instance.hpp"

namespace z4j::plugin {
namespace {

constexpr std::size_t kMostDraftBytes = 64u << 20;  // of all replies of an instance
constexpr std::size_t kMaxReplyType = 100, kMaxHeadersBytes = 8u << 10, kMaxHeaderValue = 2000;
// In lower case. What decides who a browser is, what it keeps apart and how the message is framed
// is the kernel's.
constexpr std::string_view kReplyHeaders[] = {
    "cache-control", "content-disposition", "content-language", "etag", "last-modified",
    "location",      "retry-after"};

bool is_header_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c != 0x7f; });
}

// A place of this site, not of another one: "/a", never "//host".
bool is_own_place(std::string_view place) {
  return place.starts_with('/') && !place.starts_with("//") && !place.starts_with("/\\");
}

// Empty with `why` set when one may not be sent.
std::vector<std::pair<std::string, std::string>> read_headers(std::string_view text,
                                                              std::string& why) {
  std::vector<std::pair<std::string, std::string>> out;
  if (text.empty()) return out;
  const auto parsed = base::json::parse(text, {.max_bytes = kMaxHeadersBytes, .max_depth = 2});
  if (!parsed || !parsed->is_object()) {
    why = "it answered a request with headers that are no JSON object";
    return out;
  }
  for (const auto& [key, value] : parsed->get_object()) {
    const std::string name = base::ascii_lower(key);
    const bool is_known = std::find(std::begin(kReplyHeaders), std::end(kReplyHeaders), name) !=
                          std::end(kReplyHeaders);
    if (!is_known || !value.is_string() || value.get_string().size() > kMaxHeaderValue ||
        !is_header_text(value.get_string()) ||
        (name == "location" && !is_own_place(value.get_string()))) {
      why = "it answered a request with the header \"" + std::string(cut(name, 40)) +
            "\", or a value of it, that plugins can't send";
      return {};
    }
    out.emplace_back(key, value.get_string());
  }
  return out;
}

}  // namespace

void Instance::fill_http() {
  http_reply_.struct_size = sizeof http_reply_;
  http_reply_.begin = [](void* ctx, z4j_op op, std::uint32_t code, z4j_str type,
                         z4j_str headers) -> z4j_status {
    return serve<z4j_status>(ctx, Z4J_BAD_STATE, [&](Instance& self) {
      return self.on_reply_begin(op, code, type, headers);
    });
  };
  http_reply_.write = [](void* ctx, z4j_op op, z4j_str chunk) -> z4j_status {
    return serve<z4j_status>(ctx, Z4J_BAD_STATE,
                             [&](Instance& self) { return self.on_reply_write(op, chunk); });
  };
}

void Instance::expect_reply(z4j_op op, std::shared_ptr<HttpDraft> draft) {
  const std::lock_guard lock(drafts_mutex_);
  if (draft->is_over) return;  // the deadline was faster
  draft->op = op;
  drafts_[op] = std::move(draft);
}

base::Result<HttpReply> Instance::end_reply(HttpDraft& draft, base::Result<std::string> result) {
  HttpReply reply;
  {
    const std::lock_guard lock(drafts_mutex_);
    draft.is_over = true;
    draft_bytes_ -= draft.reply.body.size();
    reply = std::exchange(draft.reply, {});
    if (draft.op) drafts_.erase(*draft.op);
  }
  if (draft.is_too_large) {
    return host_error(base::Code::internal, "the plugin's reply is larger than " +
                                                std::to_string(kMostHttpReply) + " bytes");
  }
  if (!result) return std::move(result).error();
  if (!draft.is_begun && !result->empty()) {
    reply.code = 200;
    reply.content_type = "application/json";
    reply.body = std::move(*result);
  }
  return reply;
}

z4j_status Instance::on_reply_begin(z4j_op op, std::uint32_t code, z4j_str type, z4j_str headers) {
  std::string why;
  auto checked = read_headers(text_of(headers), why);
  if (code < 200 || code > 599) why = "it answered a request with the code " + std::to_string(code);
  if (type.len > kMaxReplyType || !is_header_text(text_of(type)))
    why = "it answered a request with a content type that is none";
  if (!why.empty()) {
    fault(why, Fault::counted);
    return Z4J_INVALID;
  }
  const std::lock_guard lock(drafts_mutex_);
  const auto at = drafts_.find(op);
  if (at == drafts_.end() || at->second->is_begun) return Z4J_BAD_STATE;
  HttpDraft& draft = *at->second;
  draft.is_begun = true;
  draft.reply.code = static_cast<int>(code);
  draft.reply.content_type = text_of(type);
  draft.reply.headers = std::move(checked);
  return Z4J_OK;
}

z4j_status Instance::on_reply_write(z4j_op op, z4j_str chunk) {
  const std::lock_guard lock(drafts_mutex_);
  const auto at = drafts_.find(op);
  if (at == drafts_.end() || !at->second->is_begun) return Z4J_BAD_STATE;
  HttpDraft& draft = *at->second;
  if (chunk.len > kMostHttpReply - draft.reply.body.size()) {
    draft.is_too_large = true;
    return Z4J_TOO_LARGE;
  }
  if (chunk.len > kMostDraftBytes - draft_bytes_) return Z4J_BUSY;
  draft.reply.body += text_of(chunk);
  draft_bytes_ += chunk.len;
  return Z4J_OK;
}

}  // namespace z4j::plugin
