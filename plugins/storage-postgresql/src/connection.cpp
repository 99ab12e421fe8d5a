#include "connection.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>

#include "refusals.hpp"

namespace z4j::postgresql {
namespace {

// Rows lie in memory or on flash, and the entries of a trigram index are dearer than the planner
// thinks: by its own costs it reads 50,000 of them to save 2,000 rows. An administrator's costs are
// left alone.
constexpr std::string_view kReadCosts =
    ";SELECT set_config(name,CASE name WHEN 'random_page_cost' THEN '1.1' ELSE '0.02' END,false) "
    "FROM pg_settings WHERE name IN ('random_page_cost','cpu_index_tuple_cost') AND "
    "source='default'";

// Between two parts of an answer: it waits for whoever takes it, and holds no row's lock.
constexpr const char* kReadPatience = "60000";

constexpr std::size_t kMaxStatements = 200;
constexpr int kOldestServer = 140000;
// The server ends a statement in time; a server that says nothing for so much longer is gone.
constexpr std::int64_t kGraceMs = 5000;

void replace_all(std::string& text, const std::string& what) {
  if (what.empty()) return;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos;)
    text.replace(at, what.size(), "***");
}

// "...: 28P01: ...", as libpq writes it when asked for everything.
std::string state_in(const std::string& said) {
  for (std::size_t at = said.find(": "); at != std::string::npos; at = said.find(": ", at + 1)) {
    std::size_t from = at + 1;
    while (from < said.size() && said[from] == ' ') ++from;
    const std::string state = said.substr(from, 5);
    const bool is_state =
        state.size() == 5 && said.compare(from + 5, 2, ": ") == 0 &&
        state.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos &&
        state.find_first_of("0123456789") != std::string::npos;  // unlike FATAL
    if (is_state) return state;
  }
  return {};
}

Error refusal_of(const Settings& s, const std::string& state, std::string said) {
  const std::string user = s.user.empty() ? std::string("the user") : "user " + s.user;
  if (state == "28P01" || state == "28000" ||
      said.find("no password supplied") != std::string::npos) {
    return Error(Z4J_BAD_CONFIG,
                 "the database server does not let " + user +
                     " in: check user and password in url, and pg_hba.conf on the server",
                 "/url");
  }
  if (state == "3D000") {
    return Error(Z4J_BAD_CONFIG,
                 "there is no database " + s.database + ": create it, or correct its name in url",
                 "/url");
  }
  if (state == "53300" || state == "42501") return error_of_state(state, {}, {}, "/url");
  if (state == "57P03")
    return Error(Z4J_UNAVAILABLE, s.shown + " is starting or stopping: it will be tried again",
                 "/url", 1000);
  if (state.empty() &&
      (said.find("SSL") != std::string::npos || said.find("certificate") != std::string::npos)) {
    replace_all(said, s.password);
    return Error(Z4J_BAD_CONFIG,
                 "no TLS with " + s.shown + " (" + said +
                     "): turn it on in the server, or correct sslmode and sslrootcert in url" +
                     (s.needs_tls ? ", or set plaintext" : ""),
                 "/url");
  }
  replace_all(said, s.password);
  std::replace_if(
      said.begin(), said.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  while (!said.empty() && said.back() == ' ') said.pop_back();
  return Error(Z4J_UNAVAILABLE,
               "cannot reach " + s.shown + " (" + said.substr(0, 300) +
                   "): is the server running, and is url right?",
               "/url", 1000);
}

// SOCI says only in prose why it could not connect. A second attempt by hand brings the code.
Error why_refused(const Settings& s) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> conn(PQconnectStart(s.address.c_str()),
                                                          &PQfinish);
  if (!conn) return Error(Z4J_NO_MEMORY, "out of memory");
  PQsetErrorVerbosity(conn.get(), PQERRORS_VERBOSE);
  const Clock::time_point deadline = Clock::now() + std::chrono::seconds(s.connect_timeout_s);
  PostgresPollingStatusType status = PGRES_POLLING_WRITING;
  while (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED &&
         PQstatus(conn.get()) != CONNECTION_BAD) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd p{PQsocket(conn.get()),
             static_cast<short>(status == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
    if (left <= 0 || (::poll(&p, 1, static_cast<int>(left)) <= 0 && errno != EINTR)) {
      return Error(
          Z4J_UNAVAILABLE,
          s.shown + " does not answer: is the address in url right, and may this machine reach it?",
          "/url", 1000);
    }
    status = PQconnectPoll(conn.get());
  }
  if (status == PGRES_POLLING_OK)
    return Error(Z4J_UNAVAILABLE, "the connection to " + s.shown + " failed and then came back", {},
                 100);
  const std::string said = PQerrorMessage(conn.get());
  return refusal_of(s, state_in(said), said);
}

void hear_nothing(void*, const PGresult*) {}

}  // namespace

void BackOff::wait_over(const Settings& settings) {
  const std::lock_guard lock(mutex_);
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(next_ - Clock::now()).count();
  if (failures_ == 0 || left <= 0) return;
  throw Error(Z4J_UNAVAILABLE, why_.empty() ? settings.shown + " is away" : why_, {},
              static_cast<std::uint32_t>(left));
}

void BackOff::succeeded() {
  const std::lock_guard lock(mutex_);
  failures_ = 0;
}

void BackOff::failed(const std::string& why) {
  const std::lock_guard lock(mutex_);
  failures_ = std::min(failures_ + 1, 6u);
  why_ = why;
  next_ = Clock::now() + std::chrono::milliseconds(100u << failures_);
}

struct Connection::Soci {
  explicit Soci(const std::string& address) : session(soci::postgresql, address) {}
  soci::session session;
};

Connection::Connection(const Settings& settings, BackOff& back_off, Use use)
    : settings_(settings), back_off_(back_off), use_(use) {}

Connection::~Connection() = default;

void Connection::forget() noexcept {
  statements_.clear();
  by_text_.clear();
  native_ = nullptr;
  soci_.reset();
  broken_ = false;
}

void Connection::open() {
  if (is_open()) return;
  forget();
  back_off_.wait_over(settings_);
  try {
    try {
      soci_ = std::make_unique<Soci>(settings_.address);
    } catch (const soci::soci_error&) {
      throw why_refused(settings_);
    }
    native_ = static_cast<soci::postgresql_session_backend*>(soci_->session.get_backend())->conn_;
    greet();
  } catch (const Error& e) {
    forget();
    back_off_.failed(e.what());
    throw;
  }
  ++generation_;
  back_off_.succeeded();
}

void Connection::greet() {
  PQsetNoticeReceiver(native_, hear_nothing, nullptr);
  PQsetnonblocking(native_, 1);
  const auto status = [&](const char* name) {
    const char* text = PQparameterStatus(native_, name);
    return std::string(text != nullptr ? text : "");
  };
  if (PQserverVersion(native_) < kOldestServer) {
    throw Error(Z4J_UNSUPPORTED,
                settings_.shown + " runs PostgreSQL " + status("server_version") +
                    ": version 14 or newer is needed",
                "/url");
  }
  if (settings_.needs_tls && PQsslInUse(native_) == 0) {
    throw Error(Z4J_BAD_CONFIG,
                "the connection to " + settings_.shown +
                    " has no TLS: turn it on in the server, or set plaintext",
                "/url");
  }
  if (status("server_encoding") != "UTF8") {
    throw Error(Z4J_BAD_CONFIG,
                settings_.shown + " is encoded in " + status("server_encoding") +
                    ": create the database with ENCODING 'UTF8'",
                "/url");
  }
  if (use_ == Use::write &&
      (status("in_hot_standby") == "on" || status("default_transaction_read_only") == "on")) {
    throw Error(Z4J_UNAVAILABLE,
                settings_.shown +
                    " takes no writes (a read-only replica, or default_transaction_read_only is "
                    "on): give the address of the primary",
                "/url", 5000);
  }
  timeout_ms_ = settings_.statement_timeout_ms;
  // A query is planned for its values: list filters differ too much for one plan. Row statements
  // gain nothing by that.
  run("SET search_path TO " + sql::pg::quoted_name(settings_.schema) +
      ",pg_temp;SET timezone TO 'UTC';SET jit TO off;SET statement_timeout TO " +
      std::to_string(timeout_ms_) + ";SET lock_timeout TO " +
      std::to_string(settings_.lock_timeout_ms) + ";SET idle_in_transaction_session_timeout TO " +
      (use_ == Use::read ? kReadPatience : std::to_string(settings_.idle_timeout_ms)) +
      (use_ == Use::read
           ? ";SET plan_cache_mode TO force_custom_plan;SET default_transaction_read_only TO on" +
                 std::string(kReadCosts)
           : ""));
}

void Connection::lose() {
  broken_ = true;
  throw connection_lost(settings_.shown);
}

void Connection::wait_for(short events, Clock::time_point deadline) {
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) lose();
    pollfd p{PQsocket(native_), events, 0};
    const int ready = ::poll(&p, 1, static_cast<int>(std::min<std::int64_t>(left, 60000)));
    if (ready > 0) return;
    if (ready < 0 && errno != EINTR) lose();
  }
}

