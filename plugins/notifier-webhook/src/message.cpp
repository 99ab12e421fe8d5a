#include "src/message.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "lib/text/text.hpp"

namespace z4j::webhook {
namespace {

constexpr std::size_t kMaxTarget = 64u << 10, kMaxContext = 1u << 20;
constexpr std::size_t kMaxHeaders = 20, kMaxHeaderName = 100, kMaxHeaderValue = 1024;
constexpr std::size_t kMaxReply = 8192, kMaxRetryS = 86'400;
// The host refuses those that frame a message besides.
constexpr std::array<std::string_view, 8> kReserved = {
    "authorization",     "cookie",    "host",          "x-forwarded-for", "x-forwarded-host",
    "x-forwarded-proto", "x-real-ip", "content-length"};
constexpr std::array<std::string_view, 1> kSlackHosts = {"hooks.slack.com"};
constexpr std::array<std::string_view, 4> kDiscordHosts = {"discord.com", "discordapp.com",
                                                           "canary.discord.com", "ptb.discord.com"};
constexpr std::array<std::string_view, 3> kTeamsHosts = {
    "outlook.office.com", "*.webhook.office.com", "*.logic.azure.com"};

[[noreturn]] void bad_channel(const std::string& message, const char* at) {
  throw Error(Z4J_BAD_CONFIG, message, at);
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

// The host of an https URL, for the list of known ones; the host of z4j parses it again, strictly.
std::string host_of(std::string_view url) {
  const std::size_t mark = url.find("://");
  if (mark == std::string_view::npos) return {};
  url.remove_prefix(mark + 3);
  url = url.substr(0, url.find_first_of("/?#\\"));
  if (url.find('@') != std::string_view::npos) return {};
  return lower(url.substr(0, url.find(':')));
}

bool fits(std::string_view host, std::string_view pattern) {
  if (pattern.substr(0, 2) != "*.") return host == pattern;
  pattern.remove_prefix(1);
  return host.size() > pattern.size() && host.substr(host.size() - pattern.size()) == pattern;
}

template <std::size_t N>
std::string known_url(const Message& message, const std::array<std::string_view, N>& known,
                      const std::vector<std::string>& more, const char* service) {
  const std::string_view url = json::text(message.target, "webhook_url");
  if (url.empty()) bad_channel("the channel has no webhook_url", "/webhook_url");
  const std::string host = host_of(url);
  const auto matches = [&](std::string_view pattern) { return fits(host, pattern); };
  if (host.empty() || (std::none_of(known.begin(), known.end(), matches) &&
                       std::none_of(more.begin(), more.end(), matches)))
    bad_channel(std::string("webhook_url is none of ") + service, "/webhook_url");
  return std::string(url);
}

std::string member(const Message& message, std::string_view key, std::size_t most = 500) {
  return text::clean(json::text(message.context, key), most);
}

std::string trigger_of(const Message& message) {
  const std::string trigger = member(message, "trigger", 100);
  return trigger.empty() ? text::clean(message.title, 100) : trigger;
}

std::string_view mark_of(const Message& message) {
  const std::string_view priority = json::text(message.context, "priority");
  if (priority == "critical" || message.severity >= 4) return "\xF0\x9F\x94\xB4";  // red circle
  if (priority == "high") return "\xF0\x9F\x9F\xA0";                               // orange
  if (priority == "low") return "\xE2\x9A\xAA";                                    // white
  return "\xF0\x9F\x94\xB5";                                                       // blue
}

// Task, state, priority, id, as far as known; `quote` makes a value safe for the service.
template <class Quote>
std::string facts(const Message& message, const char* before, const char* after, Quote quote) {
  std::string out;
  for (const auto& [key, label] : {std::pair{"task_name", "Task"},
                                   {"state", "State"},
                                   {"priority", "Priority"},
                                   {"queue", "Queue"},
                                   {"task_id", "ID"}}) {
    const std::string value = member(message, key);
    if (value.empty()) continue;
    if (!out.empty()) out += '\n';
    out += std::string(before) + label + ":" + after + " " + quote(value);
  }
  return out.empty() ? quote(text::clean(message.text, 2000)) : out;
}

std::string slack_quoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += c;
  }
  return out;
}

// Where Markdown is read: no emphasis, link or list out of what a task says.
std::string markdown_quoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\`*_~|[]()#>!").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

// And nobody is called: what no space of width zero follows would be a mention.
std::string discord_quoted(std::string_view text) {
  std::string out;
  for (const char c : markdown_quoted(text)) {
    out += c;
    if (c == '@' || c == '<') out += "\xE2\x80\x8B";
  }
  return out;
}

std::string as_is(std::string_view text) { return std::string(text); }

HttpCall json_call(std::string url, const json::Object& body) {
  HttpCall call;
  call.url = std::move(url);
  call.body = json::write(body);
  call.headers = {{"Content-Type", "application/json"},
                  {"User-Agent", "z4j-brain/notification-webhook"}};
  return call;
}

HttpCall webhook_call(const Message& message, std::int64_t now_s) {
  const std::string_view url = json::text(message.target, "url");
  if (url.empty()) bad_channel("the channel has no url", "/url");
  HttpCall call = json_call(std::string(url), message.context);
  if (const json::Object* more = json::object(message.target, "headers")) {
    if (more->size() > kMaxHeaders) bad_channel("more than 20 headers", "/headers");
    for (const auto& [key, value] : *more) {
      const std::string name(key.data(), key.size());
      if (!value.is_string() || name.empty() || name.size() > kMaxHeaderName ||
          value.get_string().size() > kMaxHeaderValue)
        bad_channel("header names are at most 100 and values at most 1024 characters", "/headers");
      const std::string low = lower(name);
      if (std::find(kReserved.begin(), kReserved.end(), low) != kReserved.end() ||
          low.substr(0, 6) == "x-z4j-")
        bad_channel("header " + low + " is not for channels to set", "/headers");
      call.headers.emplace_back(name, std::string(value.get_string()));
    }
  }
  call.headers.emplace_back("X-Z4J-Delivery", std::string(message.id));
  if (const std::string_view secret = json::text(message.target, "hmac_secret"); !secret.empty()) {
    const std::string stamp = std::to_string(now_s);
    call.headers.emplace_back("X-Z4J-Timestamp", stamp);
    call.headers.emplace_back("X-Z4J-Signature",
                              "sha256=" + hmac_sha256_hex(secret, stamp + "." + call.body));
    call.headers.emplace_back("X-Z4J-Signature-V1", "sha256=" + hmac_sha256_hex(secret, call.body));
  }
  return call;
}

HttpCall slack_call(const Settings& settings, const Message& message) {
  const std::string head = std::string(mark_of(message)) + " " + trigger_of(message);
  const auto markdown = [](std::string text) {
    return json::Object{{"type", "section"},
                        {"text", json::Object{{"type", "mrkdwn"}, {"text", std::move(text)}}}};
  };
  json::Array blocks;
  blocks.push_back(json::Object{
      {"type", "header"},
      {"text", json::Object{{"type", "plain_text"}, {"text", text::clean(head, 150)}}}});
  blocks.push_back(markdown(text::clean(facts(message, "*", "*", slack_quoted), 2900)));
  if (std::string exception = member(message, "exception"); !exception.empty()) {
    std::replace(exception.begin(), exception.end(), '`', '\'');
    blocks.push_back(markdown("```" + slack_quoted(exception) + "```"));
  }
  if (!message.url.empty())
    blocks.push_back(markdown("<" + slack_quoted(message.url) + "|Open in z4j>"));
  return json_call(
      known_url(message, kSlackHosts, settings.slack_hosts, "Slack"),
      {{"text", slack_quoted(text::clean(message.title, 500))}, {"blocks", std::move(blocks)}});
}

