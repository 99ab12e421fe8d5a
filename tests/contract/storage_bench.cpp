#include "storage_bench.hpp"

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <stdexcept>

#include "plugin/testing/passing_storage.hpp"

#ifdef Z4J_CONTRACT_POSTGRESQL
#include "private_postgres.hpp"
#endif

namespace z4j::contract {
namespace {

class CountingSession final : public plugin::testing::PassingSession {
 public:
  CountingSession(std::unique_ptr<Session> session, std::shared_ptr<Crossings> counts)
      : PassingSession(std::move(session)), counts_(std::move(counts)) {}

  base::Status commit(z4j_commit& commit, int deadline_ms, std::shared_ptr<void> keep) override {
    ++counts_->commits;
    return PassingSession::commit(commit, deadline_ms, std::move(keep));
  }
  base::Status read(const z4j_query& query, std::uint32_t batch_rows,
                    const std::function<bool(const z4j_rows&)>& rows) override {
    ++counts_->reads;
    return PassingSession::read(query, batch_rows, [&](const z4j_rows& page) {
      counts_->rows += page.rows;
      return rows(page);
    });
  }

 private:
  std::shared_ptr<Crossings> counts_;
};

class CountingClient final : public plugin::testing::PassingStorage {
 public:
  CountingClient(std::shared_ptr<plugin::StorageClient> client, std::shared_ptr<Crossings> counts)
      : PassingStorage(std::move(client)), counts_(std::move(counts)) {}

 private:
  std::unique_ptr<Session> wrap(std::unique_ptr<Session> session) override {
    return std::make_unique<CountingSession>(std::move(session), counts_);
  }

  std::shared_ptr<Crossings> counts_;
};

}  // namespace

struct Bench::Inside {
  base::SystemClock clock;
  mutable std::mutex mutex;
  std::vector<std::string> notices;  // guarded by mutex
  std::shared_ptr<Crossings> counts = std::make_shared<Crossings>();
  std::string own_folder;
  std::unique_ptr<plugin::Host> host;

  ~Inside() {
    host.reset();
    std::error_code ec;
    if (!own_folder.empty()) std::filesystem::remove_all(own_folder, ec);
  }
};

#ifdef Z4J_CONTRACT_GIVEN
GivenDriver& given_driver() {
  static GivenDriver driver;
  return driver;
}
#endif

Bench::Bench(const std::string& plugin, const std::string& folder)
    : inside_(std::make_unique<Inside>()) {
  std::string at = folder;
  if (at.empty()) {
    at = (std::filesystem::temp_directory_path() / "z4j_contract_XXXXXX").string();
    if (::mkdtemp(at.data()) == nullptr) throw std::runtime_error("mkdtemp");
    inside_->own_folder = at;
  }
  plugin::Host::Options options;
#ifdef Z4J_CONTRACT_GIVEN
  options.directories = {given_driver().directory};
#else
  options.directories = {Z4J_PLUGIN_DIR, Z4J_TEST_PLUGIN_DIR};
#endif
  options.host_version = "test";
  plugin::Callbacks callbacks;
  callbacks.notice = [in = inside_.get()](std::string_view channel, std::string_view payload) {
    const std::lock_guard lock(in->mutex);
    in->notices.push_back(std::string(channel) + "=" + std::string(payload));
  };
  inside_->host =
      std::make_unique<plugin::Host>(options, callbacks, base::Log::quiet(), inside_->clock);
  config::PluginEntry entry;
  entry.name = "store";
  entry.plugin = plugin;
  if (plugin == Sqlite::kPlugin) {
    file_ = at + "/test.sqlite";
    entry.settings["path"] = file_;
  }
#ifdef Z4J_CONTRACT_POSTGRESQL
  if (plugin == Postgresql::kPlugin) {
    // A folder of the other drivers is a schema here.
    entry.settings["url"] = testing::PrivatePostgres::shared().url();
    entry.settings["schema"] = "s" + std::to_string(std::hash<std::string>{}(at));
  }
#endif
#ifdef Z4J_CONTRACT_GIVEN
  if (plugin == Given::kPlugin) entry.settings = given_driver().settings();
#endif
  if (auto started = inside_->host->start(entry); !started)
    throw std::runtime_error(started.error().text());
  auto driver = inside_->host->storage("store");
  if (!driver) throw std::runtime_error(driver.error().text());
  client_ = std::make_shared<CountingClient>(std::move(driver).value(), inside_->counts);
}

Bench::~Bench() {
  store_.reset();
  client_.reset();
}

core::Store& Bench::store() {
  if (!store_) {
    auto opened = core::Store::open(client_, {});
    if (!opened) throw std::runtime_error(opened.error().text());
    store_ = std::move(opened).value();
  }
  return *store_;
}

Crossings Bench::crossings(const std::function<void()>& act) {
  *inside_->counts = {};
  act();
  return *inside_->counts;
}

std::vector<std::string> Bench::notices() const {
  const std::lock_guard lock(inside_->mutex);
  return inside_->notices;
}

}  // namespace z4j::contract
