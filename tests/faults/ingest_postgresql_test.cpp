// The kernel's ingest on a real PostgreSQL: rows that it refuses, a disk that is full, a database
// that turns read-only.
#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/ingest.hpp"
#include "core/testing/event_rows.hpp"
#include "plugin/host.hpp"
#include "private_postgres.hpp"

namespace z4j::faults {
namespace {

using core::EventSource;
using core::Table;
using core::testing::EventRow;
using testing::PrivatePostgres;

// Characters that no compression makes smaller.
std::string noise(std::size_t characters) {
  std::mt19937 random(3);
  std::string text;
  for (std::size_t i = 0; i < characters; ++i) {
    const auto c = static_cast<unsigned>(0x10000 + random() % 0x10000);
    for (const unsigned byte : std::array{0xF0 | c >> 18, 0x80 | (c >> 12 & 0x3F),
                                          0x80 | (c >> 6 & 0x3F), 0x80 | (c & 0x3F)})
      text += static_cast<char>(byte);
  }
  return text;
}

// A small disk of memory; only root may make one.
class SmallDisk {
 public:
  SmallDisk(std::string folder, std::size_t mib) : folder_(std::move(folder)) {
    const passwd* owner = ::getpwnam("postgres");
    if (::geteuid() != 0 || owner == nullptr || ::mkdir(folder_.c_str(), 0700) != 0) return;
    const std::string how = "size=" + std::to_string(mib) +
                            "m,mode=700,uid=" + std::to_string(owner->pw_uid) +
                            ",gid=" + std::to_string(owner->pw_gid);
    is_there_ = ::mount("none", folder_.c_str(), "tmpfs", 0, how.c_str()) == 0;
  }
  ~SmallDisk() {
    if (is_there_) ::umount2(folder_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  explicit operator bool() const noexcept { return is_there_; }

  void fill() const {
    const int fd = ::open((folder_ + "/filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const std::string block(4096, 'x');
    while (::write(fd, block.data(), block.size()) > 0) {
    }
    ::close(fd);
  }
  void make_room() const { ::unlink((folder_ + "/filler").c_str()); }

 private:
  const std::string folder_;
  bool is_there_ = false;
};

class IngestPostgresqlTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(IngestPostgresqlTest);
  CPPUNIT_TEST(rows_that_it_refuses_are_set_aside_with_their_reason);
  CPPUNIT_TEST(a_database_that_turns_read_only_makes_events_wait);
  CPPUNIT_TEST(a_full_disk_makes_events_wait);
  CPPUNIT_TEST_SUITE_END();

  const base::SystemClock clock_{};
  std::unique_ptr<plugin::Host> host_;
  std::unique_ptr<core::Store> store_;
  std::unique_ptr<core::Ingest> ingest_;
  const EventSource source_{base::Uuid::random(), base::Uuid::random(), "celery"};

  static PrivatePostgres& server() { return PrivatePostgres::shared(); }

  void open(const std::string& database, const std::string& more = {}) {
    server().sql("CREATE DATABASE " + database + " " + more);
    plugin::Host::Options options;
    options.directories = {Z4J_PLUGIN_DIR};
    options.host_version = "test";
    host_ =
        std::make_unique<plugin::Host>(options, plugin::Callbacks{}, base::Log::quiet(), clock_);
    config::PluginEntry entry;
    entry.name = "store";
    entry.plugin = "storage-postgresql";
    entry.settings["url"] = server().url(database);
    const auto started = host_->start(entry);
    CPPUNIT_ASSERT_MESSAGE(started ? "" : started.error().text(), started.ok());
    store_ = std::move(core::Store::open(std::move(host_->storage("store")).value(), {})).value();
    core::Ingest::Options taking;
    taking.clock = &clock_;
    taking.log = &base::Log::quiet();
    taking.linger_ms = 1;
    ingest_ = std::move(core::Ingest::make(*store_, std::move(taking))).value();
    ingest_->start();
  }
  void push(const std::vector<EventRow>& rows) {
    BatchBuilder builder;
    core::testing::fill(builder, rows);
    const z4j_event_batch batch = builder.batch();
    CPPUNIT_ASSERT(ingest_->push(source_, batch).ok());
  }
  std::vector<EventRow> some(int first, int count) const {
    std::vector<EventRow> rows;
    for (int i = first; i < first + count; ++i)
      rows.push_back({.at = clock_.now(), .task_id = "t" + std::to_string(i), .task = "shop.add"});
    return rows;
  }
  static bool eventually(const std::function<bool()>& what) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!what()) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }
  void all_are_stored_once(std::uint64_t events) {
    ingest_->stop(60'000);
    CPPUNIT_ASSERT(eventually([&] { return store_->ping(5000).ok(); }));
    CPPUNIT_ASSERT_EQUAL(events, store_->count(Table::events, {}).value());
    core::Query sum(Table::task_minutes);
    sum.fold(Z4J_AGG_SUM, model::task_minutes::count);
    CPPUNIT_ASSERT_EQUAL(static_cast<std::int64_t>(events),
                         store_->first(std::move(sum)).value()->num(0));
  }

 public:
  void tearDown() override {
    ingest_.reset();
    store_.reset();
    if (host_) host_->stop_all();
    host_.reset();
  }

  void rows_that_it_refuses_are_set_aside_with_their_reason() {
    open("poison");
    std::vector<EventRow> rows = some(0, 200);
    rows[20].kind = Z4J_EV_RECEIVED;
    rows[20].attrs = R"({"eta":-240000000000})";  // 5600 BC: kept as far as it can be
    rows[70].task = noise(500);                   // together too long for a key
    rows[70].queue = noise(500);
    rows[120].attrs = R"({"args":["\ud800"]})";  // no JSON: the event itself is stored
    rows[130].attrs = R"({"args":["a\u0000b",1e308,123456789012345678901234567890]})";
    rows[140].attrs = "{\"args\":" + std::string(400, '[') + std::string(400, ']') + "}";
    rows[150].runtime_us = rows[151].runtime_us = INT64_MAX;
    rows[150].kind = rows[151].kind = Z4J_EV_SUCCEEDED;
    push(rows);
    push(some(1000, 50));
    CPPUNIT_ASSERT(eventually([&] { return ingest_->stats().waiting_bytes == 0; }));
    std::string reasons;
    CPPUNIT_ASSERT(store_
                       ->each(core::Query(Table::dead_letters).all(),
                              [&](const core::Row& row) {
                                reasons +=
                                    std::string(row.text(model::dead_letters::reason)) + "\n";
                                CPPUNIT_ASSERT(row.uuid(model::dead_letters::project_id) ==
                                               source_.project_id);
                                return true;
                              })
                       .ok());
    for (const char* why : {"is longer than the database takes", "attributes dropped"})
      CPPUNIT_ASSERT_MESSAGE(reasons, reasons.find(why) != std::string::npos);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, ingest_->stats().agents.at(0).dead_letters);
    all_are_stored_once(249);
  }

  void a_database_that_turns_read_only_makes_events_wait() {
    open("turns");
    push(some(0, 50));
    CPPUNIT_ASSERT(eventually([&] { return ingest_->stats().commits > 0; }));
    server().sql("ALTER DATABASE turns SET default_transaction_read_only TO on");
    server().sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname='turns'");
    push(some(50, 50));
    CPPUNIT_ASSERT(eventually([&] { return ingest_->stats().failed_commits > 1; }));
    CPPUNIT_ASSERT(ingest_->stats().waiting_bytes > 0);
    server().sql("ALTER DATABASE turns RESET default_transaction_read_only");
    CPPUNIT_ASSERT(eventually([&] { return ingest_->stats().waiting_bytes == 0; }));
    all_are_stored_once(100);
  }

  void a_full_disk_makes_events_wait() {
    const SmallDisk disk(server().folder() + "/small", 80);
    if (!disk) {
      std::puts("not run: a full disk, which needs root and a mount");
      return;
    }
    server().sql("CREATE TABLESPACE small LOCATION '" + server().folder() + "/small'");
    open("full_disk", "TABLESPACE small");
    push(some(0, 50));
    CPPUNIT_ASSERT(eventually([&] { return ingest_->stats().waiting_bytes == 0; }));
    disk.fill();
    std::vector<EventRow> rows = some(50, 2000);
    for (EventRow& row : rows) row.attrs = "{\"args\":[\"" + noise(500) + "\"]}";
    push(rows);
    CPPUNIT_ASSERT(eventually([&] { return ingest_->stats().failed_commits > 1; }));
    disk.make_room();
    CPPUNIT_ASSERT(eventually([&] { return ingest_->stats().waiting_bytes == 0; }));
    all_are_stored_once(2050);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, ingest_->stats().agents.at(0).dead_letters);
    tearDown();
    server().sql("DROP DATABASE full_disk WITH (FORCE)");
    server().sql("DROP TABLESPACE small");
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(IngestPostgresqlTest);

}  // namespace
}  // namespace z4j::faults
