// smtp-test: sends a mail as the brain would and shows each step, so that whoever waits for one
// sees where it ends.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "app/brain/command_line.hpp"
#include "app/brain/database.hpp"
#include "app/brain/outgoing.hpp"
#include "app/brain/storage_commands.hpp"
#include "base/log.hpp"
#include "core/audit.hpp"
#include "core/channels.hpp"
#include "core/projects.hpp"
#include "core/sealed.hpp"
#include "net/dns_text.hpp"

namespace z4j::app {
namespace {

using base::json::Object;

constexpr int kNotConfigured = 1, kNoConnection = 2, kNotSignedIn = 3, kRefused = 4, kOther = 5;
constexpr const char* kExitCodes =
    "0 the relay took the mail, 1 nothing is configured, 2 no connection or no TLS, 3 not signed "
    "in, 4 sender or recipient refused, 5 anything else";

struct SmtpRequest {
  std::string to, project, channel, from, dns_server, dkim_selector;
  int timeout_s = 30;
  bool json = false;
};

// The relay, and where its config stands.
struct Found {
  Object config;
  std::string source;
  std::optional<base::Uuid> project_id = {};
};

// The store, as far as it is needed: a channel lies in it, and so does the audit log.
class Books {
 public:
  Books(const config::Settings& settings, core::Store& store, core::Courier& courier)
      : audit_(store, clock_, base::Log::quiet(),
               core::Audit::Options{.secret = settings.secret,
                                    .previous_secrets = settings.previous_secrets}),
        sealer_(settings.secret, settings.previous_secrets),
        channels_(store, audit_, courier, sealer_, clock_, {}),
        projects_(store, audit_, clock_) {}

  [[nodiscard]] base::Result<Found> channel(const std::string& id) {
    const auto parsed = base::Uuid::parse(id);
    if (!parsed) return missing("\"" + id + "\" is no id of a channel");
    for (const auto kind : {core::ChannelOwner::Kind::project, core::ChannelOwner::Kind::user}) {
      auto open = channels_.open(kind, *parsed);
      if (!open) return std::move(open).error();
      if (!*open) continue;
      if ((*open)->type != "email") return missing("channel " + id + " sends no mail");
      return found(std::move(**open));
    }
    return missing("there is no channel " + id);
  }
  [[nodiscard]] base::Result<Found> project(const std::string& slug) {
    auto project = projects_.by_slug(slug);
    if (!project) return std::move(project).error();
    auto open = channels_.active_of_type({project->id}, "email", 1);
    if (!open) return std::move(open).error();
    if (open->empty()) return missing("project " + slug + " has no active e-mail channel");
    return found(std::move(open->front()));
  }
  // False: the log could not be written.
  [[nodiscard]] bool record(const Found& from, const Object& facts, bool is_taken) {
    if (!audit_.open()) return false;
    core::AuditEntry entry;
    entry.action = "smtp.test";
    entry.target_type = "smtp";
    entry.target_id = std::string(base::json::text(from.config, "smtp_host"));
    entry.result = is_taken ? "success" : "failed";
    entry.project_id = from.project_id;
    entry.metadata = facts;
    return audit_.commit({std::move(entry)}, [](core::Commit&) {}).ok();
  }

 private:
  static base::Error missing(std::string message) {
    return base::Error{
        .code = base::Code::not_found, .message = std::move(message), .where = {}, .hint = {}};
  }
  static Found found(core::OpenChannel open) {
    Found out;
    out.source = "channel \"" + open.name + "\" (" + open.id.text() + ")";
    if (open.owner.kind == core::ChannelOwner::Kind::project) out.project_id = open.owner.id;
    out.config = std::move(open.config);
    return out;
  }

