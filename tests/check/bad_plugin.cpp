// A plugin of any kind that is good, or bad in the one way that the variable Z4J_BAD names:
// "notifier", or "notifier/answers-twice". Processes of plugins get no such variable: a copy of the
// file may have the word behind its mark instead. What z4j-plugin-check must find;
// tests/check/test_bad.py has the list.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>
#include <z4j/http.hpp>
#include <z4j/http_client.hpp>
#include <z4j/plugin.hpp>

#include <atomic>
#include <chrono>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#ifdef BAD_WRITABLE_CODE
asm(".pushsection .text\n.quad z4j_plugin_entry_v1\n.popsection");
#endif

namespace {

using z4j::lit;
using z4j::str;
using z4j::view;

const volatile char kMark[64] = "z4j-bad:";

std::string bad_word() {
  if (const char* const word = std::getenv("Z4J_BAD"); word != nullptr) return word;
  std::string written;
  for (std::size_t at = 8; at < sizeof kMark && kMark[at] != 0; ++at)
    written += static_cast<char>(kMark[at]);
  return written.empty() ? "notifier" : written;
}

// Read once, before anything of the plugin is built.
const std::string& word() {
  static const std::string& kept = *new std::string(bad_word());
  return kept;
}
std::string_view kind() { return std::string_view(word()).substr(0, word().find('/')); }
// Allocates nothing, since memory may be short.
bool is(std::string_view fault) {
  const std::size_t at = word().find('/');
  return at != std::string::npos && std::string_view(word()).substr(at + 1) == fault;
}

[[noreturn]] void crash() {
  ::raise(SIGSEGV);
  std::abort();
}
void hang() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

std::atomic<int> living{0};

struct Thing {
  const z4j_host* host = nullptr;
  std::string settings;
  z4j_str borrowed{nullptr, 0};
  std::thread thread;
  std::atomic<bool> over{false};
  bool is_started = false;
  z4j_op kept = 0;
  std::vector<z4j_op> open;
};
Thing& of(z4j_instance* i) { return *reinterpret_cast<Thing*>(i); }

z4j_status refuse(z4j_error* e, z4j_status status, const char* message) {
  z4j::fill(e, status, message);
  return status;
}
void log(const z4j_host* host, std::string_view message) {
  host->log(host->ctx, Z4J_LOG_INFO, str(message), lit(""));
}

// --- every plugin ---

z4j_status validate(z4j_str config, const z4j_sink* problems, z4j_error* e) {
  const std::string_view text = view(config);
  if (is("validate-crashes") && text.empty()) crash();
  if (is("validate-throws") && text == "null") throw std::string("an exception");
  if (is("validate-hangs") && text.size() > 1'000'000) hang();
  if (is("problem-without-message")) problems->put(problems->ctx, lit(R"({"at":"/x"})"));
  if (is("problem-no-json")) problems->put(problems->ctx, lit("the port is wrong"));
  if (is("reads-beyond")) {
    if (std::string(config.ptr).empty()) return Z4J_OK;  // as if it ended with a NUL
  }
  if (is("validate-opens")) (void)::open("/dev/null", O_RDONLY);
  (void)e;
  return Z4J_OK;
}

z4j_status create_one(const z4j_host* host, z4j_str config, z4j_instance** out, z4j_error* e) {
  if (is("create-empty-handed")) return Z4J_OK;
  if (is("create-silent")) return Z4J_INTERNAL;
  if (is("one-only") && living > 0) crash();
  if (is("create-crashes-on-nonsense") && view(config) == "nonsense") crash();
  if (is("create-leaks")) (void)new std::string(500, 'x');
  if (is("create-threads")) std::thread([] { hang(); }).detach();
  if (is("create-slow")) std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  if (is("unchecked-malloc")) {
    auto* memory = static_cast<volatile char*>(std::malloc(100));
    *memory = 'x';  // as if there always were some
    std::free(const_cast<char*>(memory));
  }
  auto* thing = new Thing;
  thing->host = host;
  thing->settings = view(config);
  thing->borrowed = config;
  ++living;
  *out = reinterpret_cast<z4j_instance*>(thing);
  if (is("emits-early")) {
    z4j::BatchBuilder batch;
    batch.begin_row(1, Z4J_EV_SENT);
    const z4j_event_batch rows = batch.batch();
    host->emit(host->ctx, &rows, nullptr);
  }
  if (is("logs-secret")) log(host, thing->settings);
  (void)e;
  return Z4J_OK;
}

z4j_status create(const z4j_host* host, z4j_str config, z4j_instance** out, z4j_error* e) {
  if (is("create-throws")) throw std::string("an exception");
  return z4j::guard(e, [&] { return create_one(host, config, out, e); });
}

void emit_one(Thing& thing, bool is_broken) {
  z4j::BatchBuilder batch;
  batch.begin_row(1'700'000'000'000'000, Z4J_EV_SENT);
  batch.engine("bad");
  batch.task_id("t");
  z4j_event_batch rows = batch.batch();
  const std::uint32_t backwards[2] = {5, 1};
  if (is_broken) rows.task_id.offsets = backwards;
  z4j_error error = z4j::empty_error();
  thing.host->emit(thing.host->ctx, &rows, &error);
}

z4j_status start(z4j_instance* i, z4j_error* e) {
  Thing& thing = of(i);
  if (is("start-throws")) throw std::string("an exception");
  if (is("start-unknown-code")) return refuse(e, 42, "what is this");
  if (is("start-silent")) return Z4J_UNAVAILABLE;
  if (is("start-endless-error")) {
    e->code = Z4J_UNAVAILABLE;
    for (char& c : e->message) c = 'x';
    return Z4J_UNAVAILABLE;
  }
  if (is("error-overflow") && e != nullptr) {
    for (std::size_t n = 0; n < sizeof(z4j_error) + 64; ++n)
      reinterpret_cast<volatile char*>(e)[n] = 'x';
    return Z4J_UNAVAILABLE;
  }
  if (is("secret-in-error")) return refuse(e, Z4J_UNAVAILABLE, thing.settings.c_str());
  if (is("keeps-config") && view(thing.borrowed).find("greeting") == std::string_view::npos)
    return refuse(e, Z4J_INTERNAL, "settings are gone");
  if (is("start-fails-inside")) return refuse(e, Z4J_INTERNAL, "a broken invariant");
  if (is("takes-signals")) ::signal(SIGTERM, SIG_IGN);
  if (is("changes-locale")) std::setlocale(LC_ALL, "C.UTF-8");
  if (is("changes-folder")) {
    if (::chdir("/") != 0) crash();
  }
  if (is("prints")) std::puts("I am started");
  if (is("start-slow")) std::this_thread::sleep_for(std::chrono::seconds(20));
  if (is("start-leaves-open")) (void)::open("/dev/null", O_RDONLY);
  if (is("thread-left") || is("calls-after-stop") || is("calls-after-destroy")) {
    thing.thread = std::thread([&thing, host = thing.host] {
      if (is("thread-left")) hang();
      const bool after_destroy = is("calls-after-destroy");
      for (int n = 0; n < 400 && !thing.over; ++n)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      std::this_thread::sleep_for(std::chrono::milliseconds(after_destroy ? 150 : 100));
      host->log(host->ctx, Z4J_LOG_INFO, lit("late"), lit(""));
    });
    thing.thread.detach();
  }
  if (is("emits-broken")) emit_one(thing, true);
  if (is("spins-when-busy")) {
    thing.thread = std::thread([&thing] {
      while (!thing.over) emit_one(thing, false);
    });
  }
  if (is("bad-health")) thing.host->health(thing.host->ctx, 9, lit("odd"));
  if (is("bad-metric")) thing.host->metric(thing.host->ctx, lit("x"), lit("no json"), 1, 0);
  if (is("bad-log")) thing.host->log(thing.host->ctx, Z4J_LOG_INFO, lit("\xff\xfe"), lit(""));
  if (is("newer-host-only")) {
    // Calls what stands behind the table of this ABI.
    using Later = void (*)();
    reinterpret_cast<const Later*>(thing.host + 1)[0]();
  }
  thing.is_started = true;
  return Z4J_OK;
}

z4j_status stop(z4j_instance* i, std::uint32_t, z4j_error*) {
  Thing& thing = of(i);
  thing.over = true;
  if (is("stop-hangs")) hang();
  if (is("stop-throws")) throw std::string("an exception");
  if (is("stop-crashes-twice") && !thing.is_started) crash();
  thing.is_started = false;
  if (thing.thread.joinable()) thing.thread.join();
  if (!is("open-after-stop")) {
    for (const z4j_op op : thing.open) {
      z4j_error error = z4j::empty_error();
      z4j::fill(&error, Z4J_CANCELLED, "it stops");
      thing.host->op_complete(thing.host->ctx, op, Z4J_CANCELLED, &error, lit(""));
    }
    thing.open.clear();
  }
  return Z4J_OK;
}

void destroy(z4j_instance* i) {
  if (is("destroy-crashes")) crash();
  if (is("destroy-throws")) throw std::string("an exception");
  --living;
  if (is("calls-after-destroy") || is("calls-after-stop")) return;  // its thread still looks at it
  delete &of(i);
}

void cancel(z4j_instance* i, z4j_op op) {
  if (is("cancel-crashes") && op == 0) crash();
  if (is("cancel-answers")) {
    z4j_error error = z4j::empty_error();
    z4j::fill(&error, Z4J_CANCELLED, "cancelled");
    of(i).host->op_complete(of(i).host->ctx, op, Z4J_CANCELLED, &error, lit(""));
  }
}

// What every operation does, and does badly.
z4j_status answer_one(z4j_instance* i, z4j_op op, std::string_view result, z4j_error* e,
                      std::string_view asked) {
  Thing& thing = of(i);
  const auto complete = [&](z4j_op to, z4j_status status, std::string_view text) {
    z4j_error error = z4j::empty_error();
    if (status != Z4J_OK) z4j::fill(&error, status, "no");
    thing.host->op_complete(thing.host->ctx, to, status, status == Z4J_OK ? nullptr : &error,
                            str(text));
  };
  if (is("answers-never")) return Z4J_PENDING;
  if (is("open-after-stop") || is("answers-at-stop")) {
    thing.open.push_back(op);
    return Z4J_PENDING;
  }
  if (is("answers-twice")) complete(op, Z4J_OK, result);
  if (is("answers-and-returns")) {
    complete(op, Z4J_OK, result);
    return Z4J_OK;
  }
  if (is("answers-foreign")) complete(op + (z4j_op{1} << 40), Z4J_OK, result);
  if (is("answers-pending")) {
    complete(op, Z4J_PENDING, result);
    return Z4J_PENDING;
  }
  if (is("answers-no-json")) result = "done!";
  if (is("answers-a-list")) result = "[]";
  std::string large;
  if (is("answers-too-much")) {
    large.assign(9u << 20, '1');
    result = large;
  }
  if (is("answers-wordless")) return Z4J_INVALID;
  if (is("answers-end")) return Z4J_END;
  if (is("operation-crashes-on-nonsense") && asked == "nonsense") crash();
  if (is("operation-fails-inside")) return refuse(e, Z4J_INTERNAL, "a broken invariant");
  if (is("operation-leaks")) (void)new std::string(20'000, 'x');
  if (is("operation-hangs-when-cancelled") && thing.host->op_cancelled(thing.host->ctx, op) != 0)
    hang();
  if (is("operation-hangs-when-expired") && thing.host->op_remaining_ms(thing.host->ctx, op) <= 0)
    return Z4J_PENDING;
  if (is("needs-start") && !thing.is_started) crash();
  if (is("echoes-control") && asked.size() < 10 && !asked.empty() && asked[0] == '\xff')
    return refuse(e, Z4J_INVALID, "a\x01\x1b[31m name");
  complete(op, Z4J_OK, result);
  return Z4J_PENDING;
}

z4j_status answer(z4j_instance* i, z4j_op op, std::string_view result, z4j_error* e,
                  std::string_view asked) {
  if (is("operation-throws")) throw std::string("an exception");
  return z4j::guard(e, [&] { return answer_one(i, op, result, e, asked); });
}

// --- kinds ---

std::uint64_t capabilities(z4j_instance*) {
  if (is("slow-capabilities")) std::this_thread::sleep_for(std::chrono::milliseconds(80));
  if (is("changing-capabilities")) {
    static std::atomic<unsigned> asked{0};
    return ++asked % 2 == 0 ? Z4J_ENGINE_SNAPSHOT : Z4J_ENGINE_EVENTS;
  }
  if (is("unknown-capability")) return std::uint64_t{1} << 50;
  return Z4J_ENGINE_SNAPSHOT | Z4J_ENGINE_RETRY | (is("lies-revoke") ? Z4J_ENGINE_REVOKE : 0);
}

z4j_status command(z4j_instance* i, z4j_op op, std::uint64_t verb, z4j_str, z4j_str args,
                   z4j_error* e) {
  if (verb == Z4J_ENGINE_RETRY) {
    if (is("retries-nothing"))
      return answer(i, op, R"({"outcome":"done","new_task_id":"x"})", e, view(args));
    if (is("odd-outcome")) return answer(i, op, R"({"outcome":"maybe"})", e, view(args));
    return answer(i, op, R"({"outcome":"refused","reason":"no such task"})", e, view(args));
  }
  if (is("does-what-it-hides") && verb == Z4J_ENGINE_PURGE)
    return answer(i, op, R"({"outcome":"done","removed":0})", e, view(args));
  if (is("does-anything")) return answer(i, op, R"({"outcome":"done"})", e, view(args));
  return refuse(e, Z4J_UNSUPPORTED, "it does not do that");
}

z4j_status snapshot(z4j_instance* i, z4j_op op, z4j_str what, z4j_str page, z4j_error* e) {
  const std::string_view name = view(what);
  if (name == "queues") {
    if (is("ignores-limit"))
      return answer(i, op, R"({"items":[{"name":"a"},{"name":"b"},{"name":"c"}],"next":null})", e,
                    view(page));
    if (is("shapeless"))
      return answer(i, op, R"({"items":[{"pending":1}],"next":null})", e, view(page));
    if (is("repeats-pages"))
      return answer(i, op, R"({"items":[{"name":"a"}],"next":"more"})", e, view(page));
  }
  if (name == "workers" || name == "queues" || name == "registry" || name == "waiting" ||
      name == "state")
    return answer(i, op, R"({"items":[],"next":null})", e, view(page));
  if (is("shows-anything")) return answer(i, op, R"({"items":[],"next":null})", e, view(page));
  return refuse(e, Z4J_UNSUPPORTED, "no such snapshot");
}
const z4j_engine kEngine = {sizeof(z4j_engine), 0, lit("bad"), &capabilities, &command, &snapshot};

std::uint64_t scheduler_capabilities(z4j_instance*) { return Z4J_SCHED_READ | Z4J_SCHED_CRON; }
z4j_status list(z4j_instance* i, z4j_op op, z4j_str page, z4j_error* e) {
  if (is("lists-nameless"))
    return answer(i, op, R"({"items":[{"id":"1"}],"next":null})", e, view(page));
  return answer(i, op, R"({"items":[],"next":null})", e, view(page));
}
z4j_status preview(z4j_instance*, z4j_str schedule, std::int64_t from, std::int64_t* out,
                   std::uint32_t* n, z4j_error* e) {
  const std::string_view text = view(schedule);
  if (is("previews-too-many")) {
    for (std::uint32_t k = 0; k <= *n; ++k) out[k] = from + k + 1;
    return Z4J_OK;
  }
  if (is("previews-backwards")) {
    for (std::uint32_t k = 0; k < *n; ++k) out[k] = from + *n - k;
    return Z4J_OK;
  }
  if (is("previews-anything")) {
    for (std::uint32_t k = 0; k < *n; ++k) out[k] = from + k + 1;
    return Z4J_OK;
  }
  (void)text;
  return refuse(e, Z4J_INVALID, "it knows no such expression");
}
const z4j_scheduler kScheduler = {sizeof(z4j_scheduler),
                                  0,
                                  lit("bad-beat"),
                                  &scheduler_capabilities,
                                  &list,
                                  nullptr,
                                  nullptr,
                                  nullptr,
                                  &preview};

// A notifier that posts to "url" of its target through the host.
struct Sent {
  const z4j_host* host;
  z4j_op op;
  Thing* thing;
  bool is_second;
};
void post(const z4j_host* host, z4j_op op, const std::string& url, std::string_view title,
          bool is_second);
void sent(void* arg, const z4j_http_answer* got) {
  const Sent* const s = static_cast<const Sent*>(arg);
  if (is("tries-again") && got->http_status >= 500 && !s->is_second) {
    post(s->host, s->op, "https://example.invalid/again", "x", true);
    delete s;
    return;
  }
  std::string result = got->status == Z4J_OK && got->http_status < 300 ? R"({"outcome":"sent"})"
                       : got->status != Z4J_OK || got->http_status >= 500 || got->http_status == 429
                           ? R"({"outcome":"retry"})"
                           : R"({"outcome":"failed"})";
  if (is("calls-all-sent")) result = R"({"outcome":"sent"})";
  s->host->op_complete(s->host->ctx, s->op, got->status == Z4J_CANCELLED ? Z4J_CANCELLED : Z4J_OK,
                       nullptr, str(got->status == Z4J_CANCELLED ? "" : result));
  delete s;
}
void post(const z4j_host* host, z4j_op op, const std::string& url, std::string_view title,
          bool is_second) {
  const auto* client =
      static_cast<const z4j_http_client*>(host->service(host->ctx, lit(Z4J_SERVICE_HTTP_CLIENT)));
  z4j_http_call call{};
  call.struct_size = sizeof call;
  call.method = lit("POST");
  call.url = str(url);
  const std::string header = is("breaks-headers") ? std::string(title) : std::string("plain");
  const z4j_http_header headers[] = {{lit("X-Title"), str(header)}};
  call.headers = headers;
  call.header_count = 1;
  call.body = str(title);
  z4j_error error = z4j::empty_error();
  auto* const s = new Sent{host, op, nullptr, is_second};
  if (client == nullptr || client->send(host->ctx, &call, &sent, s, &error) != Z4J_PENDING) {
    delete s;
    z4j::fill(&error, Z4J_UNAVAILABLE, "the host takes no call");
    host->op_complete(host->ctx, op, Z4J_UNAVAILABLE, &error, lit(""));
  }
}
z4j_status send_one(z4j_instance* i, z4j_op op, const z4j_notification* n, z4j_error* e) {
  Thing& thing = of(i);
  const std::string_view target = view(n->target_json);
  if (is("target-in-log")) log(thing.host, target);
  if (is("sends-to-nobody")) return answer(i, op, R"({"outcome":"sent"})", e, target);
  if (is("blocks")) std::this_thread::sleep_for(std::chrono::seconds(3));
  const std::size_t at = target.find("https://");
  if (at == std::string_view::npos || word().find('/') == std::string::npos ||
      is("breaks-headers") || is("tries-again") || is("calls-all-sent") || is("target-in-log")) {
    if (at != std::string_view::npos) {
      post(thing.host, op, std::string(target.substr(at, target.find('"', at) - at)),
           view(n->title), false);
      return Z4J_PENDING;
    }
  }
  return answer(i, op, R"({"outcome":"failed","error":"no address"})", e, target);
}
z4j_status send(z4j_instance* i, z4j_op op, const z4j_notification* n, z4j_error* e) {
  if (is("operation-throws")) return send_one(i, op, n, e);
  return z4j::guard(e, [&] { return send_one(i, op, n, e); });
}
z4j_notifier kNotifier = {
    sizeof(z4j_notifier),
    65536,
    0,
    lit(R"({"type":"object","additionalProperties":false,"properties":{"url":{"type":"string","maxLength":4096,"x-z4j-secret":true,"description":"where"}}})"),
    lit(""),
    &send};

constexpr z4j_route kRoutes[] = {z4j::route("GET", "hello/{name}", "", Z4J_ROUTE_PUBLIC),
                                 z4j::route("POST", "echo", "", 0, 1000)};
z4j_asset kAssets[] = {
    z4j::asset("index.html", "text/html; charset=utf-8", "<!doctype html><title>x</title><p>x"),
    z4j::asset("inline.html", "text/html; charset=utf-8",
               "<!doctype html><title>x</title><script>alert(1)</script>")};
z4j_status handle(z4j_instance* i, z4j_op op, const z4j_http_request* r, z4j_error* e) {
  Thing& thing = of(i);
  if (r->route > 1 && !is("serves-anything")) return refuse(e, Z4J_NOT_FOUND, "no such route");
  const auto* reply = static_cast<const z4j_http_reply*>(
      thing.host->service(thing.host->ctx, lit(Z4J_SERVICE_HTTP_REPLY)));
  if (is("replies-nothing") || reply == nullptr) return answer(i, op, "{}", e, view(r->body));
  const std::string type = is("echoes-script") ? "text/html" : "text/plain";
  reply->begin(thing.host->ctx, op, is("odd-code") ? 99u : 200u, str(type),
               is("sets-cookies") ? lit(R"({"Set-Cookie":"a=b"})")
               : is("sends-away") ? lit(R"({"Location":"https://elsewhere.invalid/"})")
                                  : lit("{}"));
  reply->write(thing.host->ctx, op, is("echoes-script") ? r->params_json : lit("hello"));
  return answer(i, op, "", e, view(r->body));
}
z4j_http kHttp = {sizeof(z4j_http), 2, kRoutes, 1, 0, kAssets, &handle};

const void* get_interface(z4j_str id) {
  const std::string_view name = view(id);
  if (is("interface-throws")) throw std::string("an exception");
  if (is("interface-by-prefix") && !name.empty() &&
      std::string_view(Z4J_IFACE_NOTIFIER).substr(0, name.size()) == name)
    return &kNotifier;
  if (is("interface-anew") && name == Z4J_IFACE_NOTIFIER) return new z4j_notifier(kNotifier);
  if (is("interface-for-all")) return &kNotifier;
  if (is("interface-missing")) return nullptr;
  if (name == Z4J_IFACE_ENGINE && (kind() == "engine" || is("interface-undeclared")))
    return &kEngine;
  if (name == Z4J_IFACE_SCHEDULER && kind() == "scheduler") return &kScheduler;
  if (name == Z4J_IFACE_NOTIFIER && kind() == "notifier") return &kNotifier;
  if (name == Z4J_IFACE_HTTP && kind() == "http") return &kHttp;
  return nullptr;
}

constexpr char kSchema[] = R"({"type":"object","additionalProperties":false,"properties":{
"greeting":{"type":"string","maxLength":40,"default":"hello","description":"a word"},
"password":{"type":"string","maxLength":100,"x-z4j-secret":true,"description":"a secret"}}})";
constexpr char kOpenSchema[] = R"({"type":"object","additionalProperties":true,"properties":{}})";
constexpr char kUnmarkedSchema[] =
    R"({"type":"object","additionalProperties":false,"properties":{"password":{"type":"string"}}})";
constexpr char kFailingDefault[] =
    R"({"type":"object","properties":{"n":{"type":"integer","minimum":5,"default":1}}})";
constexpr char kBeyondSubset[] =
    R"({"type":"object","patternProperties":{".*":{"type":"string"}}})";

z4j_plugin plugin = {sizeof(z4j_plugin),
                     0,
                     lit("org.example.bad"),
                     lit("1.0.0"),
                     lit("Bad"),
                     lit("Good, or bad in one way"),
                     lit(""),
                     lit(""),
                     lit(""),
                     lit("notifier"),
                     lit(kSchema),
                     lit(""),
                     &validate,
                     &create,
                     &start,
                     &stop,
                     &destroy,
                     &cancel,
                     &get_interface};
[[maybe_unused]] const z4j_plugin* plugins[] = {&plugin, &plugin};

}  // namespace

