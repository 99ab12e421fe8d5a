// The plugin behind a host of the SDK: lines become events, and none is lost while the host is
// busy.
#include <z4j/testing.hpp>

#include <cstdlib>
#include <fstream>

namespace {

using namespace z4j::testing;

// A file that is gone at the end.
class File {
 public:
  File() {
    char name[] = "/tmp/template_name_XXXXXX";
    const int fd = ::mkstemp(name);
    Z4J_EXPECT(fd >= 0);
    path_ = name;
  }
  ~File() { std::remove(path_.c_str()); }
  void write(std::string_view text) { std::ofstream(path_, std::ios::app) << text << std::flush; }
  std::string settings() const { return R"({"path": ")" + path_ + R"(", "every": 20})"; }

 private:
  std::string path_;
};

void lines_become_events(const PluginFile& plugin) {
  File file;
  file.write("t1 shop.charge received\nt1 shop.charge started\nnonsense\nt1 shop.ch");
  TestHost host;
  Instance instance(plugin, host, file.settings());
  Z4J_EXPECT(instance.start() == Z4J_OK);
  Z4J_EXPECT(host.wait_for_events(2));
  file.write("arge succeeded\n");
  Z4J_EXPECT(host.wait_for_events(3));
  const auto events = host.events();
  Z4J_EXPECT(events.size() == 3);
  Z4J_EXPECT(events[0].kind == Z4J_EV_RECEIVED && events[2].kind == Z4J_EV_SUCCEEDED);
  Z4J_EXPECT(events[2].task_id == "t1" && events[2].task == "shop.charge");
  Z4J_EXPECT(host.log().find("a line is no event") != std::string::npos);
}

void a_line_without_an_end_is_dropped(const PluginFile& plugin) {
  File file;
  file.write("t1 shop.charge received\n" + std::string(3'000'000, 'x'));
  TestHost host;
  Instance instance(plugin, host, file.settings());
  Z4J_EXPECT(instance.start() == Z4J_OK);
  Z4J_EXPECT(host.wait_for_events(1));
  file.write(std::string(1000, 'y') + "\nt2 shop.charge received\n");
  Z4J_EXPECT(host.wait_for_events(2));
  Z4J_EXPECT(host.events().back().task_id == "t2");
  Z4J_EXPECT(host.log().find("a line is too long") != std::string::npos);
  Z4J_EXPECT(host.log().size() < 1000);
}

void a_busy_host_gets_them_later(const PluginFile& plugin) {
  File file;
  file.write("t1 shop.charge received\n");
  TestHost host;
  host.set_busy(true);
  Instance instance(plugin, host, file.settings());
  Z4J_EXPECT(instance.start() == Z4J_OK);
  Z4J_EXPECT(!host.wait_for_events(1, std::chrono::milliseconds(100)));
  host.set_busy(false);
  Z4J_EXPECT(host.wait_for_events(1));
}

void a_file_that_is_not_there_is_one_clear_error(const PluginFile& plugin) {
  TestHost host;
  Instance instance(plugin, host, R"({"path": "/nowhere/at/all", "every": 20})");
  Z4J_EXPECT(instance.start() == Z4J_IO);
  Z4J_EXPECT(instance.message().find("/nowhere/at/all") != std::string::npos);
}

}  // namespace

int main(int, char** argv) {
  const PluginFile plugin(argv[1]);
  lines_become_events(plugin);
  a_line_without_an_end_is_dropped(plugin);
  a_busy_host_gets_them_later(plugin);
  a_file_that_is_not_there_is_one_clear_error(plugin);
  return failures == 0 ? 0 : 1;
}
