#include "config/setting_table.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <type_traits>

#include "config/schema.hpp"

namespace z4j::config {
namespace {

namespace js = base::json;

constexpr std::size_t kMaxListItems = 256;
constexpr std::size_t kMaxTextBytes = 8192;
constexpr double kDayS = 86'400, kMaxLifetimeS = 10 * 365 * kDayS;

std::string plain_number(double n) {
  if (n == std::floor(n) && std::fabs(n) < 1e15)
    return std::to_string(static_cast<std::int64_t>(n));
  std::string out;
  js::append_float(out, n);
  return out;
}

bool is_good_text(std::string_view text) {
  return text.size() <= kMaxTextBytes && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

bool is_choice(std::string_view choices, std::string_view word) {
  while (!choices.empty()) {
    const std::size_t bar = choices.find('|');
    if (choices.substr(0, bar) == word) return true;
    choices = bar == std::string_view::npos ? std::string_view() : choices.substr(bar + 1);
  }
  return false;
}

// Level names of other programs' habit are ours in another dress.
std::string own_word(const Setting& setting, std::string_view word) {
  std::string out(word);
  if (setting.choices.empty()) return out;
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (setting.key == "log.level" && out == "warning") return "warn";
  if (setting.key == "log.level" && (out == "critical" || out == "fatal")) return "error";
  if (setting.key == "log.form" && out == "text") return "console";
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool number_of(const js::Value& value, double& out) {
  if (value.is_int64())
    out = static_cast<double>(value.get_int64());
  else if (value.is_uint64())
    out = static_cast<double>(value.get_uint64());
  else if (value.is_double())
    out = value.get_double();
  else
    return false;
  return std::isfinite(out);
}

}  // namespace

const std::vector<Setting>& setting_table() {
  using S = Settings;
  static const std::vector<Setting> table = {
      {"home",
       "Z4J_HOME",
       "folder of everything the brain keeps: database, secrets, this file; default ~/.z4j",
       &S::home,
       0,
       0,
       {},
       Secrecy::open,
       Unit::none,
       false},

      {"server.environment", "Z4J_ENVIRONMENT",
       "dev relaxes cookies and host names on a loopback bind, production never does; auto: dev on "
       "a loopback bind. Any other text means production",
       &S::environment},
      {"server.host", "Z4J_BIND_HOST",
       "address to listen on; off loopback public_url is required and production rules hold",
       &S::bind_host},
      {"server.port", "Z4J_BIND_PORT", "port to listen on, 0 for any free one", &S::bind_port, 0,
       65535},
      {"server.public_url",
       "Z4J_PUBLIC_URL",
       "address people reach the brain at, base of all links; empty on loopback: "
       "http://localhost:PORT",
       &S::public_url,
       0,
       0,
       {},
       Secrecy::url},
      {"server.allow_http_public_url", "Z4J_ALLOW_HTTP_PUBLIC_URL",
       "let public_url be plain http outside dev; for closed networks only",
       &S::allow_http_public_url},
      {"server.allowed_hosts", "Z4J_ALLOWED_HOSTS",
       "host names requests may ask for, beside the one of public_url", &S::allowed_hosts},
      {"server.trusted_proxies", "Z4J_TRUSTED_PROXIES",
       "addresses or CIDR blocks of reverse proxies whose X-Forwarded-* headers are believed",
       &S::trusted_proxies},
      {"server.cors_origins", "Z4J_CORS_ORIGINS",
       "browser origins of other sites that may call the API with cookies", &S::cors_origins},
      {"server.tls_certificate_file", "Z4J_TLS_CERTIFICATE_FILE",
       "PEM file with the certificate chain; with tls_key_file", &S::tls_certificate_file},
      {"server.tls_key_file", "Z4J_TLS_KEY_FILE", "PEM file with the certificate's private key",
       &S::tls_key_file},
      {"server.hsts", "Z4J_HSTS",
       "tell browsers to use https only; sent outside dev when public_url is https", &S::hsts},
      {"server.hsts_max_age_seconds", "Z4J_HSTS_MAX_AGE_SECONDS", "for how long they keep to it",
       &S::hsts_max_age_s, 0, 2 * kMaxLifetimeS},
      {"server.hsts_include_subdomains", "Z4J_HSTS_INCLUDE_SUBDOMAINS",
       "for all names below the host's too", &S::hsts_include_subdomains},
      {"server.max_body_bytes",
       "Z4J_MAX_PAYLOAD_SIZE_BYTES",
       "largest HTTP request body, and where redaction cuts a string",
       &S::max_body_bytes,
       128,
       64 << 20,
       {},
       Secrecy::open,
       Unit::bytes},
      {"server.api_threads", "Z4J_API_THREADS", "requests handled at once", &S::api_threads, 2,
       512},
      {"server.default_page_size", "Z4J_REST_DEFAULT_PAGE_SIZE",
       "rows of a page when a request does not say", &S::rest_default_page_size, 1, 1000},
      {"server.max_page_size", "Z4J_REST_MAX_PAGE_SIZE", "most rows of a page",
       &S::rest_max_page_size, 1, 5000},
      {"server.tasks_export_max_rows", "Z4J_TASKS_EXPORT_MAX_ROWS",
       "rows of an exported task list, which ends there", &S::tasks_export_max_rows, 100, 100'000},
      {"server.openapi_visibility", "Z4J_OPENAPI_VISIBILITY",
       "who may read the API's description: public is anybody, private whoever is signed in, "
       "disabled nobody",
       &S::openapi_visibility, 0, 0, "public|private|disabled"},
      {"server.version_check_url", "Z4J_VERSION_CHECK_URL",
       "https address of a list of released versions, asked when an administrator says so; empty: "
       "nobody is asked",
       &S::version_check_url},
      {"server.scheduler_info_urls", "Z4J_SCHEDULER_INFO_URLS",
       "addresses of scheduler processes, whose /info the list of schedulers shows",
       &S::scheduler_info_urls},
      {"server.security_contact", "Z4J_SECURITY_CONTACT",
       "mailto: or https address in security.txt, for who finds a weakness; empty: public_url",
       &S::security_contact},
      {"server.websocket_idle_timeout_seconds", "Z4J_WS_IDLE_TIMEOUT_SECONDS",
       "a WebSocket without a frame for so long is closed", &S::ws_idle_timeout_s, 15, 3600},
      {"server.websocket_connections_per_agent", "Z4J_WS_PER_AGENT_CONCURRENCY_CAP",
       "connections of one agent, one for each of its worker processes; 0: any number",
       &S::ws_connections_per_agent, 0, 10'000},
      {"server.websocket_frame_bytes",
       "Z4J_WS_MAX_FRAME_BYTES",
       "largest frame of an agent, which agents are told",
       &S::ws_frame_bytes,
       8192,
       32 << 20,
       {},
       Secrecy::open,
       Unit::bytes},

      {"database.url",
       "Z4J_DATABASE_URL",
       "where state lives: sqlite:///PATH, postgresql://... or plugin:NAME; empty: an SQLite file "
       "under the home folder",
       &S::database_url,
       0,
       0,
       {},
       Secrecy::url},
      {"database.event_retention_days", "Z4J_EVENT_RETENTION_DAYS",
       "events older than this are deleted", &S::event_retention_days, 1, 3650},

      {"audit.origin", "Z4J_AUDIT_ORIGIN",
       "name of the audit log in its checkpoints, and of the key that signs them, like "
       "example.com/z4j; empty: made from the key. A witness knows the log by it",
       &S::audit_origin},
      {"audit.retention_days", "Z4J_AUDIT_RETENTION_DAYS",
       "audit entries older than this are deleted; their hashes stay", &S::audit_retention_days, 1,
       3650},
      {"audit.retention_interval_seconds", "Z4J_AUDIT_RETENTION_SWEEP_INTERVAL_SECONDS",
       "time between passes of that", &S::audit_retention_interval_s, 60, 86'400},
      {"audit.retention_batch_rows", "Z4J_AUDIT_RETENTION_SWEEP_BATCH_SIZE",
       "entries deleted in one commit", &S::audit_retention_batch, 100, 100'000},
      {"audit.retention_rows_per_pass", "Z4J_AUDIT_RETENTION_SWEEP_MAX_PER_PASS",
       "entries deleted in one pass, at most", &S::audit_retention_per_pass, 1000, 10'000'000},
      {"audit.verify_interval_seconds", "Z4J_AUDIT_VERIFY_INTERVAL",
       "time between checks of the whole log by one of the brains; 0: only when asked",
       &S::audit_verify_interval_s, 0, 604'800},
      {"audit.checkpoint_interval_seconds", "Z4J_AUDIT_CHECKPOINT_INTERVAL",
       "a log that grew is signed anew after this time", &S::audit_checkpoint_interval_s, 1,
       86'400},
      {"audit.checkpoint_entries", "Z4J_AUDIT_CHECKPOINT_ENTRIES",
       "or sooner, after so many new entries", &S::audit_checkpoint_entries, 1, 1'000'000},
      {"audit.witness_url", "Z4J_AUDIT_WITNESS_URL",
       "submission prefix of a witness (C2SP tlog-witness) that co-signs checkpoints",
       &S::audit_witness_url},
      {"audit.witness_key", "Z4J_AUDIT_WITNESS_KEY", "its public key, NAME+ID+KEY",
       &S::audit_witness_key},
      {"audit.webhook_url",
       "Z4J_AUDIT_WEBHOOK_URL",
       "receives every entry by POST, signed; none is dropped",
       &S::audit_webhook_url,
       0,
       0,
       {},
       Secrecy::secret},
      {"audit.webhook_hmac_secret",
       "Z4J_AUDIT_WEBHOOK_HMAC_SECRET",
       "key of the signature, at least 32 bytes; required with the URL",
       &S::audit_webhook_secret,
       0,
       0,
       {},
       Secrecy::secret},
      {"audit.webhook_timeout_seconds", "Z4J_AUDIT_WEBHOOK_TIMEOUT_SECONDS", "time for one POST",
       &S::audit_webhook_timeout_s, 1, 120},
      {"audit.syslog_url", "Z4J_AUDIT_SYSLOG_URL",
       "receives every entry as RFC 5424: tls://HOST:PORT (RFC 5425), or tcp:// or udp:// on "
       "loopback",
       &S::audit_syslog_url},
      {"audit.syslog_ca_file", "Z4J_AUDIT_SYSLOG_CA_FILE",
       "PEM file with the authorities that its certificate is checked against; empty: the "
       "machine's",
       &S::audit_syslog_ca_file},
      {"audit.forward_max_behind", "Z4J_AUDIT_FORWARD_MAX_BEHIND",
       "changes are refused while every receiver lacks more entries than this; 0: never",
       &S::audit_forward_max_behind, 0, 10'000'000},
      {"audit.forward_max_behind_seconds", "Z4J_AUDIT_FORWARD_MAX_BEHIND_SECONDS",
       "or while every receiver has taken nothing for so long; 0: never",
       &S::audit_forward_max_behind_s, 0, 604'800},

      {"security.secret",
       "Z4J_SECRET",
       "master key, at least 32 bytes: audit chain, token digests; empty: made at first start and "
       "kept in secret.env of the home folder",
       &S::secret,
       0,
       0,
       {},
       Secrecy::secret},
      {"security.previous_secrets",
       "Z4J_PREVIOUS_SECRETS",
       "old master keys that still verify",
       &S::previous_secrets,
       0,
       0,
       {},
       Secrecy::secret},
      {"security.audit_signing_key",
       "Z4J_AUDIT_SIGNING_KEY",
       "key that signs the audit log's checkpoints, 32 bytes in base64url; empty: made like the "
       "master key",
       &S::audit_signing_key,
       0,
       0,
       {},
       Secrecy::secret},
      {"security.audit_previous_keys", "Z4J_AUDIT_PREVIOUS_KEYS",
       "public keys that checkpoints were signed with before, oldest first; z4j-brain audit key "
       "rotate adds to it",
       &S::audit_previous_keys},
      {"security.session_secret",
       "Z4J_SESSION_SECRET",
       "key of session cookies, at least 32 bytes; empty: made like the master key",
       &S::session_secret,
       0,
       0,
       {},
       Secrecy::secret},
      {"security.previous_session_secrets",
       "Z4J_PREVIOUS_SESSION_SECRETS",
       "old cookie keys that still verify",
       &S::previous_session_secrets,
       0,
       0,
       {},
       Secrecy::secret},
      {"security.bootstrap_admin_email", "Z4J_BOOTSTRAP_ADMIN_EMAIL",
       "first administrator, made at first start instead of printing a setup link; with a password",
       &S::bootstrap_admin_email},
      {"security.bootstrap_admin_password",
       "Z4J_BOOTSTRAP_ADMIN_PASSWORD",
       "password of the first administrator",
       &S::bootstrap_admin_password,
       0,
       0,
       {},
       Secrecy::secret},
      {"security.bootstrap_admin_display_name", "Z4J_BOOTSTRAP_ADMIN_DISPLAY_NAME",
       "name of the first administrator", &S::bootstrap_admin_display_name},
      {"security.password_min_length", "Z4J_PASSWORD_MIN_LENGTH",
       "fewest characters of a new password", &S::password_min_length, 8, 128},
      {"security.first_boot_token_ttl_seconds", "Z4J_FIRST_BOOT_TOKEN_TTL_SECONDS",
       "how long the setup link of the first start is good", &S::first_boot_token_ttl_s, 60, kDayS},

      {"sessions.absolute_lifetime_seconds", "Z4J_SESSION_ABSOLUTE_LIFETIME_SECONDS",
       "longest life of a session", &S::session_absolute_lifetime_s, 60, kMaxLifetimeS},
      {"sessions.idle_timeout_seconds", "Z4J_SESSION_IDLE_TIMEOUT_SECONDS",
       "a session unused for so long ends", &S::session_idle_timeout_s, 60, kMaxLifetimeS},
      {"sessions.remember_me_lifetime_seconds", "Z4J_SESSION_REMEMBER_ME_LIFETIME_SECONDS",
       "longest life of a keep-me-signed-in session, which has no idle end",
       &S::session_remember_me_lifetime_s, 60, kMaxLifetimeS},
      {"sessions.cookie_samesite", "Z4J_SESSION_COOKIE_SAMESITE",
       "SameSite attribute of the session cookie", &S::session_cookie_samesite, 0, 0, "lax|strict"},

      {"login.lockout_threshold", "Z4J_LOGIN_LOCKOUT_THRESHOLD",
       "failed sign-ins before an account locks", &S::login_lockout_threshold, 3, 100},
      {"login.lockout_seconds", "Z4J_LOGIN_LOCKOUT_DURATION_SECONDS", "how long it stays locked",
       &S::login_lockout_s, 60, kDayS},
      {"login.min_duration_ms", "Z4J_LOGIN_MIN_DURATION_MS",
       "a sign-in takes at least this long, right or wrong", &S::login_min_duration_ms, 0, 2000},
      {"login.backoff_base_seconds", "Z4J_LOGIN_BACKOFF_BASE_SECONDS",
       "pause after the first failed sign-in, doubled with each further one",
       &S::login_backoff_base_s, 0, 10},
      {"login.backoff_max_seconds", "Z4J_LOGIN_BACKOFF_MAX_SECONDS", "longest such pause",
       &S::login_backoff_max_s, 0, 60},

      {"mfa.enforce_for_admins", "Z4J_MFA_ENFORCE_FOR_ADMINS",
       "administrators must have a second factor", &S::mfa_enforce_for_admins},
      {"mfa.enforce_for_all", "Z4J_MFA_ENFORCE_FOR_ALL", "everybody must have a second factor",
       &S::mfa_enforce_for_all},
      {"mfa.enrollment_grace_days", "Z4J_MFA_ENROLLMENT_GRACE_DAYS",
       "days that who must have a second factor may go on without, from the first request on",
       &S::mfa_enrollment_grace_days, 1, 90},
      {"mfa.recovery_code_count", "Z4J_MFA_RECOVERY_CODE_COUNT",
       "recovery codes given at enrolment", &S::mfa_recovery_code_count, 5, 50},
      {"mfa.verification_ttl_seconds", "Z4J_MFA_VERIFICATION_TTL_SECONDS",
       "how long a second factor counts as fresh for sensitive actions", &S::mfa_verification_ttl_s,
       60, kDayS},
      {"mfa.remember_device_days", "Z4J_MFA_REMEMBER_DEVICE_DAYS",
       "how long a trusted browser is not asked for the second factor",
       &S::mfa_remember_device_days, 1, 90},
      {"mfa.verification_rate_per_min", "Z4J_MFA_VERIFICATION_RATE_PER_MIN",
       "codes an address may try in a minute", &S::mfa_verification_rate_per_min, 1, 300},
      {"mfa.trusted_devices_max_per_user", "Z4J_MFA_TRUSTED_DEVICES_MAX_PER_USER",
       "trusted browsers of one user; a further one takes the place of the one seen least recently",
       &S::mfa_trusted_devices_max, 1, 200},

      {"oidc.issuer", "Z4J_OIDC_ISSUER",
       "https address of an OpenID Connect provider that people may sign in with; empty: none",
       &S::oidc_issuer},
      {"oidc.client_id", "Z4J_OIDC_CLIENT_ID", "name of this brain at the provider",
       &S::oidc_client_id},
      {"oidc.client_secret",
       "Z4J_OIDC_CLIENT_SECRET",
       "its password there; empty for a public client",
       &S::oidc_client_secret,
       0,
       0,
       {},
       Secrecy::secret},
      {"oidc.name", "Z4J_OIDC_NAME", "what the sign-in page calls the provider", &S::oidc_name},
      {"oidc.scopes", "Z4J_OIDC_SCOPES", "scopes that are asked for", &S::oidc_scopes},
      {"oidc.groups_claim", "Z4J_OIDC_GROUPS_CLAIM",
       "claim of the identity token that lists the user's groups", &S::oidc_groups_claim},
      {"oidc.groups", "Z4J_OIDC_GROUPS",
       "roles by group: \"GROUP=ROLE@PROJECT\" with viewer, operator or admin, or "
       "\"GROUP=admin\" for an administrator; roles of projects named here follow the groups at "
       "every sign-in",
       &S::oidc_groups},
      {"oidc.email_domains", "Z4J_OIDC_EMAIL_DOMAINS",
       "domains whose addresses may sign in, exactly as written; empty: any",
       &S::oidc_email_domains},
      {"oidc.auto_provision", "Z4J_OIDC_AUTO_PROVISION",
       "make an account for who comes with a mapped group and has none", &S::oidc_auto_provision},
      {"oidc.ca_file", "Z4J_OIDC_CA_FILE", "PEM file of authorities to trust besides the machine's",
       &S::oidc_ca_file},

      {"metrics.enabled", "Z4J_METRICS_ENABLED", "serve /metrics", &S::metrics_enabled},
      {"metrics.public", "Z4J_METRICS_PUBLIC", "serve /metrics without a token",
       &S::metrics_public},
      {"metrics.auth_token",
       "Z4J_METRICS_AUTH_TOKEN",
       "bearer token that /metrics asks for; empty: made at first start and kept in secret.env",
       &S::metrics_auth_token,
       0,
       0,
       {},
       Secrecy::secret},

      {"log.level", "Z4J_LOG_LEVEL", "lowest level kept", &S::log_level, 0, 0,
       "trace|debug|info|warn|error"},
      {"log.form", "Z4J_LOG_FORM", "console, json, or auto: console on a terminal, json otherwise",
       &S::log_form, 0, 0, "auto|console|json"},

      {"ingest.queue_bytes",
       "Z4J_INGEST_QUEUE_BYTES",
       "events waiting for the database, at most; when full, plugins and agents are told to wait",
       &S::ingest_queue_bytes,
       1 << 20,
       16e9,
       {},
       Secrecy::open,
       Unit::bytes},
      {"ingest.spill_bytes",
       "Z4J_INGEST_SPILL_BYTES",
       "events on disk under home/spill, at most, of sources that can't wait for the database; 0: "
       "none, what the queue can't hold is lost and counted",
       &S::ingest_spill_bytes,
       0,
       1e12,
       {},
       Secrecy::open,
       Unit::bytes},
      {"ingest.agent_offline_timeout_seconds", "Z4J_AGENT_OFFLINE_TIMEOUT_SECONDS",
       "an agent silent for so long counts as offline", &S::agent_offline_timeout_s, 1, 3600},
      {"ingest.agent_stale_prune_days", "Z4J_AGENT_STALE_PRUNE_DAYS",
       "agents elsewhere that did not come for so many days are deleted; 0: never",
       &S::agent_stale_prune_days, 0, 3650},
      {"ingest.command_timeout_seconds", "Z4J_COMMAND_TIMEOUT_SECONDS",
       "deadline of a command such as retry or cancel", &S::command_timeout_s, 1, kDayS},

      {"bulk.max_items", "Z4J_BULK_MAX_ITEMS", "tasks in one selection, at most",
       &S::bulk_max_items, 1, 1'000'000},
      {"bulk.selection_ttl_seconds", "Z4J_BULK_SELECTION_TTL_SECONDS",
       "a selection that nobody uses is forgotten after so long", &S::bulk_selection_ttl_s, 60,
       kDayS},
      {"bulk.keep_days", "Z4J_BULK_KEEP_DAYS",
       "what became of each task of a bulk job is kept so long", &S::bulk_keep_days, 1, 3650},
      {"bulk.copy_keep_days", "Z4J_BULK_COPY_KEEP_DAYS",
       "messages that a purge took can be put back for so long", &S::bulk_copy_keep_days, 1, 365},
      {"bulk.copy_max_messages", "Z4J_BULK_COPY_MAX_MESSAGES",
       "messages that a purge keeps, at most; a longer queue is purged without a copy or not at "
       "all",
       &S::bulk_copy_max_messages, 1, 10'000'000},
      {"bulk.copy_max_bytes",
       "Z4J_BULK_COPY_MAX_BYTES",
       "the same in bytes",
       &S::bulk_copy_max_bytes,
       1 << 20,
       16e9,
       {},
       Secrecy::open,
       Unit::bytes},

      {"schedules.fires_retention_days", "Z4J_SCHEDULE_FIRES_RETENTION_DAYS",
       "fires older than this are deleted, with their commands", &S::schedule_fires_retention_days,
       1, 3650},
      {"schedules.circuit_breaker_threshold", "Z4J_SCHEDULE_CIRCUIT_BREAKER_THRESHOLD",
       "a schedule is switched off after so many failed runs in a row, when it says no number of "
       "its own; 0: never",
       &S::schedule_breaker_threshold, 0, 100},

      {"redaction.extra_keys", "Z4J_REDACTION_EXTRA_KEY_PATTERNS",
       "RE2 patterns: values under a key that matches one whole are blanked, beside the built-in "
       "ones",
       &S::redaction_extra_keys},
      {"redaction.extra_values", "Z4J_REDACTION_EXTRA_VALUE_PATTERNS",
       "RE2 patterns: a text in which one is found is blanked, beside the built-in ones",
       &S::redaction_extra_values},

      {"smtp.host", "Z4J_SMTP_HOST",
       "relay of the brain's own mails: resets, invitations; empty: they go through a project's "
       "e-mail channel",
       &S::smtp_host},
      {"smtp.port", "Z4J_SMTP_PORT", "port of the relay", &S::smtp_port, 1, 65535},
      {"smtp.tls", "Z4J_SMTP_TLS",
       "when TLS begins; auto: at once on port 465, by STARTTLS on others. none: never, and then "
       "no "
       "password is sent",
       &S::smtp_tls, 0, 0, "auto|starttls|implicit|none"},
      {"smtp.ca_file", "Z4J_SMTP_CA_FILE",
       "PEM file with authorities that relays are trusted by, besides the machine's",
       &S::smtp_ca_file},
      {"smtp.user", "Z4J_SMTP_USER", "who signs in; empty: nobody", &S::smtp_user},
      {"smtp.password",
       "Z4J_SMTP_PASSWORD",
       "its password; with xoauth2 the access token",
       &S::smtp_password,
       0,
       0,
       {},
       Secrecy::secret},
      {"smtp.auth", "Z4J_SMTP_AUTH", "how to sign in; auto: the best way that the relay offers",
       &S::smtp_auth, 0, 0, "auto|plain|login|cram-md5|xoauth2"},
      {"smtp.from", "Z4J_SMTP_FROM", "sender's address; empty: the user", &S::smtp_from},

      {"notifications.allow_http", "Z4J_NOTIFICATIONS_WEBHOOK_ALLOW_HTTP",
       "let webhooks be plain http", &S::notifications_allow_http},
      {"notifications.internal_targets", "Z4J_NOTIFICATIONS_INTERNAL_TARGETS",
       "hosts, addresses or CIDR blocks that webhooks and mail may go to though they are not "
       "public: relay.corp, relay.corp:25, 10.1.0.0/16",
       &S::notifications_internal_targets},
      {"notifications.ca_file", "Z4J_NOTIFICATIONS_CA_FILE",
       "PEM file with authorities that webhooks are trusted by, besides the machine's",
       &S::notifications_ca_file},

      {"plugins.directory", "Z4J_PLUGIN_DIRECTORY",
       "where plugin files lie; empty: beside the program", &S::plugin_directory},
      {"plugins.trusted_keys", "Z4J_PLUGIN_TRUSTED_KEYS",
       "Ed25519 public keys whose signatures of plugin files count: base64, or the absolute path "
       "of "
       "a PEM file; with a name before it as in \"acme=/etc/z4j/acme.pem\"",
       &S::plugin_trusted_keys},
      {"plugins.require_signature", "Z4J_PLUGIN_REQUIRE_SIGNATURE",
       "which plugin files must be signed with one of those keys; foreign: all that do not come "
       "with z4j. A signature that is there is checked in any case",
       &S::plugin_require_signature, 0, 0, "none|foreign|all"},

      {"http.root", "Z4J_HTTP_ROOT",
       "name of the plugin instance that answers at \"/\"; \"dashboard\", the web console, needs "
       "no "
       "table; empty: none",
       &S::http_root},
  };
  return table;
}

const Setting* find_setting(std::string_view name) {
  for (const Setting& s : setting_table()) {
    if (s.key == name || s.variable == name) return &s;
  }
  return nullptr;
}

std::string expected_of(const Setting& setting) {
  if (!setting.choices.empty()) {
    std::string out = "must be one of \"";
    for (const char c : setting.choices)
      out += c == '|' ? std::string("\", \"") : std::string(1, c);
    return out + "\"";
  }
  return std::visit(
      [&](auto member) -> std::string {
        using T = std::decay_t<decltype(std::declval<Settings>().*member)>;
        if constexpr (std::is_same_v<T, bool>)
          return "must be true or false";
        else if constexpr (std::is_same_v<T, std::string>)
          return "must be text of at most 8192 bytes without control characters";
        else if constexpr (std::is_same_v<T, std::vector<std::string>>)
          return "must be a list of at most 256 texts";
        else {
          const std::string kind = setting.unit == Unit::bytes ? "a size such as \"64MiB\""
                                   : std::is_same_v<T, double> ? "a number"
                                                               : "a whole number";
          return "must be " + kind + " from " + plain_number(setting.low) + " to " +
                 plain_number(setting.high);
        }
      },
      setting.member);
}

bool assign(Settings& settings, const Setting& setting, const js::Value& value) {
  return std::visit(
      [&](auto member) {
        using T = std::decay_t<decltype(settings.*member)>;
        if constexpr (std::is_same_v<T, bool>) {
          if (!value.is_bool()) return false;
          settings.*member = value.get_bool();
        } else if constexpr (std::is_same_v<T, std::string>) {
          if (!value.is_string()) return false;
          const std::string word = own_word(setting, value.get_string());
          if (!is_good_text(word) ||
              (!setting.choices.empty() && !is_choice(setting.choices, word)))
            return false;
          settings.*member = word;
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          if (!value.is_array() || value.get_array().size() > kMaxListItems) return false;
          T list;
          for (const js::Value& item : value.get_array()) {
            if (!item.is_string() || item.get_string().empty() || !is_good_text(item.get_string()))
              return false;
            list.emplace_back(item.get_string());
          }
          settings.*member = std::move(list);
        } else {
          double n = 0;
          if (setting.unit == Unit::bytes && value.is_string()) {
            const auto bytes = parse_byte_count(value.get_string());
            if (!bytes) return false;
            n = static_cast<double>(*bytes);
          } else if (!number_of(value, n) || (!std::is_same_v<T, double> && value.is_double())) {
            return false;
          }
          if (n < setting.low || n > setting.high) return false;
          settings.*member = static_cast<T>(n);
        }
        return true;
      },
      setting.member);
}

js::Value from_text(const Setting& setting, std::string_view text) {
  return std::visit(
      [&](auto member) -> js::Value {
        using T = std::decay_t<decltype(std::declval<Settings>().*member)>;
        if constexpr (std::is_same_v<T, std::string>) {
          return js::Value(std::string(text));
        } else if constexpr (std::is_same_v<T, bool>) {
          std::string word(text);
          std::transform(word.begin(), word.end(), word.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
          if (is_choice("true|1|yes|on", word)) return true;
          if (is_choice("false|0|no|off", word)) return false;
          return nullptr;
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          text = trimmed(text);
          if (!text.empty() && text.front() == '[') {
            auto parsed = js::parse(text);
            return parsed ? std::move(*parsed) : js::Value(nullptr);
          }
          js::Array list;
          while (!text.empty()) {
            const std::size_t comma = text.find(',');
            if (const std::string_view item = trimmed(text.substr(0, comma)); !item.empty())
              list.emplace_back(std::string(item));
            text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
          }
          return list;
        } else {
          text = trimmed(text);
          const char* last = text.data() + text.size();
          if (std::int64_t whole = 0; true) {
            const auto [end, ec] = std::from_chars(text.data(), last, whole);
            if (ec == std::errc() && end == last) return whole;
          }
          if constexpr (std::is_same_v<T, double>) {
            double n = 0;
            const auto [end, ec] = std::from_chars(text.data(), last, n);
            if (ec == std::errc() && end == last) return n;
            return nullptr;
          } else {
            return setting.unit == Unit::bytes ? js::Value(std::string(text)) : js::Value(nullptr);
          }
        }
      },
      setting.member);
}

std::string value_text(const Settings& settings, const Setting& setting) {
  return std::visit(
      [&](auto member) -> std::string {
        const auto& value = settings.*member;
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, bool>)
          return value ? "true" : "false";
        else if constexpr (std::is_same_v<T, std::string>)
          return value;
        else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          js::Array list;
          for (const std::string& item : value) list.emplace_back(item);
          return js::write(list);
        } else if constexpr (std::is_same_v<T, double>)
          return plain_number(value);
        else
          return std::to_string(value);
      },
      setting.member);
}

std::string mask_url(std::string_view text) {
  const std::size_t scheme = text.find("://");
  if (scheme == std::string_view::npos) return std::string(text);
  std::string out(text);
  // The last "@" bounds the user info even where a password was not percent-encoded.
  if (const std::size_t at = out.rfind('@'); at != std::string::npos && at > scheme) {
    const std::size_t colon = out.find(':', scheme + 3);
    const std::size_t from = colon != std::string::npos && colon < at ? colon + 1 : scheme + 3;
    out.replace(from, at - from, "***");
  }
  for (const std::string_view name :
       {"password=", "passwd=", "secret=", "token=", "sslpassword="}) {
    for (std::size_t at = out.find(name); at != std::string::npos;
         at = out.find(name, at + name.size())) {
      const std::size_t from = at + name.size();
      out.replace(from, std::min(out.find('&', from), out.size()) - from, "***");
    }
  }
  return out;
}

std::string shown(const js::Value& value) {
  if (value.is_array()) return "a list";
  if (value.is_object()) return "a table";
  std::string text =
      value.is_string() ? js::write(js::Value(mask_url(value.get_string()))) : js::write(value);
  if (text.size() <= 80) return text;
  std::size_t cut = 80;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0u) == 0x80u) --cut;
  return text.substr(0, cut) + "...";
}

}  // namespace z4j::config
