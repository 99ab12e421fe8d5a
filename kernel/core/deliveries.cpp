#include "core/deliveries.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace delivery_col = model::notification_deliveries;

constexpr std::size_t kReplyCharacters = 2'000, kErrorCharacters = 500,
                      kDeliveryNameCharacters = 500;
constexpr std::uint32_t kClearedAtOnce = 2'000;

void put_delivery_id(Rows& rows, std::uint16_t column, const std::optional<base::Uuid>& id) {
  if (id)
    rows.uuid(column, *id);
  else
    rows.null(column);
}

Delivery delivery_of(const Row& row) {
  Delivery d;
  d.id = row.uuid(delivery_col::id);
  d.project_id = row.uuid_or_none(delivery_col::project_id);
  d.subscription_id = row.uuid_or_none(delivery_col::subscription_id);
  d.channel_id = row.uuid_or_none(delivery_col::channel_id);
  d.user_channel_id = row.uuid_or_none(delivery_col::user_channel_id);
  d.user_id = row.uuid_or_none(delivery_col::user_id);
  d.triggered_by_user_id = row.uuid_or_none(delivery_col::triggered_by_user_id);
  d.trigger = row.text(delivery_col::trigger);
  d.task_id = row.text(delivery_col::task_id);
  d.task_name = row.text(delivery_col::task_name);
  d.channel_name = row.text(delivery_col::channel_name);
  d.channel_type = row.text(delivery_col::channel_type);
  d.status = row.text(delivery_col::status);
  d.response_code = row.num_or_none(delivery_col::response_code);
  d.response_body = row.text(delivery_col::response_body);
  d.error = row.text(delivery_col::error);
  d.attempts = row.num(delivery_col::attempts);
  d.sent_at = row.num(delivery_col::sent_at);
  return d;
}

// --- cleaning -----------------------------------------------------------------------------------

constexpr std::size_t kLongestReply = 8'192, kShortestHidden = 4, kLongestAddress = 64;
constexpr std::string_view kHiddenAddress = "[private address]", kHiddenUrl = "[channel address]",
                           kHiddenSecret = "[secret]";

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

bool is_private_v4(const std::uint8_t* a) noexcept {
  return a[0] == 0 || a[0] == 10 || a[0] == 127 || (a[0] == 100 && (a[1] & 0xc0) == 64) ||
         (a[0] == 169 && a[1] == 254) || (a[0] == 172 && (a[1] & 0xf0) == 16) ||
         (a[0] == 192 && a[1] == 168) || (a[0] == 198 && (a[1] & 0xfe) == 18) || a[0] >= 224;
}

bool is_private_address(const std::string& word) {
  std::array<std::uint8_t, 16> a{};
  if (::inet_pton(AF_INET, word.c_str(), a.data()) == 1) return is_private_v4(a.data());
  if (::inet_pton(AF_INET6, word.c_str(), a.data()) != 1) return false;
  const bool has_no_head = std::all_of(a.begin(), a.begin() + 10, [](auto b) { return b == 0; });
  if (has_no_head) return true;  // unspecified, loopback, mapped
  return (a[0] & 0xfe) == 0xfc || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) || a[0] == 0xff;
}

// Runs of what addresses are written with, where they are private ones.
void hide_private_addresses(std::string& text) {
  const auto is_part = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '.' ||
           c == ':';
  };
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (!is_part(text[i])) {
      out += text[i++];
      continue;
    }
    std::size_t end = i;
    while (end < text.size() && is_part(text[end])) ++end;
    std::string word = text.substr(i, std::min(end - i, kLongestAddress));
    std::string tail = text.substr(i + word.size(), end - i - word.size());
    // "10.0.0.1:25", "10.0.0.1." and the like.
    while (!word.empty() && !is_private_address(word)) {
      tail.insert(tail.begin(), word.back());
      word.pop_back();
    }
    out += word.empty() ? tail : std::string(kHiddenAddress) + tail;
    i = end;
  }
  text.swap(out);
}

// Every text in it, headers' values too.
void hide_config(std::string& text, const base::json::Value& value, std::string_view name) {
  if (value.is_object()) {
    if (name == "severity_map") return;
    for (const auto& member : value.get_object())
      hide_config(text, member.value(), {member.key().data(), member.key().size()});
    return;
  }
  if (!value.is_string()) return;
  const std::string_view words(value.get_string());
  const bool is_url = name == "url" || name == "webhook_url";
  if (words.size() < kShortestHidden) return;
  if (is_url) {
    replace_all(text, words, kHiddenUrl);
    const std::size_t host = words.find("://");
    const std::size_t path = words.find('/', host == std::string_view::npos ? 0 : host + 3);
    if (path != std::string_view::npos && words.size() - path > kShortestHidden)
      replace_all(text, words.substr(path), kHiddenUrl);
    return;
  }
  // What people may see in the channel is no secret.
  constexpr std::array<std::string_view, 6> kShown{"smtp_host", "smtp_user",        "from_addr",
                                                   "chat_id",   "severity_default", "smtp_port"};
  if (std::find(kShown.begin(), kShown.end(), name) == kShown.end())
    replace_all(text, words, kHiddenSecret);
}

}  // namespace

