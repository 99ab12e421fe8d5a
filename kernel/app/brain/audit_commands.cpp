// audit: is the log whole, what proves it to others, and breaks that people know of.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "app/brain/audit_upkeep.hpp"
#include "app/brain/command_line.hpp"
#include "app/brain/home.hpp"
#include "app/brain/storage_commands.hpp"
#include "core/audit_breaks.hpp"
#include "core/audit_check.hpp"
#include "core/audit_export.hpp"
#include "core/segment_file.hpp"

namespace z4j::app {
namespace {

using base::json::Object;

unsigned long long counted(std::uint64_t number) { return number; }

// The log of a store that no brain works on, or another brain does.
struct AuditBench {
  base::SystemClock clock;
  std::unique_ptr<core::Audit> audit;
  std::unique_ptr<AuditUpkeep> upkeep;

  static base::Result<std::unique_ptr<AuditBench>> open(core::Store& store,
                                                        const config::Settings& settings) {
    auto out = std::make_unique<AuditBench>();
    out->audit = std::make_unique<core::Audit>(
        store, out->clock, base::Log::quiet(),
        core::Audit::Options{.secret = settings.secret,
                             .previous_secrets = settings.previous_secrets});
    if (auto good = out->audit->open(); !good) return std::move(good).error();
    auto upkeep =
        AuditUpkeep::open(store, *out->audit, settings, out->clock, base::Log::quiet(), {});
    if (!upkeep) return std::move(upkeep).error();
    out->upkeep = std::move(upkeep).value();
    return out;
  }

