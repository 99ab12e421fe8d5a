#include "core/channel_rules.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "config/schema.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;

struct KnownType {
  std::string_view name, plugin;
  std::span<const std::string_view> members, secrets;
};

constexpr std::array<std::string_view, 3> kWebhookMembers{"url", "headers", "hmac_secret"};
constexpr std::array<std::string_view, 1> kWebhookSecrets{"hmac_secret"};
constexpr std::array<std::string_view, 7> kEmailMembers{
    "smtp_host", "smtp_port", "smtp_user", "smtp_pass", "smtp_tls", "from_addr", "to_addrs"};
constexpr std::array<std::string_view, 1> kEmailSecrets{"smtp_pass"};
constexpr std::array<std::string_view, 1> kHookMembers{"webhook_url"};
constexpr std::array<std::string_view, 2> kTelegramMembers{"bot_token", "chat_id"};
constexpr std::array<std::string_view, 1> kTelegramSecrets{"bot_token"};
constexpr std::array<std::string_view, 3> kPagerdutyMembers{"integration_key", "severity_default",
                                                            "severity_map"};
constexpr std::array<std::string_view, 1> kPagerdutySecrets{"integration_key"};

constexpr std::string_view kWebhookPlugin = "notifier-webhook", kSmtpPlugin = "notifier-smtp";
constexpr std::array<KnownType, 7> kKnownTypes{{
    {"webhook", kWebhookPlugin, kWebhookMembers, kWebhookSecrets},
    {"email", kSmtpPlugin, kEmailMembers, kEmailSecrets},
    {"slack", kWebhookPlugin, kHookMembers, {}},
    {"telegram", kWebhookPlugin, kTelegramMembers, kTelegramSecrets},
    {"pagerduty", kWebhookPlugin, kPagerdutyMembers, kPagerdutySecrets},
    {"discord", kWebhookPlugin, kHookMembers, {}},
    {"teams", kWebhookPlugin, kHookMembers, {}},
}};
// Where secrets go: who may change it must not get the secrets that were meant for another place.
constexpr std::array<std::string_view, 3> kAddressMembers{"url", "webhook_url", "smtp_host"};

constexpr std::size_t kMostHeaders = 20, kHeaderNameBytes = 100, kHeaderValueBytes = 1024;
constexpr std::size_t kMostAddresses = 50, kAddressBytes = 320, kUrlBytes = 2048;
constexpr std::size_t kMostSeverities = 32;
constexpr std::array<std::string_view, 13> kReservedHeaders{"host",
                                                            "authorization",
                                                            "cookie",
                                                            "proxy-authorization",
                                                            "x-forwarded-for",
                                                            "x-forwarded-host",
                                                            "x-forwarded-proto",
                                                            "x-real-ip",
                                                            "content-length",
                                                            "transfer-encoding",
                                                            "connection",
                                                            "upgrade",
                                                            "te"};
constexpr std::array<std::int64_t, 4> kMailPorts{25, 465, 587, 2525};
constexpr std::array<std::string_view, 4> kSeverities{"critical", "error", "warning", "info"};

const KnownType* known_type(std::string_view name) noexcept {
  const auto found = std::find_if(kKnownTypes.begin(), kKnownTypes.end(),
                                  [name](const KnownType& t) { return t.name == name; });
  return found == kKnownTypes.end() ? nullptr : &*found;
}

template <class List>
bool is_among(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

base::Error invalid_config(std::string_view type, const std::string& what) {
  return refuse::conflict("invalid_config", "invalid " + std::string(type) + " config: " + what);
}
base::Error unsafe_config(std::string_view type, const std::string& what) {
  return refuse::conflict("unsafe_config", "unsafe " + std::string(type) + " config: " + what);
}

// The schema's members and which of them are secret.
json::Object schema_members(const Courier::Type& type) {
  if (type.config_schema.empty()) return {};
  const auto schema = json::parse(type.config_schema);
  if (!schema || !schema->is_object()) return {};
  const json::Object* properties = json::object(schema->get_object(), "properties");
  return properties != nullptr ? *properties : json::Object();
}

struct UrlParts {
  std::string scheme, host;
  bool has_user = false;
};

// Scheme, host and whether there is user information; nothing for what is no absolute URL.
std::optional<UrlParts> split_url(std::string_view url) {
  const std::size_t colon = url.find("://");
  const bool is_clean = std::none_of(url.begin(), url.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7f || c == '\\';
  });
  if (colon == std::string_view::npos || !is_clean || url.size() > kUrlBytes) return std::nullopt;
  UrlParts out;
  out.scheme = ascii_lower(url.substr(0, colon));
  std::string_view rest = url.substr(colon + 3);
  rest = rest.substr(0, rest.find_first_of("/?#"));
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    out.has_user = true;
    rest.remove_prefix(at + 1);
  }
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    rest = rest.substr(1, end - 1);
  } else {
    rest = rest.substr(0, rest.rfind(':'));
  }
  if (rest.empty()) return std::nullopt;
  out.host = ascii_lower(rest);
  return out;
}