// Sends what was queued and takes the answer; of several answers the last, or the first that is an
// error.
Result Connection::finish(const std::string& where) {
  const Clock::time_point deadline =
      Clock::now() + std::chrono::milliseconds(timeout_ms_ + kGraceMs);
  for (int left = 1; (left = PQflush(native_)) != 0;) {
    if (left < 0) lose();
    wait_for(POLLIN | POLLOUT, deadline);
    if (PQconsumeInput(native_) == 0) lose();
  }
  Result answer;
  bool failed = false;
  while (true) {
    while (PQisBusy(native_) != 0) {
      wait_for(POLLIN, deadline);
      if (PQconsumeInput(native_) == 0) lose();
    }
    Result next(PQgetResult(native_));
    if (!next) break;
    if (failed) continue;
    const ExecStatusType status = PQresultStatus(next.get());
    failed = status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK;
    answer = std::move(next);
  }
  if (PQstatus(native_) != CONNECTION_OK || !answer) broken_ = true;
  if (!answer) throw connection_lost(settings_.shown);
  if (failed) {
    const char* state = PQresultErrorField(answer.get(), PG_DIAG_SQLSTATE);
    if (state == nullptr) lose();
    throw error_of(answer.get(), where);
  }
  return answer;
}

Result Connection::run(const std::string& text) {
  if (PQsendQuery(native_, text.c_str()) == 0) lose();
  return finish({});
}

