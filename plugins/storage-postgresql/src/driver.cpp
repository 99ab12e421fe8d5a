#include "driver.hpp"

#include <algorithm>
#include <cstdlib>
#include <random>

#include <z4j/storage_check.hpp>
#include "commit.hpp"
#include "lib/json/json.hpp"
#include "lib/sql/pg_text.hpp"
#include "migration.hpp"
#include "notice_text.hpp"
#include "refusals.hpp"

namespace z4j::postgresql {
namespace {

// Connections beside the sessions: notices, the caretaker's, and migration.
constexpr std::int64_t kOwnConnections = 3;
// A snapshot may stand still while its reader thinks.
constexpr const char* kSnapshotPatience = "600000";

std::string random_origin() {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::random_device random;
  std::string out;
  while (out.size() < kOriginLength) out += kDigits[random() % 16];
  return out;
}

}  // namespace

Driver::Driver(Host host, std::string_view config_json)
    : host_(host),
      settings_(read_settings(config_json, &host_)),
      days_(settings_),
      origin_(random_origin()) {}

void Driver::validate(std::string_view config_json, const z4j_sink& problems) {
  try {
    (void)read_settings(config_json, nullptr);
  } catch (const Error& e) {
    const std::string text = json::write(json::Object{{"at", e.where}, {"message", e.what()}});
    problems.put(problems.ctx, str(text));
  }
}

void Driver::start() {
  Connection probe(settings_, back_off_, Connection::Use::write);
  probe.open();
  started_ = true;
}

void Driver::stop(std::uint32_t) {
  started_ = false;
  const std::lock_guard lock(helpers_mutex_);
  listener_.reset();
  caretaker_.reset();
}

void Driver::info(z4j_store_info& out) const {
  out.best_rows = 1000;
  out.max_rows = store::kMaxRows;
  out.writers = static_cast<std::uint32_t>(settings_.writers);
  out.readers = static_cast<std::uint32_t>(settings_.readers);
  out.capabilities = Z4J_STORE_NOTICES | Z4J_STORE_SHARED | Z4J_STORE_SNAPSHOT |
                     Z4J_STORE_FAST_PATH | Z4J_STORE_DROPS_TIME;
  if (fast_text_) out.capabilities |= Z4J_STORE_FAST_TEXT;
  out.max_bytes = store::kMaxBytes;
}

std::string Driver::migrate(const z4j_schema& wanted, bool dry_run) {
  if (!started_) throw Error(Z4J_BAD_STATE, "the store is not started");
  Connection connection(settings_, back_off_, Connection::Use::write);
  const Migration done = postgresql::migrate(connection, wanted, days_, dry_run);
  fast_text_ = done.fast_text;
  if (!dry_run) {
    const std::lock_guard lock(helpers_mutex_);
    if (!caretaker_) {
      caretaker_ = std::make_unique<Caretaker>(host_, settings_, back_off_,
                                               [this](Connection& c) { make_ahead(c); });
    }
  }
  json::Array steps;
  for (const std::string& step : done.steps) steps.emplace_back(step);
  return json::write(
      json::Object{{"from", done.from}, {"to", done.to}, {"steps", std::move(steps)}});
}

std::unique_ptr<Session> Driver::open(std::uint32_t flags) {
  if (!started_) throw Error(Z4J_BAD_STATE, "the store is not started");
  need_schema();
  return std::make_unique<Session>(*this, flags);
}

void Driver::listen(const z4j_str* channels, std::uint32_t count) {
  if (!started_) throw Error(Z4J_BAD_STATE, "the store is not started");
  notices.listen(channels, count);
  std::set<std::string, std::less<>> names;
  for (std::uint32_t i = 0; i < count; ++i) names.emplace(view(channels[i]));
  const std::lock_guard lock(helpers_mutex_);
  if (!listener_) {
    listener_ = std::make_unique<Listener>(host_, settings_, back_off_, origin_);
  }
  listener_->listen(std::move(names));
}

void Driver::make_ahead(Connection& connection) {
  const z4j_schema& wanted = need_schema();
  for (std::uint32_t i = 0; i < wanted.table_count; ++i) {
    const z4j_table& t = wanted.tables[i];
    if ((t.flags & Z4J_TBL_RETIRED) == 0 && sql::pg::is_by_day(t))
      (void)days_.make_ahead(connection, t);
  }
}

// Tells the caretaker of rows that may have given an index of words or paths new entries.
void Driver::wrote(const z4j_commit& c) {
  std::uint64_t rows = 0;
  for (std::uint32_t i = 0; i < c.step_count; ++i) {
    const z4j_step& s = *c.steps[i];
    if (s.verb == Z4J_STEP_NOTICE) continue;
    const z4j_table& t = need_schema().tables[s.table];
    const bool puts_off = std::any_of(t.keys, t.keys + t.key_count, store::is_search_key);
    if (puts_off) rows += s.affected;
  }
  if (rows == 0) return;
  const std::lock_guard lock(helpers_mutex_);
  if (caretaker_) caretaker_->wrote(rows);
}

Session::Session(Driver& driver, std::uint32_t flags)
    : driver_(driver),
      connection_(
          driver.settings_, driver.back_off_,
          (flags & Z4J_SESSION_WRITE) != 0 ? Connection::Use::write : Connection::Use::read) {
  if (driver_.connections_.fetch_add(1) + kOwnConnections >= driver_.settings_.max_connections) {
    --driver_.connections_;
    throw Error(Z4J_BUSY,
                "all " + std::to_string(driver_.settings_.max_connections) +
                    " connections are taken: raise max_connections, or wait",
                {}, 100);
  }
  try {
    connection_.open();
    if ((flags & Z4J_SESSION_SNAPSHOT) != 0) {
      connection_.run(std::string("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;SET LOCAL "
                                  "idle_in_transaction_session_timeout TO ") +
                      kSnapshotPatience +
                      ";SELECT 1");  // the moment is taken by the first read, not by BEGIN
      moment_ = connection_.generation();
    }
  } catch (...) {
    --driver_.connections_;
    throw;
  }
}

Session::~Session() { --driver_.connections_; }

// Connected, and a snapshot still sees its moment.
void Session::ready() {
  if (moment_ == 0) return connection_.open();
  if (!connection_.is_open() || connection_.generation() != moment_ ||
      PQtransactionStatus(connection_.native()) != PQTRANS_INTRANS) {
    throw Error(Z4J_UNAVAILABLE,
                "the moment this session saw is lost: begin again with a new session");
  }
}

void Session::commit(z4j_commit& c) {
  run_commit(connection_, driver_.need_schema(), driver_.days_, driver_.origin_, c);
  driver_.wrote(c);
}

std::unique_ptr<Cursor> Session::read(const z4j_query& query) {
  ready();
  const auto transaction = moment_ != 0 ? Cursor::Transaction::inside : Cursor::Transaction::own;
  return std::make_unique<Cursor>(connection_, driver_.need_schema().tables[query.table], query,
                                  transaction);
}

std::string Session::stats() {
  ready();
  const std::string bytes = connection_.value(
      "SELECT coalesce(sum(pg_total_relation_size(c.oid)),0)::int8 FROM pg_class c JOIN "
      "pg_namespace n ON n.oid=c.relnamespace "
      "WHERE n.nspname=current_schema() AND c.relkind='r'");
  const char* version = PQparameterStatus(connection_.native(), "server_version");
  return json::write(json::Object{{"product", "PostgreSQL"},
                                  {"version", version != nullptr ? version : ""},
                                  {"bytes", std::strtoll(bytes.c_str(), nullptr, 10)},
                                  {"connections", driver_.connections_.load()},
                                  {"deadlocks", deadlocks_seen()}});
}

std::string Session::explain(const z4j_query& query) {
  ready();
  const z4j_schema& schema = driver_.need_schema();
  store::check_query(schema, query);
  return explained(connection_, schema.tables[query.table], query);
}

}  // namespace z4j::postgresql
