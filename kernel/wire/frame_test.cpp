#include "wire/frame.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <fstream>
#include <sstream>

#include "wire/hello.hpp"
#include "wire/keys.hpp"

namespace z4j::wire {
namespace {

namespace json = base::json;

constexpr std::string_view kKey = "0123456789abcdef0123456789abcdef";
constexpr base::TimeUs kNow = 1'780'920'000LL * base::kSecondUs;  // 2026-06-08T12:00:00Z

json::Value frame_vectors(const std::string& name) {
  std::ifstream in(std::string(Z4J_SOURCE_DIR) + "/tests/fixtures/vectors/" + name);
  std::stringstream text;
  text << in.rdbuf();
  return json::parse(text.str(), {.max_bytes = 64u << 20, .max_depth = 64}).value();
}

std::string bytes_of(const json::Object& o, std::string_view key) {
  return base::unhex(json::text(o, key)).value();
}

SessionIds ids_of(const json::Object& o) {
  return {std::string(json::text(o, "agent_id")), std::string(json::text(o, "project_id")),
          std::string(json::text(o, "session_id"))};
}

SessionIds some_ids() { return {"agent", "project", "session"}; }

class FrameTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(FrameTest);
  CPPUNIT_TEST(keys_equal_every_vector);
  CPPUNIT_TEST(purge_tokens_equal_every_vector);
  CPPUNIT_TEST(macs_and_signed_bytes_equal_every_vector);
  CPPUNIT_TEST(signs_as_upstream_does_and_reads_what_it_signed);
  CPPUNIT_TEST(the_guard_decides_as_every_vector_says);
  CPPUNIT_TEST(handshake_texts_equal_the_vectors);
  CPPUNIT_TEST(a_secret_survives_copying_and_a_short_one_is_refused);
  CPPUNIT_TEST(a_bearer_is_read_as_the_protocol_says);
  CPPUNIT_TEST(each_refusal_has_its_word_and_close_code);
  CPPUNIT_TEST(a_refused_frame_uses_up_no_number);
  CPPUNIT_TEST(a_wrong_clock_is_told_in_seconds);
  CPPUNIT_TEST(unknown_members_are_signed_and_ignored);
  CPPUNIT_TEST(members_of_the_session_cannot_be_forged_by_the_frame);
  CPPUNIT_TEST(the_payload_outlives_its_text);
  CPPUNIT_TEST(hello_keeps_the_limits_of_the_protocol);
  CPPUNIT_TEST(hello_takes_what_older_and_newer_agents_say);
  CPPUNIT_TEST(hello_ack_is_read_as_it_was_written);
  CPPUNIT_TEST(answers_fit_their_limits);
  CPPUNIT_TEST_SUITE_END();

  static base::Result<Frame> open(Verifier& verifier, const std::string& text) {
    return verifier.open(text, kNow, 0);
  }
  static void assert_refused(const std::string& text, std::string_view why, std::uint16_t code) {
    Verifier verifier(kKey, some_ids());
    const auto opened = open(verifier, text);
    CPPUNIT_ASSERT_MESSAGE("taken: " + text, !opened.ok());
    CPPUNIT_ASSERT_EQUAL_MESSAGE(text, std::string(why), opened.error().where);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(text, code, close_code_of(opened.error()));
  }
  // A frame whose members are as given, rightly signed.
  static std::string signed_frame(const std::string& members) {
    const std::string text = signed_text("{" + members + "}", some_ids()).value();
    return "{" + members + ",\"hmac\":\"" + base::hex(base::hmac_sha256(kKey, text)) + "\"}";
  }