std::string Connection::value(const std::string& text) {
  const Result r = run(text);
  return PQntuples(r.get()) > 0 ? std::string(cell(r.get(), 0, 0)) : std::string();
}

namespace {

struct Bound {
  explicit Bound(const std::vector<sql::pg::Param>& params) {
    for (const sql::pg::Param& p : params) {
      values.push_back(p.null ? nullptr : p.bytes.data());
      lengths.push_back(static_cast<int>(p.bytes.size()));
      formats.push_back(1);
      oids.push_back(p.oid);
    }
  }
  [[nodiscard]] int count() const { return static_cast<int>(values.size()); }
  std::vector<const char*> values;
  std::vector<int> lengths, formats;
  std::vector<Oid> oids;
};

}  // namespace

const std::string& Connection::prepared(const sql::pg::Statement& statement) {
  if (const auto found = by_text_.find(statement.text); found != by_text_.end()) {
    statements_.splice(statements_.begin(), statements_, found->second);
    return found->second->second;
  }
  const Bound bound(statement.params);
  const std::string name = "z" + std::to_string(next_name_++);
  if (PQsendPrepare(native_, name.c_str(), statement.text.c_str(), bound.count(),
                    bound.oids.data()) == 0)
    lose();
  (void)finish({});
  statements_.emplace_front(statement.text, name);
  by_text_.emplace(statements_.front().first, statements_.begin());
  if (statements_.size() > kMaxStatements) {
    const std::string oldest = statements_.back().second;
    by_text_.erase(statements_.back().first);
    statements_.pop_back();
    run("DEALLOCATE " + oldest);
  }
  return statements_.front().second;
}

Result Connection::run(const sql::pg::Statement& statement, const std::string& where) {
  const std::string& name = prepared(statement);
  const Bound bound(statement.params);
  if (PQsendQueryPrepared(native_, name.c_str(), bound.count(), bound.values.data(),
                          bound.lengths.data(), bound.formats.data(), 1) == 0)
    lose();
  return finish(where);
}

Result Connection::run_once(const sql::pg::Statement& statement) {
  const Bound bound(statement.params);
  if (PQsendQueryParams(native_, statement.text.c_str(), bound.count(), bound.oids.data(),
                        bound.values.data(), bound.lengths.data(), bound.formats.data(), 1) == 0) {
    lose();
  }
  return finish({});
}

void Connection::limit_time(std::uint32_t timeout_ms) {
  const std::int64_t wanted =
      timeout_ms != 0 ? std::int64_t{timeout_ms} : settings_.statement_timeout_ms;
  if (wanted == timeout_ms_) return;
  timeout_ms_ = std::max(wanted, timeout_ms_);
  run("SET statement_timeout TO " + std::to_string(wanted));
  timeout_ms_ = wanted;
}

void Connection::roll_back() noexcept {
  if (!is_open()) return;
  try {
    run("ROLLBACK");
  } catch (...) {
    broken_ = true;
  }
}

}  // namespace z4j::postgresql