std::optional<std::string> text_member(const json::Object& config, std::string_view name) {
  const json::Value* value = config.if_contains(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (!value->is_string()) return std::string();
  return std::string(value->get_string());
}

bool has_line_break(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

bool is_mail_address(std::string_view text) {
  const std::size_t at = text.rfind('@');
  const bool is_clean = std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7f || c == '<' || c == '>' || c == ',' || c == ';';
  });
  return is_clean && at != std::string_view::npos && at > 0 && at + 1 < text.size() &&
         text.size() <= kAddressBytes;
}

base::Status check_url(Courier& courier, std::string_view type, const json::Object& config,
                       std::string_view member, const ChannelRules& rules) {
  const auto url = text_member(config, member);
  if (!url || url->empty()) return invalid_config(type, std::string(member) + " is missing");
  const auto parts = split_url(*url);
  if (!parts) return invalid_config(type, std::string(member) + " is not a URL");
  if (parts->scheme != "https" && !(parts->scheme == "http" && rules.allows_http))
    return unsafe_config(type, std::string(member) + " must begin with https://");
  if (parts->has_user)
    return unsafe_config(type, std::string(member) + " must not hold a user name or password");
  if (auto allowed = courier.check_target(parts->host); !allowed)
    return unsafe_config(type, allowed.error().message);
  return {};
}

base::Status check_headers(const json::Object& config) {
  const json::Value* value = config.if_contains("headers");
  if (value == nullptr || value->is_null()) return {};
  if (!value->is_object()) return invalid_config("webhook", "headers must be an object");
  const json::Object& headers = value->get_object();
  if (headers.size() > kMostHeaders) return invalid_config("webhook", "more than 20 headers");
  for (const auto& header : headers) {
    const std::string name = ascii_lower({header.key().data(), header.key().size()});
    const bool is_token = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
             std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    });
    if (!is_token || name.size() > kHeaderNameBytes)
      return invalid_config("webhook", "a header's name must be a word of up to 100 characters");
    if (is_among(kReservedHeaders, name) || name.starts_with("x-z4j-"))
      return unsafe_config("webhook", "header " + name + " is not for channels to set");
    if (!header.value().is_string())
      return invalid_config("webhook", "the value of header " + name + " must be text");
    const std::string_view text(header.value().get_string());
    if (text.size() > kHeaderValueBytes || has_line_break(text))
      return invalid_config(
          "webhook", "the value of header " + name + " must be one line of up to 1024 characters");
  }
  return {};
}

base::Status check_email(Courier& courier, const json::Object& config, const ChannelRules& rules) {
  const auto host = text_member(config, "smtp_host");
  if (!host || host->empty() || has_line_break(*host))
    return invalid_config("email", "smtp_host is missing");
  if (const json::Value* port = config.if_contains("smtp_port"); port != nullptr) {
    const std::int64_t number = json::integer(config, "smtp_port", -1);
    if (std::find(kMailPorts.begin(), kMailPorts.end(), number) == kMailPorts.end() &&
        (number <= 0 || number != rules.extra_mail_port))
      return unsafe_config("email", "smtp_port must be 25, 465, 587 or 2525");
  }
  for (const std::string_view name : {"smtp_user", "smtp_pass"}) {
    if (const auto text = text_member(config, name); text && has_line_break(*text))
      return invalid_config("email", std::string(name) + " must be one line");
  }
  if (const json::Value* tls = config.if_contains("smtp_tls");
      tls != nullptr && !tls->is_null() && !tls->is_bool())
    return invalid_config("email", "smtp_tls must be true or false");
  if (const auto from = text_member(config, "from_addr");
      from && !from->empty() && !is_mail_address(*from))
    return invalid_config("email", "from_addr is not an address");
  if (const json::Value* to = config.if_contains("to_addrs"); to != nullptr && !to->is_null()) {
    if (!to->is_array() || to->get_array().size() > kMostAddresses)
      return invalid_config("email", "to_addrs must be a list of up to 50 addresses");
    for (const json::Value& each : to->get_array()) {
      if (!each.is_string() || !is_mail_address(each.get_string()))
        return invalid_config("email", "to_addrs holds what is not an address");
    }
  }
  if (auto allowed = courier.check_target(*host); !allowed)
    return unsafe_config("email", allowed.error().message);
  return {};
}