#ifdef BAD_ENTRY_IS_CODE
extern "C" Z4J_EXPORT int bad_entry() asm(Z4J_PLUGIN_SYMBOL);
extern "C" int bad_entry() { return 1; }
static z4j_plugin_entry entry;
#else
// Not const, since what is wrong with it is known when it is loaded only.
extern "C" Z4J_EXPORT z4j_plugin_entry entry asm(Z4J_PLUGIN_SYMBOL);
z4j_plugin_entry entry = {
    Z4J_PLUGIN_MAGIC, sizeof(z4j_plugin_entry), Z4J_ABI_MAJOR, Z4J_ABI_MINOR, 0, 0, 1, plugins,
    {nullptr, 0}};
#endif

#ifdef BAD_EXPORTS
extern "C" Z4J_EXPORT int bad_other_symbol() { return 1; }
#endif
#ifdef BAD_UNIQUE
template <class T>
struct Z4J_EXPORT Shared {
  static int& value() {
    static int n = 0;
    return n;
  }
};
extern "C" Z4J_EXPORT int bad_unique() { return ++Shared<int>::value(); }
#endif
#ifdef BAD_HOST_SYMBOLS
extern "C" int z4j_function_of_the_program();
extern "C" int bad_uses_the_program() { return z4j_function_of_the_program(); }
#endif
#ifdef BAD_MISSING_LIBRARY
extern "C" int bad_of_a_library();
extern "C" int bad_uses_the_library() { return bad_of_a_library(); }
#endif

