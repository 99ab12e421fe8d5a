#include "core/argument_diff.hpp"

#include <algorithm>

namespace z4j::core {
namespace {

namespace json = base::json;

std::string below(const std::string& pointer, std::string_view key) {
  std::string out = pointer + "/";
  for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

class ArgumentWalk {
 public:
  void compare(const std::string& at, const json::Object& before, const json::Object& after) {
    for (const auto& member : after) {
      const json::Value* old = before.if_contains(member.key());
      pair(below(at, member.key()), old, &member.value());
    }
    for (const auto& member : before) {
      if (!after.contains(member.key())) pair(below(at, member.key()), &member.value(), nullptr);
    }
  }

  std::vector<ArgumentChange> changes;

 private:
  using Kind = ArgumentChange::Kind;

  void pair(const std::string& at, const json::Value* before, const json::Value* after) {
    if (changes.size() >= kMostArgumentChanges) return;
    if (before == nullptr) return note(Kind::added, at, nullptr, *after);
    if (after == nullptr) return note(Kind::removed, at, *before, nullptr);
    if (before->is_object() && after->is_object())
      return compare(at, before->get_object(), after->get_object());
    if (before->is_array() && after->is_array()) {
      const json::Array &old = before->get_array(), &now = after->get_array();
      for (std::size_t i = 0; i < std::max(old.size(), now.size()); ++i)
        pair(below(at, std::to_string(i)), i < old.size() ? &old[i] : nullptr,
             i < now.size() ? &now[i] : nullptr);
      return;
    }
    if (*before != *after) note(Kind::changed, at, *before, *after);
  }
  void note(Kind kind, const std::string& at, json::Value before, json::Value after) {
    changes.push_back({kind, at, std::move(before), std::move(after)});
  }
};

}  // namespace

std::vector<ArgumentChange> argument_changes(const json::Object& before,
                                             const json::Object& after) {
  ArgumentWalk walk;
  walk.compare("", before, after);
  return std::move(walk.changes);
}

}  // namespace z4j::core
