// The plugin behind a host of the SDK: what is listed, sent and foretold.
#include <z4j/json.hpp>
#include <z4j/testing.hpp>

#include <cstdlib>
#include <fstream>

namespace {

using namespace z4j::testing;

class File {
 public:
  explicit File(std::string_view text) {
    char name[] = "/tmp/template_name_XXXXXX";
    const int fd = ::mkstemp(name);
    Z4J_EXPECT(fd >= 0);
    path_ = name;
    std::ofstream(path_) << text;
  }
  ~File() { std::remove(path_.c_str()); }
  std::string settings() const { return R"({"path": ")" + path_ + R"("})"; }

 private:
  std::string path_;
};

void a_line_is_a_schedule(const PluginFile& plugin) {
  const File file("1 nightly 3600 celery shop.tidy\n2 often 5 celery shop.look\n");
  TestHost host;
  Instance instance(plugin, host, file.settings());
  Z4J_EXPECT(instance.start() == Z4J_OK);
  const auto* table = plugin.table<z4j_scheduler>(Z4J_IFACE_SCHEDULER);
  const Answer answer = host.call([&](z4j_op op, z4j_error* e) {
    return table->list(instance, op, z4j::lit(R"({"limit": 500})"), e);
  });
  const z4j::json::Reader page(answer.result);
  Z4J_EXPECT(page.items("/items").size() == 2);
  Z4J_EXPECT(page.text("/items/0/name") == "nightly");
  Z4J_EXPECT(page.text("/items/1/expression") == "5");
  Z4J_EXPECT(page.raw("/next") == "null");
}

void a_trigger_sends_the_task(const PluginFile& plugin) {
  const File file("1 nightly 3600 celery shop.tidy\n");
  TestHost host;
  Instance instance(plugin, host, file.settings());
  Z4J_EXPECT(instance.start() == Z4J_OK);
  const auto* table = plugin.table<z4j_scheduler>(Z4J_IFACE_SCHEDULER);
  const auto trigger = [&](z4j_str id) {
    return host.call([&](z4j_op op, z4j_error* e) { return table->trigger(instance, op, id, e); });
  };
  Z4J_EXPECT(trigger(z4j::lit("1")).status == Z4J_OK);
  Z4J_EXPECT(host.tasks_submitted() == std::vector<std::string>{"shop.tidy"});
  Z4J_EXPECT(trigger(z4j::lit("7")).status == Z4J_NOT_FOUND);
}

void the_next_times_are_whole_intervals(const PluginFile& plugin) {
  const auto* table = plugin.table<z4j_scheduler>(Z4J_IFACE_SCHEDULER);
  int64_t times[2] = {};
  uint32_t count = 2;
  z4j_error e = z4j::empty_error();
  Z4J_EXPECT(table->preview(nullptr, z4j::lit(R"({"kind": "interval", "expression": "10"})"),
                            12'000'000, times, &count, &e) == Z4J_OK);
  Z4J_EXPECT(count == 2 && times[0] == 20'000'000 && times[1] == 30'000'000);
  Z4J_EXPECT(table->preview(nullptr, z4j::lit(R"({"expression": "soon"})"), 0, times, &count, &e) ==
             Z4J_INVALID);
}

}  // namespace

int main(int, char** argv) {
  const PluginFile plugin(argv[1]);
  a_line_is_a_schedule(plugin);
  a_trigger_sends_the_task(plugin);
  the_next_times_are_whole_intervals(plugin);
  return failures == 0 ? 0 : 1;
}
