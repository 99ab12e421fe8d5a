#include "agent/greeting.hpp"

#include <unistd.h>

#include <algorithm>

#include "wire/action.hpp"
#include "wire/version.hpp"

namespace z4j::agent {
namespace {

// Retries name the task and not its arguments: engines have those.
constexpr const char* kRetryByReference = "retry_by_reference";
constexpr const char* kRetryByReferenceOfEngine = "retry_by_reference_v1";

}  // namespace

std::string new_worker_id(const std::string& prefix, base::TimeUs now) {
  return prefix + "-" + std::to_string(::getpid()) + "-" + std::to_string(now / 1000);
}

wire::Hello greeting(const Speaker& speaker, const std::vector<Engines::Fact>& engines) {
  wire::Hello hello;
  hello.agent_version = std::string(wire::kUpstreamLevel);
  hello.framework = "z4j-agent";
  base::json::Object versions{{"z4j-agent", speaker.version}};
  for (const Engines::Fact& fact : engines) {
    hello.engines.push_back(fact.engine);
    std::vector<std::string> names{kRetryByReferenceOfEngine};
    for (const std::string_view name : wire::capability_names(fact.capabilities))
      names.emplace_back(name);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    hello.capabilities[fact.engine] = std::move(names);
    versions[fact.engine] = fact.version;
  }
  hello.host = {{"name", speaker.name}, {"versions", std::move(versions)}};
  hello.worker_id = speaker.worker_id;
  if (!speaker.role.empty()) hello.worker_role = speaker.role;
  hello.worker_pid = ::getpid();
  hello.worker_started_at = speaker.started_at;
  hello.runtime_features = {kRetryByReference};
  return hello;
}

}  // namespace z4j::agent
