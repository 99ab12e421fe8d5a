// The in-memory storage driver: quick, complete, gone with the process.
#include <z4j/storage_check.hpp>

#include <chrono>
#include <mutex>

#include "fold.hpp"
#include "json.hpp"
#include "tables.hpp"

namespace z4j::memory {

namespace {

std::int64_t store_clock_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

// Thread-safe; one mutex over all tables. A snapshot session holds a copy of them.
class Driver : public store::CheckedDriver {
 public:
  class Cursor {
   public:
    Cursor(const z4j_table& table, const z4j_query& q, std::vector<Row> rows)
        : rows_(std::move(rows)) {
      const bool fold = store::folds(q);
      for (std::uint32_t i = 0; i < q.out_count; ++i) {
        out_.add_column(fold ? static_cast<std::uint16_t>(i) : q.outs[i].column,
                        store::out_form(table, q.outs[i]));
      }
    }
    const z4j_rows* next(std::uint32_t max_rows) {
      out_.clear();
      for (; at_ < rows_.size() && out_.rows() < max_rows && out_.bytes() < (8u << 20); ++at_) {
        for (std::size_t i = 0; i < out_.columns(); ++i) put(i, rows_[at_][i]);
        out_.end_row();
      }
      return out_.rows() > 0 ? out_.view() : nullptr;
    }

   private:
    void put(std::size_t i, const Cell& cell) {
      switch (cell.index()) {
        case 1:
          out_.num(i, std::get<std::int64_t>(cell));
          break;
        case 2:
          out_.real(i, std::get<double>(cell));
          break;
        case 3:
          out_.bytes(i, std::get<std::string>(cell));
          break;
        default:
          out_.null(i);
      }
    }
    std::vector<Row> rows_;
    std::size_t at_ = 0;
    store::RowsOut out_;
  };

  class Session {
   public:
    Session(Driver& driver, std::unique_ptr<Tables> snapshot)
        : driver_(driver), snapshot_(std::move(snapshot)) {}
    void commit(z4j_commit& c) {
      const std::lock_guard lock(driver_.mutex_);
      driver_.tables_->run(c, store_clock_us());
    }
    std::unique_ptr<Cursor> read(const z4j_query& q) {
      const std::lock_guard lock(driver_.mutex_);
      const Tables& tables = snapshot_ ? *snapshot_ : *driver_.tables_;
      const z4j_table& table = driver_.need_schema().tables[q.table];
      return std::make_unique<Cursor>(table, q,
                                      answer(table, tables.rows(q.table), q, store_clock_us()));
    }
    std::string stats() {
      const std::lock_guard lock(driver_.mutex_);
      const std::uint64_t bytes = driver_.tables_ ? driver_.tables_->bytes() : 0;
      return R"({"product":"memory","version":"1","bytes":)" + std::to_string(bytes) +
             R"(,"connections":0})";
    }

   private:
    Driver& driver_;
    std::unique_ptr<Tables> snapshot_;
  };

  Driver(Host, std::string_view config) {
    // The host checked them against the schema and filled the default in.
    Json settings;
    if (!read_json(config, settings)) throw Error(Z4J_BAD_CONFIG, "the settings are not JSON");
    const Json* const most = json_at(settings, "/max_mib");
    const auto* const number = most != nullptr ? std::get_if<std::int64_t>(&most->value) : nullptr;
    if (number != nullptr && *number > 0 && *number <= 65536)
      max_mib_ = static_cast<std::uint64_t>(*number);
  }
  void start() {}
  void stop(std::uint32_t) {}

  void info(z4j_store_info& out) const {
    out.best_rows = 2000;
    out.max_rows = store::kMaxRows;
    out.writers = 1;
    out.readers = 4;
    out.capabilities = Z4J_STORE_NOTICES | Z4J_STORE_SNAPSHOT | Z4J_STORE_DROPS_TIME;
    out.max_bytes = store::kMaxBytes;
  }

  std::string migrate(const z4j_schema& wanted, bool dry_run) {
    const std::lock_guard lock(mutex_);
    if (version_ > wanted.version) {
      throw Error(Z4J_UNSUPPORTED, "this store holds schema " + std::to_string(version_) +
                                       ", newer than " + std::to_string(wanted.version) +
                                       ": start the newer program");
    }
    // Names are lower-case words: nothing in them needs escaping.
    std::string report = "{\"from\":" + std::to_string(version_) +
                         ",\"to\":" + std::to_string(wanted.version) + ",\"steps\":[";
    for (std::uint32_t t = known_tables_; t < wanted.table_count; ++t) {
      report += (t > known_tables_ ? ",\"create table " : "\"create table ") +
                std::string(view(wanted.tables[t].name)) + "\"";
    }
    report += "]}";
    if (!dry_run) {
      if (tables_) {
        tables_->fit(wanted);
      } else {
        tables_ = std::make_unique<Tables>(wanted, max_mib_ << 20);
      }
      version_ = wanted.version;
      known_tables_ = wanted.table_count;
    }
    return report;
  }

  std::unique_ptr<Session> open(std::uint32_t flags) {
    need_schema();
    std::unique_ptr<Tables> snapshot;
    if ((flags & Z4J_SESSION_SNAPSHOT) != 0) {
      const std::lock_guard lock(mutex_);
      snapshot = std::make_unique<Tables>(*tables_);
    }
    return std::make_unique<Session>(*this, std::move(snapshot));
  }

 private:
  std::uint64_t max_mib_ = 512;
  std::mutex mutex_;
  std::unique_ptr<Tables> tables_;
  std::uint32_t version_ = 0, known_tables_ = 0;
};

}  // namespace z4j::memory

namespace {

using MemoryGlue = z4j::store::StorageGlue<z4j::memory::Driver>;

const z4j_storage z4j_memory_storage = {sizeof(z4j_storage),
                                        0,
                                        &MemoryGlue::info,
                                        &MemoryGlue::migrate,
                                        &MemoryGlue::session_open,
                                        &MemoryGlue::session_close,
                                        &MemoryGlue::commit,
                                        &MemoryGlue::read_open,
                                        &MemoryGlue::read_next,
                                        &MemoryGlue::read_close,
                                        &MemoryGlue::listen,
                                        &MemoryGlue::stats,
                                        nullptr,
                                        nullptr};

const void* memory_interface(z4j_str id) {
  return z4j::same(id, Z4J_IFACE_STORAGE) ? &z4j_memory_storage : nullptr;
}

constexpr char kMemorySchema[] = R"({"type":"object","additionalProperties":false,"properties":{
"max_mib":{"type":"integer","minimum":1,"maximum":65536,"default":512,
"description":"Commits are refused when the tables hold more than so many MiB."}}})";

}  // namespace

Z4J_DESCRIPTOR(z4j::memory::Driver, "org.z4j.storage-memory", "0.1.0", "In-memory storage",
               "Keeps everything in memory; gone with the process. For tests and trials.",
               "storage", kMemorySchema, 0, memory_interface)
Z4J_PLUGIN_ENTRY(z4j_descriptor_of_this_file)
