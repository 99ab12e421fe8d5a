#include "lib/database/database.hpp"

#include <sys/stat.h>

#include <libpq-fe.h>

#include <algorithm>
#include <exception>

#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

namespace z4j::database {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxUrl = 4096;
constexpr int kGraceMs = 3000;  // a server that says nothing for so much longer is gone

[[noreturn]] void bad_url(const std::string& message) {
  throw Error(Z4J_BAD_CONFIG, message, "/database_url");
}

bool begins(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}

Address postgresql_address(std::string_view url) {
  Address a;
  a.kind = Kind::postgresql;
  a.connect = url;
  char* said = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parts(
      PQconninfoParse(a.connect.c_str(), &said), &PQconninfoFree);
  if (said != nullptr) PQfreemem(said);  // may quote the password
  if (!parts)
    bad_url(
        "database_url is no PostgreSQL address: postgresql://user:password@host:5432/name is what "
        "it looks like");
  std::string host, port, name;
  for (const PQconninfoOption* p = parts.get(); p->keyword != nullptr; ++p) {
    const std::string_view keyword = p->keyword;
    const std::string value = p->val != nullptr ? p->val : "";
    if (keyword == "host" || (keyword == "hostaddr" && host.empty() && !value.empty()))
      host = value;
    if (keyword == "port") port = value;
    if (keyword == "dbname") name = value;
    if (keyword == "password") a.password = value;
  }
  if (name.empty()) bad_url("database_url names no database: put it behind the host, like /shop");
  a.shown = "PostgreSQL at " + (host.empty() ? std::string("the local socket") : host) +
            (port.empty() ? "" : ":" + port) + "/" + name;
  return a;
}

std::string without_line_breaks(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text.substr(0, 300);
}

void hide(std::string& text, const std::string& what) {
  if (what.empty()) return;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos;)
    text.replace(at, what.size(), "***");
}

Error sqlite_error(int result, const std::string& said, const std::string& shown) {
  switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Error(Z4J_BUSY, "another program holds " + shown + " locked", {}, 500);
    case SQLITE_CONSTRAINT:
      return said.find("UNIQUE") != std::string::npos
                 ? Error(Z4J_CONFLICT, "another row has the same name")
                 : Error(Z4J_INVALID, "the database does not take a value: " + said);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return Error(Z4J_CORRUPT, shown + " is damaged, or no SQLite database", "/database_url");
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Error(Z4J_DENIED,
                   shown + " cannot be written: check owner and mode of the file and its folder",
                   "/database_url");
    case SQLITE_FULL:
    case SQLITE_IOERR:
      return Error(Z4J_IO, shown + " could not be read or written (" + said + ")", {}, 5000);
    case SQLITE_NOMEM:
      return Error(Z4J_NO_MEMORY, "out of memory");
    default:
      if (said.find("no such table") != std::string::npos)
        return Error(Z4J_BAD_CONFIG, shown + " has no such table (" + said + ")", "/database_url");
      return Error(Z4J_INTERNAL, "unexpected answer of SQLite: " + said);
  }
}

Error postgresql_error(const std::string& state, const std::string& said,
                       const std::string& shown) {
  if (state == "23505") return Error(Z4J_CONFLICT, "another row has the same name");
  if (state == "55P03" || state == "40001" || state == "40P01")
    return Error(Z4J_BUSY, "another program holds rows of " + shown + " locked", {}, 500);
  if (state == "57014") return Error(Z4J_TIMEOUT, shown + " did not answer in the given time");
  if (state == "42P01" || state == "3F000")
    return Error(Z4J_BAD_CONFIG, shown + " has no such table (" + said + ")", "/database_url");
  if (state == "42501" || state == "25006")
    return Error(Z4J_DENIED, shown + " does not allow it (" + said + ")", "/database_url");
  if (begins(state, "22") || begins(state, "23"))
    return Error(Z4J_INVALID, "the database does not take a value: " + said);
  if (begins(state, "53"))
    return Error(Z4J_UNAVAILABLE, shown + " is short of room (" + said + ")", {}, 5000);
  return Error(Z4J_INTERNAL, "unexpected answer of PostgreSQL (" + state + "): " + said);
}