 public:
  void keys_equal_every_vector() {
    const json::Value all = frame_vectors("wire-keys.json");
    for (const json::Value& entry : all.at("derive_project_secret").as_array()) {
      const json::Object& c = entry.as_object();
      const std::string secret = project_secret(
          bytes_of(c, "master_hex"), base::Uuid::parse(json::text(c, "project_id")).value());
      CPPUNIT_ASSERT_EQUAL(std::string(json::text(c, "derived_hex")), base::hex(secret));
      const std::string text(json::text(c, "derived_urlsafe_b64_as_returned_by_mint"));
      CPPUNIT_ASSERT_EQUAL(text, secret_text(secret));
      CPPUNIT_ASSERT_EQUAL(secret, parse_secret(text).value());
    }
    for (const json::Value& entry : all.at("agent_token_hash").as_array()) {
      const json::Object& c = entry.as_object();
      CPPUNIT_ASSERT_EQUAL(std::string(json::text(c, "hash")),
                           token_hash(bytes_of(c, "secret_hex"), json::text(c, "token")));
    }
    CPPUNIT_ASSERT_THROW(static_cast<void>(project_secret(std::string(31, 'm'), {})), base::Bug);
  }

  void purge_tokens_equal_every_vector() {
    const json::Value all = frame_vectors("wire-purge-token.json");
    for (const json::Value& entry : all.at("cases").as_array()) {
      const json::Object& c = entry.as_object();
      const std::string key = bytes_of(c, "key_hex");
      const auto queue = json::text(c, "queue");
      const std::int64_t depth = json::integer(c, "depth");
      CPPUNIT_ASSERT_EQUAL(std::string(json::text(c, "keyed_hmac_sha256")),
                           purge_token(queue, depth, key, "1.7.0"));
      CPPUNIT_ASSERT_EQUAL(std::string(json::text(c, "legacy_unkeyed_sha256")),
                           purge_token(queue, depth, key, "1.6.9"));
    }
  }

  void macs_and_signed_bytes_equal_every_vector() {
    const json::Value all = frame_vectors("wire-hmac.json");
    for (const json::Value& entry : all.at("raw_macs").as_array()) {
      const json::Object& c = entry.as_object();
      base::HmacKey key(bytes_of(c, "key_hex"));
      CPPUNIT_ASSERT_EQUAL(std::string(json::text(c, "hmac_sha256_hex")),
                           base::hex(key.sign(bytes_of(c, "message_hex"))));
    }
    std::size_t checked = 0;
    for (const json::Value& entry : all.at("frames").as_array()) {
      const json::Object& c = entry.as_object();
      const std::string name(json::text(c, "name"));
      const auto text = signed_text(json::text(c, "frame_json_text"), ids_of(c));
      CPPUNIT_ASSERT_MESSAGE(name, text.ok());
      CPPUNIT_ASSERT_EQUAL_MESSAGE(name, std::string(json::text(c, "signed_bytes_utf8")), *text);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(name, std::string(json::text(c, "signed_bytes_hex")),
                                   base::hex(*text));
      base::HmacKey key(bytes_of(c, "secret_hex"));
      CPPUNIT_ASSERT_EQUAL_MESSAGE(name, std::string(json::text(c, "hmac")),
                                   base::hex(key.sign(*text)));
      ++checked;
    }
    CPPUNIT_ASSERT(checked > 10);
    CPPUNIT_ASSERT_THROW(Signer(std::string(31, 'k'), some_ids()), base::Bug);
  }

  void signs_as_upstream_does_and_reads_what_it_signed() {
    const json::Value all = frame_vectors("wire-hmac.json");
    const json::Object& given = all.at("signer_output").as_object();
    const std::string key = bytes_of(given, "secret_hex");
    Verifier verifier(key, ids_of(given));
    std::size_t same_text = 0;
    for (const json::Value& entry : given.at("frames").as_array()) {
      const json::Object& c = entry.as_object();
      const std::string name(json::text(c, "name"));
      const std::string wire(json::text(c, "wire_utf8"));
      const json::Value frame = json::parse(wire).value();
      const base::TimeUs ts = base::parse_time(frame.at("ts").as_string().c_str()).value();
      const auto opened = verifier.open(wire, ts, 0);
      // The pinned nonce repeats; everything before that check must hold.
      const bool holds = opened.ok() || opened.error().message.find("nonce") != std::string::npos;
      CPPUNIT_ASSERT_MESSAGE(name + ": " + (opened ? "" : opened.error().text()), holds);
      // What no double spoils comes out byte for byte.
      Signer signer(key, ids_of(given),
                    [&] { return std::string(frame.at("nonce").as_string().c_str()); });
      std::string ours;
      for (std::int64_t seq = 0; seq < frame.at("seq").as_int64(); ++seq) {
        ours = signer.sign(*frame_type(frame.at("type").as_string().c_str()),
                           frame.at("id").as_string().c_str(), frame.at("payload").as_object(), ts);
      }
      if (name.find("float") == std::string::npos) {
        CPPUNIT_ASSERT_EQUAL_MESSAGE(name, wire, ours);
        ++same_text;
      }
      Verifier own(key, ids_of(given));
      const auto again = own.open(ours, ts, 0);
      CPPUNIT_ASSERT_MESSAGE(name, again.ok() && again->id == frame.at("id").as_string().c_str());
    }
    CPPUNIT_ASSERT(same_text > 0);
  }