  // Brings tree and checkpoint up to the newest entry. A brain on the same store may be faster.
  base::Status catch_up() {
    for (;;) {
      auto grown = upkeep->tree().grow({});
      if (!grown && grown.error().code != base::Code::conflict) return std::move(grown).error();
      if (grown && *grown == 0) break;
    }
    auto made = upkeep->checkpoints().sign({});
    if (!made && made.error().code != base::Code::conflict) return std::move(made).error();
    if (auto witnessed = upkeep->checkpoints().have_witnessed({}); !witnessed)
      std::fprintf(stderr, "warning: %s\n", witnessed.error().text().c_str());
    return {};
  }
};

struct VerifyRequest {
  bool json = false, all = false;
  std::int64_t from = 1;
};

std::string break_line(core::AuditFault fault, const std::optional<base::Uuid>& id,
                       const std::optional<std::int64_t>& seq, bool is_known) {
  std::string out = "  " + std::string(core::to_string(fault));
  if (seq) out += " at " + std::to_string(*seq);
  if (id) out += " row " + id->text();
  return out + (is_known ? " (acknowledged)\n" : "\n");
}

int verify(const Given& given, core::Store& store, const VerifyRequest& request) {
  const config::Settings& settings = given.loaded.settings;
  auto bench = AuditBench::open(store, settings);
  // Without the signing key the chain can still be checked.
  core::AuditCheck::Options asked;
  asked.secrets = {settings.secret, settings.previous_secrets};
  asked.from_seq = request.from;
  if (bench) {
    asked.tree = &(*bench)->upkeep->tree();
    asked.checkpoints = &(*bench)->upkeep->checkpoints();
  } else {
    std::fprintf(stderr, "warning: tree and checkpoints are not checked: %s\n",
                 bench.error().text().c_str());
  }
  std::string breaks;
  base::json::Array listed;
  if (request.all) {
    asked.on_break = [&](core::AuditFault fault, std::optional<base::Uuid> id,
                         std::optional<std::int64_t> seq, bool is_known) {
      breaks += break_line(fault, id, seq, is_known);
      base::json::Value place(nullptr);
      if (seq) place = *seq;
      listed.push_back(Object{{"reason", core::to_string(fault)},
                              {"row_id", base::json::text_or_null(id ? id->text() : "")},
                              {"seq", std::move(place)},
                              {"is_acknowledged", is_known}});
    };
  }
  const base::SystemClock clock;
  const auto report = core::AuditCheck(store, clock, std::move(asked)).run();
  if (!report) return (void)tell(report.error()), kWrongUsage;
  if (request.json) {
    Object out = core::to_json(*report);
    if (request.all) out["breaks"] = std::move(listed);
    std::printf("%s\n", shown(base::json::write(out)).c_str());
    return report->ok ? kDone : kFailed;
  }
  if (report->ok) {
    std::printf("the audit log is whole: %llu rows", counted(report->rows_verified));
    if (report->pruned_through > 0)
      std::printf(", the first %lld deleted by retention",
                  static_cast<long long>(report->pruned_through));
    if (report->erased > 0) std::printf(", %llu erased in part", counted(report->erased));
    if (report->acknowledged_breaks > 0)
      std::printf(", %llu acknowledged breaks", counted(report->acknowledged_breaks));
    std::printf("\n");
  } else {
    std::printf(
        "the audit log is broken after %llu good rows: %s%s%s\n", counted(report->rows_verified),
        std::string(core::to_string(report->reason)).c_str(),
        report->first_broken_id ? (" at row " + report->first_broken_id->text()).c_str() : "",
        report->first_broken_seq ? (", place " + std::to_string(*report->first_broken_seq)).c_str()
                                 : "");
  }
  if (report->secrets.size() > 1) {
    for (const core::AuditSecretUse& use : report->secrets)
      std::printf("  %llu rows under the secret %s\n", counted(use.rows), use.id.c_str());
  }
  std::printf("%s", breaks.c_str());
  return report->ok ? kDone : kFailed;
}

struct ExportRequest {
  std::string to, from_place, to_place, since;
};

// A place (digits) or a time.
bool read_place_or_time(const std::string& text, std::optional<std::int64_t>& seq,
                        std::optional<base::TimeUs>& time) {
  if (text.empty()) return true;
  if (const auto number = proof::parse_size(text)) {
    seq = static_cast<std::int64_t>(*number);
    return true;
  }
  const auto parsed = base::parse_time(text);
  if (parsed) time = *parsed;
  return parsed.ok();
}

base::Error cannot_write(const std::string& path) {
  return base::Error{
      base::Code::io, "can't write " + path, {}, "is there room, and no such file?", 0};
}

// The whole bundle, or no file.
base::Status write_bundle(core::AuditBundle& bundle, const std::string& path) {
  const std::string part = path + ".part";
  const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return cannot_write(path);
  base::Status done;
  for (std::string text; done;) {
    text.clear();
    auto more = bundle.next(text);
    if (!more) done = std::move(more).error();
    if (!more || !*more) break;
    if (!core::write_all(fd, text)) done = cannot_write(path);
  }
  if (done && ::fsync(fd) != 0) done = cannot_write(path);
  ::close(fd);
  if (done && ::rename(part.c_str(), path.c_str()) == 0) return {};
  ::unlink(part.c_str());
  return done ? cannot_write(path) : std::move(done);
}

int export_log(const Given& given, core::Store& store, const ExportRequest& request) {
  core::AuditBundle::Request asked;
  if (!read_place_or_time(request.from_place, asked.from_seq, asked.from_time) ||
      !read_place_or_time(request.to_place, asked.to_seq, asked.to_time)) {
    std::fprintf(stderr, "z4j-brain: --from and --to are places or times\n");
    return kWrongUsage;
  }
  if (!request.since.empty()) {
    asked.since = proof::parse_size(request.since);
    if (!asked.since) {
      std::fprintf(stderr, "z4j-brain: --since is the size of a checkpoint\n");
      return kWrongUsage;
    }
  }
  auto bench = AuditBench::open(store, given.loaded.settings);
  if (!bench) return tell(bench.error());
  if (auto done = (*bench)->catch_up(); !done) return tell(done.error());
  AuditUpkeep& upkeep = *(*bench)->upkeep;
  auto bundle = core::AuditBundle::open(store, upkeep.tree(), upkeep.checkpoints(), asked);
  if (!bundle) return tell(bundle.error());
  std::string path = request.to;
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode)) {
    path += "/audit-" + std::to_string(bundle->first_seq()) + "-" +
            std::to_string(bundle->first_seq() + bundle->entries()) + ".z4jaudit";
  }
  core::AuditEntry entry = core::AuditEntry::of({}, "audit.exported", "audit", {});
  entry.metadata = {{"first_seq", bundle->first_seq()}, {"entries", bundle->entries()}};
  if (auto written = (*bench)->audit->record_first(std::move(entry)); !written)
    return tell(written.error());
  if (auto done = write_bundle(*bundle, path); !done) return tell(done.error());
  std::printf("%s: %llu entries from %llu on, of %llu\nz4j-audit-verify %s --key %s\n",
              path.c_str(), counted(bundle->entries()), counted(bundle->first_seq()),
              counted(bundle->tree_size()), path.c_str(),
              upkeep.checkpoints().key().text().c_str());
  return kDone;
}

