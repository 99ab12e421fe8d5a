#include <arpa/inet.h>
#include <cppunit/extensions/HelperMacros.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/dial_guard.hpp"
#include "net/outgoing_http.hpp"
#include "net/testing/certificate.hpp"
#include "net/testing/server_fixture.hpp"

namespace z4j::net {
namespace {

Address address(const std::string& text) {
  const auto parsed = Address::parse(text);
  CPPUNIT_ASSERT_MESSAGE(text, parsed.has_value());
  return *parsed;
}

// Answers each connection with what `answer` makes of the request's head, and closes it; after
// "hang" at its end it leaves that to the other side.
class LoopbackServer {
 public:
  explicit LoopbackServer(std::function<std::string(const std::string& head)> answer)
      : answer_(std::move(answer)) {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CPPUNIT_ASSERT_EQUAL(0, ::bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at));
    CPPUNIT_ASSERT_EQUAL(0, ::listen(fd_, 16));
    socklen_t size = sizeof at;
    (void)::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;
  ~LoopbackServer() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url(const std::string& host, const std::string& path = "/") const {
    return "http://" + host + ":" + std::to_string(port_) + path;
  }
  [[nodiscard]] std::vector<std::string> heads() {
    const std::lock_guard lock(mutex_);
    return heads_;
  }

 private:
  void serve() {
    for (;;) {
      const int peer = ::accept(fd_, nullptr, nullptr);
      if (peer < 0) return;
      std::string head;
      char part[4096];
      while (head.find("\r\n\r\n") == std::string::npos) {
        const ssize_t got = ::recv(peer, part, sizeof part, 0);
        if (got <= 0) break;
        head.append(part, static_cast<std::size_t>(got));
      }
      {
        const std::lock_guard lock(mutex_);
        heads_.push_back(head);
      }
      std::string answer = answer_(head);
      if (answer.ends_with("hang")) {
        answer.resize(answer.size() - 4);
        (void)::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
        while (::recv(peer, part, sizeof part, 0) > 0) {
        }
      } else {
        (void)::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
      }
      ::close(peer);
    }
  }

  const std::function<std::string(const std::string&)> answer_;
  int fd_ = -1;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::vector<std::string> heads_;
  std::thread thread_;
};

std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nX-Seen: yes\r\n\r\n" + body;
}
std::string redirect(const std::string& where) {
  return "HTTP/1.1 302 Found\r\nLocation: " + where + "\r\nContent-Length: 0\r\n\r\n";
}

class OutgoingTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(OutgoingTest);
  CPPUNIT_TEST(every_net_that_is_not_public_is_known);
  CPPUNIT_TEST(public_addresses_are_public);
  CPPUNIT_TEST(every_answer_must_be_public);
  CPPUNIT_TEST(written_forms_of_loopback_are_refused);
  CPPUNIT_TEST(internal_targets_open_host_port_or_net);
  CPPUNIT_TEST(internal_targets_that_are_none_are_named);
  CPPUNIT_TEST(lookup_that_hangs_costs_its_deadline);
  CPPUNIT_TEST(urls_are_read_strictly);
  CPPUNIT_TEST(call_goes_to_the_checked_address_under_its_name);
  CPPUNIT_TEST(name_that_changes_its_mind_is_checked_again);
  CPPUNIT_TEST(redirects_are_not_followed_unless_asked_and_are_checked);
  CPPUNIT_TEST(redirect_to_another_host_carries_no_headers);
  CPPUNIT_TEST(answers_are_cut);
  CPPUNIT_TEST(silent_and_dripping_servers_end_in_time);
  CPPUNIT_TEST(headers_that_frame_or_split_are_refused);
  CPPUNIT_TEST(certificates_are_checked_against_the_name);
  CPPUNIT_TEST(stop_ends_what_is_under_way);
  CPPUNIT_TEST_SUITE_END();

  base::SystemClock clock_;