  void the_guard_decides_as_every_vector_says() {
    std::size_t checked = 0;
    const json::Value all = frame_vectors("wire-replay-guard.json");
    for (const json::Value& entry : all.at("sequences").as_array()) {
      const json::Object& sequence = entry.as_object();
      const std::string name(json::text(sequence, "name"));
      ReplayGuard::Limits limits;
      if (name == "nonce_cap_3") limits.nonces = 3;
      ReplayGuard guard(limits);
      std::int64_t mono_ms = 1'000;
      for (const json::Value& item : sequence.at("steps").as_array()) {
        const json::Object& step = item.as_object();
        if (step.contains("advance_monotonic")) {
          mono_ms += static_cast<std::int64_t>(json::number(step, "advance_monotonic") * 1000);
          continue;
        }
        const auto admitted = guard.admit(step.at("envelope").as_object(), kNow, mono_ms);
        const std::string where = name + " " + json::write(item);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(where, json::text(step, "result") == "accept", admitted.ok());
        CPPUNIT_ASSERT_EQUAL_MESSAGE(where, json::integer(step, "last_seq_after"),
                                     guard.last_seq());
        ++checked;
      }
    }
    CPPUNIT_ASSERT(checked > 40);
  }

  void handshake_texts_equal_the_vectors() {
    const json::Value all = frame_vectors("wire-hmac.json");
    const json::Object& texts = all.at("handshake_wire").as_object();
    const std::string full(json::text(texts, "hello_full"));
    const auto hello = parse_hello(full);
    CPPUNIT_ASSERT(hello.ok());
    CPPUNIT_ASSERT_EQUAL(full, write_hello(*hello, "hello_0011223344556677"));
    const std::string minimal(json::text(texts, "hello_minimal"));
    CPPUNIT_ASSERT_EQUAL(minimal, write_hello(parse_hello(minimal).value(), "h"));
    const std::string ack(json::text(texts, "hello_ack_default"));
    CPPUNIT_ASSERT_EQUAL(ack, write_hello_ack(parse_hello_ack(ack).value(),
                                              base::parse_time("2026-06-08T12:34:56Z").value()));
  }

  void a_secret_survives_copying_and_a_short_one_is_refused() {
    const std::string secret(kKey);
    const std::string text = secret_text(secret);
    CPPUNIT_ASSERT_EQUAL(std::size_t{44}, text.size());
    CPPUNIT_ASSERT_EQUAL(
        secret, parse_secret(" " + text.substr(0, 20) + "\n" + text.substr(20, 23) + " ").value());
    for (const std::string bad : {"", "abc", "not base64 at all!!!!!!!!!!!!!!!!!!!!!!!!!!!"}) {
      const auto parsed = parse_secret(bad);
      CPPUNIT_ASSERT(!parsed.ok());
      CPPUNIT_ASSERT(bad.empty() || parsed.error().text().find(bad) == std::string::npos);
    }
  }

  void a_bearer_is_read_as_the_protocol_says() {
    CPPUNIT_ASSERT(bearer_token("Bearer abc") == "abc");
    CPPUNIT_ASSERT(bearer_token("bEaReR  \tabc ") == "abc");
    for (const std::string_view bad : {"", "Bearer", "Bearer ", "Basic abc", "Bearerabc", "abc"})
      CPPUNIT_ASSERT(!bearer_token(bad).has_value());
  }