template <class Quote>
std::string plain_text(const Message& message, std::size_t exception_bytes, Quote quote) {
  std::string out = std::string(mark_of(message)) + " " + trigger_of(message) + "\n" +
                    facts(message, "", "", quote);
  if (const std::string exception = member(message, "exception", exception_bytes);
      !exception.empty())
    out += "\n" + quote(exception);
  if (!message.url.empty()) out += "\n" + std::string(message.url);
  return out;
}

HttpCall discord_call(const Settings& settings, const Message& message) {
  std::string url = known_url(message, kDiscordHosts, settings.discord_hosts, "Discord");
  while (!url.empty() && url.back() == '/') url.pop_back();
  // Discord's Slack-compatible endpoint.
  if (url.size() < 6 || url.substr(url.size() - 6) != "/slack") url += "/slack";
  return json_call(std::move(url),
                   {{"text", plain_text(message, 1500, discord_quoted)}, {"username", "z4j"}});
}

HttpCall telegram_call(const Settings& settings, const Message& message) {
  const std::string_view token = json::text(message.target, "bot_token");
  const std::string_view chat = json::text(message.target, "chat_id");
  if (token.empty()) bad_channel("the channel has no bot_token", "/bot_token");
  if (chat.empty()) bad_channel("the channel has no chat_id", "/chat_id");
  if (token.find_first_not_of(
          "0123456789:ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-") !=
      std::string_view::npos)
    bad_channel("bot_token is none", "/bot_token");
  // Plain text: names with underscores would break Telegram's Markdown.
  return json_call(settings.telegram_url + "/bot" + std::string(token) + "/sendMessage",
                   {{"chat_id", chat},
                    {"text", text::clean(plain_text(message, 300, as_is), 4000)},
                    {"disable_web_page_preview", true}});
}

