#include "app/brain/examination.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cstdlib>

#include "app/brain/database.hpp"
#include "app/brain/storage_commands.hpp"
#include "base/log.hpp"
#include "net/tls_context.hpp"
#include "plugin/host.hpp"

namespace z4j::app {
namespace {

using base::json::Object;
using Verdict = Finding::Verdict;

constexpr std::uint64_t kLowDiskBytes = std::uint64_t{1} << 30;
constexpr std::uint64_t kMostCounted = 1'000'000;

void check_config(const config::Loaded& loaded, Examination& out) {
  for (const config::Problem& problem : loaded.problems)
    out.findings.push_back({"config", Verdict::failed, problem.text(), ""});
  for (const std::string& warning : loaded.warnings)
    out.findings.push_back({"config", Verdict::warning, warning, ""});
  if (loaded.problems.empty())
    out.findings.push_back({"config", Verdict::good,
                            std::to_string(loaded.plugins.size()) + " plugin instance(s)", ""});
  else
    out.code = kFailed;
}

void check_home(const config::Settings& settings, Examination& out) {
  struct stat facts {};
  if (::stat(settings.home.c_str(), &facts) != 0) {
    out.findings.push_back(
        {"home", Verdict::warning, settings.home + " is not there yet", "serve makes it"});
    return;
  }
  if ((facts.st_mode & 0077U) != 0)
    out.findings.push_back({"home", Verdict::warning, settings.home + " is open to others",
                            "chmod 700 " + settings.home});
  else
    out.findings.push_back({"home", Verdict::good, settings.home, ""});
  struct statvfs disk {};
  if (::statvfs(settings.home.c_str(), &disk) == 0) {
    const std::uint64_t bytes = std::uint64_t{disk.f_bavail} * disk.f_frsize;
    const bool is_low = bytes < kLowDiskBytes;
    out.findings.push_back({"disk", is_low ? Verdict::warning : Verdict::good,
                            std::to_string(bytes >> 20) + " MiB free under " + settings.home,
                            is_low ? "make room: ingest stops when it is used up" : ""});
  }
}

void check_secrets(const config::Settings& settings, Examination& out) {
  if (settings.secret.empty()) {
    out.findings.push_back({"secrets", Verdict::warning, "there is no master key yet",
                            "serve makes one in " + settings.home + "/secret.env"});
    return;
  }
  const std::string file = settings.home + "/secret.env";
  struct stat facts {};
  const bool is_minted = ::stat(file.c_str(), &facts) == 0;
  out.findings.push_back(
      {"secrets", Verdict::good, is_minted ? "kept in " + file : "given from outside",
       is_minted
           ? "keep a copy elsewhere: without it backups can't be verified and factors not read"
           : ""});
}

void check_exposure(const config::Settings& settings, Examination& out) {
  if (!settings.binds_loopback() && settings.tls_certificate_file.empty() &&
      settings.trusted_proxies.empty())
    out.findings.push_back(
        {"exposure", Verdict::warning,
         "listens on " + settings.bind_host + " without TLS and without a trusted proxy",
         "set server.tls_certificate_file, or put a proxy in front and name it in "
         "server.trusted_proxies"});
  else if (!settings.binds_loopback() && settings.environment == "dev")
    out.findings.push_back({"exposure", Verdict::warning,
                            "environment dev on " + settings.bind_host,
                            "set environment = \"production\""});
  else
    out.findings.push_back({"exposure", Verdict::good,
                            settings.bind_host + ":" + std::to_string(settings.bind_port), ""});
  if (settings.tls_certificate_file.empty()) return;
  const auto loaded = net::load_tls_context(settings.tls_certificate_file, settings.tls_key_file);
  if (loaded)
    out.findings.push_back({"certificate", Verdict::good, settings.tls_certificate_file, ""});
  else
    out.findings.push_back({"certificate", Verdict::failed, loaded.error().text(), ""});
}

void check_plugins(plugin::Host& host, const config::Loaded& loaded, Examination& out) {
  std::size_t good = 0;
  for (const config::PluginEntry& entry : loaded.plugins) {
    if (!entry.enabled) continue;
    const auto described = host.describe(entry.plugin, entry.sha256);
    if (described)
      ++good;
    else
      out.findings.push_back({"plugins", entry.required ? Verdict::failed : Verdict::warning,
                              entry.name + ": " + described.error().text(), ""});
  }
  out.findings.push_back(
      {"plugins", Verdict::good, std::to_string(good) + " of the configured ones load", ""});
}

void check_store(core::Store& store, Examination& out) {
  if (const auto stats = store.stats(); stats) {
    if (auto parsed = base::json::parse(*stats); parsed && parsed->is_object())
      out.store = parsed->get_object();
  }
  out.findings.push_back({"database", Verdict::good,
                          std::string(base::json::text(out.store, "product")) + " " +
                              std::string(base::json::text(out.store, "version")) + ", schema " +
                              std::to_string(model::kSchemaVersion),
                          ""});
  const z4j_schema& schema = model::schema();
  for (std::uint32_t i = 0; i < schema.table_count; ++i) {
    const auto count = store.count(static_cast<model::Table>(i), {}, kMostCounted);
    const z4j_str name = schema.tables[i].name;
    if (count) out.rows[std::string_view(name.ptr, name.len)] = *count;
  }
  core::Where admins;
  admins.eq(model::users::is_admin, true).eq(model::users::is_active, true);
  const auto found = store.count(model::Table::users, admins, 1);
  if (found && *found == 0) {
    out.findings.push_back({"administrator", Verdict::warning, "nobody can sign in yet",
                            "open the link that serve prints, or z4j-brain bootstrap-admin"});
    out.code = 3;
  } else if (found) {
    out.findings.push_back({"administrator", Verdict::good, "there is one", ""});
  }
}

}  // namespace

Examination examine(const Given& given) {
  Examination out;
  const config::Settings& settings = given.loaded.settings;
  check_config(given.loaded, out);
  check_home(settings, out);
  check_secrets(settings, out);
  check_exposure(settings, out);
  if (out.code != 0) return out;
  const base::SystemClock clock;
  const auto host = make_host(settings, {}, base::Log::quiet(), clock);
  check_plugins(*host, given.loaded, out);
  auto store = open_store(*host, settings);
  if (store) {
    check_store(**store, out);
  } else if (store.error().code == base::Code::busy && settings.database_url.empty()) {
    out.findings.push_back({"database", Verdict::good, "a brain runs on it",
                            "ask that brain: GET /api/v1/health/system"});
  } else {
    out.findings.push_back({"database", Verdict::failed, store.error().text(), ""});
    out.code = 2;
  }
  return out;
}

std::string text_of(const Examination& examination) {
  std::string out;
  for (const Finding& finding : examination.findings) {
    const char* mark = finding.verdict == Verdict::good      ? "ok     "
                       : finding.verdict == Verdict::warning ? "warning"
                                                             : "FAILED ";
    out += std::string(mark) + "  " + finding.name + ": " + finding.detail + "\n";
    if (!finding.hint.empty()) out += "         " + finding.hint + "\n";
  }
  return out;
}

base::json::Array json_of(const Examination& examination) {
  base::json::Array out;
  for (const Finding& finding : examination.findings) {
    const char* verdict = finding.verdict == Verdict::good      ? "ok"
                          : finding.verdict == Verdict::warning ? "warning"
                                                                : "failed";
    out.emplace_back(Object{{"name", finding.name},
                            {"verdict", verdict},
                            {"detail", finding.detail},
                            {"hint", base::json::text_or_null(finding.hint)}});
  }
  return out;
}

}  // namespace z4j::app
