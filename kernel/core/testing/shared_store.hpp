// What brains on one database see, without a server: the store of TestStore behind a driver that
// says that others may write too, and that carries notices of commits that were kept.
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "core/testing/test_store.hpp"
#include "plugin/testing/passing_storage.hpp"

namespace z4j::core::testing {

// Notices are heard by the thread of the commit, by everybody, the sender included.
class SharedDriver final : public plugin::testing::PassingStorage {
 public:
  using Heard = std::function<void(std::string_view channel, std::string_view payload)>;

  // `driver` must outlive it.
  explicit SharedDriver(plugin::StorageClient& driver)
      : PassingStorage(std::shared_ptr<plugin::StorageClient>(std::shared_ptr<void>(), &driver)) {}
  void on_notice(Heard heard) { heard_.push_back(std::move(heard)); }

  z4j_store_info info() override {
    z4j_store_info out = PassingStorage::info();
    out.capabilities |= Z4J_STORE_SHARED | Z4J_STORE_NOTICES;
    return out;
  }
  base::Status listen(const std::vector<std::string>&) override { return {}; }

 private:
  class Session final : public plugin::testing::PassingSession {
   public:
    Session(SharedDriver& of, std::unique_ptr<plugin::StorageClient::Session> session)
        : PassingSession(std::move(session)), of_(of) {}
    base::Status commit(z4j_commit& c, int deadline_ms, std::shared_ptr<void> keep) override {
      auto done = PassingSession::commit(c, deadline_ms, std::move(keep));
      if (!done) return done;
      for (std::uint32_t i = 0; i < c.step_count; ++i) {
        const z4j_step& step = *c.steps[i];
        if (step.verb != Z4J_STEP_NOTICE) continue;
        for (const Heard& heard : of_.heard_)
          heard({step.channel.ptr, step.channel.len}, {step.payload.ptr, step.payload.len});
      }
      return done;
    }

   private:
    SharedDriver& of_;
  };
  std::unique_ptr<plugin::StorageClient::Session> wrap(
      std::unique_ptr<plugin::StorageClient::Session> session) override {
    return std::make_unique<Session>(*this, std::move(session));
  }

  std::vector<Heard> heard_;  // filled before the first commit
};

struct SharedStore {
  TestStore kept;
  std::shared_ptr<SharedDriver> driver = std::make_shared<SharedDriver>(kept.client());

  // As one brain opens it.
  [[nodiscard]] std::unique_ptr<Store> open() const {
    auto store = Store::open(driver, {});
    if (!store) throw std::runtime_error(store.error().text());
    return std::move(store).value();
  }
};

}  // namespace z4j::core::testing