  base::SystemClock clock_;
  core::Audit audit_;
  core::Sealer sealer_;
  core::Channels channels_;
  core::Projects projects_;
};

int code_of(const MailTrial& trial) {
  if (trial.is_bad_config) return kNotConfigured;
  if (trial.is_taken) return kDone;
  const std::string_view stage = base::json::text(trial.seen, "stage");
  for (const std::string_view early : {"dns", "tcp", "tls", "greeting", "ehlo", "starttls"}) {
    if (stage == early) return kNoConnection;
  }
  if (stage == "auth") return kNotSignedIn;
  return stage == "mail from" || stage == "rcpt to" ? kRefused : kOther;
}

// What the DNS says about who may send for the sender's domain: advice, no verdict.
Object sender_records(const SmtpRequest& request, const std::string& from) {
  const std::string domain = from.substr(std::min(from.find('@') + 1, from.size()));
  const net::DnsServer server{request.dns_server, 3000};
  const auto look = [&](const std::string& name, std::string_view begins) -> base::json::Value {
    const auto texts = net::dns_text(name, server);
    if (!texts) return Object{{"name", name}, {"error", texts.error().message}};
    base::json::Array kept;
    for (const std::string& text : *texts) {
      if (begins.empty() || text.starts_with(begins)) kept.emplace_back(text);
    }
    return Object{{"name", name}, {"records", std::move(kept)}};
  };
  Object out{{"domain", domain}};
  out["spf"] = look(domain, "v=spf1");
  out["dkim"] = request.dkim_selector.empty()
                    ? base::json::Value(nullptr)
                    : look(request.dkim_selector + "._domainkey." + domain, "");
  out["dmarc"] = look("_dmarc." + domain, "v=DMARC1");
  return out;
}

void print_records(const Object& records) {
  std::printf("what the DNS says about %s (advice):\n",
              std::string(base::json::text(records, "domain")).c_str());
  for (const char* kind : {"spf", "dkim", "dmarc"}) {
    const Object* one = base::json::object(records, kind);
    if (one == nullptr) {
      std::printf("  %-6s not looked up: give --dkim-selector\n", kind);
      continue;
    }
    const std::string name(base::json::text(*one, "name"));
    if (const std::string_view error = base::json::text(*one, "error"); !error.empty()) {
      std::printf("  %-6s %s: %s\n", kind, name.c_str(), std::string(error).c_str());
      continue;
    }
    const base::json::Array* texts = base::json::array(*one, "records");
    if (texts == nullptr || texts->empty())
      std::printf("  %-6s %s: none; receivers may distrust the mail\n", kind, name.c_str());
    for (const base::json::Value& text : texts != nullptr ? *texts : base::json::Array()) {
      std::printf("  %-6s %s: %s\n", kind, name.c_str(),
                  std::string(std::string_view(text.get_string())).c_str());
    }
  }
}

void print_steps(const Object& answer) {
  const base::json::Array* steps = base::json::array(answer, "steps");
  for (const base::json::Value& step : steps != nullptr ? *steps : base::json::Array()) {
    const Object& one = step.get_object();
    std::printf("%-10s %-4s %s\n", std::string(base::json::text(one, "name")).c_str(),
                base::json::boolean(one, "good") ? "ok" : "FAIL",
                std::string(base::json::text(one, "text")).c_str());
  }
}

int not_configured(const SmtpRequest& request, const std::string& why) {
  if (request.json)
    std::printf("%s\n", shown(base::json::write(Object{
                                  {"accepted", false}, {"code", kNotConfigured}, {"error", why}}))
                            .c_str());
  else
    std::fprintf(stderr, "z4j-brain smtp-test: %s\n", why.c_str());
  return kNotConfigured;
}

int test_smtp(const SmtpRequest& request, const Given& given) {
  const config::Settings& settings = given.loaded.settings;
  const base::SystemClock clock;
  auto outgoing = OutgoingWays::make(settings, clock);
  if (!outgoing) return not_configured(request, outgoing.error().text());
  plugin::Callbacks callbacks;
  callbacks.outgoing = (*outgoing)->services();
  callbacks.secret = [&](std::string_view name) {
    return read_secret(settings.home, given.environment, name);
  };
  const auto host = make_host(settings, std::move(callbacks), base::Log::quiet(), clock);
  config::PluginEntry mail = own_mail_notifier(settings);
  for (const config::PluginEntry& entry : given.loaded.plugins) {
    if (entry.plugin == mail.plugin) mail = entry;
  }
  if (auto started = host->start(mail); !started)
    return not_configured(request, started.error().text());
  PluginCourier courier(*host, (*outgoing)->guard());

  // A brain that runs on the same SQLite file keeps the store from opening. That costs the record
  // in the audit log, and channels.
  std::unique_ptr<core::Store> store;
  std::optional<Books> books;
  std::string why_no_books;
  if (auto key = need_master_key(settings); !key) {
    why_no_books = key.error().text();
  } else if (auto open = open_store(*host, settings); !open) {
    why_no_books = open.error().text();
  } else {
    store = std::move(open).value();
    books.emplace(settings, *store, courier);
  }

  Found from;
  if (!request.channel.empty() || !request.project.empty()) {
    if (!books) return not_configured(request, why_no_books);
    auto found =
        request.channel.empty() ? books->project(request.project) : books->channel(request.channel);
    if (!found) return not_configured(request, found.error().text());
    from = std::move(found).value();
  } else {
    from.config = smtp_channel(settings);
    from.source = "[smtp] of the settings";
    if (from.config.empty())
      return not_configured(
          request, "no relay: set smtp.host (Z4J_SMTP_HOST), or name a --project or a --channel");
  }
  if (!request.from.empty()) from.config["from_addr"] = request.from;
  const MailTrial trial =
      try_mail(courier, from.config, request.to, "z4j-brain smtp-test", request.timeout_s * 1000);
  const Object& seen = trial.seen;
  const int code = code_of(trial);
  const bool is_recorded =
      books && books->record(from,
                             Object{{"to", request.to},
                                    {"relay", trial.relay},
                                    {"stage", base::json::text(seen, "stage")},
                                    {"reply", base::json::text(seen, "reply")}},
                             code == kDone);
  const Object records = sender_records(request, trial.from);

  if (request.json) {
    Object out{{"accepted", code == kDone}, {"code", code},       {"source", from.source},
               {"relay", trial.relay},      {"from", trial.from}, {"to", request.to},
               {"audited", is_recorded},    {"dns", records}};
    for (const char* name : {"steps", "stage", "reply", "error"}) {
      if (const auto* value = seen.if_contains(name); value != nullptr) out[name] = *value;
    }
    if (const auto* last = seen.if_contains("code"); last != nullptr) out["reply_code"] = *last;
    std::printf("%s\n", shown(base::json::write(out)).c_str());
    return code;
  }
  std::printf("%-10s %-4s %s: %s, from %s\n", "settings", "ok", from.source.c_str(),
              trial.relay.c_str(), trial.from.c_str());
  print_steps(seen);
  if (code == kDone)
    std::printf("the relay took the mail: %s\n",
                std::string(base::json::text(seen, "reply")).c_str());
  else
    std::printf("not sent: %s\n", std::string(base::json::text(seen, "error")).c_str());
  print_records(records);
  if (!is_recorded) {
    std::fprintf(stderr, "not in the audit log%s%s\n", why_no_books.empty() ? "" : ": ",
                 why_no_books.c_str());
  }
  return code;
}

}  // namespace

void add_smtp_command(CommandLine& line) {
  auto request = std::make_shared<SmtpRequest>();
  CLI::App& command = line.command(
      "smtp-test", "send a mail and show each step: the relay, TLS, sign-in, its replies, the DNS",
      kExitCodes);
  command.add_option("--to", request->to, "who gets the mail")->required();
  auto* project = command.add_option("--project", request->project,
                                     "through the e-mail channel of this project (slug)");
  command.add_option("--channel", request->channel, "through this channel (id)")->excludes(project);
  command.add_option("--from", request->from, "another sender");
  command.add_option("--timeout", request->timeout_s, "seconds for all of it")
      ->check(CLI::Range(1, 300));
  command.add_option(
      "--dns-server", request->dns_server,
      "who is asked about SPF, DKIM and DMARC: an IPv4 address, with port if need be");
  command.add_option("--dkim-selector", request->dkim_selector,
                     "whose DKIM key is looked up: SELECTOR._domainkey of the sender's domain");
  command.add_flag("--json", request->json, "for programs");
  line.run_with_settings(
      command, [request](const Given& given) { return test_smtp(*request, given); },
      kNotConfigured);
}

}  // namespace z4j::app
