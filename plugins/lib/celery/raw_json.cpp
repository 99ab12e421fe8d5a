#include "lib/celery/raw_json.hpp"

#include "lib/json/json.hpp"

#include <z4j/plugin.hpp>

namespace z4j::celery {
namespace {

void skip_space(std::string_view text, std::size_t& at) {
  while (at < text.size() &&
         (text[at] == ' ' || text[at] == '\n' || text[at] == '\t' || text[at] == '\r'))
    ++at;
}

// `at` stands on the opening quote; afterwards behind the closing one.
void skip_string(std::string_view text, std::size_t& at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  at = at < text.size() ? at + 1 : text.size();
}

std::string_view take_value(std::string_view text, std::size_t& at) {
  const std::size_t from = at;
  std::size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      skip_string(text, at);
    } else if (c == '[' || c == '{') {
      ++depth;
      ++at;
      continue;
    } else if (c == ']' || c == '}') {
      if (depth == 0) break;
      --depth;
      ++at;
    } else if (depth == 0 && (c == ',' || c == ' ' || c == '\n' || c == '\t' || c == '\r')) {
      break;
    } else {
      ++at;
      continue;
    }
    if (depth == 0) break;
  }
  return text.substr(from, at - from);
}

std::string_view trimmed(std::string_view text) {
  std::size_t at = 0;
  skip_space(text, at);
  text.remove_prefix(at);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\t' ||
                           text.back() == '\r')) {
    text.remove_suffix(1);
  }
  return text;
}

// Calls visit(key, value) for what stands between the brackets; the key is empty in an array.
template <class Visit>
void each_piece(std::string_view text, char open, char close, Visit&& visit) {
  text = trimmed(text);
  if (text.size() < 2 || text.front() != open || text.back() != close) return;
  std::size_t at = 1;
  while (at < text.size()) {
    skip_space(text, at);
    if (at + 1 >= text.size()) return;
    std::string_view key;
    if (open == '{') {
      if (text[at] != '"') return;
      const std::size_t from = at;
      skip_string(text, at);
      if (at - from < 2) return;
      key = text.substr(from + 1, at - from - 2);
      skip_space(text, at);
      if (at >= text.size() || text[at] != ':') return;
      ++at;
      skip_space(text, at);
    }
    const std::string_view value = take_value(text, at);
    if (value.empty()) return;
    visit(key, value);
    skip_space(text, at);
    if (at >= text.size() || text[at] != ',') return;
    ++at;
  }
}

void append_python_string(std::string& out, std::string_view literal) {
  const json::Value value = json::parse(literal);
  const json::String* text = value.if_string();
  if (text == nullptr) throw Error(Z4J_INVALID, "not a JSON string");
  const std::string_view bytes(text->data(), text->size());
  const char quote =
      bytes.find('\'') != std::string_view::npos && bytes.find('"') == std::string_view::npos
          ? '"'
          : '\'';
  out += quote;
  for (const char c : bytes) {
    const unsigned char u = static_cast<unsigned char>(c);
    if (c == quote || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (u < 0x20 || u == 0x7f) {
      constexpr char kHex[] = "0123456789abcdef";
      out += "\\x";
      out += kHex[u >> 4];
      out += kHex[u & 15];
    } else {
      out += c;
    }
  }
  out += quote;
}

// Appends until `out` passes `max`; the caller cuts.
void append_python(std::string& out, std::string_view value, bool as_tuple, std::size_t max) {
  value = trimmed(value);
  if (out.size() > max || value.empty()) return;
  const char first = value.front();
  if (first == '"') {
    append_python_string(out, value);
  } else if (first == '[') {
    out += as_tuple ? '(' : '[';
    std::size_t n = 0;
    each_piece(value, '[', ']', [&](std::string_view, std::string_view item) {
      if (out.size() > max) return;
      if (n++ > 0) out += ", ";
      append_python(out, item, false, max);
    });
    if (as_tuple && n == 1) out += ',';
    out += as_tuple ? ')' : ']';
  } else if (first == '{') {
    out += '{';
    bool more = false;
    each_piece(value, '{', '}', [&](std::string_view key, std::string_view item) {
      if (out.size() > max) return;
      if (more) out += ", ";
      more = true;
      append_python_string(out, "\"" + std::string(key) + "\"");
      out += ": ";
      append_python(out, item, false, max);
    });
    out += '}';
  } else if (value == "true") {
    out += "True";
  } else if (value == "false") {
    out += "False";
  } else if (value == "null") {
    out += "None";
  } else {
    out += value;
  }
}

}  // namespace

std::vector<std::string_view> raw_items(std::string_view array) {
  std::vector<std::string_view> out;
  each_piece(array, '[', ']',
             [&](std::string_view, std::string_view value) { out.push_back(value); });
  return out;
}

std::vector<std::pair<std::string_view, std::string_view>> raw_members(std::string_view object) {
  std::vector<std::pair<std::string_view, std::string_view>> out;
  each_piece(object, '{', '}',
             [&](std::string_view key, std::string_view value) { out.emplace_back(key, value); });
  return out;
}

std::optional<std::string_view> raw_member(std::string_view object, std::string_view key) {
  std::optional<std::string_view> out;
  each_piece(object, '{', '}', [&](std::string_view k, std::string_view value) {
    if (k == key) out = value;
  });
  return out;
}

bool is_array(std::string_view value) {
  value = trimmed(value);
  return value.size() >= 2 && value.front() == '[' && value.back() == ']';
}

bool is_object(std::string_view value) {
  value = trimmed(value);
  return value.size() >= 2 && value.front() == '{' && value.back() == '}';
}

std::string quoted(std::string_view text) { return json::write(json::Value(json::String(text))); }

std::string python_repr(std::string_view value, Outer outer, std::size_t max_bytes) {
  std::string out;
  append_python(out, value, outer == Outer::as_tuple, max_bytes);
  if (out.size() <= max_bytes) return out;
  std::size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0) == 0x80) --end;
  return out.substr(0, end) + "...";
}

}  // namespace z4j::celery