  void each_refusal_has_its_word_and_close_code() {
    const std::string head =
        R"("id":"x","ts":"2026-06-08T12:00:00Z","nonce":"n","seq":1,"type":"heartbeat")";
    const std::string good = signed_frame(R"("v":2,)" + head + R"(,"payload":{})");
    Verifier verifier(kKey, some_ids());
    CPPUNIT_ASSERT(open(verifier, good).ok());
    assert_refused("", kMalformed, close::kInternal);
    assert_refused("[]", kMalformed, close::kInternal);
    assert_refused("{\"type\":1}", kMalformed, close::kInternal);
    assert_refused(R"({"type":"heartbeat","payload":[],"v":2})", kMalformed, close::kInternal);
    assert_refused(R"({"type":"heartbeat","x":NaN})", kMalformed, close::kInternal);
    assert_refused(R"({"type":"heartbeat","x":1e400})", kMalformed, close::kInternal);
    assert_refused("{\"type\":\"heartbeat\",\"x\":\"\\ud800\"}", kMalformed, close::kInternal);
    assert_refused(good.substr(0, good.size() - 1), kMalformed, close::kInternal);
    assert_refused(R"({"type":"from_the_future"})", kType, close::kInternal);
    assert_refused(R"({"type":"hello","payload":{}})", kType, close::kInternal);
    assert_refused(signed_frame(R"("v":3,)" + head), kVersion, close::kInternal);
    assert_refused(signed_frame(R"("v":"2",)" + head), kMalformed, close::kInternal);
    assert_refused("{" + std::string(R"("v":2,)") + head + "}", kSignature, close::kNotVerified);
    assert_refused("{" + std::string(R"("v":2,)") + head + R"(,"hmac":""})", kSignature,
                   close::kNotVerified);
    std::string altered = good;
    altered.replace(altered.find("\"x\""), 3, "\"y\"");
    assert_refused(altered, kSignature, close::kNotVerified);
    assert_refused(signed_frame(R"("v":2,"id":"x","ts":"2026-06-08T12:00:00Z","nonce":"n","seq":0,)"
                                R"("type":"heartbeat")"),
                   kReplay, close::kNotVerified);
    assert_refused(signed_frame(R"("v":2,"id":"x","ts":"2026-06-08T12:02:00Z","nonce":"n","seq":1,)"
                                R"("type":"heartbeat")"),
                   kClock, close::kNotVerified);
    assert_refused(signed_frame(R"("v":2,"id":"x","ts":"2026-06-08T12:00:00Z","nonce":"n","seq":1,)"
                                R"("type":"command_result","payload":{"status":"done"})"),
                   kContent, close::kBadFrame);
    assert_refused(
        signed_frame(R"("v":2,"id":"x","ts":"2026-06-08T12:00:00Z","nonce":"n","seq":1,)"
                     R"("type":"heartbeat","payload":{"telemetry_loss":{"event_records":-1}})"),
        kContent, close::kBadFrame);
    assert_refused(std::string(kMaxFrameBytes + 1, ' '), kTooLarge, close::kBadFrame);
    assert_refused(signed_frame(R"("v":2,"id":"","ts":"2026-06-08T12:00:00Z","nonce":"n","seq":1,)"
                                R"("type":"heartbeat")"),
                   kMalformed, close::kInternal);
  }

