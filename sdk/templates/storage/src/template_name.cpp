// template-name: keeps everything in memory. A whole driver to put your own store into.
#include <z4j/storage_check.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tables.hpp"

namespace {

constexpr char kSettings[] =
    R"({"type": "object", "additionalProperties": false, "properties": {}})";

int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// One mutex over all tables; a session that sees one moment has a copy of them.
class TemplateName : public z4j::store::CheckedDriver {
 public:
  // The rows of one answer, in pages.
  class Cursor {
   public:
    Cursor(const z4j_table& table, const z4j_query& q, std::vector<tables::Row> rows)
        : rows_(std::move(rows)) {
      for (uint32_t i = 0; i < q.out_count; ++i)
        page_.add_column(tables::folds(q) ? static_cast<uint16_t>(i) : q.outs[i].column,
                         tables::form_of(table, q.outs[i]));
    }
    const z4j_rows* next(uint32_t max_rows) {
      page_.clear();
      for (; at_ < rows_.size() && page_.rows() < max_rows && page_.bytes() < (8u << 20); ++at_) {
        for (std::size_t i = 0; i < page_.columns(); ++i) put(i, rows_[at_][i]);
        page_.end_row();
      }
      return page_.rows() > 0 ? page_.view() : nullptr;
    }

   private:
    void put(std::size_t i, const tables::Cell& cell) {
      if (const auto* num = std::get_if<int64_t>(&cell))
        page_.num(i, *num);
      else if (const auto* real = std::get_if<double>(&cell))
        page_.real(i, *real);
      else if (const auto* text = std::get_if<std::string>(&cell))
        page_.bytes(i, *text);
      else
        page_.null(i);
    }
    std::vector<tables::Row> rows_;
    std::size_t at_ = 0;
    z4j::store::RowsOut page_;
  };

  // A lane: calls on it never overlap.
  class Session {
   public:
    Session(TemplateName& driver, std::unique_ptr<tables::Tables> moment)
        : driver_(driver), moment_(std::move(moment)) {}
    void commit(z4j_commit& c) {
      const std::lock_guard<std::mutex> lock(driver_.mutex_);
      driver_.tables_.run(c, now_us());
    }
    std::unique_ptr<Cursor> read(const z4j_query& q) {
      const std::lock_guard<std::mutex> lock(driver_.mutex_);
      const z4j_table& table = driver_.need_schema().tables[q.table];
      const tables::Tables& from = moment_ ? *moment_ : driver_.tables_;
      return std::make_unique<Cursor>(table, q,
                                      tables::answer(table, from.rows(q.table), q, now_us()));
    }
    std::string stats() const {
      return R"({"product":"template-name","version":"0.1.0","bytes":0,"connections":0})";
    }

   private:
    TemplateName& driver_;
    std::unique_ptr<tables::Tables> moment_;
  };

  TemplateName(z4j::Host, std::string_view) {}
  void start() {}  // connect here
  void stop(uint32_t) {}

  void info(z4j_store_info& out) const {
    out.best_rows = 1000;
    out.max_rows = z4j::store::kMaxRows;
    out.writers = 1;
    out.readers = 2;
    out.capabilities = Z4J_STORE_NOTICES | Z4J_STORE_SNAPSHOT;
    out.max_bytes = z4j::store::kMaxBytes;
  }

  // Makes the store fit the schema; can be run again.
  std::string migrate(const z4j_schema& wanted, bool dry_run) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (version_ > wanted.version)
      throw z4j::Error(Z4J_UNSUPPORTED, "the store is of a newer version: start the newer program");
    std::string steps;
    for (uint32_t t = table_count_; t < wanted.table_count; ++t)
      steps += (steps.empty() ? "\"create table " : ",\"create table ") +
               std::string(z4j::view(wanted.tables[t].name)) + "\"";
    const std::string report = "{\"from\":" + std::to_string(version_) +
                               ",\"to\":" + std::to_string(wanted.version) + ",\"steps\":[" +
                               steps + "]}";
    if (dry_run) return report;
    tables_.fit(wanted);
    version_ = wanted.version;
    table_count_ = wanted.table_count;
    return report;
  }

  std::unique_ptr<Session> open(uint32_t flags) {
    need_schema();
    std::unique_ptr<tables::Tables> moment;
    if ((flags & Z4J_SESSION_SNAPSHOT) != 0) {
      const std::lock_guard<std::mutex> lock(mutex_);
      moment = std::make_unique<tables::Tables>(tables_);
    }
    return std::make_unique<Session>(*this, std::move(moment));
  }

 private:
  std::mutex mutex_;
  tables::Tables tables_;
  uint32_t version_ = 0, table_count_ = 0;
};

}  // namespace

Z4J_STORAGE_PLUGIN(TemplateName, "org.example.template-name", "0.1.0", "template-name",
                   "Keeps everything in memory.", kSettings)
