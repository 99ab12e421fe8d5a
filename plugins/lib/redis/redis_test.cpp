#include "lib/redis/redis.hpp"

#include "lib/redis/testing/redis_server.hpp"

#include <z4j/plugin.hpp>

#include <cppunit/extensions/HelperMacros.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

namespace {

using z4j::redis::Args;
using z4j::redis::Connection;
using z4j::redis::Options;
using z4j::redis::parse_url;
using z4j::redis::Reply;
using z4j::redis::testing::RedisServer;

template <class F>
z4j::Error redis_failure(F&& f) {
  try {
    f();
  } catch (const z4j::Error& e) {
    return e;
  }
  return z4j::Error(Z4J_OK, "no failure");
}

// A peer that accepts connections, says `text` to each and, when `text` is empty, stays silent.
class ForeignPeer {
 public:
  explicit ForeignPeer(std::string text) : text_(std::move(text)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    ::listen(listener_, 8);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      for (;;) {
        const int fd = ::accept(listener_, nullptr, nullptr);
        if (fd < 0) return;
        if (!text_.empty()) {
          [[maybe_unused]] const ssize_t n = ::write(fd, text_.data(), text_.size());
        }
        char chunk[256];
        while (::read(fd, chunk, sizeof chunk) > 0) {
        }
        ::close(fd);
      }
    });
  }
  ~ForeignPeer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  [[nodiscard]] std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }

 private:
  std::string text_;
  int listener_ = -1;
  int port_ = 0;
  std::thread thread_;
};

class RedisTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RedisTest);
  CPPUNIT_TEST(runs_commands_pipelines_and_scripts);
  CPPUNIT_TEST(error_replies_tell_who_should_act);
  CPPUNIT_TEST(large_values_pass_and_too_large_ones_do_not);
  CPPUNIT_TEST(survives_a_restart);
  CPPUNIT_TEST(a_lost_answer_is_unknown);
  CPPUNIT_TEST(asks_for_the_password);
  CPPUNIT_TEST(speaks_over_a_unix_socket);
  CPPUNIT_TEST(refuses_a_peer_that_is_not_redis);
  CPPUNIT_TEST(speaks_tls_and_checks_the_certificate);
  CPPUNIT_TEST(receives_messages_and_can_be_interrupted);
  CPPUNIT_TEST(finds_the_master_through_sentinel);
  CPPUNIT_TEST_SUITE_END();

  void runs_commands_pipelines_and_scripts() {
    RedisServer server;
    Connection c(parse_url(server.url(5)));
    CPPUNIT_ASSERT(!c.connected());
    CPPUNIT_ASSERT_EQUAL(std::string("OK"),
                         c.command({"SET", "k", std::string("a\0b\r\n", 5)}).text);
    CPPUNIT_ASSERT(c.connected());
    CPPUNIT_ASSERT_EQUAL(std::string("a\0b\r\n", 5), c.command({"GET", "k"}).text);
    CPPUNIT_ASSERT(c.command({"GET", "none"}).is_nil());
    const auto replies = c.pipeline({{"INCR", "n"}, {"INCR", "k"}, {"INCR", "n"}});
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, replies.at(0).integer);
    CPPUNIT_ASSERT(replies.at(1).is_error());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, replies.at(2).integer);
    for (int i = 0; i < 2; ++i) {
      CPPUNIT_ASSERT_EQUAL(std::string("nv"), c.eval("return KEYS[1]..ARGV[1]", {"n"}, {"v"}).text);
    }
    c.command({"SCRIPT", "FLUSH"});
    CPPUNIT_ASSERT_EQUAL(std::string("nw"), c.eval("return KEYS[1]..ARGV[1]", {"n"}, {"w"}).text);
    Connection other(parse_url(server.url(0)));
    CPPUNIT_ASSERT(other.command({"GET", "k"}).is_nil());
  }

  void error_replies_tell_who_should_act() {
    RedisServer server;
    Connection c(parse_url(server.url()));
    c.command({"SET", "k", "v"});
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_INVALID}, redis_failure([&] {
                                                    c.command({"LPUSH", "k", "x"});
                                                  }).code);
    const z4j::Error unknown = redis_failure([&] { c.command({"NOSUCH", "topsecret"}); });
    CPPUNIT_ASSERT(std::string(unknown.what()).find("topsecret") == std::string::npos);
    Options far = parse_url(server.url(99));
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_BAD_CONFIG},
                         redis_failure([&] { Connection(far).connect(); }).code);
    c.command({"ACL", "SETUSER", "low", "on", ">pw", "~*", "+ping"});
    Options low = parse_url(server.url());
    low.user = "low";
    low.password = "pw";
    Connection limited(low);
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_DENIED}, redis_failure([&] {
                                                   limited.command({"GET", "k"});
                                                 }).code);
  }

  void large_values_pass_and_too_large_ones_do_not() {
    RedisServer server;
    Options options = parse_url(server.url());
    options.max_reply_bytes = 1u << 20;
    Connection c(options);
    const std::string big(900'000, 'x');
    c.command({"SET", "big", big});
    CPPUNIT_ASSERT(c.command({"GET", "big"}).text == big);
    c.command({"APPEND", "big", big});
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_TOO_LARGE}, redis_failure([&] {
                                                      c.command({"GET", "big"});
                                                    }).code);
    CPPUNIT_ASSERT_EQUAL(std::string("PONG"), c.command({"PING"}).text);
  }

  void survives_a_restart() {
    RedisServer server;
    Connection c(parse_url(server.url()));
    c.command({"SET", "k", "v"});
    c.command({"SAVE"});
    server.stop();
    const z4j::Error away = redis_failure([&] { c.command({"GET", "k"}); });
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_UNAVAILABLE}, away.code);
    server.start();
    CPPUNIT_ASSERT_EQUAL(std::string("v"), c.command({"GET", "k"}).text);
  }

  void a_lost_answer_is_unknown() {
    RedisServer server;
    Options options = parse_url(server.url());
    options.io_timeout_ms = 200;
    Connection c(options);
    c.connect();
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_UNKNOWN}, redis_failure([&] {
                                                    c.command({"BLPOP", "none", "5"});
                                                  }).code);
    CPPUNIT_ASSERT(!c.connected());
    CPPUNIT_ASSERT_EQUAL(std::string("PONG"), c.command({"PING"}).text);
  }

  void asks_for_the_password() {
    RedisServer server({"--requirepass", "good"});
    const auto with = [&](std::string password) {
      Options o = parse_url(server.url());
      o.password = std::move(password);
      return redis_failure([&] { Connection(o).connect(); });
    };
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_OK}, with("good").code);
    const z4j::Error wrong = with("bad-secret");
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_DENIED}, wrong.code);
    CPPUNIT_ASSERT(std::string(wrong.what()).find("secret") == std::string::npos);
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_DENIED}, with("").code);
    RedisServer open;
    Options o = parse_url(open.url());
    o.password = "needless";
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_DENIED},
                         redis_failure([&] { Connection(o).connect(); }).code);
  }

  void speaks_over_a_unix_socket() {
    RedisServer server;
    Connection c(parse_url("unix://" + server.folder() + "/redis.sock?db=1"));
    CPPUNIT_ASSERT_EQUAL(std::string("PONG"), c.command({"PING"}).text);
    Connection none(parse_url("unix://" + server.folder() + "/none.sock"));
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_UNAVAILABLE}, redis_failure([&] { none.connect(); }).code);
  }

  void refuses_a_peer_that_is_not_redis() {
    for (const char* text :
         {"HTTP/1.1 400 Bad Request\r\n\r\n", "220 mail ESMTP\r\n", "+HELLO\r\n"}) {
      ForeignPeer peer(text);
      const z4j::Error e = redis_failure([&] { Connection(parse_url(peer.url())).connect(); });
      CPPUNIT_ASSERT_EQUAL_MESSAGE(e.what(), z4j_status{Z4J_BAD_CONFIG}, e.code);
    }
    ForeignPeer silent("");
    Options o = parse_url(silent.url());
    o.connect_timeout_ms = 100;
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_UNAVAILABLE},
                         redis_failure([&] { Connection(o).connect(); }).code);
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_UNAVAILABLE},
                         redis_failure([&] {
                           Connection(parse_url("redis://127.0.0.1:" +
                                                std::to_string(z4j::redis::testing::free_port())))
                               .connect();
                         }).code);
  }

  void speaks_tls_and_checks_the_certificate() {
    const std::string dir = z4j::redis::testing::make_temp_dir();
    const std::string make =
        "cd " + dir +
        " && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2"
        " -subj /CN=localhost -addext subjectAltName=DNS:localhost >/dev/null 2>&1";
    CPPUNIT_ASSERT_EQUAL(0, std::system(make.c_str()));
    {
      RedisServer server({"--port", "0", "--tls-port", "PORT", "--tls-cert-file", dir + "/cert.pem",
                          "--tls-key-file", dir + "/key.pem", "--tls-ca-cert-file",
                          dir + "/cert.pem", "--tls-auth-clients", "no"});
      const std::string at = std::to_string(server.port());
      Options good = parse_url("rediss://localhost:" + at);
      good.tls_ca_file = dir + "/cert.pem";
      Connection c(good);
      const std::string big(3u << 20, 'y');
      c.command({"SET", "big", big});
      CPPUNIT_ASSERT(c.command({"GET", "big"}).text == big);

      Options wrong_name = good;
      wrong_name.endpoints[0].host = "127.0.0.1";
      const z4j::Error name = redis_failure([&] { Connection(wrong_name).connect(); });
      CPPUNIT_ASSERT_EQUAL_MESSAGE(name.what(), z4j_status{Z4J_UNAVAILABLE}, name.code);
      Options no_ca = good;
      no_ca.tls_ca_file.clear();
      CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_UNAVAILABLE},
                           redis_failure([&] { Connection(no_ca).connect(); }).code);
      no_ca.tls_verify = false;
      CPPUNIT_ASSERT_EQUAL(std::string("PONG"), Connection(no_ca).command({"PING"}).text);
      Options no_file = good;
      no_file.tls_ca_file = dir + "/none.pem";
      CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_BAD_CONFIG},
                           redis_failure([&] { Connection(no_file).connect(); }).code);
      Options plain = parse_url("redis://localhost:" + at);
      plain.connect_timeout_ms = 500;
      CPPUNIT_ASSERT(redis_failure([&] { Connection(plain).connect(); }).code != Z4J_OK);
    }
    std::filesystem::remove_all(dir);
  }

  void receives_messages_and_can_be_interrupted() {
    RedisServer server;
    Connection listener(parse_url(server.url()));
    Connection speaker(parse_url(server.url()));
    listener.psubscribe({"ev.*", "other"});
    listener.subscribe({"direct"});
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_BAD_STATE},
                         redis_failure([&] { listener.command({"PING"}); }).code);
    speaker.command({"PUBLISH", "ev.1", "hello"});
    const auto push = listener.read_push(5000);
    CPPUNIT_ASSERT(push.has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("pmessage"), push->items.at(0).text);
    CPPUNIT_ASSERT_EQUAL(std::string("hello"), push->items.at(3).text);
    speaker.command({"PUBLISH", "direct", "you"});
    CPPUNIT_ASSERT_EQUAL(std::string("you"), listener.read_push(5000)->items.at(2).text);
    CPPUNIT_ASSERT(!listener.read_push(1));

    const auto begin = std::chrono::steady_clock::now();
    std::atomic<bool> woken{false};
    std::thread waiter([&] { woken = !listener.read_push(60'000).has_value(); });
    listener.interrupt();
    waiter.join();
    CPPUNIT_ASSERT(woken);
    CPPUNIT_ASSERT(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
    speaker.interrupt();
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_CANCELLED},
                         redis_failure([&] { speaker.command({"PING"}); }).code);
    speaker.connect();
    CPPUNIT_ASSERT_EQUAL(std::string("PONG"), speaker.command({"PING"}).text);
    listener.connect();
    server.kill();
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_UNAVAILABLE},
                         redis_failure([&] { (void)listener.read_push(5000); }).code);
  }

  void finds_the_master_through_sentinel() {
    RedisServer master({"--requirepass", "pw"});
    RedisServer sentinel({"sentinel monitor main 127.0.0.1 " + std::to_string(master.port()) + " 1",
                          "sentinel auth-pass main pw", "bind 127.0.0.1"},
                         true);
    const std::string dead =
        "sentinel://127.0.0.1:" + std::to_string(z4j::redis::testing::free_port());
    Options o =
        parse_url(dead + ";sentinel://:pw@127.0.0.1:" + std::to_string(sentinel.port()) + "/3");
    o.sentinel_master = "main";
    Connection c(o);
    CPPUNIT_ASSERT_EQUAL(std::string("OK"), c.command({"SET", "k", "v"}).text);
    o.sentinel_master = "other";
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_UNAVAILABLE},
                         redis_failure([&] { Connection(o).connect(); }).code);

    RedisServer replica(
        {"--replicaof", "127.0.0.1 " + std::to_string(master.port()), "--masterauth", "pw"});
    RedisServer stale({"sentinel monitor main 127.0.0.1 " + std::to_string(replica.port()) + " 1",
                       "bind 127.0.0.1"},
                      true);
    Options behind = parse_url("sentinel://127.0.0.1:" + std::to_string(stale.port()));
    behind.sentinel_master = "main";
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_UNAVAILABLE},
                         redis_failure([&] { Connection(behind).connect(); }).code);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RedisTest);

}  // namespace
