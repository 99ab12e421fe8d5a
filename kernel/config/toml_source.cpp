// toml++ 3.3 asserts on some broken texts, and without assertions takes them for impossible: here
// they are errors, in every kind of build.
#include <stdexcept>
#undef NDEBUG
namespace z4j::config {
namespace {
[[noreturn]] void fail_toml() { throw std::invalid_argument("toml"); }
}  // namespace
}  // namespace z4j::config
#define TOML_ASSERT(expression) ((expression) ? static_cast<void>(0) : ::z4j::config::fail_toml())
#define TOML_MAX_NESTED_VALUES 32
#include <toml++/toml.h>

#include "config/toml_source.hpp"

#include <algorithm>
#include <cctype>
#include <sstream>

namespace z4j::config {
namespace {

constexpr std::size_t kMaxTomlBytes = std::size_t{1} << 20;
constexpr int kMaxDots = 32;
constexpr int kMaxTomlDepth = 64;

struct EarlyFinding {
  std::size_t line = 0;  // 0: nothing found
  const char* message = "";
  const char* hint = "";
};

bool is_ascii(char c) { return (static_cast<unsigned char>(c) & 0x80u) == 0; }

// What toml++ 3.3 must not see: dotted keys without end (freed by recursion), and characters beyond
// ASCII where it looks for blanks (undefined behaviour). Walks the text as TOML's grammar does, up
// to the first error that toml++ will find itself.
class EarlyScan {
 public:
  explicit EarlyScan(std::string_view text) : text_(text) {}

  EarlyFinding run() {
    for (std::size_t i = 0; i < text_.size(); ++i) {
      const char c = text_[i];
      const bool return_before_newline = c == '\r' && i + 1 < text_.size() && text_[i + 1] == '\n';
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' &&
           !return_before_newline) ||
          c == 0x7f) {
        return {line_at(i), "is not TOML: it has a control character", "save it as text in UTF-8"};
      }
    }
    int dots = 0;
    for (at_ = 0; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"' || c == '\'') {
        if (!skip_string(c))
          return {line_at(at_), "has a backslash before a character beyond ASCII",
                  "put the backslash at another place"};
      } else if (c == '#') {
        while (at_ + 1 < text_.size() && text_[at_ + 1] != '\n') ++at_;
      } else if (c == '\n' || c == ',' || c == '=' || c == '[' || c == ']' || c == '{' ||
                 c == '}') {
        dots = 0;
      } else if (!is_ascii(c)) {
        return {line_at(at_), "has a character beyond ASCII outside quotes",
                "put the key or the text into quotes"};
      } else if (c == '.' && ++dots > kMaxDots) {
        return {line_at(at_), "is a key of more than 32 parts", ""};
      }
    }
    return {};
  }

 private:
  std::size_t line_at(std::size_t position) const {
    return 1 + static_cast<std::size_t>(std::count(
                   text_.begin(),
                   text_.begin() + static_cast<std::ptrdiff_t>(std::min(position, text_.size())),
                   '\n'));
  }

  // From the opening quote to the closing one, or to the end of the line of a string that does not
  // close.
  bool skip_string(char quote) {
    const std::string_view triple = quote == '"' ? "\"\"\"" : "\'\'\'";
    const bool block = text_.substr(at_, 3) == triple;
    const std::string_view close = triple.substr(0, block ? 3 : 1);
    for (at_ += close.size(); at_ < text_.size() && text_.substr(at_, close.size()) != close;
         ++at_) {
      if (text_[at_] == '\n' && !block) {
        --at_;
        return true;
      }
      if (quote != '"' || text_[at_] != '\\') continue;
      std::size_t next = at_ + 1;
      while (
          block && next < text_.size() &&
          (text_[next] == ' ' || text_[next] == '\t' || text_[next] == '\r' || text_[next] == '\n'))
        ++next;
      if (next < text_.size() && !is_ascii(text_[next])) return false;
      if (next == at_ + 1 && next < text_.size() && text_[next] != '\n') at_ = next;
    }
    at_ += close.size() - 1;
    // A block may end with two quotes of its own.
    for (int extra = 0; block && extra < 2 && at_ + 1 < text_.size() && text_[at_ + 1] == quote;
         ++extra)
      ++at_;
    return true;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
};

