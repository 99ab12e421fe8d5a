#include "raw_postgresql.hpp"

#include <libpq-fe.h>

#include <map>
#include <stdexcept>
#include <thread>

#include "model/tables.hpp"

namespace z4j::bench {
namespace {

namespace pg = sql::pg;

struct Free {
  void operator()(PGconn* c) const noexcept { PQfinish(c); }
  void operator()(PGresult* r) const noexcept { PQclear(r); }
};
using Answer = std::unique_ptr<PGresult, Free>;

class Bare {
 public:
  explicit Bare(const std::string& url) : conn_(PQconnectdb(url.c_str())) {
    if (PQstatus(conn_.get()) != CONNECTION_OK) fail();
  }
  Answer run(const std::string& text) { return good(PQexec(conn_.get(), text.c_str())); }
  Answer run(const pg::Statement& statement) {
    std::vector<const char*> values;
    std::vector<int> lengths, formats;
    std::vector<Oid> oids;
    for (const pg::Param& p : statement.params) {
      values.push_back(p.bytes.data());
      lengths.push_back(static_cast<int>(p.bytes.size()));
      formats.push_back(1);
      oids.push_back(p.oid);
    }
    const int n = static_cast<int>(values.size());
    const auto [found, is_new] =
        names_.try_emplace(statement.text, "s" + std::to_string(names_.size()));
    const char* name = found->second.c_str();
    if (is_new) (void)good(PQprepare(conn_.get(), name, statement.text.c_str(), n, oids.data()));
    return good(
        PQexecPrepared(conn_.get(), name, n, values.data(), lengths.data(), formats.data(), 1));
  }

 private:
  [[noreturn]] void fail() { throw std::runtime_error(PQerrorMessage(conn_.get())); }
  Answer good(PGresult* r) {
    Answer answer(r);
    const ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail();
    return answer;
  }

  std::unique_ptr<PGconn, Free> conn_;
  std::map<std::string, std::string> names_;
};

bool is_of_the_ceiling(const z4j_step& s) {
  return s.verb == Z4J_STEP_MERGE || s.table == static_cast<std::uint16_t>(model::Table::events);
}

}  // namespace

class RawPostgresql::Writer {
 public:
  Writer(const std::string& url, const std::string& schema) : bare_(url) {
    (void)bare_.run("SET search_path TO " + schema + ";SET jit TO off;SET timezone TO 'UTC'");
  }
  void write(const std::vector<Batch>& batches) {
    for (const Batch& batch : batches) {
      (void)bare_.run("BEGIN");
      for (const pg::Statement& statement : batch) (void)bare_.run(statement);
      (void)bare_.run("COMMIT");
    }
  }

 private:
  Bare bare_;
};

class RawPostgresql::Recorder final : public CeilingSession {
 public:
  Recorder(RawPostgresql& of, std::vector<Batch>* lane) : of_(of), lane_(lane) {}

  base::Status commit(z4j_commit& c, int, std::shared_ptr<void>) override {
    Batch batch;
    std::uint32_t bad_row = 0;
    for (std::uint32_t i = 0; i < c.step_count; ++i) {
      const z4j_step& s = *c.steps[i];
      if (s.verb == Z4J_STEP_NOTICE || !is_of_the_ceiling(s)) continue;
      const z4j_table& t = model::table(static_cast<model::Table>(s.table));
      batch.push_back(s.verb == Z4J_STEP_MERGE ? pg::merge(t, s, pg::Outcome::ignored, bad_row)
                                               : pg::insert(t, *s.rows, bad_row));
    }
    const std::lock_guard lock(of_.mutex_);
    lane_->push_back(std::move(batch));
    return {};
  }

 private:
  RawPostgresql& of_;
  std::vector<Batch>* lane_;
};

RawPostgresql::RawPostgresql(std::string url, std::string schema, z4j_store_info like)
    : url_(std::move(url)), schema_(std::move(schema)), info_(like) {}
RawPostgresql::~RawPostgresql() = default;

base::Result<std::string> RawPostgresql::migrate(const z4j_schema&, bool, int) {
  return std::string("{}");
}

base::Result<std::unique_ptr<plugin::StorageClient::Session>> RawPostgresql::open(
    std::uint32_t flags) {
  std::vector<Batch>* lane = nullptr;
  if ((flags & Z4J_SESSION_WRITE) != 0) {
    const std::lock_guard lock(mutex_);
    lane = &lanes_.emplace_back();
    writers_.push_back(std::make_unique<Writer>(url_, schema_));
  }
  return std::unique_ptr<Session>(std::make_unique<Recorder>(*this, lane));
}

void RawPostgresql::catch_up() {
  std::vector<std::string> failures(lanes_.size());
  std::vector<std::thread> threads;
  const auto from = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    threads.emplace_back([this, i, &failures] {
      try {
        writers_[i]->write(lanes_[i]);
      } catch (const std::exception& e) {
        failures[i] = e.what();
      }
    });
  }
  for (std::thread& t : threads) t.join();
  spent_ += std::chrono::steady_clock::now() - from;
  for (auto& lane : lanes_) lane.clear();
  for (const std::string& failure : failures) {
    if (!failure.empty()) throw std::runtime_error(failure);
  }
}

std::string run_sql(const std::string& url, const std::string& text) {
  const Answer answer = Bare(url).run(text);
  std::string out;
  for (int row = 0; row < PQntuples(answer.get()); ++row) {
    for (int column = 0; column < PQnfields(answer.get()); ++column)
      out.append(column == 0 ? "" : " ").append(PQgetvalue(answer.get(), row, column));
    out += '\n';
  }
  return out;
}

}  // namespace z4j::bench
