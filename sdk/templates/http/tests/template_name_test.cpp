// The plugin behind a host of the SDK: its page, and what its routes answer.
#include <z4j/testing.hpp>

namespace {

using namespace z4j::testing;

Answer ask(const PluginFile& plugin, Instance& instance, TestHost& host, uint32_t route,
           std::string_view params) {
  z4j_http_request request{};
  request.struct_size = sizeof request;
  request.route = route;
  request.params_json = z4j::str(params);
  return host.call([&](z4j_op op, z4j_error* e) {
    return plugin.table<z4j_http>(Z4J_IFACE_HTTP)->handle(instance, op, &request, e);
  });
}

void a_page_is_there(const PluginFile& plugin) {
  const auto* table = plugin.table<z4j_http>(Z4J_IFACE_HTTP);
  Z4J_EXPECT(table->asset_count == 1);
  Z4J_EXPECT(z4j::view(table->assets[0].path) == "index.html");
}

void routes_answer(const PluginFile& plugin) {
  TestHost host;
  Instance instance(plugin, host, R"({"greeting": "good day"})");
  Z4J_EXPECT(instance.start() == Z4J_OK);
  Z4J_EXPECT(ask(plugin, instance, host, 0, R"({"name": "Ada"})").status == Z4J_OK);
  Z4J_EXPECT(host.reply_code() == 200);
  Z4J_EXPECT(host.reply_body() == R"({"says":"good day, Ada"})");
  Z4J_EXPECT(ask(plugin, instance, host, 1, R"({"slug": "default"})").status == Z4J_OK);
  Z4J_EXPECT(host.reply_body() == R"({"count":1})");
  Z4J_EXPECT(ask(plugin, instance, host, 7, "{}").status == Z4J_NOT_FOUND);
}

}  // namespace

int main(int, char** argv) {
  const PluginFile plugin(argv[1]);
  a_page_is_there(plugin);
  routes_answer(plugin);
  return failures == 0 ? 0 : 1;
}