// What SOCI says when it cannot connect is prose, in the server's language at worst.
Error refusal(const std::string& said, const std::string& shown) {
  const bool is_setting =
      said.find("password") != std::string::npos || said.find("role") != std::string::npos ||
      said.find("database \"") != std::string::npos || said.find("pg_hba") != std::string::npos;
  return Error(is_setting ? Z4J_BAD_CONFIG : Z4J_UNAVAILABLE,
               "cannot reach " + shown + " (" + said + ")", "/database_url", 1000);
}

}  // namespace

Address read_address(std::string_view url) {
  if (url.size() > kMaxUrl) bad_url("database_url is too long");
  if (begins(url, "postgresql://") || begins(url, "postgres://")) return postgresql_address(url);
  constexpr std::string_view kSqlite = "sqlite:///";
  if (!begins(url, kSqlite)) bad_url("database_url must start with postgresql:// or sqlite:///");
  Address a;
  a.connect = url.substr(kSqlite.size());
  if (a.connect.empty() || a.connect.find_first_of("\"?") != std::string::npos ||
      a.connect.find('\0') != std::string::npos)
    bad_url("database_url names no file: sqlite:////var/lib/shop/db.sqlite3 is what it looks like");
  a.shown = a.connect;
  return a;
}

struct Session::Soci {
  Soci(const soci::backend_factory& factory, const std::string& address)
      : session(factory, address) {}
  soci::session session;
};

Session::Session(Options options) : options_(std::move(options)) {}
Session::~Session() = default;

void Session::forget() noexcept {
  soci_.reset();
  in_transaction_ = false;
}

// Which file stands under that name; 0: none.
std::uint64_t Session::file_id() const noexcept {
  struct stat found {};
  return ::stat(options_.address.connect.c_str(), &found) == 0 ? found.st_ino : 0;
}

void Session::open() {
  if (soci_ && is_sqlite() && !in_transaction_ && generation_ > 0 && file_id() != file_id_)
    forget();
  if (soci_) return;
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(next_try_ - Clock::now()).count();
  if (failures_ > 0 && left > 0)
    throw Error(Z4J_UNAVAILABLE, why_, {}, static_cast<std::uint32_t>(left));
  const Address& a = options_.address;
  try {
    if (is_sqlite()) {
      file_id_ = file_id();
      // SQLite would make an empty one.
      if (file_id_ == 0)
        throw Error(Z4J_UNAVAILABLE, a.shown + " is not there", "/database_url", 1000);
      soci_ = std::make_unique<Soci>(soci::sqlite3,
                                     "dbname=\"" + a.connect + "\" timeout=" +
                                         std::to_string(std::max(1, options_.timeout_ms / 1000)));
      static_cast<void>(
          read("SELECT CAST(COUNT(*) AS TEXT) FROM sqlite_master", {}, 1));  // is it one at all?
    } else {
      std::string address = a.connect + (a.connect.find('?') == std::string::npos ? "?" : "&") +
                            "connect_timeout=5&application_name=z4j&tcp_user_timeout=" +
                            std::to_string(options_.timeout_ms + kGraceMs);
      soci_ = std::make_unique<Soci>(soci::postgresql, address);
      PGconn* native =
          static_cast<soci::postgresql_session_backend*>(soci_->session.get_backend())->conn_;
      PQsetNoticeReceiver(
          native, [](void*, const PGresult*) {}, nullptr);
      const std::string ms = std::to_string(options_.timeout_ms);
      change("SET statement_timeout TO " + ms);
      change("SET lock_timeout TO " + ms);
      change("SET idle_in_transaction_session_timeout TO " + ms);
      change("SET timezone TO 'UTC'");
      change("SET datestyle TO 'ISO'");
      if (!options_.schema.empty())
        static_cast<void>(
            read("SELECT set_config('search_path',quote_ident(:p1),false)", {options_.schema}, 1));
    }
  } catch (const Error& e) {
    forget();
    ++failures_;
    why_ = e.what();
    next_try_ = Clock::now() + std::chrono::milliseconds(100u << std::min(failures_, 6u));
    throw;
  } catch (const soci::soci_error& e) {
    forget();
    std::string said = without_line_breaks(e.get_error_message());
    hide(said, a.password);
    const Error told = refusal(said, a.shown);
    ++failures_;
    why_ = told.what();
    next_try_ = Clock::now() + std::chrono::milliseconds(100u << std::min(failures_, 6u));
    throw told;
  }
  failures_ = 0;
  ++generation_;
}

