#include "src/mail.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "lib/text/text.hpp"

namespace z4j::smtp {
namespace {

constexpr std::size_t kMostSubject = 900, kEncodedPiece = 45, kPlainSubject = 70;
constexpr std::size_t kQuotedLine = 76;

std::size_t end_of_character(std::string_view text, std::size_t at) {
  ++at;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0u) == 0x80u) ++at;
  return at;
}

void append_quoted(std::string& out, unsigned char c) {
  constexpr char kHex[] = "0123456789ABCDEF";
  out += '=';
  out += kHex[c >> 4];
  out += kHex[c & 15];
}

// One line of text, which has no line end.
void append_quoted_line(std::string& out, std::string_view line) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto c = static_cast<unsigned char>(line[i]);
    const bool is_last = i + 1 == line.size();
    const bool is_blank = c == ' ' || c == '\t';
    const bool is_plain = (c > 0x20 && c < 0x7f && c != '=') || (is_blank && !is_last);
    const std::size_t need = is_plain ? 1 : 3;
    if (width + need > kQuotedLine - 1) {
      out += "=\r\n";
      width = 0;
    }
    if (is_plain)
      out += static_cast<char>(c);
    else
      append_quoted(out, c);
    width += need;
  }
  out += "\r\n";
}

std::string quoted_printable(std::string_view text) {
  std::string out;
  std::size_t from = 0;
  while (from < text.size()) {
    const std::size_t end = std::min(text.find_first_of("\r\n", from), text.size());
    append_quoted_line(out, text.substr(from, end - from));
    from = end + (text.substr(end, 2) == "\r\n" ? 2 : 1);
  }
  return out;
}

// Control characters (C0, DEL, C1) become spaces: a reader's terminal would obey them.
std::string without_controls(std::string text, std::string_view but) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 || c == 0x7f) && but.find(text[i]) == std::string_view::npos) text[i] = ' ';
    if (c != 0xc2 || i + 1 == text.size()) continue;
    const auto next = static_cast<unsigned char>(text[i + 1]);
    if (next >= 0x80 && next < 0xa0) text[i] = text[i + 1] = ' ';
  }
  return text;
}

}  // namespace

bool is_address(std::string_view text) {
  if (text.size() > 254 || std::count(text.begin(), text.end(), '@') != 1) return false;
  const std::size_t at = text.find('@');
  return at > 0 && at + 1 < text.size() && std::all_of(text.begin(), text.end(), [](char c) {
           return c > 0x20 && c < 0x7f &&
                  std::string_view("<>()[]\\,;:\"").find(c) == std::string_view::npos;
         });
}

std::string mail_date(std::int64_t time_s) {
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t given = static_cast<std::time_t>(time_s);
  std::tm t{};
  ::gmtime_r(&given, &t);
  std::array<char, 64> out{};
  std::snprintf(out.data(), out.size(), "%s, %02d %s %04d %02d:%02d:%02d +0000",
                kDays[static_cast<std::size_t>(t.tm_wday)], t.tm_mday,
                kMonths[static_cast<std::size_t>(t.tm_mon)], t.tm_year + 1900, t.tm_hour, t.tm_min,
                t.tm_sec);
  return out.data();
}

std::string header_text(std::string_view given) {
  std::string text = without_controls(text::clean(given, kMostSubject), "");
  const bool is_plain = text.size() <= kPlainSubject && text.find("=?") == std::string::npos &&
                        std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20; });
  if (is_plain) return text;
  std::string out;
  std::size_t from = 0;
  while (from < text.size()) {
    std::size_t end = from;
    while (end < text.size()) {
      const std::size_t next = end_of_character(text, end);
      if (next - from > kEncodedPiece) break;
      end = next;
    }
    if (!out.empty()) out += "\r\n ";
    out +=
        "=?UTF-8?B?" + text::base64_encode(std::string_view(text).substr(from, end - from)) + "?=";
    from = end;
  }
  return out;
}

std::string write_mail(const Mail& mail) {
  std::string to;
  for (const std::string& address : mail.to) to += (to.empty() ? "" : ",\r\n ") + address;
  std::string out = "Date: " + mail_date(mail.date_s) + "\r\n";
  out += "From: z4j <" + mail.from + ">\r\n";
  out += "To: " + to + "\r\n";
  out += "Subject: " + header_text(mail.subject) + "\r\n";
  out += "Message-ID: <" + mail.message_id + ">\r\n";
  out += "Auto-Submitted: auto-generated\r\n";
  out += "MIME-Version: 1.0\r\n";
  out += "Content-Type: text/plain; charset=utf-8\r\n";
  out += "Content-Transfer-Encoding: quoted-printable\r\n\r\n";
  out += quoted_printable(without_controls(mail.text, "\t\r\n"));
  return out;
}

std::string as_data(std::string_view mail) {
  std::string out;
  out.reserve(mail.size() + 64);
  bool is_line_start = true;
  for (const char c : mail) {
    if (is_line_start && c == '.') out += '.';
    out += c;
    is_line_start = c == '\n';
  }
  if (!is_line_start) out += "\r\n";
  out += ".\r\n";
  return out;
}

}  // namespace z4j::smtp