namespace {

// Runs when the file is loaded.
struct Loading {
  Loading() {
    auto& e = entry;
    static const std::string kind_text(kind());
    plugin.kinds = str(kind_text);
    if (is("load-crashes")) crash();
    if (is("load-hangs")) hang();
    if (is("load-exits")) ::_exit(0);
    if (is("load-threads")) std::thread([] { hang(); }).detach();
    if (is("load-opens")) (void)::open("/dev/null", O_RDONLY);
    if (is("load-prints")) std::puts("hello");
    if (is("load-signals")) ::signal(SIGINT, SIG_IGN);
    if (is("load-environment")) ::setenv("BAD_PLUGIN", "1", 1);
    if (is("load-locale")) std::setlocale(LC_ALL, "C.UTF-8");
    if (is("exit-crashes")) std::atexit([] { crash(); });
    if (is("entry-magic")) e.magic = 7;
    if (is("entry-major")) e.abi_major = 9;
    if (is("entry-size")) e.struct_size = 16;
    if (is("entry-min-host")) e.min_host_minor = 99;
    if (is("entry-two")) e.plugin_count = 2;
    if (is("entry-reserved")) e.reserved0 = 1;
    if (is("descriptor-short")) plugin.struct_size = 64;
    if (is("descriptor-id")) plugin.id = lit("Bad Plugin");
    if (is("descriptor-version")) plugin.version = lit("latest");
    if (is("descriptor-nameless")) plugin.name = lit("");
    if (is("descriptor-text")) plugin.summary = lit("\xff\xfe");
    if (is("descriptor-stopless")) plugin.stop = nullptr;
    if (is("descriptor-needs")) plugin.needs = lit("z4j.time-machine/1");
    if (is("descriptor-kindless")) plugin.kinds = lit("gadget");
    if (is("descriptor-long")) plugin.summary = z4j_str{plugin.summary.ptr, std::size_t{1} << 40};
    if (is("schema-open")) plugin.config_schema_json = lit(kOpenSchema);
    if (is("schema-unmarked")) plugin.config_schema_json = lit(kUnmarkedSchema);
    if (is("schema-default")) plugin.config_schema_json = lit(kFailingDefault);
    if (is("schema-beyond")) plugin.config_schema_json = lit(kBeyondSubset);
    if (is("schema-nonsense")) plugin.config_schema_json = lit("{");
    if (is("slotless")) kNotifier.send = nullptr;
    if (is("types-nonsense")) kNotifier.types_json = lit(R"({"A B":7})");
    if (is("target-requires"))
      kNotifier.target_schema_json =
          lit(R"({"type":"object","required":["url"],"properties":{"url":{"type":"string"}}})");
    if (is("body-limit-none")) kNotifier.max_body_bytes = 0;
    if (is("routes-nonsense")) kHttp.route_count = 100'000;
    if (is("asset-path")) kAssets[0].path = lit("../secret");
    if (is("inline-script")) kHttp.asset_count = 2;
  }
} loading;

}  // namespace

#ifdef BAD_PROGRAM
int main() { return 0; }
#endif
