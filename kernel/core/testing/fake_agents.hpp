// Agents that are held here and answer as told: for tests of what sends commands.
#pragma once

#include <algorithm>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/held_agents.hpp"

namespace z4j::core::testing {

// Answers a command at once with `answer`, or keeps it for later while `holds_back`. One thread may
// change it while others ask.
class FakeAgents final : public HeldAgents {
 public:
  struct Asked {
    base::Uuid agent_id;
    std::string engine;
    std::uint64_t verb = 0;
    std::string target, args_json;
    int deadline_ms = 0;
    plugin::Answer answer = {};
  };

  base::Uuid add(const base::Uuid& project, const std::string& engine,
                 std::uint64_t capabilities = ~std::uint64_t{0}) {
    const std::lock_guard lock(mutex_);
    const base::Uuid id = base::Uuid::random();
    routes_.emplace_back(project, EngineRoute{id, engine, capabilities, true, true});
    return id;
  }
  void set_online(const base::Uuid& agent, bool is_online) {
    const std::lock_guard lock(mutex_);
    for (auto& [project, route] : routes_) {
      if (route.agent_id == agent) route.is_online = is_online;
    }
  }
  void give(base::Result<std::string> next) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(next);
  }
  void hold_back() {
    const std::lock_guard lock(mutex_);
    holds_back_ = true;
  }
  [[nodiscard]] std::vector<Asked> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  void forget_asked() {
    const std::lock_guard lock(mutex_);
    asked_.clear();
  }

  std::vector<EngineRoute> routes(const base::Uuid& project) override {
    const std::lock_guard lock(mutex_);
    std::vector<EngineRoute> out;
    for (const auto& [of, route] : routes_) {
      if (of == project) out.push_back(route);
    }
    return out;
  }
  [[nodiscard]] std::vector<base::Uuid> held() const override {
    const std::lock_guard lock(mutex_);
    std::vector<base::Uuid> out;
    for (const auto& one : routes_) out.push_back(one.second.agent_id);
    return out;
  }
  [[nodiscard]] std::optional<Fence> fence(const base::Uuid&) const override {
    return std::nullopt;
  }
  void command(const base::Uuid& agent_id, const std::string& engine, std::uint64_t verb,
               std::string target, std::string args_json, int deadline_ms,
               plugin::Answer answer) override {
    base::Result<std::string> now = std::string();
    {
      const std::lock_guard lock(mutex_);
      asked_.push_back(
          {agent_id, engine, verb, std::move(target), std::move(args_json), deadline_ms, answer});
      if (holds_back_) return;
      now = answer_;
    }
    if (on_command) {
      const Asked what = asked().back();
      now = on_command(what);
    }
    answer(std::move(now));
  }
  // What commands are answered instead, where they are not held back; set while nobody asks.
  std::function<base::Result<std::string>(const Asked&)> on_command;
  // What read() answers for a page; none: "{}".
  std::function<base::Result<std::string>(std::string_view what, const std::string& page)> on_read;
  void read(const base::Uuid&, std::string_view what, std::string page, int,
            plugin::Answer answer) override {
    answer(on_read ? on_read(what, page) : base::Result<std::string>(std::string("{}")));
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<base::Uuid, EngineRoute>> routes_;  // by project; guarded by mutex_, as are
                                                            // those below
  std::vector<Asked> asked_;
  base::Result<std::string> answer_ = std::string(R"({"outcome":"done"})");
  bool holds_back_ = false;
};

}  // namespace z4j::core::testing