  std::unique_ptr<DialGuard> guard(std::vector<std::string> open, DialGuard::Resolve resolve = {},
                                   std::int64_t cache_ms = 0) {
    DialGuard::Options options;
    options.internal_targets = std::move(open);
    options.resolve = std::move(resolve);
    options.cache_ms = cache_ms;
    auto made = DialGuard::make(std::move(options), clock_);
    CPPUNIT_ASSERT(made.ok());
    return std::move(made).value();
  }
  static std::unique_ptr<OutgoingHttp> http(DialGuard& guard) {
    OutgoingHttp::Options options;
    options.allow_http = true;
    auto made = OutgoingHttp::make(std::move(options), guard);
    CPPUNIT_ASSERT(made.ok());
    return std::move(made).value();
  }
  static DialGuard::Resolve always(std::vector<std::string> texts) {
    return [texts = std::move(texts)](const std::string&) -> base::Result<std::vector<Address>> {
      std::vector<Address> out;
      for (const std::string& text : texts) out.push_back(*Address::parse(text));
      return out;
    };
  }
  static base::Code code_of(DialGuard& guard, const std::string& host, std::uint16_t port = 443) {
    const auto found = guard.addresses(host, port, 5000);
    return found ? base::Code::ok : found.error().code;
  }

  void every_net_that_is_not_public_is_known() {
    for (const auto& [text, kind] :
         std::vector<std::pair<std::string, std::string>>{{"0.0.0.0", "unspecified"},
                                                          {"0.1.2.3", "unspecified"},
                                                          {"10.0.0.1", "private"},
                                                          {"100.64.0.1", "shared"},
                                                          {"100.127.255.255", "shared"},
                                                          {"127.0.0.1", "loopback"},
                                                          {"127.255.255.254", "loopback"},
                                                          {"169.254.169.254", "link-local"},
                                                          {"172.16.0.1", "private"},
                                                          {"172.31.255.255", "private"},
                                                          {"192.0.0.8", "reserved"},
                                                          {"192.0.2.1", "documentation"},
                                                          {"192.88.99.1", "reserved"},
                                                          {"192.168.1.1", "private"},
                                                          {"198.18.0.1", "benchmark"},
                                                          {"198.19.255.255", "benchmark"},
                                                          {"198.51.100.7", "documentation"},
                                                          {"203.0.113.9", "documentation"},
                                                          {"224.0.0.1", "multicast"},
                                                          {"239.255.255.255", "multicast"},
                                                          {"240.0.0.1", "reserved"},
                                                          {"255.255.255.255", "reserved"},
                                                          {"::", "unspecified"},
                                                          {"::1", "loopback"},
                                                          {"::7f00:1", "reserved"},
                                                          {"::ffff:10.0.0.1", "private"},
                                                          {"::ffff:127.0.0.1", "loopback"},
                                                          {"64:ff9b::7f00:1", "loopback"},
                                                          {"64:ff9b::a9fe:a9fe", "link-local"},
                                                          {"64:ff9b:1::1", "reserved"},
                                                          {"2002:7f00:1::1", "loopback"},
                                                          {"2002:a00:1::", "private"},
                                                          {"2001::1", "reserved"},
                                                          {"2001:db8::1", "documentation"},
                                                          {"3fff::1", "documentation"},
                                                          {"100::1", "reserved"},
                                                          {"fc00::1", "private"},
                                                          {"fd00:ec2::254", "private"},
                                                          {"fe80::1", "link-local"},
                                                          {"fec0::1", "reserved"},
                                                          {"ff02::1", "multicast"},
                                                          {"4000::1", "reserved"}}) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(text, kind, std::string(kind_of_private(address(text))));
    }
  }

  void public_addresses_are_public() {
    for (const char* text :
         {"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
          "126.255.255.255", "128.0.0.1", "169.253.255.255", "172.15.255.255", "172.32.0.0",
          "192.0.1.1", "192.167.255.255", "198.17.255.255", "198.20.0.0", "223.255.255.255",
          "2606:4700::1111", "2002:101:101::1", "64:ff9b::101:101", "::ffff:1.1.1.1"})
      CPPUNIT_ASSERT_EQUAL_MESSAGE(text, std::string(),
                                   std::string(kind_of_private(address(text))));
  }

  void every_answer_must_be_public() {
    CPPUNIT_ASSERT(code_of(*guard({}, always({"1.1.1.1", "127.0.0.1"})), "a.test") ==
                   base::Code::denied);
    CPPUNIT_ASSERT(code_of(*guard({}, always({"1.1.1.1"})), "a.test") == base::Code::ok);
    CPPUNIT_ASSERT(code_of(*guard({}, always({})), "a.test") == base::Code::not_found);
  }

  void written_forms_of_loopback_are_refused() {
    const auto closed = guard({});
    for (const char* host : {"localhost", "LOCALHOST.", "127.0.0.1", "127.1", "0x7f.1",
                             "2130706433", "0177.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0"}) {
      const base::Code code = code_of(*closed, host);
      CPPUNIT_ASSERT_MESSAGE(host, code == base::Code::denied || code == base::Code::not_found);
    }
  }

  void internal_targets_open_host_port_or_net() {
    const auto open =
        guard({"Relay.corp:25", "any.corp", "10.1.0.0/16"},
              [](const std::string& host) -> base::Result<std::vector<Address>> {
                return std::vector{*Address::parse(host == "net.corp" ? "10.1.2.3" : "10.9.9.9")};
              });
    CPPUNIT_ASSERT(code_of(*open, "relay.corp", 25) == base::Code::ok);
    CPPUNIT_ASSERT(code_of(*open, "relay.corp", 443) == base::Code::denied);
    CPPUNIT_ASSERT(code_of(*open, "relay.corp", 0) == base::Code::ok);
    CPPUNIT_ASSERT(code_of(*open, "any.corp", 8080) == base::Code::ok);
    CPPUNIT_ASSERT(code_of(*open, "net.corp", 8080) == base::Code::ok);
    CPPUNIT_ASSERT(code_of(*open, "other.corp", 25) == base::Code::denied);
    CPPUNIT_ASSERT(code_of(*open, "10.1.2.3", 25) == base::Code::ok);
  }

  void internal_targets_that_are_none_are_named() {
    for (const char* bad : {"", "a b", "host:0", "host:x", "*.corp", "10.0.0.0/40", "user@host"}) {
      DialGuard::Options options;
      options.internal_targets = {bad};
      CPPUNIT_ASSERT_MESSAGE(bad, !DialGuard::make(std::move(options), clock_).ok());
    }
  }

  void lookup_that_hangs_costs_its_deadline() {
    std::atomic<bool> over{false};
    {
      const auto slow = guard({}, [&](const std::string&) -> base::Result<std::vector<Address>> {
        while (!over) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return std::vector<Address>();
      });
      const auto found = slow->addresses("slow.test", 443, 50);
      CPPUNIT_ASSERT(!found && found.error().code == base::Code::timeout);
      over = true;
    }
  }

  void urls_are_read_strictly() {
    const auto url = parse_outgoing_url("https://Host.test:8443?a=%2F#f", false);
    CPPUNIT_ASSERT(url.ok());
    CPPUNIT_ASSERT_EQUAL(std::string("/?a=%2F"), url->target);
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{8443}, url->port);
    const auto six = parse_outgoing_url("https://[2606:4700::1111]/x", false);
    CPPUNIT_ASSERT(six.ok());
    CPPUNIT_ASSERT_EQUAL(std::string("[2606:4700::1111]"), six->authority);
    for (const char* bad :
         {"", "https://", "http://a.test/", "ftp://a.test/", "wss://a.test/", "file:///etc/passwd",
          "https://user@a.test/", "https://user:pass@a.test/", "https://a.test\\@b.test/",
          "https://a.test:99999/", "https://a test/", "https://a.test/\r\nX: y", "//a.test/",
          "https:/a.test", "https://\xC3\xBC.test/"})
      CPPUNIT_ASSERT_MESSAGE(bad, !parse_outgoing_url(bad, false).ok());
    const auto secret = parse_outgoing_url("https://user:hunter2@a.test/", false);
    CPPUNIT_ASSERT(secret.error().text().find("hunter2") == std::string::npos);
  }

  void call_goes_to_the_checked_address_under_its_name() {
    std::atomic<int> lookups{0};
    LoopbackServer server([](const std::string&) { return ok("done"); });
    const auto open =
        guard({"127.0.0.1/32"}, [&](const std::string&) -> base::Result<std::vector<Address>> {
          ++lookups;
          return std::vector{*Address::parse("127.0.0.1")};
        });
    OutgoingRequest request;
    request.url = server.url("hook.test", "/a?b=c");
    request.headers = {{"X-Mine", "1"}};
    request.body = "{}";
    const auto answer = http(*open)->ask(request);
    CPPUNIT_ASSERT_MESSAGE(answer ? "" : answer.error().text(), answer.ok());
    CPPUNIT_ASSERT_EQUAL(200, answer->status);
    CPPUNIT_ASSERT_EQUAL(std::string("done"), answer->body);
    CPPUNIT_ASSERT_EQUAL(std::string("yes"), std::string(answer->header("x-seen")));
    CPPUNIT_ASSERT_EQUAL(1, lookups.load());
    const std::string head = server.heads().at(0);
    CPPUNIT_ASSERT(head.starts_with("POST /a?b=c HTTP/1.1\r\n"));
    CPPUNIT_ASSERT(head.find("Host: hook.test:" + std::to_string(server.port())) !=
                   std::string::npos);
    CPPUNIT_ASSERT(head.find("X-Mine: 1\r\n") != std::string::npos);
  }

  // DNS rebinding: good at first, then inside.
  void name_that_changes_its_mind_is_checked_again() {
    std::atomic<int> lookups{0};
    LoopbackServer server([](const std::string&) { return ok("secret"); });
    const auto shifty = guard({}, [&](const std::string&) -> base::Result<std::vector<Address>> {
      return std::vector{*Address::parse(++lookups == 1 ? "1.1.1.1" : "127.0.0.1")};
    });
    CPPUNIT_ASSERT(code_of(*shifty, "shifty.test", server.port()) == base::Code::ok);
    OutgoingRequest request;
    request.url = server.url("shifty.test");
    const auto answer = http(*shifty)->ask(request);
    CPPUNIT_ASSERT(!answer && answer.error().code == base::Code::denied);
    CPPUNIT_ASSERT(server.heads().empty());
  }

  void redirects_are_not_followed_unless_asked_and_are_checked() {
    LoopbackServer inside([](const std::string&) { return ok("secret"); });
    LoopbackServer server([&](const std::string& head) {
      if (head.starts_with("POST /in")) return redirect(inside.url("127.0.0.1"));
      if (head.starts_with("POST /file")) return redirect("file:///etc/passwd");
      return head.starts_with("POST") ? redirect("/there") : ok("there");
    });
    const auto open = guard({"localhost:" + std::to_string(server.port())});
    const auto client = http(*open);
    OutgoingRequest request;
    request.url = server.url("localhost");
    auto answer = client->ask(request);
    CPPUNIT_ASSERT(answer.ok());
    CPPUNIT_ASSERT_EQUAL(302, answer->status);
    request.max_redirects = 3;
    answer = client->ask(request);
    CPPUNIT_ASSERT_MESSAGE(answer ? "" : answer.error().text(), answer.ok());
    CPPUNIT_ASSERT_EQUAL(std::string("there"), answer->body);
    for (const char* path : {"/in", "/file"}) {
      request.url = server.url("localhost", path);
      answer = client->ask(request);
      CPPUNIT_ASSERT_MESSAGE(path, !answer && answer.error().code == base::Code::denied);
    }
    CPPUNIT_ASSERT(inside.heads().empty());
  }

  void redirect_to_another_host_carries_no_headers() {
    LoopbackServer other([](const std::string&) { return ok("other"); });
    LoopbackServer server([&](const std::string&) { return redirect(other.url("127.0.0.1")); });
    const auto open = guard({"127.0.0.1/32"});
    OutgoingRequest request;
    request.url = server.url("127.0.0.1");
    request.headers = {{"Authorization", "Bearer secret"}};
    request.max_redirects = 1;
    const auto answer = http(*open)->ask(request);
    CPPUNIT_ASSERT(answer.ok());
    CPPUNIT_ASSERT(server.heads().at(0).find("Bearer secret") != std::string::npos);
    CPPUNIT_ASSERT(other.heads().at(0).find("Bearer secret") == std::string::npos);
  }

  void answers_are_cut() {
    LoopbackServer server([](const std::string&) { return ok(std::string(100'000, 'x')); });
    const auto open = guard({"127.0.0.1/32"});
    OutgoingRequest request;
    request.url = server.url("127.0.0.1");
    const auto answer = http(*open)->ask(request);
    CPPUNIT_ASSERT(answer.ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{8192}, answer->body.size());
    CPPUNIT_ASSERT(answer->is_cut);
  }

  void silent_and_dripping_servers_end_in_time() {
    for (const char* begin :
         {"", "HT", "HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 100 Continue\r\n\r\n"}) {
      LoopbackServer server([begin](const std::string&) { return begin + std::string("hang"); });
      const auto open = guard({"127.0.0.1/32"});
      OutgoingRequest request;
      request.url = server.url("127.0.0.1");
      request.deadline_ms = 200;
      const auto answer = http(*open)->ask(request);
      CPPUNIT_ASSERT_MESSAGE(begin, !answer);
      CPPUNIT_ASSERT_EQUAL(std::string("timeout"), std::string(to_string(answer.error().code)));
    }
  }

  void headers_that_frame_or_split_are_refused() {
    const auto open = guard({"127.0.0.1/32"});
    const auto client = http(*open);
    for (const auto& [name, value] :
         std::vector<std::pair<std::string, std::string>>{{"Host", "a"},
                                                          {"Content-Length", "0"},
                                                          {"transfer-encoding", "chunked"},
                                                          {"X", "a\r\nY: b"},
                                                          {"X\r\n", "a"},
                                                          {"", "a"},
                                                          {"X Y", "a"}}) {
      OutgoingRequest request;
      request.url = "http://127.0.0.1:9/";
      request.headers = {{name, value}};
      const auto answer = client->ask(request);
      CPPUNIT_ASSERT_MESSAGE(name, !answer && answer.error().code == base::Code::invalid);
    }
    OutgoingRequest request;
    request.url = "http://127.0.0.1:9/";
    for (const char* method : {"CONNECT", "get", "GET / HTTP/1.1\r\n", ""}) {
      request.method = method;
      CPPUNIT_ASSERT_MESSAGE(method, !client->ask(request).ok());
    }
  }

  void certificates_are_checked_against_the_name() {
    const testing::PrivateFolder folder;
    testing::issue_certificate(folder, "hook.test");
    ServerOptions serving;
    serving.tls_certificate_file = folder.file("cert.pem");
    serving.tls_key_file = folder.file("key.pem");
    const testing::RunningServer running(
        folder,
        [](const Request& request) {
          Response response;
          response.body = request.scheme;
          return response;
        },
        serving);
    const auto open = guard({"127.0.0.1/32"}, always({"127.0.0.1"}));
    OutgoingHttp::Options options;
    options.ca_file = folder.file("cert.pem");
    const auto trusting = OutgoingHttp::make(options, *open);
    const auto plain = OutgoingHttp::make({}, *open);
    CPPUNIT_ASSERT(trusting.ok() && plain.ok());
    OutgoingRequest request;
    request.method = "GET";
    const std::string port = ":" + std::to_string(running.port());
    request.url = "https://hook.test" + port;
    const auto answer = (*trusting)->ask(request);
    CPPUNIT_ASSERT_MESSAGE(answer ? "" : answer.error().text(), answer.ok());
    CPPUNIT_ASSERT_EQUAL(std::string("https"), answer->body);
    CPPUNIT_ASSERT(!(*plain)->ask(request).ok());
    for (const char* other : {"other.test", "127.0.0.1", "localhost"}) {
      request.url = "https://" + std::string(other) + port;
      CPPUNIT_ASSERT_MESSAGE(other, !(*trusting)->ask(request).ok());
    }
    options.ca_file = folder.file("none.pem");
    const auto missing = OutgoingHttp::make(options, *open);
    CPPUNIT_ASSERT(!missing && missing.error().code == base::Code::bad_config);
  }

  void stop_ends_what_is_under_way() {
    LoopbackServer silent([](const std::string&) { return std::string("hang"); });
    const auto open = guard({"127.0.0.1/32"});
    const auto client = http(*open);
    std::atomic<int> ended{0};
    for (int i = 0; i < 40; ++i) {
      OutgoingRequest request;
      request.url = silent.url("127.0.0.1");
      request.deadline_ms = 60'000;
      CPPUNIT_ASSERT(client
                         ->send(std::move(request),
                                [&](const base::Result<OutgoingAnswer>& answer) {
                                  if (!answer) ++ended;
                                })
                         .ok());
    }
    client->stop();
    CPPUNIT_ASSERT_EQUAL(40, ended.load());
    CPPUNIT_ASSERT(!client->send({}, [](const base::Result<OutgoingAnswer>&) {}).ok());
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(OutgoingTest);

}  // namespace
}  // namespace z4j::net