base::Status check_telegram(const json::Object& config) {
  const std::string token = text_member(config, "bot_token").value_or("");
  const std::size_t colon = token.find(':');
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_word = [&](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
  };
  if (colon == std::string::npos || colon == 0 || colon + 1 == token.size() || token.size() > 200 ||
      !std::all_of(token.begin(), token.begin() + static_cast<std::ptrdiff_t>(colon), is_digit) ||
      !std::all_of(token.begin() + static_cast<std::ptrdiff_t>(colon) + 1, token.end(), is_word))
    return invalid_config("telegram", "bot_token must be digits, a colon and the token");
  const json::Value* chat = config.if_contains("chat_id");
  if (chat != nullptr && chat->is_int64()) return {};
  const std::string id = text_member(config, "chat_id").value_or("");
  const std::string_view rest = std::string_view(id).substr(id.starts_with('-') ? 1 : 0);
  const bool is_number =
      !rest.empty() && rest.size() <= 20 && std::all_of(rest.begin(), rest.end(), is_digit);
  const bool is_name = id.size() > 1 && id.size() <= 100 && id.starts_with('@') &&
                       std::all_of(id.begin() + 1, id.end(), is_word);
  if (!is_number && !is_name)
    return invalid_config("telegram", "chat_id must be a number or @name");
  return {};
}

base::Status check_pagerduty(const json::Object& config) {
  const std::string key = text_member(config, "integration_key").value_or("");
  const bool is_key =
      key.size() >= 8 && key.size() <= 64 && std::all_of(key.begin(), key.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '_' || c == '-';
      });
  if (!is_key)
    return invalid_config("pagerduty", "integration_key must be 8 to 64 letters, digits, _ and -");
  if (const auto severity = text_member(config, "severity_default");
      severity && !is_among(kSeverities, *severity))
    return invalid_config("pagerduty", "severity_default must be critical, error, warning or info");
  const json::Value* map = config.if_contains("severity_map");
  if (map == nullptr || map->is_null()) return {};
  if (!map->is_object() || map->get_object().size() > kMostSeverities)
    return invalid_config("pagerduty", "severity_map must be an object of up to 32 triggers");
  for (const auto& each : map->get_object()) {
    const std::string_view trigger(each.key().data(), each.key().size());
    if (trigger.size() > 40 || trigger.find('.') == std::string_view::npos)
      return invalid_config("pagerduty", "severity_map names what is not a trigger");
    if (!each.value().is_string() || !is_among(kSeverities, each.value().get_string()))
      return invalid_config("pagerduty", "severity_map must give critical, error, warning or info");
  }
  return {};
}

// Scheme and host, the rest hidden.
std::string without_path(std::string_view url) {
  const auto parts = split_url(url);
  return parts ? parts->scheme + "://" + parts->host + "/" + std::string(kChannelMask)
               : std::string(kChannelMask);
}

}  // namespace

bool is_known_channel_type(std::string_view type) noexcept { return known_type(type) != nullptr; }

std::string_view plugin_of_channel_type(std::string_view type) noexcept {
  const KnownType* known = known_type(type);
  return known != nullptr ? known->plugin : std::string_view();
}

base::Result<Courier::Type> find_channel_type(Courier& courier, std::string_view type) {
  for (Courier::Type& each : courier.types()) {
    if (each.name == type) return std::move(each);
  }
  if (const KnownType* known = known_type(type)) {
    return base::Error{.code = base::Code::conflict,
                       .message = "channels of type " + std::string(type) + " need the plugin " +
                                  std::string(known->plugin) + ", which is not loaded",
                       .where = "plugin_missing",
                       .hint = "add a [plugin.NAME] table with plugin = \"" +
                               std::string(known->plugin) +
                               "\" to z4j.toml and start the brain again"};
  }
  return refuse::invalid("type", "no loaded plugin serves channels of this type");
}

std::vector<std::string> channel_secrets(const Courier::Type& type) {
  std::vector<std::string> out;
  if (const KnownType* known = known_type(type.name))
    out.assign(known->secrets.begin(), known->secrets.end());
  for (const auto& member : schema_members(type)) {
    const std::string name(member.key().data(), member.key().size());
    if (member.value().is_object() && json::boolean(member.value().get_object(), "x-z4j-secret") &&
        !is_among(out, name))
      out.push_back(name);
  }
  return out;
}