std::string_view default_severity(std::string_view trigger) {
  if (trigger == "agent.offline") return "critical";
  if (trigger == "agent.online" || trigger == "task.succeeded") return "info";
  if (trigger == "task.failed") return "error";
  if (trigger == "task.retried" || trigger == "task.slow") return "warning";
  return {};
}

HttpCall pagerduty_call(const Settings& settings, const Message& message) {
  const std::string_view key = json::text(message.target, "integration_key");
  if (key.empty()) bad_channel("the channel has no integration_key", "/integration_key");
  const std::string trigger = trigger_of(message);
  std::string_view severity;
  if (const json::Object* map = json::object(message.target, "severity_map"))
    severity = json::text(*map, trigger);
  if (severity.empty()) severity = default_severity(trigger);
  if (severity.empty()) severity = json::text(message.target, "severity_default", "warning");
  std::string dedup(message.dedup_key);
  if (dedup.empty())
    dedup = member(message, "project_id") + "/" + trigger + "/" + member(message, "task_id");
  json::Object payload{{"summary", text::clean(message.title, 1024)},
                       {"source", "z4j"},
                       {"severity", severity},
                       {"class", trigger},
                       {"custom_details", message.context}};
  if (const std::string name = member(message, "task_name"); !name.empty())
    payload["component"] = name;
  if (const std::string queue = member(message, "queue"); !queue.empty()) payload["group"] = queue;
  json::Object body{{"routing_key", key},
                    {"event_action", "trigger"},
                    {"dedup_key", text::clean(dedup, 255)},
                    {"payload", std::move(payload)}};
  if (!message.url.empty())
    body["links"] = json::Array{json::Object{{"href", message.url}, {"text", "Open in z4j"}}};
  return json_call(settings.pagerduty_url + "/v2/enqueue", body);
}

HttpCall teams_call(const Settings& settings, const Message& message) {
  const auto block = [](std::string text) {
    return json::Object{{"type", "TextBlock"}, {"wrap", true}, {"text", std::move(text)}};
  };
  json::Object head = block(std::string(mark_of(message)) + " " + trigger_of(message));
  head["weight"] = "Bolder";
  head["size"] = "Medium";
  json::Array blocks{std::move(head)};
  blocks.push_back(block(facts(message, "", "", markdown_quoted)));
  if (const std::string exception = member(message, "exception"); !exception.empty())
    blocks.push_back(block(markdown_quoted(exception)));
  json::Object card{{"type", "AdaptiveCard"},
                    {"$schema", "http://adaptivecards.io/schemas/adaptive-card.json"},
                    {"version", "1.4"},
                    {"body", std::move(blocks)}};
  if (!message.url.empty())
    card["actions"] = json::Array{
        json::Object{{"type", "Action.OpenUrl"}, {"title", "Open in z4j"}, {"url", message.url}}};
  return json_call(known_url(message, kTeamsHosts, settings.teams_hosts, "Teams"),
                   {{"type", "message"},
                    {"attachments", json::Array{json::Object{
                                        {"contentType", "application/vnd.microsoft.card.adaptive"},
                                        {"content", std::move(card)}}}}});
}

json::Object object_of(z4j_str text, std::size_t most, const char* what) {
  if (text.len == 0) return {};
  json::Value value = json::parse(view(text), most);
  if (!value.is_object())
    throw Error(Z4J_INVALID, std::string(what) + " of a message is no JSON object");
  return std::move(value.get_object());
}

std::vector<std::string> texts(const json::Object& o, std::string_view key) {
  std::vector<std::string> out;
  if (const json::Array* list = json::array(o, key)) {
    for (const json::Value& item : *list) {
      if (item.is_string()) out.push_back(lower(std::string(item.get_string())));
    }
  }
  return out;
}

