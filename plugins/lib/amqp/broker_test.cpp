// The connection against a real RabbitMQ.
#include <cppunit/extensions/HelperMacros.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "lib/amqp/amqp.hpp"
#include "rabbitmq.hpp"

#include <z4j/plugin.hpp>

namespace {

namespace json = z4j::json;
using z4j::amqp::Channel;
using z4j::amqp::Connection;
using z4j::amqp::Delivery;
using z4j::amqp::Options;
using z4j::amqp::Outgoing;
using z4j::amqp::parse_url;
using z4j::amqp::Sent;

// A folder with a certificate for localhost, and one broker for all tests.
struct Server {
  std::string folder = make_folder();
  z4j::testing::RabbitMQ broker{1, folder + "/cert.pem", folder + "/key.pem"};

  static Server& get() {
    static Server server;
    return server;
  }
  ~Server() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

 private:
  static std::string make_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "z4j-amqp-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    const std::string make =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "
        "/CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -out " +
        name + "/cert.pem -keyout " + name + "/key.pem >/dev/null 2>&1";
    if (std::system(make.c_str()) != 0) throw std::runtime_error("openssl");
    return name;
  }
};

template <class F>
z4j::Error error_of(F&& f) {
  try {
    f();
  } catch (const z4j::Error& e) {
    return e;
  }
  return z4j::Error(Z4J_OK, "nothing was thrown");
}

Outgoing message_to(const std::string& queue, const std::string& body) {
  Outgoing out;
  out.routing_key = queue;
  out.body = body;
  out.properties.content_type = "text/plain";
  return out;
}

class AmqpBrokerTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(AmqpBrokerTest);
  CPPUNIT_TEST(carries_a_message_both_ways);
  CPPUNIT_TEST(says_which_messages_no_queue_takes);
  CPPUNIT_TEST(keeps_the_connection_when_a_channel_is_closed);
  CPPUNIT_TEST(passes_over_what_is_too_large);
  CPPUNIT_TEST(gives_back_what_was_not_acknowledged);
  CPPUNIT_TEST(is_denied_without_telling_the_password);
  CPPUNIT_TEST(checks_the_servers_certificate);
  CPPUNIT_TEST(stays_connected_while_idle);
  CPPUNIT_TEST(ends_a_wait_when_interrupted);
  CPPUNIT_TEST(finds_out_that_the_broker_went_away);
  CPPUNIT_TEST_SUITE_END();

  Server& server_ = Server::get();
  Connection connection_{parse_url(server_.broker.url("v0"))};

 public:
  void setUp() override { connection_.connect(); }

 private:
  void declare(const std::string& queue, const json::Object& arguments = {}) {
    Channel channel(connection_);
    channel.delete_queue(queue);
    Channel::QueueForm form;
    form.durable = true;
    form.arguments = arguments;
    channel.declare_queue(queue, form);
  }

  void carries_a_message_both_ways() {
    declare("both");
    Outgoing sent = message_to("both", std::string("\0\xff body", 7));
    sent.properties.headers =
        json::parse(
            R"({"id": "x", "eta": null, "timelimit": [null, 30], "n": -7, "deep": {"a": [{}]}})")
            .get_object();
    sent.properties.correlation_id = "c";
    sent.properties.delivery_mode = 2;
    sent.properties.priority = 9;
    sent.properties.timestamp = 1'700'000'000;
    Channel channel(connection_);
    CPPUNIT_ASSERT_EQUAL(int{Z4J_OK}, channel.publish({sent}).front().code);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, channel.look_at_queue("both")->messages);
    const std::optional<Delivery> got = channel.get("both", Channel::Acks::wanted);
    CPPUNIT_ASSERT(got.has_value());
    CPPUNIT_ASSERT_EQUAL(sent.body, got->body);
    CPPUNIT_ASSERT_EQUAL(json::write(sent.properties.headers),
                         json::write(got->properties.headers));
    CPPUNIT_ASSERT_EQUAL(std::string("c"), got->properties.correlation_id.value_or(""));
    CPPUNIT_ASSERT_EQUAL(9, static_cast<int>(got->properties.priority.value_or(0)));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1'700'000'000}, got->properties.timestamp.value_or(0));
    CPPUNIT_ASSERT(!got->properties.reply_to && !got->redelivered);
    channel.ack(got->tag, Channel::Range::one);
    CPPUNIT_ASSERT(!channel.get("both", Channel::Acks::wanted));
  }

  void says_which_messages_no_queue_takes() {
    declare("some");
    declare("full", {{"x-max-length", 1}, {"x-overflow", "reject-publish"}});
    Channel channel(connection_);
    std::vector<Outgoing> batch;
    for (int i = 0; i < 1200; ++i)
      batch.push_back(message_to(i % 3 == 1 ? "missing" : "some", std::to_string(i)));
    batch.push_back(message_to("full", "1"));
    batch.push_back(message_to("full", "2"));
    batch.push_back(message_to("some", "huge"));
    batch.back().properties.headers["a"] = std::string(140'000, 'x');
    const std::vector<Sent> sent = channel.publish(batch);
    for (std::size_t i = 0; i < 1200; ++i)
      CPPUNIT_ASSERT_EQUAL(static_cast<int>(i % 3 == 1 ? int{Z4J_NOT_FOUND} : int{Z4J_OK}),
                           sent[i].code);
    CPPUNIT_ASSERT_EQUAL(int{Z4J_OK}, sent[1200].code);
    CPPUNIT_ASSERT_EQUAL(int{Z4J_BUSY}, sent[1201].code);
    CPPUNIT_ASSERT_EQUAL(int{Z4J_TOO_LARGE}, sent[1202].code);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{800}, channel.purge("some"));
    Outgoing lost = message_to("some", "x");
    lost.exchange = "no.such.exchange";
    CPPUNIT_ASSERT_EQUAL(int{Z4J_NOT_FOUND}, channel.publish({lost}).front().code);
    CPPUNIT_ASSERT(!channel.is_open() && connection_.connected());
  }

  void keeps_the_connection_when_a_channel_is_closed() {
    declare("there");
    Channel missing(connection_), other(connection_), third(connection_);
    CPPUNIT_ASSERT(!missing.look_at_queue("not-there").has_value());
    CPPUNIT_ASSERT(!missing.is_open());
    Channel::QueueForm another;
    CPPUNIT_ASSERT_EQUAL(int{Z4J_INVALID},
                         error_of([&] { other.declare_queue("there", another); }).code);
    CPPUNIT_ASSERT(!third.exchange_exists("no.such") && !third.is_open());
    CPPUNIT_ASSERT(Channel(connection_).exchange_exists("amq.topic"));
    Connection stranger(parse_url(server_.broker.url("v0")));
    stranger.connect();
    Channel owner(stranger);
    Channel::QueueForm own;
    own.exclusive = true;
    owner.declare_queue("mine", own);
    CPPUNIT_ASSERT_EQUAL(
        int{Z4J_CONFLICT},

        error_of([&] { static_cast<void>(Channel(connection_).look_at_queue("mine")); }).code);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, Channel(connection_).look_at_queue("there")->messages);
  }

  void passes_over_what_is_too_large() {
    declare("large");
    CPPUNIT_ASSERT_EQUAL(int{Z4J_OK}, Channel(connection_)
                                          .publish({message_to("large", std::string(300'000, 'x')),
                                                    message_to("large", "small")})
                                          .back()
                                          .code);
    Options options = parse_url(server_.broker.url("v0"));
    options.max_body_bytes = 200'000;
    Connection narrow(options);
    narrow.connect();
    Channel channel(narrow);
    channel.consume("large", Channel::Acks::none);
    const std::optional<Delivery> first = channel.next(10'000), second = channel.next(10'000);
    CPPUNIT_ASSERT(first && first->body.empty() && !first->why_unread.empty());
    CPPUNIT_ASSERT(second && second->body == "small" && second->why_unread.empty());
    channel.stop_consuming();
  }

  void gives_back_what_was_not_acknowledged() {
    declare("back");
    Channel publisher(connection_);
    static_cast<void>(publisher.publish({message_to("back", "1"), message_to("back", "2")}));
    {
      Channel channel(connection_);
      CPPUNIT_ASSERT_EQUAL(std::string("1"), channel.get("back", Channel::Acks::wanted)->body);
      CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, channel.look_at_queue("back")->messages);
    }
    Channel channel(connection_);
    const std::optional<Delivery> again = channel.get("back", Channel::Acks::wanted);
    CPPUNIT_ASSERT(again && again->body == "1" && again->redelivered);
  }

  void is_denied_without_telling_the_password() {
    Options wrong = parse_url(server_.broker.url("v0"));
    wrong.password = "hunter2-wrong";
    const z4j::Error denied = error_of([&] { Connection(wrong).connect(); });
    CPPUNIT_ASSERT_EQUAL_MESSAGE(denied.what(), int{Z4J_DENIED}, denied.code);
    CPPUNIT_ASSERT(std::string(denied.what()).find("hunter2") == std::string::npos);
    const z4j::Error no_vhost =
        error_of([&] { Connection(parse_url(server_.broker.url("no-such"))).connect(); });
    CPPUNIT_ASSERT_EQUAL_MESSAGE(no_vhost.what(), int{Z4J_DENIED}, no_vhost.code);
    const z4j::Error nobody =
        error_of([] { Connection(parse_url("amqp://127.0.0.1:1")).connect(); });
    CPPUNIT_ASSERT_EQUAL(int{Z4J_UNAVAILABLE}, nobody.code);
    Connection second_server(
        parse_url("amqp://u:p@127.0.0.1:1/v0;amqp://127.0.0.1:" + server_.broker.port()));
    CPPUNIT_ASSERT_EQUAL(int{Z4J_DENIED}, error_of([&] { second_server.connect(); }).code);
  }

  void checks_the_servers_certificate() {
    for (const char* host : {"localhost", "127.0.0.1"}) {
      Options options = parse_url(server_.broker.secure_url(host));
      options.tls_ca_file = server_.folder + "/cert.pem";
      Connection good(options);
      good.connect();
      CPPUNIT_ASSERT(Channel(good).exchange_exists("amq.topic"));
      options.tls_ca_file.clear();
      const z4j::Error untrusted = error_of([&] { Connection(options).connect(); });
      CPPUNIT_ASSERT_EQUAL(int{Z4J_UNAVAILABLE}, untrusted.code);
      CPPUNIT_ASSERT(std::string(untrusted.what()).find("certificate") != std::string::npos);
      options.tls_verify = false;
      Connection careless(options);
      careless.connect();
    }
    Options other_name = parse_url(server_.broker.secure_url("localhost.localdomain"));
    other_name.tls_ca_file = server_.folder + "/cert.pem";
    other_name.endpoints.front().host = "127.0.0.2";
    CPPUNIT_ASSERT_EQUAL(int{Z4J_UNAVAILABLE},
                         error_of([&] { Connection(other_name).connect(); }).code);
  }

  void stays_connected_while_idle() {
    Options options = parse_url(server_.broker.url("v0"));
    options.heartbeat_s = 1;
    Connection tended(options);
    tended.connect();
    // Longer than the three seconds after which the broker hangs up on who says nothing.
    for (int i = 0; i < 25; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      tended.tend();
    }
    CPPUNIT_ASSERT(Channel(tended).exchange_exists("amq.topic"));
  }

  void ends_a_wait_when_interrupted() {
    declare("quiet");
    Channel channel(connection_);
    channel.consume("quiet", Channel::Acks::none);
    std::thread other([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      connection_.interrupt();
    });
    const z4j::Error woken = error_of([&] { static_cast<void>(channel.next(60'000)); });
    other.join();
    CPPUNIT_ASSERT_EQUAL(int{Z4J_CANCELLED}, woken.code);
    CPPUNIT_ASSERT_EQUAL(int{Z4J_CANCELLED}, error_of([&] { Channel c(connection_); }).code);
    connection_.connect();
    CPPUNIT_ASSERT(Channel(connection_).look_at_queue("quiet").has_value());
  }

  void finds_out_that_the_broker_went_away() {
    declare("kept");
    Channel channel(connection_);
    CPPUNIT_ASSERT_EQUAL(int{Z4J_OK}, channel
                                          .publish({[] {
                                            Outgoing m = message_to("kept", "1");
                                            m.properties.delivery_mode = 2;
                                            return m;
                                          }()})
                                          .front()
                                          .code);
    server_.broker.kill();
    const int code = channel.publish({message_to("kept", "2")}).front().code;
    CPPUNIT_ASSERT(code == int{Z4J_UNKNOWN} || code == int{Z4J_UNAVAILABLE});
    CPPUNIT_ASSERT(!connection_.connected());
    CPPUNIT_ASSERT_EQUAL(int{Z4J_UNAVAILABLE}, error_of([&] { connection_.connect(); }).code);
    server_.broker.start();
    connection_.connect();
    CPPUNIT_ASSERT_EQUAL(std::string("1"),
                         Channel(connection_).get("kept", Channel::Acks::wanted)->body);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AmqpBrokerTest);

}  // namespace