std::string cleaned_reply(std::string_view given, const base::json::Object& config) {
  std::string text = clean_text(given.substr(0, kLongestReply), kLongestReply);
  hide_config(text, base::json::Value(config), {});
  hide_private_addresses(text);
  return clean_text(text, kReplyCharacters);
}

void insert_delivery(Commit& commit, const Delivery& d) {
  Rows rows(Table::notification_deliveries);
  rows.begin().uuid(delivery_col::id, d.id);
  put_delivery_id(rows, delivery_col::project_id, d.project_id);
  put_delivery_id(rows, delivery_col::subscription_id, d.subscription_id);
  put_delivery_id(rows, delivery_col::channel_id, d.channel_id);
  put_delivery_id(rows, delivery_col::user_channel_id, d.user_channel_id);
  put_delivery_id(rows, delivery_col::user_id, d.user_id);
  put_delivery_id(rows, delivery_col::triggered_by_user_id, d.triggered_by_user_id);
  rows.text(delivery_col::trigger, d.trigger)
      .text_or_null(delivery_col::task_id, clean_text(d.task_id, kDeliveryNameCharacters))
      .text_or_null(delivery_col::task_name, clean_text(d.task_name, kDeliveryNameCharacters))
      .text_or_null(delivery_col::channel_name, d.channel_name)
      .text_or_null(delivery_col::channel_type, d.channel_type)
      .text(delivery_col::status, d.status)
      .cell(delivery_col::response_code, d.response_code ? Cell(*d.response_code) : Cell())
      .text_or_null(delivery_col::response_body, clean_text(d.response_body, kReplyCharacters))
      .text_or_null(delivery_col::error, clean_text(d.error, kErrorCharacters))
      .num(delivery_col::attempts, d.attempts)
      .num(delivery_col::sent_at, d.sent_at);
  commit.insert_new(std::move(rows));
}

base::Result<Page<Delivery>> Deliveries::page(Query query, const std::optional<Place>& after,
                                              std::uint32_t limit) {
  query.all().order({delivery_col::sent_at, delivery_col::id}, true);
  if (after) query.after({Cell(after->at), Cell(after->id)});
  auto page = read_page<Delivery>(
      store_, std::move(query), limit, delivery_of,
      [](const Delivery& d) {
        return Place{d.sent_at, d.id};
      },
      [](const Delivery& d) { return d.response_body.size() + d.error.size() + 500; });
  if (!page) return page;
  std::set<base::Uuid> asked;
  for (const Delivery& d : page->items) {
    if (d.triggered_by_user_id) asked.insert(*d.triggered_by_user_id);
  }
  if (asked.empty()) return page;
  namespace u = model::users;
  std::map<base::Uuid, std::string> emails;
  Query users(Table::users);
  users.where.in(u::id, {asked.begin(), asked.end()});
  auto read = store_.each(users.columns({u::id, u::email}), [&emails](const Row& row) {
    emails[row.uuid(u::id)] = row.text(u::email);
    return true;
  });
  if (!read) return std::move(read).error();
  for (Delivery& d : page->items) {
    if (d.triggered_by_user_id) d.triggered_by_email = emails[*d.triggered_by_user_id];
  }
  return page;
}

base::Result<Page<Delivery>> Deliveries::of_project(const base::Uuid& project,
                                                    const std::optional<Place>& after,
                                                    std::uint32_t limit) {
  Query query(Table::notification_deliveries);
  query.where.eq(delivery_col::project_id, project);
  return page(std::move(query), after, limit);
}

base::Result<Page<Delivery>> Deliveries::of_user(const base::Uuid& user,
                                                 const std::optional<base::Uuid>& project,
                                                 const std::optional<Place>& after,
                                                 std::uint32_t limit) {
  Query query(Table::notification_deliveries);
  query.where.eq(delivery_col::user_id, user);
  if (project) query.where.eq(delivery_col::project_id, *project);
  return page(std::move(query), after, limit);
}

base::Result<std::uint64_t> Deliveries::clear(const base::Uuid& project,
                                              std::optional<base::TimeUs> before,
                                              const Actor& actor) {
  const base::TimeUs until = before.value_or(clock_.now());
  Where old;
  old.eq(delivery_col::project_id, project);
  if (before)
    old.lt(delivery_col::sent_at, until);
  else
    old.le(delivery_col::sent_at, until);
  auto found = store_.count(Table::notification_deliveries, old);
  if (!found) return found;
  // What the entry says is counted before: it stands first, and the rows go in steps behind it.
  AuditEntry entry =
      AuditEntry::of(actor, "notifications.deliveries.clear", "project", project.text(), project);
  entry.metadata = {{"before", base::format_time(until)},
                    {"rows", static_cast<std::int64_t>(*found)}};
  Commit first;
  auto done = audit_.commit(
      {std::move(entry)},
      [&](Commit& c) { c.erase(Table::notification_deliveries, old, kClearedAtOnce); }, first);
  if (!done) return std::move(done).error();
  std::uint64_t deleted = first.affected(0);
  for (std::uint64_t last = deleted; last == kClearedAtOnce;) {
    Commit more;
    more.erase(Table::notification_deliveries, old, kClearedAtOnce);
    if (auto gone = store_.commit(more); !gone) return std::move(gone).error();
    last = more.affected(0);
    deleted += last;
  }
  return deleted;
}

}  // namespace z4j::core