json::Object cleaned_channel_config(const Courier::Type& type, const json::Object& config) {
  const KnownType* known = known_type(type.name);
  const json::Object declared = schema_members(type);
  json::Object out;
  for (const auto& member : config) {
    const std::string_view name(member.key().data(), member.key().size());
    if (!(known != nullptr && is_among(known->members, name)) && !declared.contains(name)) continue;
    if (member.value().is_null()) continue;
    if (member.value().is_string() &&
        std::string_view(member.value().get_string()).find(kChannelMask) != std::string_view::npos)
      continue;
    out[member.key()] = member.value();
  }
  return out;
}

json::Object merged_channel_config(const Courier::Type& type, const json::Object& stored,
                                   const json::Object& change) {
  const json::Object next = cleaned_channel_config(type, change);
  const bool is_elsewhere =
      std::any_of(kAddressMembers.begin(), kAddressMembers.end(), [&](std::string_view name) {
        const json::Value* to = next.if_contains(name);
        const json::Value* from = stored.if_contains(name);
        return to != nullptr && (from == nullptr || *from != *to);
      });
  json::Object out = stored;
  if (is_elsewhere) {
    for (const std::string& name : channel_secrets(type)) out.erase(name);
    if (!next.contains("headers")) out.erase("headers");
  }
  for (const auto& member : change) {
    if (member.value().is_null()) out.erase(member.key());
  }
  for (const auto& member : next) {
    // A header that came back masked keeps its value, as long as it goes to the same place.
    if (member.key() == "headers" && member.value().is_object()) {
      json::Object headers;
      const json::Object* before = is_elsewhere ? nullptr : json::object(stored, "headers");
      for (const auto& header : member.value().get_object()) {
        const bool is_mask = header.value().is_string() &&
                             std::string_view(header.value().get_string()) == kChannelMask;
        const json::Value* kept =
            is_mask && before != nullptr ? before->if_contains(header.key()) : nullptr;
        if (!is_mask)
          headers[header.key()] = header.value();
        else if (kept != nullptr)
          headers[header.key()] = *kept;
      }
      out[member.key()] = std::move(headers);
      continue;
    }
    out[member.key()] = member.value();
  }
  return out;
}

json::Object masked_channel_config(std::string_view type, const std::vector<std::string>& secrets,
                                   const json::Object& config, ChannelEyes eyes) {
  const KnownType* known = known_type(type);
  json::Object out;
  for (const auto& member : config) {
    const std::string_view name(member.key().data(), member.key().size());
    const bool is_secret =
        is_among(secrets, name) || (known != nullptr && is_among(known->secrets, name));
    if (is_secret) {
      out[member.key()] = kChannelMask;
    } else if (eyes == ChannelEyes::reader && (name == "url" || name == "webhook_url")) {
      out[member.key()] =
          member.value().is_string() ? without_path(member.value().get_string()) : "";
    } else if (eyes == ChannelEyes::reader && name == "headers" && member.value().is_object()) {
      json::Object headers;
      for (const auto& header : member.value().get_object()) headers[header.key()] = kChannelMask;
      out[member.key()] = std::move(headers);
    } else {
      out[member.key()] = member.value();
    }
  }
  return out;
}

base::Status check_channel_config(Courier& courier, const Courier::Type& type,
                                  const json::Object& config, const ChannelRules& rules) {
  if (config.empty()) return {};
  if (json::write(config).size() > kChannelConfigBytes)
    return invalid_config(type.name, "it is larger than 16 KiB");
  base::Status good;
  if (type.name == "webhook") {
    good = check_url(courier, type.name, config, "url", rules);
    if (good) good = check_headers(config);
  } else if (type.name == "email") {
    good = check_email(courier, config, rules);
  } else if (type.name == "slack" || type.name == "discord" || type.name == "teams") {
    good = check_url(courier, type.name, config, "webhook_url", rules);
  } else if (type.name == "telegram") {
    good = check_telegram(config);
  } else if (type.name == "pagerduty") {
    good = check_pagerduty(config);
  }
  if (!good || type.config_schema.empty()) return good;
  const config::Checked checked = config::check_settings(type.config_schema, config);
  if (checked.problems.empty()) return {};
  const auto& problem = checked.problems.front();
  return invalid_config(type.name, problem.where + ": " + problem.message);
}

}  // namespace z4j::core
