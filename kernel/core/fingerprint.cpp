#include "core/fingerprint.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "base/crypto.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

constexpr std::size_t kTracebackBytes = std::size_t{64} << 10, kMessageBytes = 1024,
                      kTypeBytes = 200, kFrameBytes = 400;
constexpr std::string_view kTracebackHead = "Traceback (most recent call last):";
// What Celery raises in place of the exception that a task is tried again after.
constexpr std::string_view kRetry = "Retry";

bool is_ascii_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_name_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_name_byte(char c) noexcept { return is_name_letter(c) || is_ascii_digit(c); }

// The dotted name that a text begins with, as Python names a class; "" when it does not.
std::string_view leading_class(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && end <= kTypeBytes &&
         (is_name_byte(text[end]) || text[end] == '.' || text[end] == '<' || text[end] == '>'))
    ++end;
  const bool is_class = end > 0 && end <= kTypeBytes && is_name_letter(text.front()) &&
                        is_name_byte(text[end - 1]) &&
                        (end == text.size() || text[end] == '(' || text[end] == ':');
  return is_class ? text.substr(0, end) : std::string_view();
}

std::string_view without_module(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

// Each line without its end.
template <class Visit>
void each_line(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// The last of the exceptions that a traceback tells of: the one that got out.
std::string_view last_part(std::string_view traceback) {
  if (traceback.size() > kTracebackBytes)
    traceback.remove_prefix(traceback.size() - kTracebackBytes);
  const std::size_t head = traceback.rfind(kTracebackHead);
  return head == std::string_view::npos ? traceback
                                        : traceback.substr(head + kTracebackHead.size());
}

// "app.errors.Late: too late": the first line behind the frames.
std::string_view raised_line(std::string_view part) {
  std::string_view found;
  bool has_frames = false;
  each_line(part, [&](std::string_view line) {
    if (line.empty()) return;
    if (line.front() == ' ') {
      has_frames = true;
      return;
    }
    if (has_frames && found.empty()) found = line;
  });
  return found;
}

// Of libraries and of the interpreter.
bool is_foreign(std::string_view path) {
  const std::string lower = base::ascii_lower(path);
  const auto has = [&lower](std::string_view part) {
    return lower.find(part) != std::string::npos;
  };
  return path.empty() || path.front() == '<' || has("site-packages/") || has("dist-packages/") ||
         has("lib/python") || has("lib64/python") || has("lib/pypy");
}

// Digits in a row are one; `/` and `\` are the same.
void append_frame_text(std::string& out, std::string_view text) {
  for (const char c : text.substr(0, kFrameBytes)) {
    if (is_ascii_digit(c)) {
      if (out.empty() || out.back() != '0') out += '0';
    } else {
      out += c == '\\' ? '/' : c;
    }
  }
}

// The file with the folder that holds it, and the function: other folders differ between machines
// and releases.
std::string frame_text(std::string_view path, std::string_view function) {
  std::size_t from = path.size();
  for (int parts = 0; from > 0; --from) {
    if (path[from - 1] != '/' && path[from - 1] != '\\') continue;
    if (++parts == 2) break;
  }
  std::string out;
  append_frame_text(out, path.substr(from));
  out += '\n';
  append_frame_text(out, function);
  return out;
}

// The innermost frame of own code, else the innermost of all; "" without frames.
std::string raising_frame(std::string_view part) {
  constexpr std::string_view kFile = "File \"", kLine = "\", line ", kIn = ", in ";
  std::string_view own_path, own_function, path, function;
  each_line(part, [&](std::string_view line) {
    const std::size_t begin = line.find_first_not_of(" |+");
    if (begin == std::string_view::npos || begin == 0) return;
    line.remove_prefix(begin);
    if (!line.starts_with(kFile)) return;
    line.remove_prefix(kFile.size());
    const std::size_t end = line.find(kLine);
    if (end == std::string_view::npos) return;
    path = line.substr(0, end);
    line.remove_prefix(end + kLine.size());
    const std::size_t in = line.find(kIn);
    function = in == std::string_view::npos ? std::string_view() : line.substr(in + kIn.size());
    if (is_foreign(path)) return;
    own_path = path;
    own_function = function;
  });
  if (path.empty()) return {};
  return own_path.empty() ? frame_text(path, function) : frame_text(own_path, own_function);
}

// Quoted values, words with digits and long hex words are each one mark, blanks are one blank.
std::string pattern_of(std::string_view message) {
  constexpr std::size_t kHexWord = 16;
  message = message.substr(0, kMessageBytes);
  std::string out;
  for (std::size_t i = 0; i < message.size();) {
    const char c = message[i];
    const bool may_open = i == 0 || !is_name_byte(message[i - 1]);
    if ((c == '\'' || c == '"' || c == '`') && may_open) {
      const std::size_t close = message.find(c, i + 1);
      out += '"';
      if (close == std::string_view::npos) break;  // it was cut
      i = close + 1;
    } else if (is_name_byte(c)) {
      std::size_t end = i;
      bool has_digit = false, is_hex = true;
      while (end < message.size() && (is_name_byte(message[end]) || message[end] == '-')) {
        has_digit = has_digit || is_ascii_digit(message[end]);
        is_hex = is_hex && (is_ascii_digit(message[end]) || message[end] == '-' ||
                            (message[end] >= 'a' && message[end] <= 'f') ||
                            (message[end] >= 'A' && message[end] <= 'F'));
        ++end;
      }
      if (has_digit || (is_hex && end - i >= kHexWord))
        out += '#';
      else
        out += message.substr(i, end - i);
      i = end;
    } else {
      const bool is_blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
      if (!is_blank)
        out += c;
      else if (!out.empty() && out.back() != ' ')
        out += ' ';
      ++i;
    }
  }
  return out;
}

// What stands behind the class: "('x')" and ": x" say x.
std::string_view said_behind(std::string_view text) {
  text = trimmed(text);
  if (text.size() >= 2 && text.front() == '(' && text.back() == ')') {
    text = text.substr(1, text.size() - 2);
    if (!text.empty() && text.back() == ',') text.remove_suffix(1);
    const bool is_one_text = text.size() >= 2 && (text.front() == '\'' || text.front() == '"') &&
                             text.find(text.front(), 1) == text.size() - 1;
    return is_one_text ? text.substr(1, text.size() - 2) : text;
  }
  return text.empty() || text.front() != ':' ? text : trimmed(text.substr(1));
}

struct Parts {
  std::string_view type, said;
};

Parts parts_of(std::string_view exception, std::string_view traceback_part) {
  exception = trimmed(exception);
  const std::string_view raised = raised_line(traceback_part);
  const std::string_view of_raised = leading_class(raised);
  if (!of_raised.empty() && without_module(of_raised) != kRetry)
    return {without_module(of_raised), said_behind(raised.substr(of_raised.size()))};
  const std::string_view of_text = leading_class(exception);
  if (!of_text.empty())
    return {without_module(of_text), said_behind(exception.substr(of_text.size()))};
  return {{}, exception.empty() ? raised : exception};
}

}  // namespace

Failure failure_of(std::string_view exception, std::string_view traceback) {
  const Parts parts = parts_of(exception, last_part(traceback));
  Failure out;
  out.type = clean_text(parts.type, kTypeBytes);
  std::string_view said = parts.said.substr(0, kFailureMessageBytes);
  // Not in the middle of a character.
  while (said.size() < parts.said.size() && !said.empty() &&
         (static_cast<unsigned char>(parts.said[said.size()]) & 0xc0) == 0x80)
    said.remove_suffix(1);
  out.message = clean_text(said, kFailureMessageBytes);
  return out;
}

std::string fingerprint(std::string_view exception, std::string_view traceback) {
  const std::string_view part = last_part(traceback);
  const Parts parts = parts_of(exception, part);
  const std::string frame = raising_frame(part);
  if (parts.type.empty() && parts.said.empty() && frame.empty()) return {};
  std::string told(parts.type);
  told += '\n';
  told += frame.empty() ? pattern_of(parts.said) : frame;
  return base::hex(base::sha256(told)).substr(0, kFingerprintBytes);
}

bool is_fingerprint(std::string_view text) noexcept {
  return text.size() == kFingerprintBytes && std::all_of(text.begin(), text.end(), [](char c) {
           return is_ascii_digit(c) || (c >= 'a' && c <= 'f');
         });
}

}  // namespace z4j::core
