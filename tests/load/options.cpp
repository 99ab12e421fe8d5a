#include "options.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

#include "wire/keys.hpp"

namespace z4j::load {
namespace {

base::Error wrong(std::string_view option, std::string message) {
  return base::Error{.code = base::Code::invalid,
                     .message = std::move(message),
                     .where = std::string(option),
                     .hint = {}};
}

// ws://127.0.0.1:7700/prefix
base::Status read_url(std::string_view url, Options& options) {
  options.tls = url.starts_with("wss://") || url.starts_with("https://");
  if (!options.tls && !url.starts_with("ws://") && !url.starts_with("http://"))
    return wrong("--url", "the address must start with ws:// or wss://");
  url.remove_prefix(url.find("://") + 3);
  const std::size_t slash = url.find('/');
  std::string prefix(slash == std::string_view::npos ? std::string_view() : url.substr(slash));
  while (!prefix.empty() && prefix.back() == '/') prefix.pop_back();
  options.path = prefix + "/ws/agent";
  const std::string_view place = url.substr(0, slash);
  const std::size_t colon = place.rfind(':');
  if (colon == std::string_view::npos) return wrong("--url", "the address must name a port");
  options.host = place.substr(0, colon);
  if (options.host == "localhost") options.host = "127.0.0.1";
  // A load generator must not become a weapon.
  if (!options.host.starts_with("127."))
    return wrong("--url", "only addresses of this machine (127.x.x.x) are loaded");
  options.port =
      static_cast<std::uint16_t>(std::atoi(std::string(place.substr(colon + 1)).c_str()));
  return {};
}

// Lines "TOKEN SECRET" as the mint shows them.
base::Status read_tokens(const std::string& file, Options& options) {
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::string token, secret;
    if (!(words >> token >> secret)) continue;
    auto key = wire::parse_secret(secret);
    if (!key) return wrong("--tokens", key.error().message);
    options.credentials.push_back(Credential{std::move(token), std::move(*key)});
  }
  if (options.credentials.empty())
    return wrong("--tokens", file + " holds no line \"TOKEN SECRET\"");
  return {};
}

}  // namespace

base::Result<Options> parse_options(int count, char** words) {
  constexpr std::size_t kMostAgents = 60'000, kMostPerToken = 64;
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--verify" || word == "--json") {
      (word == "--json" ? options.json : options.verify) = true;
      continue;
    }
    if (i + 1 >= count) return wrong(word, "this option is not known or lacks its value");
    const std::string value = words[++i];
    if (word == "--url") {
      if (auto read = read_url(value, options); !read) return read.error();
    } else if (word == "--tokens") {
      if (auto read = read_tokens(value, options); !read) return read.error();
    } else if (word == "--agents") {
      options.agents = static_cast<std::size_t>(std::strtoul(value.c_str(), nullptr, 10));
    } else if (word == "--heartbeat") {
      options.heartbeat_s = std::atoi(value.c_str());
    } else if (word == "--seconds") {
      options.seconds = std::atoi(value.c_str());
    } else if (word == "--rate") {
      options.rate = std::atof(value.c_str());
    } else if (word == "--flood") {
      options.flood = std::atof(value.c_str());
    } else if (word == "--connect-rate") {
      options.connect_rate = std::atoi(value.c_str());
    } else if (word == "--ca") {
      options.ca_file = value;
    } else {
      return wrong(word, "this option is not known");
    }
  }
  if (options.port == 0) return wrong("--url", "the brain's address is missing");
  if (options.credentials.empty()) return wrong("--tokens", "a file of tokens is missing");
  if (options.agents == 0 || options.agents > kMostAgents)
    return wrong("--agents", "1 to 60000 agents");
  if (options.agents > options.credentials.size() * kMostPerToken) {
    return wrong("--agents", "a token serves at most 64 of them, and there are " +
                                 std::to_string(options.credentials.size()) + " tokens");
  }
  if (options.connect_rate < 1 || options.seconds < 0 || options.rate < 0 || options.flood < 0)
    return wrong("--rate", "numbers must not be negative");
  return options;
}

const char* usage() noexcept {
  return "z4j-agents --url ws://127.0.0.1:PORT --tokens FILE [--agents N] [--seconds N] [--rate "
         "EVENTS_PER_S]\n"
         "           [--flood EVENTS_PER_S] [--heartbeat S] [--connect-rate N] [--ca FILE] "
         "[--verify] [--json]\n";
}

}  // namespace z4j::load
