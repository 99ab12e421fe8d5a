// In the place of z4j-plugin-host: what it is asked to load says which rule it breaks.
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>

#include "plugin/process/batch.hpp"
#include "plugin/process/channel.hpp"
#include "plugin/process/child.hpp"
#include "plugin/process/messages.hpp"

namespace z4j::plugin::process {
namespace {

Declared engine() {
  Declared out;
  out.holds = "nothing";
  out.id = "org.z4j.hostile";
  out.name = "Hostile";
  out.version = "1.0.0";
  out.kinds = "engine";
  out.schema = R"({"type":"object","properties":{}})";
  out.engine_name = "hostile";
  return out;
}

std::string good() {
  Outcome out;
  out.status = Z4J_OK;
  return encode(out);
}

void raw(const std::string& bytes) {
  [[maybe_unused]] const auto written = ::write(kSocketFd, bytes.data(), bytes.size());
}

int run() {
  Channel channel(kSocketFd, Way::to_plugin);
  const auto first = channel.read_one(10'000);
  const auto load = first ? decode_load(first->second) : std::optional<Load>();
  if (!load) return 2;
  const std::string what = std::filesystem::path(load->path).stem().string();
  const auto answer = [&](const Declared& declared) {
    channel.reply(first->first, encode(declared));
  };
  Declared declared = engine();
  if (what == "silent") ::pause();
  if (what == "exits") return 7;
  if (what == "garbage") raw(std::string(64, '\xff'));
  if (what == "huge") raw(header_bytes(Header{0xffffffffu, Kind::reply, first->first.id}));
  if (what == "no-call") channel.send(Kind::reply, good(), 4711);
  if (what == "wrong-way") channel.send(Kind::command, pack(std::uint64_t{1}));
  if (what == "early") channel.send(Kind::health, pack(std::int32_t{0}, "hello"));
  if (what == "nonsense") channel.reply(first->first, "nonsense");
  if (what == "many") {
    declared.routes.resize(100'000);
    answer(declared);
  }
  if (what == "bad-id") {
    declared.id = "../../etc";
    answer(declared);
  }
  if (what == "bad-schema") {
    declared.schema = std::string(300'000, '[');
    answer(declared);
  }
  if (what == "no-kind") {
    declared.kinds = "oracle";
    answer(declared);
  }
  answer(declared);
  void* const ring = ::mmap(nullptr, kRingBytes, PROT_READ | PROT_WRITE, MAP_SHARED, kRingFd, 0);
  Channel::Loop loop;
  loop.take = [&](const Header& header, std::string) -> std::string {
    if (header.kind != Kind::start) {
      channel.reply(header, good());
      return {};
    }
    if (what == "bad-outcome") {
      channel.reply(header, "x");
      return {};
    }
    channel.reply(header, good());
    if (what == "outside") {
      channel.send(Kind::emit, pack(std::uint64_t{kRingBytes - 8}, std::uint64_t{4096}), 1);
    } else if (what == "torn") {
      std::memset(ring, 0x7f, 1 << 20);
      for (std::uint64_t i = 0; i < 20; ++i)
        channel.send(Kind::emit, pack(std::uint64_t{0}, std::uint64_t{1 << 20}), i + 1);
    } else if (what == "shrinks") {
      // Refused by the seals; else the kernel would die of reading behind the end.
      if (::ftruncate(kRingFd, 0) == 0) std::memset(ring, 0, 4096);
      channel.send(Kind::emit, pack(std::uint64_t{0}, std::uint64_t{4096}), 1);
    } else if (what == "answers") {
      const std::string big(1u << 20, 'x');
      for (std::uint64_t op = 1; op <= 300; ++op)
        channel.send(Kind::complete, pack(op, good(), big));
    } else if (what == "floods") {
      for (int i = 0; i < 200'000; ++i)
        channel.send(Kind::log, pack(std::int32_t{3}, "again", "{}"));
    } else if (what == "half") {
      raw(header_bytes(Header{1000, Kind::log, 0}) + "half of it");
      ::kill(::getpid(), SIGKILL);
    }
    return {};
  };
  channel.run(loop);
  return 0;
}

}  // namespace
}  // namespace z4j::plugin::process

int main() { return z4j::plugin::process::run(); }