// From the settings alone: a brain may run. The present key first, the latest of those before next.
int show_key(const Given& given) {
  const auto signing = audit_signing(given.loaded.settings);
  if (!signing) return tell(signing.error());
  const auto key = core::audit_signing_key(*signing);
  if (!key) return tell(key.error());
  std::printf("%s\n", key->verifier().text().c_str());
  for (auto old = signing->previous_keys.rbegin(); old != signing->previous_keys.rend(); ++old)
    std::printf("%s\n", old->text().c_str());
  return kDone;
}

// A running brain signs with the key that it started with.
int rotate_key(const Given& given) {
  const config::Settings& settings = given.loaded.settings;
  const std::string path = settings.home + "/secret.env";
  auto kept = config::read_env_file(path, config::EnvFileKind::secret);
  if (!kept) return (void)tell(kept.error()), kWrongUsage;
  const auto signing = audit_signing(settings);
  if (!signing) return (void)tell(signing.error()), kWrongUsage;
  const auto key = core::audit_signing_key(*signing);
  if (!key) return (void)tell(key.error()), kWrongUsage;
  const auto refused = [&](const char* why) {
    std::fprintf(stderr,
                 "z4j-brain: %s: add %s to security.audit_previous_keys and give "
                 "security.audit_signing_key a new value yourself\n",
                 why, key->verifier().text().c_str());
    return kWrongUsage;
  };
  if ((*kept)["Z4J_AUDIT_SIGNING_KEY"] != settings.audit_signing_key)
    return refused("the signing key is not kept in secret.env");
  std::string& list = (*kept)["Z4J_AUDIT_PREVIOUS_KEYS"];
  if (list.empty() != settings.audit_previous_keys.empty() || list.starts_with('['))
    return refused("the previous keys are not kept in secret.env");
  const std::string old = key->verifier().text();
  if (old.find_first_of(",[\"'") != std::string::npos)
    return refused("the name of the log has letters that a list in secret.env can't hold");
  if (signing->previous_keys.size() == kMostPreviousAuditKeys)
    return refused("there are as many previous keys as can be: take out the oldest");
  list += (list.empty() ? "" : ",") + old;
  (*kept)["Z4J_AUDIT_SIGNING_KEY"] = base::random_token();
  if (auto written = write_env_file(path, *kept); !written) return tell(written.error());
  std::printf(
      "%s has a new signing key, and the one before among the previous ones; restart the brain, "
      "with a copy of the file for each other one. Who verifies needs: z4j-brain audit key show\n",
      path.c_str());
  return kDone;
}

struct KnownRequest {
  std::string reason, row, note;
  std::int64_t seq = 0;
};

