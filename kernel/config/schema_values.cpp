#include "config/schema_values.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include "config/schema.hpp"

namespace z4j::config {
namespace {

struct ValueUnit {
  std::string_view name;
  double factor;
};

constexpr std::array<ValueUnit, 6> kDurationUnits{{{"ms", 1},
                                                   {"s", 1000},
                                                   {"m", 60'000},
                                                   {"h", 3'600'000},
                                                   {"d", 86'400'000},
                                                   {"w", 604'800'000}}};
constexpr std::array<ValueUnit, 9> kByteUnits{{{"B", 1},
                                               {"kB", 1e3},
                                               {"MB", 1e6},
                                               {"GB", 1e9},
                                               {"TB", 1e12},
                                               {"KiB", 1024},
                                               {"MiB", 1048576},
                                               {"GiB", 1073741824},
                                               {"TiB", 1099511627776.0}}};
constexpr double kMostUnits = 9e15;  // a double counts whole numbers exactly up to here

template <std::size_t N>
base::Result<std::int64_t> with_unit(std::string_view text, const std::array<ValueUnit, N>& units,
                                     double bare, const char* expected) {
  const base::Error bad{.code = base::Code::invalid,
                        .message = std::string("is not ") + expected,
                        .where = {},
                        .hint = {}};
  // Digits first: from_chars also reads "inf", "nan" and a sign.
  if (text.empty() || text.size() > 64 ||
      std::isdigit(static_cast<unsigned char>(text.front())) == 0)
    return bad;
  double number = 0;
  const auto [end, ec] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (ec != std::errc()) return bad;
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  double factor = unit.empty() ? bare : 0;
  for (const ValueUnit& known : units) {
    if (known.name == unit) factor = known.factor;
  }
  if (factor == 0 || !(number * factor <= kMostUnits)) return bad;
  return static_cast<std::int64_t>(std::llround(number * factor));
}

struct CronField {
  int low, high;
  std::string_view names;  // three letters each, the first for `low`
};

constexpr std::array<CronField, 5> kCronFields{{{0, 59, {}},
                                                {0, 23, {}},
                                                {1, 31, {}},
                                                {1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
                                                {0, 7, "sunmontuewedthufrisat"}}};

bool cron_value(const CronField& field, std::string_view text, int& out) {
  std::string word(text);
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (word.size() == 3 && !field.names.empty()) {
    for (std::size_t i = 0; i < field.names.size(); i += 3) {
      if (field.names.substr(i, 3) == word) {
        out = field.low + static_cast<int>(i / 3);
        return true;
      }
    }
  }
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc() && end == text.data() + text.size() && out >= field.low &&
         out <= field.high;
}

bool cron_item(const CronField& field, std::string_view item) {
  if (const std::size_t slash = item.find('/'); slash != std::string_view::npos) {
    const std::string_view step = item.substr(slash + 1);
    int n = 0;
    const auto [end, ec] = std::from_chars(step.data(), step.data() + step.size(), n);
    if (ec != std::errc() || end != step.data() + step.size() || n < 1 || n > 1000) return false;
    item = item.substr(0, slash);
  }
  if (item == "*") return true;
  int from = 0, to = 0;
  const std::size_t dash = item.find('-');
  if (dash == std::string_view::npos) return cron_value(field, item, from);
  return cron_value(field, item.substr(0, dash), from) &&
         cron_value(field, item.substr(dash + 1), to) && from <= to;
}

}  // namespace

base::Result<std::int64_t> parse_duration_ms(std::string_view text) {
  return with_unit(text, kDurationUnits, 1000, "a duration such as \"5s\"");
}

base::Result<std::int64_t> parse_byte_count(std::string_view text) {
  return with_unit(text, kByteUnits, 1, "a size such as \"64MiB\"");
}

bool is_uri(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size() ||
      std::isalpha(static_cast<unsigned char>(text.front())) == 0)
    return false;
  for (const char c : text.substr(0, colon)) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '+' && c != '-' && c != '.')
      return false;
  }
  for (std::size_t i = colon + 1; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size() || std::isxdigit(static_cast<unsigned char>(text[i + 1])) == 0 ||
          std::isxdigit(static_cast<unsigned char>(text[i + 2])) == 0)
        return false;
    } else if (std::isalnum(static_cast<unsigned char>(c)) == 0 &&
               std::string_view("-._~:/?#[]@!$&'()*+,;=").find(c) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

bool is_cron(std::string_view text) {
  for (const std::string_view word :
       {"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"}) {
    if (text == word) return true;
  }
  if (text.size() > 512) return false;
  std::size_t count = 0;
  while (!text.empty()) {
    const std::size_t blank = text.find_first_of(" \t");
    std::string_view field = text.substr(0, blank);
    text = blank == std::string_view::npos ? std::string_view() : text.substr(blank + 1);
    if (field.empty()) continue;
    if (count == kCronFields.size()) return false;
    const CronField& rule = kCronFields[count++];
    for (;;) {
      const std::size_t comma = field.find(',');
      if (!cron_item(rule, field.substr(0, comma))) return false;
      if (comma == std::string_view::npos) break;
      field = field.substr(comma + 1);
    }
  }
  return count == kCronFields.size();
}

bool is_timezone(std::string_view text) {
  if (text == "UTC") return true;
  if (text.empty() || text.size() > 64 ||
      std::isalpha(static_cast<unsigned char>(text.front())) == 0 || text.back() == '/' ||
      text.find("//") != std::string_view::npos)
    return false;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '/' && c != '_' && c != '-' &&
        c != '+')
      return false;
  }
  struct stat facts {};
  const std::string database = "/usr/share/zoneinfo";
  if (::stat(database.c_str(), &facts) != 0) return true;
  return ::stat((database + "/" + std::string(text)).c_str(), &facts) == 0 &&
         S_ISREG(facts.st_mode);
}

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() > 64) return {};
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    if (candidate.size() > 64) continue;
    std::vector<std::size_t> row(candidate.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j < row.size(); ++j) {
        const std::size_t above = row[j];
        row[j] = std::min(
            {row[j] + 1, row[j - 1] + 1, diagonal + (word[i - 1] == candidate[j - 1] ? 0u : 1u)});
        diagonal = above;
      }
    }
    // Nearer than writing it anew: "ab" is not near "xy".
    if (row.back() < best_distance && row.back() < std::max(word.size(), candidate.size())) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

}  // namespace z4j::config
