// The plugin behind a host of the SDK: what is posted, and what is said of the answer.
#include <z4j/testing.hpp>

namespace {

using namespace z4j::testing;

constexpr std::string_view kSettings = R"({"timeout": 5000})";

Answer send(const PluginFile& plugin, Instance& instance, TestHost& host, std::string_view target) {
  z4j_notification n{};
  n.struct_size = sizeof n;
  n.severity = 3;
  n.id = z4j::lit("m1");
  n.title = z4j::lit("it \"broke\"");
  n.target_json = z4j::str(target);
  return host.call([&](z4j_op op, z4j_error* e) {
    return plugin.table<z4j_notifier>(Z4J_IFACE_NOTIFIER)->send(instance, op, &n, e);
  });
}

void a_message_is_posted_once(const PluginFile& plugin) {
  TestHost host;
  Instance instance(plugin, host, kSettings);
  Z4J_EXPECT(instance.start() == Z4J_OK);
  const Answer answer = send(plugin, instance, host, R"({"url": "https://pager.example/a"})");
  Z4J_EXPECT(answer.status == Z4J_OK);
  Z4J_EXPECT(answer.result == R"({"outcome":"sent","code":200})");
  Z4J_EXPECT(host.http_sent().size() == 1);
  Z4J_EXPECT(host.http_sent()[0].url == "https://pager.example/a");
  Z4J_EXPECT(host.http_sent()[0].body.find(R"("title":"it \"broke\"")") != std::string::npos);
}

void a_busy_receiver_is_tried_again_and_a_refusal_is_not(const PluginFile& plugin) {
  TestHost host;
  Instance instance(plugin, host, kSettings);
  Z4J_EXPECT(instance.start() == Z4J_OK);
  const struct {
    uint32_t code;
    std::string_view outcome;
  } cases[] = {{503, "retry"}, {429, "retry"}, {403, "failed"}, {0, "retry"}};
  for (const auto& one : cases) {
    host.http_status = one.code;
    const Answer answer = send(plugin, instance, host, R"({"url": "https://pager.example/a"})");
    Z4J_EXPECT(answer.result.find(one.outcome) != std::string::npos);
  }
}

void a_channel_without_an_address_is_refused(const PluginFile& plugin) {
  TestHost host;
  Instance instance(plugin, host, kSettings);
  Z4J_EXPECT(instance.start() == Z4J_OK);
  const Answer answer = send(plugin, instance, host, "{}");
  Z4J_EXPECT(answer.status == Z4J_INVALID);
  Z4J_EXPECT(answer.where == "/url");
  Z4J_EXPECT(host.http_sent().empty());
}

}  // namespace

int main(int, char** argv) {
  const PluginFile plugin(argv[1]);
  a_message_is_posted_once(plugin);
  a_busy_receiver_is_tried_again_and_a_refusal_is_not(plugin);
  a_channel_without_an_address_is_refused(plugin);
  return failures == 0 ? 0 : 1;
}
