#include "app/brain/storage_place.hpp"

#include <algorithm>
#include <filesystem>

#include "app/brain/database.hpp"
#include "base/crypto.hpp"
#include "base/json.hpp"
#include "base/log.hpp"

namespace z4j::app {
namespace {

constexpr std::string_view kSecretReference = "secret:";
constexpr int kMigrateMs = 3'600'000;  // an index over many rows

// The part between "//" and the path.
std::string_view authority_of(std::string_view url) {
  const std::size_t from = url.find("://");
  if (from == std::string_view::npos) return {};
  url.remove_prefix(from + 3);
  return url.substr(0, url.find_first_of("/?"));
}

bool holds_password(std::string_view url) {
  const std::string_view authority = authority_of(url);
  const std::size_t at = authority.rfind('@');
  const bool in_authority =
      at != std::string_view::npos && authority.substr(0, at).find(':') != std::string_view::npos;
  return in_authority || url.find("password=") != std::string_view::npos;
}

std::string without_credentials(std::string_view url) {
  const std::string_view authority = authority_of(url);
  const std::size_t at = authority.rfind('@');
  std::string out(url);
  if (at == std::string_view::npos) return out;
  return out.erase(static_cast<std::size_t>(authority.data() - url.data()), at + 1);
}

std::string shown_place(const std::string& url, const std::string& home) {
  const std::string shown =
      url.empty() ? "sqlite:///" + home + "/brain.sqlite" : without_credentials(url);
  return shown.substr(0, shown.find('?'));
}

std::int64_t version_in(const std::string& report, const char* which) {
  const auto parsed = base::json::parse(report);
  return parsed && parsed->is_object() ? base::json::integer(parsed->get_object(), which) : 0;
}

}  // namespace

std::string DatabasePlace::identity() const {
  const std::string digest = base::hex(base::sha256(without_credentials(url)));
  return shown + " (" + digest.substr(0, 8) + ")";
}

base::Result<DatabasePlace> read_place(const std::string& said, const config::Settings& settings,
                                       const Environment& environment) {
  DatabasePlace out;
  if (said == kConfiguredDatabase) {
    out.url = settings.database_url;
  } else if (said.rfind(kSecretReference, 0) == 0) {
    auto url = read_secret(settings.home, environment, said.substr(kSecretReference.size()));
    if (!url) return std::move(url).error();
    out.url = std::move(url).value();
  } else if (holds_password(said)) {
    return base::Error{
        .code = base::Code::denied,
        .message = "a password in the command line can be read by everybody on this machine",
        .where = {},
        .hint =
            "keep the URL in the file secrets/NAME of the home folder and say secret:NAME, or "
            "leave the password to PGPASSFILE"};
  } else {
    out.url = said;
  }
  if (said != kConfiguredDatabase) {
    if (auto parsed = config::parse_database_url(out.url); !parsed)
      return std::move(parsed).error();
  }
  out.shown = shown_place(out.url, settings.home);
  return out;
}

base::Result<StoragePlace> StoragePlace::start(const DatabasePlace& place,
                                               const config::Settings& settings,
                                               const base::Clock& clock, bool read_only) {
  auto entry = storage_entry(kStorageInstance, place.url, settings);
  if (!entry) return std::move(entry).error();
  if (read_only && entry->plugin == "storage-sqlite") {
    const std::string path(base::json::text(entry->settings, "path"));
    std::error_code ec;
    if (!std::filesystem::exists(path, ec)) {
      return base::Error{.code = base::Code::not_found,
                         .message = "there is no database yet",
                         .where = path,
                         .hint = "check the path; a brain makes it at its first start"};
    }
    entry->settings["read_only"] = true;
  }
  entry->where = place.shown;
  StoragePlace out;
  out.host_ = make_host(settings, {}, base::Log::quiet(), clock);
  if (auto started = out.host_->start(*entry); !started) return std::move(started).error();
  auto client = out.host_->storage(kStorageInstance);
  if (!client) return std::move(client).error();
  out.client_ = std::move(client).value();
  return out;
}

base::Result<StoragePlace> StoragePlace::open_source(const DatabasePlace& place,
                                                     const config::Settings& settings,
                                                     const base::Clock& clock) {
  auto out = start(place, settings, clock, true);
  if (!out) return out;
  const auto report = out->client_->migrate(model::schema(), true, kMigrateMs);
  if (!report) return report.error();
  const std::int64_t version = version_in(*report, "from");
  if (version == 0) {
    return base::Error{.code = base::Code::not_found,
                       .message = "holds nothing of a brain",
                       .where = place.shown,
                       .hint = "check the name of the database"};
  }
  if (version < std::int64_t{model::kSchemaVersion}) {
    return base::Error{.code = base::Code::unsupported,
                       .message = "was written by an older program (schema " +
                                  std::to_string(version) + ", this one is " +
                                  std::to_string(model::kSchemaVersion) + ")",
                       .where = place.shown,
                       .hint = "use the program that wrote it, or run z4j-brain migrate first"};
  }
  if (auto ready = out->client_->migrate(model::schema(), false, kMigrateMs); !ready)
    return ready.error();
  return out;
}

base::Result<StoragePlace> StoragePlace::open_target(const DatabasePlace& place,
                                                     const config::Settings& settings,
                                                     const base::Clock& clock) {
  auto out = start(place, settings, clock, false);
  if (!out) return out;
  auto store = core::Store::open(out->client_, {});
  if (!store) return std::move(store).error();
  out->store_ = std::move(store).value();
  return out;
}

base::Result<std::string> StoragePlace::migrate(const DatabasePlace& place,
                                                const config::Settings& settings,
                                                const base::Clock& clock, bool dry_run) {
  auto out = start(place, settings, clock, dry_run);
  if (!out) return std::move(out).error();
  return out->client_->migrate(model::schema(), dry_run, kMigrateMs);
}

}  // namespace z4j::app