// From within a catch clause.
void Session::fail(bool commits) {
  const std::string shown = options_.address.shown;
  try {
    throw;
  } catch (const soci::sqlite3_soci_error& e) {
    throw sqlite_error(e.result(), without_line_breaks(e.get_error_message()), shown);
  } catch (const soci::postgresql_soci_error& e) {
    std::string said = without_line_breaks(e.get_error_message());
    hide(said, options_.address.password);
    const std::string state = e.sqlstate();
    PGconn* native =
        soci_ ? static_cast<soci::postgresql_session_backend*>(soci_->session.get_backend())->conn_
              : nullptr;
    const bool is_lost = native == nullptr || PQstatus(native) != CONNECTION_OK ||
                         begins(state, "08") || begins(state, "57P");
    if (!is_lost) throw postgresql_error(state, said, shown);
    forget();
    if (commits)
      throw Error(Z4J_UNKNOWN, "the connection to " + shown +
                                   " was lost during the commit: look whether it was made");
    throw Error(Z4J_UNAVAILABLE, "the connection to " + shown + " was lost", {}, 500);
  } catch (const soci::soci_error& e) {
    throw Error(Z4J_INTERNAL,
                "unexpected answer of the database: " + without_line_breaks(e.get_error_message()));
  }
}

namespace {

struct Bound {
  std::string text;
  soci::indicator is = soci::i_null;
};

void bind_all(soci::statement& st, const std::vector<Text>& values, std::vector<Bound>& bound) {
  bound.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    bound[i].text = values[i].value_or(std::string());
    bound[i].is = values[i] ? soci::i_ok : soci::i_null;
    st.exchange(soci::use(bound[i].text, bound[i].is, "p" + std::to_string(i + 1)));
  }
}

}  // namespace

std::vector<Row> Session::read(const std::string& text, const std::vector<Text>& values,
                               std::size_t columns, std::size_t most) {
  open();
  std::vector<Row> rows;
  try {
    soci::statement st(soci_->session);
    std::vector<Bound> bound, cells(columns);
    bind_all(st, values, bound);
    for (Bound& c : cells) st.exchange(soci::into(c.text, c.is));
    st.alloc();
    st.prepare(text);
    st.define_and_bind();
    st.execute(false);
    while (st.fetch()) {
      if (rows.size() == most)
        throw Error(Z4J_TOO_LARGE,
                    shown() + " has more than " + std::to_string(most) + " rows there");
      Row row;
      row.reserve(columns);
      for (Bound& c : cells) row.push_back(c.is == soci::i_null ? Text() : Text(c.text));
      rows.push_back(std::move(row));
    }
  } catch (const soci::soci_error&) {
    fail(false);
  }
  return rows;
}

std::int64_t Session::change(const std::string& text, const std::vector<Text>& values) {
  open();
  try {
    soci::statement st(soci_->session);
    std::vector<Bound> bound;
    bind_all(st, values, bound);
    st.alloc();
    st.prepare(text);
    st.define_and_bind();
    st.execute(true);
    return st.get_affected_rows();
  } catch (const soci::soci_error&) {
    fail(text == "COMMIT");
  }
}

Transaction::Transaction(Session& session) : session_(session) {
  session.open();
  session.change(session.is_sqlite() ? "BEGIN IMMEDIATE" : "BEGIN");
  generation_ = session.generation();
  session.in_transaction_ = true;
}

Transaction::~Transaction() {
  if (over_ || !session_.soci_ || session_.generation() != generation_) return;
  try {
    session_.change("ROLLBACK");
    session_.in_transaction_ = false;
  } catch (const std::exception&) {
    session_.forget();
  }
}

void Transaction::commit() {
  session_.change("COMMIT");
  session_.in_transaction_ = false;
  over_ = true;
}

}  // namespace z4j::database
