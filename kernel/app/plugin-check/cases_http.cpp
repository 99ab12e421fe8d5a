// H: http plugins, against docs/abi/http.md.
#include <algorithm>

#include "asks.hpp"
#include "base/ascii.hpp"
#include "plugin/crossing.hpp"
#include "plugin/http.hpp"

namespace z4j::check {
namespace {

using plugin::text_of;

constexpr char kParams[] = R"({"slug":"default","id":"7","name":"you"})";

std::uint32_t routes(Subject& subject) {
  const std::uint32_t n = subject.http().route_count;
  if (n == 0) throw NotForThis("it has no routes");
  return n;
}

void expect_reply(const Answer& answer, const Reply& reply, const std::string& route) {
  expect(reply.begun <= 1, route + " began its reply twice");
  if (answer.status != Z4J_OK) return;
  if (reply.begun == 0) return;  // the result of the operation is the reply
  expect(reply.body.empty() || !reply.type.empty(),
         route + " replied with a body and no content type");
  if (reply.headers.empty()) return;
  const json::Value headers = parsed(reply.headers, "the headers of " + route);
  for (const auto& [name, value] : object_of(headers, "the headers of " + route)) {
    static constexpr std::string_view kMaySend[] = {
        "cache-control", "content-disposition", "content-language", "etag", "last-modified",
        "location",      "retry-after"};
    const std::string lower = base::ascii_lower(name);
    expect(std::find(std::begin(kMaySend), std::end(kMaySend), lower) != std::end(kMaySend),
           route + " sends the header " + std::string(name) + ", which plugins can't");
    expect(value.is_string(), route + " sends a header that is no text");
    const std::string_view text = value.get_string();
    expect(text.find_first_of("\r\n") == text.npos, route + " sends a header with a new line");
    expect(lower != "location" || (text.rfind('/', 0) == 0 && text.rfind("//", 0) != 0),
           route + " sends people to another site");
  }
}

Answer serve(Subject& subject, Running& running, std::uint32_t route, const std::string& body,
             const std::string& params, const std::string& query, Reply& reply) {
  const z4j_op op = ask_once(running.instance, request(subject, route, body, params, query));
  const Answer answer = running.host.await(op, 25'000);
  const std::string name(route < subject.http().route_count
                             ? text_of(subject.http().routes[route].path)
                             : "a route that does not exist");
  expect(answer.is_there, name + " was not answered within 25 s");
  reply = running.host.reply_of(op);
  expect_reply(answer, reply, name);
  return answer;
}

void each_route(Subject& subject, const std::string& body, const std::string& params,
                const std::string& query = "") {
  const std::uint32_t count = routes(subject);
  Running running(subject);
  for (std::uint32_t i = 0; i < count; ++i) {
    Reply reply;
    const Answer answer = serve(subject, running, i, body, params, query, reply);
    expect(answer.status < 300, "route " + std::string(text_of(subject.http().routes[i].path)) +
                                    " is the plugin's own fault: " + told(answer));
  }
}

void undeclared(Subject& subject) {
  (void)subject.http();
  Running running(subject);
  for (const std::uint32_t route :
       {subject.http().route_count, subject.http().route_count + 1000, UINT32_MAX}) {
    Reply reply;
    const Answer answer = serve(subject, running, route, "", "{}", "", reply);
    expect(answer.status != Z4J_OK, "a route that does not exist is answered with " + told(answer));
  }
}

void body_limits(Subject& subject) {
  bool any = false;
  (void)routes(subject);
  Running running(subject);
  for (std::uint32_t i = 0; i < subject.http().route_count; ++i) {
    const std::uint32_t most = subject.http().routes[i].max_body;
    if (most == 0) continue;
    any = true;
    for (const std::size_t size : {std::size_t{1}, std::size_t{most}}) {
      Reply reply;
      const Answer answer = serve(subject, running, i, std::string(size, 'x'), kParams, "", reply);
      expect(answer.status < 300, "a body of " + std::to_string(size) +
                                      " bytes, which it takes, is answered with " + told(answer));
    }
  }
  if (!any) throw NotForThis("none of its routes takes a body");
}

// What people send must not come back as a page's own words.
void no_script_of_others(Subject& subject) {
  const std::string script = "<script>alert(1)</script>";
  const std::string params =
      json::write(json::Object{{"slug", script}, {"id", script}, {"name", script}});
  const std::uint32_t count = routes(subject);
  Running running(subject);
  for (std::uint32_t i = 0; i < count; ++i) {
    Reply reply;
    (void)serve(subject, running, i, subject.http().routes[i].max_body > 0 ? script : "", params,
                "q=" + script, reply);
    expect(reply.type.find("html") == std::string::npos ||
               reply.body.find(script) == std::string::npos,
           "route " + std::string(text_of(subject.http().routes[i].path)) +
               " puts what it was sent into a page as it is");
  }
}

void files(Subject& subject) {
  const auto table = plugin::http_table(subject.http());
  expect(table.ok(), table ? "" : table.error().message);
  if (table->assets.empty()) throw NotForThis("it has no files");
  std::size_t bytes = 0;
  for (const auto& [path, asset] : table->assets) {
    bytes += asset.bytes.size();
    // Every byte is there to be read.
    unsigned sum = 0;
    for (const char c : asset.bytes) sum += static_cast<unsigned char>(c);
    (void)sum;
    expect(!asset.content_type.empty(), "the file " + path + " has no content type");
  }
  subject.tell(std::to_string(table->assets.size()) + " files, " + std::to_string(bytes) +
               " bytes");
}

void pages_keep_the_policy(Subject& subject) {
  const auto table = plugin::http_table(subject.http());
  expect(table.ok(), table ? "" : table.error().message);
  bool any = false;
  for (const auto& [path, asset] : table->assets) {
    if (asset.content_type.find("text/html") == std::string_view::npos) continue;
    any = true;
    const std::string lower = base::ascii_lower(asset.bytes);
    for (std::size_t at = 0; (at = lower.find("<script", at)) != std::string::npos; ++at) {
      const std::string tag = lower.substr(at, lower.find('>', at) - at);
      expect(tag.find(" src=") != std::string::npos,
             "the page " + path + " has an inline script, which its policy forbids");
    }
    expect(
        lower.find(" onclick=") == std::string::npos && lower.find(" onload=") == std::string::npos,
        "the page " + path + " has an inline handler, which its policy forbids");
    expect(lower.find("javascript:") == std::string::npos,
           "the page " + path + " has a javascript: address, which its policy forbids");
  }
  if (!any) throw NotForThis("it has no pages");
}

void cancelled_client(Subject& subject) {
  (void)routes(subject);
  CheckedHost::Shape shape;
  shape.cancels = true;
  shape.refuses_answers = true;
  Running running(subject, shape);
  for (std::uint32_t i = 0; i < subject.http().route_count; ++i) {
    const z4j_op op = ask_once(running.instance, request(subject, i, "", kParams));
    expect(running.host.await(op, 25'000).is_there, "a route whose client went away is never over");
  }
}

void eight_at_once(Subject& subject) {
  (void)routes(subject);
  Running running(subject);
  std::vector<z4j_op> ops;
  for (std::uint32_t i = 0; i < 8; ++i)
    ops.push_back(
        ask_once(running.instance, request(subject, i % subject.http().route_count, "", kParams)));
  for (const z4j_op op : ops)
    expect(running.host.await(op, 25'000).is_there, "8 requests at once are not all answered");
}

void anonymous(Subject& subject) {
  const z4j_http& http = subject.http();
  bool any = false;
  Running running(subject);
  for (std::uint32_t i = 0; i < http.route_count; ++i) {
    if ((http.routes[i].flags & Z4J_ROUTE_PUBLIC) == 0) continue;
    any = true;
    const Ask ask{"a public route", [&http, i](z4j_instance* instance, z4j_op op, z4j_error* e) {
                    z4j_http_request r{};  // who asks is not known: most texts are empty
                    r.struct_size = sizeof r;
                    r.route = i;
                    r.path = http.routes[i].path;
                    r.params_json = plugin::lend(kParams);
                    r.headers_json = plugin::lend("{}");
                    r.permissions_json = plugin::lend(R"({"is_administrator":false,"role":null})");
                    return http.handle(instance, op, &r, e);
                  }};
    (void)ask_and_wait(running.instance, ask);
  }
  if (!any) throw NotForThis("it has no public routes");
}

}  // namespace

void add_http_cases(Cases& cases) {
  const auto add = [&](const char* name, const char* what, std::function<void(Subject&)> run) {
    cases.push_back({std::string("H.http.") + name, std::string("as an http plugin, ") + what,
                     std::move(run), 90'000});
  };
  add("routes", "answers each of its routes", [](Subject& s) { each_route(s, "", kParams); });
  add("no-params", "answers when nothing is bound", [](Subject& s) { each_route(s, "", "{}"); });
  add("query", "takes any query", [](Subject& s) {
    each_route(s, "", kParams, "a=1&b=%00%ff&&=&c[]=x&" + std::string(4000, 'q'));
  });
  add("undeclared", "refuses a route that it has not", undeclared);
  add("body-limit", "takes bodies as long as it says", body_limits);
  add("body-bytes", "takes bodies that are no text", [](Subject& subject) {
    (void)routes(subject);
    Running running(subject);
    for (std::uint32_t i = 0; i < subject.http().route_count; ++i) {
      std::string body;
      for (std::uint32_t n = 0; n < std::min(subject.http().routes[i].max_body, 256u); ++n)
        body += static_cast<char>(n);
      Reply reply;
      (void)serve(subject, running, i, body, kParams, "", reply);
    }
  });
  add("script", "does not put into a page what it was sent", no_script_of_others);
  add("anonymous", "answers public routes to who is not signed in", anonymous);
  add("files", "has files that can be read whole", files);
  add("policy", "has pages that keep the policy of this site", pages_keep_the_policy);
  add("client-gone", "is done with a request whose client went away", cancelled_client);
  add("eight", "answers eight requests that come at once", eight_at_once);
}

}  // namespace z4j::check