  void a_refused_frame_uses_up_no_number() {
    Signer signer(kKey, some_ids());
    Verifier verifier(kKey, some_ids());
    const std::string first = signer.sign(FrameType::heartbeat, "a", {}, kNow);
    const std::string bad =
        signer.sign(FrameType::command_result, "b", {{"status", "perhaps"}}, kNow);
    const std::string third = signer.sign(FrameType::heartbeat, "c", {}, kNow);
    CPPUNIT_ASSERT(open(verifier, first).ok());
    CPPUNIT_ASSERT_EQUAL(std::string(kReplay), open(verifier, first).error().where);
    CPPUNIT_ASSERT_EQUAL(std::string(kContent), open(verifier, bad).error().where);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, verifier.last_seq());
    CPPUNIT_ASSERT(open(verifier, third).ok());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, verifier.last_seq());
  }

  void a_wrong_clock_is_told_in_seconds() {
    Signer signer(kKey, some_ids());
    Verifier verifier(kKey, some_ids());
    const auto late =
        verifier.open(signer.sign(FrameType::heartbeat, "a", {}, kNow - 75'300'000), kNow, 0);
    CPPUNIT_ASSERT_EQUAL(std::string(kClock), late.error().where);
    CPPUNIT_ASSERT(late.error().message.find("75.3 s behind ours") != std::string::npos);
    CPPUNIT_ASSERT_EQUAL(base::TimeUs{-75'300'000}, verifier.skew_us());
    CPPUNIT_ASSERT(
        verifier.open(signer.sign(FrameType::heartbeat, "a", {}, kNow + 60'000'000), kNow, 0).ok());
    CPPUNIT_ASSERT_EQUAL(base::TimeUs{60'000'000}, verifier.skew_us());
  }

  void unknown_members_are_signed_and_ignored() {
    const std::string text = signed_frame(
        R"( "later" : [1.0, 1E2, 18446744073709551617, {"b":1,"a":2}], "v":2,"id":"x",)"
        R"("ts":"2026-06-08T12:00:00Z","nonce":"n","seq":1,"type":"command_ack","payload":null)");
    Verifier verifier(kKey, some_ids());
    const auto opened = open(verifier, text);
    CPPUNIT_ASSERT(opened.ok() && opened->payload.empty());
    std::string altered = text;
    altered.replace(altered.find("1.0"), 3, "1  ");
    assert_refused(altered, kSignature, close::kNotVerified);
  }

  void members_of_the_session_cannot_be_forged_by_the_frame() {
    const std::string plain = signed_text(R"({"id":"x"})", some_ids()).value();
    for (const std::string forged :
         {R"({"agent_id":"other","id":"x"})", R"({"id":"x","session_id":{"a":[1,"}"]}})",
          R"({"hmac":"\"}","id":"x","project_id":"p"})", R"({"id":"x","hmac":{"hmac":1}})",
          R"({"hmac":1,"id":"x","hmac":[]})"})
      CPPUNIT_ASSERT_EQUAL_MESSAGE(forged, plain, signed_text(forged, some_ids()).value());
    CPPUNIT_ASSERT_EQUAL(
        std::string(R"({"agent_id":"agent","project_id":"project","session_id":"session"})"),
        signed_text(R"( { "hmac" : 1 } )", some_ids()).value());
    CPPUNIT_ASSERT_EQUAL(
        std::string(
            R"({"\"":1,"agent_id":"agent","i":{"hmac":1},"project_id":"project","session_id":"session"})"),
        signed_text(R"({"i":{"hmac":1},"\"":1})", some_ids()).value());
  }

  void the_payload_outlives_its_text() {
    Verifier verifier(kKey, some_ids());
    Signer signer(kKey, some_ids());
    auto text = std::make_unique<std::string>(signer.sign(
        FrameType::event_batch, "ev_1", {{"events", json::Array{std::string(5000, 'x')}}}, kNow));
    auto opened = open(verifier, *text);
    text.reset();
    const Frame frame = std::move(opened).value();
    CPPUNIT_ASSERT_EQUAL(std::size_t{5000}, frame.payload.at("events").at(0).as_string().size());
  }

  void hello_keeps_the_limits_of_the_protocol() {
    const auto with = [](const std::string& member) {
      return R"({"v":2,"id":"h","type":"hello","payload":{"protocol_version":"2","agent_version":"1",)"
             R"("framework":"bare")" +
             (member.empty() ? "" : "," + member) + "}}";
    };
    CPPUNIT_ASSERT(parse_hello(with("")).ok());
    std::string many = "\"engines\":[";
    for (int i = 0; i < 65; ++i) many += i == 0 ? "\"e\"" : ",\"e\"";
    for (const std::string& bad :
         {std::string(R"("worker_pid":"7")"), std::string(R"("worker_pid":-1)"),
          std::string(R"("worker_pid":2147483648)"), std::string(R"("worker_role":7)"),
          "\"worker_id\":\"" + std::string(129, 'w') + "\"",
          "\"worker_role\":\"" + std::string(33, 'w') + "\"", many + "]",
          std::string(R"("engines":"celery")"), std::string(R"("engines":[1])"),
          std::string(R"("capabilities":{"celery":"all"})"), std::string(R"("host":"web-1")"),
          std::string(R"("worker_started_at":"yesterday")"),
          std::string(R"("worker_started_at":1)"), std::string(R"("runtime_features":{})")}) {
      const auto parsed = parse_hello(with(bad));
      CPPUNIT_ASSERT_MESSAGE(bad, !parsed.ok());
      CPPUNIT_ASSERT_EQUAL_MESSAGE(bad, close::kBadFrame, close_code_of(parsed.error()));
    }
    CPPUNIT_ASSERT(parse_hello(with("\"worker_id\":\"" + std::string(128, 'w') + "\"")).ok());
    CPPUNIT_ASSERT(!parse_hello(R"({"v":2,"id":"h","type":"heartbeat","payload":{}})").ok());
    CPPUNIT_ASSERT(!parse_hello(R"({"v":1,"id":"h","type":"hello","payload":{}})").ok());
    CPPUNIT_ASSERT(!parse_hello(R"({"v":2,"id":"h","type":"hello","payload":{}})").ok());
    CPPUNIT_ASSERT(!parse_hello(with(""), 10).ok());
  }

  void hello_takes_what_older_and_newer_agents_say() {
    const auto hello = parse_hello(
        R"({"v":2,"id":"h","ts":null,"type":"hello","later":1,"payload":{"protocol_version":"3",)"
        R"("agent_version":"","framework":"flask","capabilities":{"rq":["b","a"],"x":[]},)"
        R"("host":{"name":"web","extra":1},"runtime_features":["retry_by_reference"],"new":{}}})");
    CPPUNIT_ASSERT(hello.ok());
    CPPUNIT_ASSERT_EQUAL(std::string("3"), hello->protocol_version);
    CPPUNIT_ASSERT(hello->host_name() == "web" && hello->has_feature("retry_by_reference"));
    CPPUNIT_ASSERT(!hello->worker_id && hello->engines.empty());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, hello->capabilities.at("rq").size());
  }

  void hello_ack_is_read_as_it_was_written() {
    HelloAck ack;
    ack.brain_version = "1.12.0";
    ack.ids = {"a", "p", "11111111-2222-4333-8444-555555555555"};
    const auto read = parse_hello_ack(write_hello_ack(ack, kNow));
    CPPUNIT_ASSERT(read.ok() && read->ids.session_id == ack.ids.session_id);
    CPPUNIT_ASSERT(read->heartbeat_interval_seconds == 10 &&
                   read->max_frame_size_bytes == 1'048'576);
    CPPUNIT_ASSERT(!parse_hello_ack(R"({"v":2,"id":"h","type":"hello_ack","payload":{)"
                                    R"("protocol_version":"2"}})")
                        .ok());
  }

  void answers_fit_their_limits() {
    const std::string id(64, 'i');
    CPPUNIT_ASSERT_EQUAL(std::size_t{64}, ack_frame_id(id).size());
    CPPUNIT_ASSERT_EQUAL(
        std::string(R"({"acked_id":"ev_1","received":3,"accepted":1,"rejected":2})"),
        json::write(ack_payload("ev_1", 3, 1)));
    const auto error = error_payload(std::string(100, 'c'), std::string(9000, 'm'), true);
    CPPUNIT_ASSERT(json::text(error, "code").size() == 80 &&
                   json::text(error, "message").size() == 8192 && json::boolean(error, "fatal"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{15}, frame_id("hb_").size());
    CPPUNIT_ASSERT(frame_id("hb_") != frame_id("hb_"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(FrameTest);

}  // namespace
}  // namespace z4j::wire
