// The agents that this brain holds: engine instances that it runs itself, and agents elsewhere that
// are connected to it. What carries them is the holder's business; whoever asks one of them goes by
// its id.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/engine_routes.hpp"
#include "core/leases.hpp"
#include "core/refusal.hpp"

namespace z4j::core {

// Thread-safe. routes() tells of those that are held here, online or not; command() of one that is
// not is answered with unavailable (agent_offline), and nothing was sent.
class HeldAgents : public EngineRoutes {
 public:
  [[nodiscard]] virtual std::vector<base::Uuid> held() const = 0;
  [[nodiscard]] virtual bool holds(const base::Uuid& agent_id) const {
    const std::vector<base::Uuid> all = held();
    return std::find(all.begin(), all.end(), agent_id) != all.end();
  }
  // What claims of requests for the agent begin with. None where no other brain could have it under
  // a lease: an agent that is connected carries out what is sent through its connection, whoever
  // sent it, and the claim itself makes that once.
  [[nodiscard]] virtual std::optional<Fence> fence(const base::Uuid& agent_id) const = 0;
  // Asks about one of them: "waiting", "dead_letters", "copy", "abilities" and "state" ask the
  // engine (the page as in docs/abi/engine.md), "facts" and "registry" tell what is known here.
  // `answer` as in command().
  virtual void read(const base::Uuid& agent_id, std::string_view what, std::string page_json,
                    int deadline_ms, plugin::Answer answer) = 0;
};

// Several holders as one. They must outlive it; no agent is held by two of them.
class AgentsHere final : public HeldAgents {
 public:
  explicit AgentsHere(std::vector<HeldAgents*> holders) : holders_(std::move(holders)) {}

  [[nodiscard]] std::vector<EngineRoute> routes(const base::Uuid& project) override {
    std::vector<EngineRoute> out;
    for (HeldAgents* holder : holders_) {
      std::vector<EngineRoute> some = holder->routes(project);
      out.insert(out.end(), std::make_move_iterator(some.begin()),
                 std::make_move_iterator(some.end()));
    }
    return out;
  }
  [[nodiscard]] std::vector<base::Uuid> held() const override {
    std::vector<base::Uuid> out;
    for (const HeldAgents* holder : holders_) {
      const std::vector<base::Uuid> some = holder->held();
      out.insert(out.end(), some.begin(), some.end());
    }
    return out;
  }
  [[nodiscard]] bool holds(const base::Uuid& agent_id) const override {
    return holder_of(agent_id) != nullptr;
  }
  [[nodiscard]] std::optional<Fence> fence(const base::Uuid& agent_id) const override {
    const HeldAgents* const holder = holder_of(agent_id);
    return holder != nullptr ? holder->fence(agent_id) : std::nullopt;
  }
  void command(const base::Uuid& agent_id, const std::string& engine, std::uint64_t verb,
               std::string target, std::string args_json, int deadline_ms,
               plugin::Answer answer) override {
    if (HeldAgents* const holder = holder_of(agent_id)) {
      return holder->command(agent_id, engine, verb, std::move(target), std::move(args_json),
                             deadline_ms, std::move(answer));
    }
    answer(gone());
  }
  void command_of(const base::Uuid& id, const base::Uuid& agent_id, const std::string& engine,
                  std::uint64_t verb, std::string target, std::string args_json, int deadline_ms,
                  plugin::Answer answer) override {
    if (HeldAgents* const holder = holder_of(agent_id)) {
      return holder->command_of(id, agent_id, engine, verb, std::move(target), std::move(args_json),
                                deadline_ms, std::move(answer));
    }
    answer(gone());
  }
  void read(const base::Uuid& agent_id, std::string_view what, std::string page_json,
            int deadline_ms, plugin::Answer answer) override {
    if (HeldAgents* const holder = holder_of(agent_id)) {
      return holder->read(agent_id, what, std::move(page_json), deadline_ms, std::move(answer));
    }
    answer(gone());
  }

 private:
  [[nodiscard]] HeldAgents* holder_of(const base::Uuid& agent_id) const {
    const auto at = std::find_if(holders_.begin(), holders_.end(),
                                 [&](const HeldAgents* h) { return h->holds(agent_id); });
    return at != holders_.end() ? *at : nullptr;
  }
  [[nodiscard]] static base::Error gone() {
    return refuse::error(base::Code::unavailable, refuse::kAgentOffline,
                         "this agent is not connected; nothing was sent");
  }

  const std::vector<HeldAgents*> holders_;
};

}  // namespace z4j::core