int acknowledge(const Given& given, core::Store& store, const KnownRequest& request) {
  core::AuditBreak known;
  const auto fault = core::parse_audit_fault(request.reason);
  if (!fault) {
    std::fprintf(stderr, "z4j-brain: audit verify knows no such reason\n");
    return kWrongUsage;
  }
  known.fault = *fault;
  known.note = request.note;
  if (request.seq > 0) known.seq = request.seq;
  if (!request.row.empty()) {
    known.row_id = base::Uuid::parse(request.row);
    if (!known.row_id) {
      std::fprintf(stderr, "z4j-brain: --row is the id of an entry\n");
      return kWrongUsage;
    }
  }
  auto bench = AuditBench::open(store, given.loaded.settings);
  if (!bench) return tell(bench.error());
  auto done = core::acknowledge_audit_break(store, *(*bench)->audit, (*bench)->audit->secrets(),
                                            (*bench)->clock, {}, std::move(known));
  if (!done) return tell(done.error());
  if (*fault == core::AuditFault::rolled_back || *fault == core::AuditFault::forked) {
    auto aside = (*bench)->upkeep->checkpoints().put_aside();
    if (!aside) return tell(aside.error());
    if (!aside->empty()) std::printf("the checkpoint from before is kept as %s\n", aside->c_str());
  }
  std::printf("acknowledged; audit verify tells it apart from new breaks\n");
  return kDone;
}

}  // namespace

void add_audit_commands(CommandLine& line) {
  CLI::App& group = line.group("audit", "the audit log");
  {
    auto request = std::make_shared<VerifyRequest>();
    CLI::App& command = line.command(group, "verify", "is the audit log whole",
                                     "0 it is, 1 it is not, 2 it cannot be read");
    command.add_flag("--json", request->json, "for programs");
    command.add_flag("--all", request->all, "every break, not only the first");
    command.add_option("--from", request->from, "only entries from this place on");
    line.run_with_store(
        command,
        [request](const Given& given, core::Store& store) {
          return verify(given, store, *request);
        },
        kWrongUsage);
  }
  {
    auto request = std::make_shared<ExportRequest>();
    CLI::App& command =
        line.command(group, "export", "entries and their proof, for z4j-audit-verify");
    command.add_option("--out", request->to, "the file to make, or the folder for it")->required();
    command.add_option("--from", request->from_place, "first place, or time");
    command.add_option("--to", request->to_place, "last place, or time before which");
    command.add_option("--since", request->since,
                       "size of a checkpoint that the reader has: proves how the log went on");
    line.run_with_store(command, [request](const Given& given, core::Store& store) {
      return export_log(given, store, *request);
    });
  }
  {
    CLI::App& key = *group.add_subcommand("key", "the key that signs checkpoints");
    key.require_subcommand(1);
    line.run_with_settings(
        line.command(key, "show", "its public half, for whoever verifies, then those before it"),
        show_key);
    line.run_with_settings(line.command(key, "rotate", "make another one; restart the brain",
                                        "0 done, 2 it is not kept in secret.env"),
                           rotate_key);
  }
  {
    auto request = std::make_shared<KnownRequest>();
    CLI::App& command =
        line.command(group, "acknowledge", "a break is known and explained; it repairs nothing");
    command.add_option("--reason", request->reason, "as audit verify names it")->required();
    command.add_option("--seq", request->seq, "its place, when audit verify tells one");
    command.add_option("--row", request->row, "its row, when audit verify tells one");
    command.add_option("--note", request->note, "what is known of it")->required();
    line.run_with_store(command, [request](const Given& given, core::Store& store) {
      return acknowledge(given, store, *request);
    });
  }
  {
    CLI::App& command =
        line.command(group, "fork-cleanup", "refused: this log can't fork", "always 2");
    auto unused = std::make_shared<bool>(false);
    command.add_flag("--apply,--no-backup", *unused, "taken and not used");
    line.run(command, [unused] {
      std::fprintf(stderr,
                   "z4j-brain: nothing to clean up: the store takes one successor for each entry, "
                   "so this log never forks. A break that audit verify tells stays: audit "
                   "acknowledge records what is known of it\n");
      return kWrongUsage;
    });
  }
}

}  // namespace z4j::app