bool is_success(std::string_view type, std::uint32_t status) {
  if (type == "slack" || type == "telegram") return status == 200;
  if (type == "discord") return status == 200 || status == 204;
  if (type == "pagerduty") return status == 202;
  return status >= 200 && status < 300;
}

// Retry-After in seconds, or what Telegram says in its body.
std::uint64_t asked_patience_s(std::string_view type, const z4j_http_answer& answer) {
  for (std::uint32_t i = 0; i < answer.header_count; ++i) {
    if (!same(answer.headers[i].name, "retry-after")) continue;
    const std::string_view value = view(answer.headers[i].value);
    std::uint64_t seconds = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (error == std::errc() && end == value.data() + value.size())
      return std::min<std::uint64_t>(seconds, kMaxRetryS);
  }
  if (type != "telegram") return 0;
  try {
    const json::Value body = json::parse(view(answer.body), kMaxReply, 8);
    const json::Object* parameters =
        body.is_object() ? json::object(body.get_object(), "parameters") : nullptr;
    if (parameters == nullptr) return 0;
    return static_cast<std::uint64_t>(std::clamp<std::int64_t>(
        json::integer(*parameters, "retry_after"), 0, static_cast<std::int64_t>(kMaxRetryS)));
  } catch (const Error&) {
    return 0;
  }
}

}  // namespace

Settings read_settings(std::string_view settings_json) {
  const json::Value root = json::parse(settings_json, 1u << 20);
  if (!root.is_object()) throw Error(Z4J_BAD_CONFIG, "the settings are no object");
  const json::Object& o = root.get_object();
  Settings out;
  out.slack_hosts = texts(o, "slack_hosts");
  out.discord_hosts = texts(o, "discord_hosts");
  out.teams_hosts = texts(o, "teams_hosts");
  out.telegram_url = json::text(o, "telegram_url", "https://api.telegram.org");
  out.pagerduty_url = json::text(o, "pagerduty_url", "https://events.pagerduty.com");
  return out;
}

Message read_message(const z4j_notification& n) {
  Message out;
  out.type = view(n.target_type);
  out.title = view(n.title);
  out.text = view(n.body_text);
  out.url = view(n.url);
  out.dedup_key = view(n.dedup_key);
  out.id = view(n.id);
  out.severity = n.severity;
  out.is_test = n.is_test != 0;
  out.target = object_of(n.target_json, kMaxTarget, "the channel");
  out.context = object_of(n.context_json, kMaxContext, "the context");
  return out;
}

HttpCall make_call(const Settings& settings, const Message& message, std::int64_t now_s) {
  if (message.type == "webhook") return webhook_call(message, now_s);
  if (message.type == "slack") return slack_call(settings, message);
  if (message.type == "discord") return discord_call(settings, message);
  if (message.type == "telegram") return telegram_call(settings, message);
  if (message.type == "pagerduty") return pagerduty_call(settings, message);
  if (message.type == "teams") return teams_call(settings, message);
  throw Error(Z4J_UNSUPPORTED, "no such type of channels: " + text::clean(message.type, 40));
}

json::Object outcome_of(std::string_view type, const z4j_http_answer& answer) {
  if (answer.status != Z4J_OK) {
    const bool is_world = answer.status >= 200 && answer.status < 300;
    return {{"outcome", is_world ? "retry" : "failed"},
            {"error", text::clean(view(answer.message), 500)}};
  }
  json::Object out{{"outcome", "sent"},
                   {"code", answer.http_status},
                   {"reply", text::clean(view(answer.body), kMaxReply)}};
  if (is_success(type, answer.http_status)) return out;
  const std::uint32_t status = answer.http_status;
  const bool may_retry = status == 408 || status == 425 || status == 429 || status >= 500;
  out["outcome"] = may_retry ? "retry" : "failed";
  out["error"] = status >= 300 && status < 400
                     ? "HTTP " + std::to_string(status) + ": redirects are not followed"
                     : "HTTP " + std::to_string(status);
  if (const std::uint64_t wait = may_retry ? asked_patience_s(type, answer) : 0; wait > 0)
    out["retry_after_ms"] = static_cast<std::int64_t>(wait) * 1000;
  return out;
}

std::string hmac_sha256_hex(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (::HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(),
             &size) == nullptr)
    throw Error(Z4J_INTERNAL, "the message could not be signed");
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (unsigned int i = 0; i < size; ++i) {
    out += kHex[digest[i] >> 4];
    out += kHex[digest[i] & 15];
  }
  return out;
}

}  // namespace z4j::webhook