// Does the line hold something that must not be quoted?
bool looks_secret(std::string_view text, std::size_t line) {
  for (; line > 1; --line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
  std::string key(text.substr(0, std::min(text.find('\n'), std::size_t{256})));
  if (const std::size_t equals = key.find('='); equals != std::string::npos) key.resize(equals);
  std::transform(key.begin(), key.end(), key.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const char* word :
       {"secret", "password", "passwd", "token", "url", "dsn", "key", "credential"}) {
    if (key.find(word) != std::string::npos) return true;
  }
  return false;
}

class TomlToJson {
 public:
  explicit TomlToJson(TomlSource& out) : out_(out) {}

  base::json::Value convert(const toml::node& node, const std::string& pointer, int depth) {
    if (depth > kMaxTomlDepth) throw std::length_error("nested too deeply");
    out_.lines.try_emplace(pointer, node.source().begin.line);
    if (const auto* table = node.as_table()) return object(*table, pointer, depth);
    if (const auto* array = node.as_array()) {
      base::json::Array list;
      for (std::size_t i = 0; i < array->size(); ++i)
        list.push_back(convert((*array)[i], pointer + "/" + std::to_string(i), depth + 1));
      return list;
    }
    if (const auto v = node.value_exact<bool>()) return *v;
    if (const auto v = node.value_exact<std::int64_t>()) return *v;
    if (const auto v = node.value_exact<std::string>()) return base::json::Value(*v);
    // JSON knows no infinity and no NaN: they become text, which no number setting accepts.
    if (const auto v = node.value_exact<double>(); v && *v - *v == 0) return *v;
    std::ostringstream text;
    text << toml::node_view<const toml::node>(node);
    return base::json::Value(text.str());
  }

  base::json::Object object(const toml::table& table, const std::string& pointer, int depth) {
    base::json::Object out;
    for (const auto& [key, value] : table) {
      const std::string at = pointer + pointer_step(key.str());
      out_.lines.try_emplace(at, key.source().begin.line);
      out[std::string(key.str())] = convert(value, at, depth + 1);
    }
    return out;
  }

 private:
  TomlSource& out_;
};

}  // namespace

std::string pointer_step(std::string_view key) {
  std::string out = "/";
  for (const char c : key)
    out += c == '~' ? std::string("~0") : c == '/' ? std::string("~1") : std::string(1, c);
  return out;
}

std::string TomlSource::where(std::string pointer) const {
  for (;;) {
    const auto at = lines.find(pointer);
    if (at != lines.end() && at->second != 0) return name + ":" + std::to_string(at->second);
    if (pointer.empty()) return name;
    pointer.resize(pointer.rfind('/'));
  }
}

TomlSource read_toml(std::string_view text, const std::string& name) {
  TomlSource out;
  out.name = name;
  if (text.size() > kMaxTomlBytes) {
    out.problems.push_back(
        Problem{name, "is larger than 1 MiB", "a config file has some kilobytes", {}});
    return out;
  }
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  if (const EarlyFinding found = EarlyScan(text).run(); found.line != 0) {
    out.problems.push_back(
        Problem{name + ":" + std::to_string(found.line), found.message, {}, found.hint});
    return out;
  }
  try {
    const toml::table root = toml::parse(text, name);
    out.root = TomlToJson(out).object(root, "", 0);
  } catch (const toml::parse_error& e) {
    const std::size_t line = e.source().begin.line;
    const std::string why(e.description());
    std::string hint;
    if (why.find("redefine") != std::string::npos)
      hint = "a table and a key may stand there once only; plugin instances need different names";
    out.problems.push_back(
        Problem{name + ":" + std::to_string(line),
                looks_secret(text, line) ? "is not TOML" : "is not TOML: " + why,
                looks_secret(text, line) ? "key = \"value\", with quotes around text" : "", hint});
  } catch (const std::length_error&) {
    out.problems.push_back(Problem{name, "is nested too deeply", "at most 64 levels", {}});
  } catch (const std::invalid_argument&) {
    out.problems.push_back(Problem{name, "is not TOML", {}, {}});
  }
  if (!out.problems.empty()) {
    out.root.clear();
    out.lines.clear();
  }
  return out;
}

}  // namespace z4j::config
