#include "app/brain/storage_commands.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "app/brain/brain.hpp"
#include "app/brain/command_line.hpp"
#include "app/brain/deeds.hpp"
#include "app/brain/storage_place.hpp"
#include "app/brain/storage_progress.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "core/audit.hpp"
#include "core/backup.hpp"
#include "core/copy.hpp"

namespace z4j::app {
namespace {

using Present = core::StoreLoader::Present;

Present present_of(const StorageRequest& request) {
  return request.force ? Present::remove : Present::refuse;
}

void print_tables(const std::vector<core::ExpectedTable>& tables) {
  for (const core::ExpectedTable& table : tables) {
    if (table.sum.rows == 0) continue;
    std::printf("  %-20s %12llu rows  sha256 %s\n",
                std::string(core::table_name(table.table)).c_str(),
                static_cast<unsigned long long>(table.sum.rows),
                base::hex(table.sum.digest).substr(0, 16).c_str());
  }
}

// Runs a deed that tells its progress.
template <class Report, class Deed>
base::Result<Report> with_progress(Deed deed) {
  try {
    StorageProgress line;
    return deed([&line](const core::CopyProgress& progress) { line.tell(progress); });
  } catch (const Interrupted&) {
    return base::Error{.code = base::Code::cancelled,
                       .message = "stopped before its end",
                       .where = {},
                       .hint = "a copy or restore goes on when it is run again"};
  }
}

// A folder that nobody else can read, gone at the end.
class PrivateFolder {
 public:
  PrivateFolder() {
    std::error_code ec;
    path_ = (std::filesystem::temp_directory_path(ec) / "z4j_verify_XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~PrivateFolder() {
    std::error_code ec;
    if (!path_.empty()) std::filesystem::remove_all(path_, ec);
  }
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// What --to of a restore is: the configured database, or for a mere proof one that goes again.
base::Result<DatabasePlace> restore_place(const config::Settings& settings,
                                          const StorageRequest& request,
                                          const PrivateFolder* folder) {
  if (!request.verify) return read_place(kConfiguredDatabase, settings, {});
  if (folder == nullptr || folder->path().empty()) {
    return base::Error{.code = base::Code::io,
                       .message = "can't make a folder for temporary files",
                       .where = {},
                       .hint = "set TMPDIR to a folder with room for the whole database"};
  }
  return DatabasePlace{"sqlite:///" + folder->path() + "/verify.sqlite", "a temporary database"};
}

void print_backup(const char* deed, const core::BackupReport& report) {
  std::printf("%s: %llu rows, schema %u, made by %s at %s\n", deed,
              static_cast<unsigned long long>(report.rows), report.schema, report.program.c_str(),
              base::format_time(report.made_at).c_str());
  print_tables(report.tables);
}

// The home folder remembers how long the audit log was. Another state was put into its database on
// purpose: what it remembers is kept, and not held against that state.
void put_checkpoint_aside(const config::Settings& settings) {
  const std::string file = settings.home + "/audit/checkpoint";
  const std::string aside =
      file + "." + std::to_string(base::SystemClock().now() / base::kSecondUs);
  std::error_code none;
  std::filesystem::rename(file, aside, none);
  if (!none) std::printf("the audit log's checkpoint from before is kept as %s\n", aside.c_str());
}

// What the database was filled from, as the newest entry of the log that came with it.
base::Status record_restore(core::Store& store, const config::Settings& settings,
                            const core::BackupReport& report) {
  const base::SystemClock clock;
  core::Audit audit(store, clock, base::Log::quiet(),
                    {.secret = settings.secret, .previous_secrets = settings.previous_secrets});
  if (auto opened = audit.open(); !opened) return opened;
  return audit.record_first(
      deed_of_user("database.restored", {{"rows", report.rows},
                                         {"made_at", base::format_time(report.made_at)},
                                         {"made_by", report.program},
                                         {"schema", report.schema}}));
}

// A backup in need is worth more than its entry: a log that takes none does not stop it.
void warn_of_missing_entry(const base::Status& noted) {
  if (!noted)
    std::fprintf(stderr, "warning: this will not be in the audit log: %s\n",
                 noted.error().text().c_str());
}

}  // namespace

int tell(const base::Error& error) {
  std::fprintf(stderr, "z4j-brain: %s\n", error.text().c_str());
  return 1;
}

base::Status need_master_key(const config::Settings& settings) {
  if (!settings.secret.empty()) return {};
  return base::Error{
      .code = base::Code::bad_config,
      .message = "the master key is not there, and without it nothing can be verified",
      .where = settings.home + "/secret.env",
      .hint = "set Z4J_SECRET, or Z4J_HOME to the brain's home folder"};
}

int verify_audit(core::Store& store, const config::Settings& settings, bool json) {
  const base::SystemClock clock;
  core::Audit audit(store, clock, base::Log::quiet(),
                    {.secret = settings.secret, .previous_secrets = settings.previous_secrets});
  const auto report = audit.verify();
  if (!report) return tell(report.error());
  const std::string broken = report->first_broken_id ? report->first_broken_id->text() : "";
  if (json) {
    std::printf(
        "%s\n",
        base::json::write(
            base::json::Object{
                {"ok", report->ok},
                {"rows_verified", report->rows_verified},
                {"first_broken_id", base::json::text_or_null(broken)},
                {"reason", report->ok ? base::json::Value(nullptr)
                                      : base::json::Value(core::to_string(report->reason))}})
            .c_str());
  } else if (report->ok) {
    std::printf("the audit log is whole: %llu rows\n",
                static_cast<unsigned long long>(report->rows_verified));
  } else {
    std::printf("the audit log is broken after %llu good rows: %s%s\n",
                static_cast<unsigned long long>(report->rows_verified),
                std::string(core::to_string(report->reason)).c_str(),
                broken.empty() ? "" : (" at row " + broken).c_str());
  }
  return report->ok ? 0 : 1;
}

int storage_copy(const config::Settings& settings, const Environment& environment,
                 const StorageRequest& request) {
  catch_stop_signals();
  const base::SystemClock clock;
  const auto from = read_place(request.from, settings, environment);
  if (!from) return tell(from.error());
  const auto to = read_place(request.to, settings, environment);
  if (!to) return tell(to.error());
  if (auto key = need_master_key(settings); !key) return tell(key.error());
  auto source = StoragePlace::open_source(*from, settings, clock);
  if (!source) return tell(source.error());
  auto target = StoragePlace::open_target(*to, settings, clock);
  if (!target) return tell(target.error());
  std::fprintf(stderr,
               "copying %s to %s as it is now: what brains write there from here on is not part "
               "of the copy\n",
               from->shown.c_str(), to->shown.c_str());
  warn_of_missing_entry(leave_deed(
      settings, deed_of_user("database.copied", {{"from", from->shown}, {"to", to->shown}})));
  const auto report = with_progress<core::CopyReport>([&](const core::OnCopyProgress& progress) {
    return core::copy_store(source->client(), "copy of " + from->identity(), target->store(),
                            target->client(), present_of(request), progress);
  });
  if (!report) return tell(report.error());
  std::printf("copied%s: %llu rows; counts and checksums are equal\n",
              report->resumed ? " (went on where it was cut short)" : "",
              static_cast<unsigned long long>(report->rows));
  print_tables(report->tables);
  if (request.to == kConfiguredDatabase) put_checkpoint_aside(settings);
  return verify_audit(target->store(), settings, false);
}

int backup(const config::Settings& settings, const StorageRequest& request) {
  catch_stop_signals();
  const base::SystemClock clock;
  const auto from = read_place(kConfiguredDatabase, settings, {});
  if (!from) return tell(from.error());
  auto source = StoragePlace::open_source(*from, settings, clock);
  if (!source) return tell(source.error());
  warn_of_missing_entry(
      record_deed(settings, clock,
                  deed_of_user("database.saved", {{"from", from->shown}, {"to", request.to}})));
  const auto report = with_progress<core::BackupReport>([&](const core::OnCopyProgress& progress) {
    return core::backup_store(source->client(), request.to, program_version(), clock.now(),
                              progress);
  });
  if (!report) return tell(report.error());
  print_backup("saved", *report);
  std::printf(
      "%s: %llu bytes. Keep %s/secret.env beside it: without the master key the audit log can't "
      "be verified\n",
      request.to.c_str(), static_cast<unsigned long long>(report->bytes), settings.home.c_str());
  return 0;
}

int restore(const config::Settings& settings, const StorageRequest& request) {
  catch_stop_signals();
  if (auto key = need_master_key(settings); !key) return tell(key.error());
  // Before a database is made for it.
  if (const auto file = core::BackupReader::open(request.from); !file) return tell(file.error());
  const base::SystemClock clock;
  const auto folder = request.verify ? std::make_unique<PrivateFolder>() : nullptr;
  const auto to = restore_place(settings, request, folder.get());
  if (!to) return tell(to.error());
  auto target = StoragePlace::open_target(*to, settings, clock);
  if (!target) return tell(target.error());
  const auto report = with_progress<core::BackupReport>([&](const core::OnCopyProgress& progress) {
    return core::restore_store(request.from, target->store(), target->client(), present_of(request),
                               progress);
  });
  if (!report) return tell(report.error());
  print_backup(request.verify ? "the backup is good" : "restored", *report);
  if (!request.verify) {
    put_checkpoint_aside(settings);
    if (auto written = record_restore(target->store(), settings, *report); !written)
      return tell(written.error());
  }
  return verify_audit(target->store(), settings, false);
}

int migrate(const config::Settings& settings, bool dry_run) {
  const base::SystemClock clock;
  const auto place = read_place(kConfiguredDatabase, settings, {});
  if (!place) return tell(place.error());
  const auto report = StoragePlace::migrate(*place, settings, clock, dry_run);
  if (!report) return tell(report.error());
  const auto parsed = base::json::parse(*report);
  if (!parsed || !parsed->is_object())
    return tell({.code = base::Code::internal,
                 .message = "the storage plugin's report is no JSON object",
                 .where = place->shown,
                 .hint = {}});
  const base::json::Object& said = parsed->get_object();
  const std::int64_t from = base::json::integer(said, "from"), to = base::json::integer(said, "to");
  const base::json::Array* steps = base::json::array(said, "steps");
  for (const base::json::Value& step : steps != nullptr ? *steps : base::json::Array()) {
    if (const auto* text = step.if_string()) std::printf("  %s\n", text->c_str());
  }
  const std::size_t count = steps != nullptr ? steps->size() : 0;
  std::printf("%s: schema %lld %s %lld, %zu step(s)%s\n", place->shown.c_str(),
              static_cast<long long>(from), dry_run ? "would become" : "became",
              static_cast<long long>(to), count, dry_run ? "; nothing was changed" : "");
  return 0;
}

void add_storage_commands(CommandLine& line) {
  auto request = std::make_shared<StorageRequest>();
  struct Fit {
    bool dry_run = false, forced = false;
    std::string action = "upgrade";
  };
  auto fitting = std::make_shared<Fit>();
  const auto needs_settings = [&line](CLI::App& command, std::function<int(const Given&)> what) {
    line.run_with_settings(command, std::move(what));
  };
  CLI::App& fit = line.command("migrate", "fit the database to this program, as serve does");
  fit.add_option("ACTION", fitting->action,
                 "upgrade, which is what it does without; current: only tell; downgrade, revision, "
                 "history, sync are refused")
      ->check(CLI::IsMember({"upgrade", "current", "downgrade", "revision", "history", "sync"}));
  fit.add_flag("--dry-run", fitting->dry_run, "only tell what would change");
  fit.add_flag("--allow-future-schema,--i-know-this-can-corrupt-data", fitting->forced,
               "of sync: taken and not used");
  fit.footer("Exit codes: 1 for sync as well, 2 for what else is refused");
  needs_settings(fit, [fitting](const Given& config) {
    if (fitting->action == "upgrade" || fitting->action == "current")
      return migrate(config.loaded.settings, fitting->dry_run || fitting->action == "current");
    if (fitting->action == "sync") {
      std::fprintf(
          stderr,
          "z4j-brain: a database of a newer program is not stamped back; run that program, "
          "or restore a backup that this one made\n");
      return kFailed;
    }
    std::fprintf(stderr,
                 "z4j-brain: a schema is part of its program and only grows: there is no %s; to go "
                 "back, restore a backup made before\n",
                 fitting->action.c_str());
    return kWrongUsage;
  });

  CLI::App& save = line.command("backup", "save the database, also while brains run");
  save.add_option("--to,--output,-o", request->to, "the file to make")->required();
  needs_settings(
      save, [request](const Given& config) { return backup(config.loaded.settings, *request); });

  CLI::App& load = line.command("restore", "fill the database from a backup; no brain may run");
  load.add_option("--from,PATH", request->from, "a file that backup made")->required();
  load.add_flag("--verify", request->verify,
                "only prove the file, in a temporary database (TMPDIR)");
  load.add_flag("--force", request->force, "empty the database first when it holds data");
  needs_settings(
      load, [request](const Given& config) { return restore(config.loaded.settings, *request); });

  CLI::App& copy = line.command(line.group("storage", "the database"), "copy",
                                "copy one database into another, of whatever kind");
  constexpr const char* kPlaces =
      "sqlite:///PATH, postgresql://USER@HOST/NAME, secret:NAME, or config for the configured one";
  copy.add_option("--from", request->from, kPlaces)->required();
  copy.add_option("--to", request->to, kPlaces)->required();
  copy.add_flag("--force", request->force, "empty the target first when it holds data");
  needs_settings(copy, [request](const Given& config) {
    return storage_copy(config.loaded.settings, config.environment, *request);
  });
}

}  // namespace z4j::app
