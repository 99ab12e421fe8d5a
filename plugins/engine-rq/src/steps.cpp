#include "src/steps.hpp"

#include "src/answers.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>

namespace z4j::engine_rq {
namespace {

constexpr std::size_t kStepsAtOnce = 100, kAskedAtOnce = 50;

// Redis says these before it runs anything.
bool changed_nothing(const std::string& error) {
  static constexpr std::array<std::string_view, 8> kBefore = {
      "NOSCRIPT", "READONLY", "LOADING", "NOPERM", "NOAUTH", "MASTERDOWN", "OOM", "BUSY"};
  return std::any_of(kBefore.begin(), kBefore.end(), [&](std::string_view word) {
    return std::string_view(error).substr(0, word.size()) == word;
  });
}

class Batch {
 public:
  explicit Batch(Bench& bench) : bench_(bench) {}

  std::vector<json::Object> run(std::vector<Prepared> prepared) {
    std::vector<json::Object> answers(prepared.size());
    std::vector<std::size_t> steps;
    for (std::size_t i = 0; i < prepared.size(); ++i) {
      if (json::Object* answer = std::get_if<json::Object>(&prepared[i]))
        answers[i] = std::move(*answer);
      else
        steps.push_back(i);
    }
    std::string broken;
    for (std::size_t from = 0; from < steps.size(); from += kStepsAtOnce) {
      const std::size_t end = std::min(steps.size(), from + kStepsAtOnce);
      if (broken.empty() && (std::chrono::steady_clock::now() >= bench_.deadline))
        broken = "time ran out";
      if (!broken.empty()) {
        for (std::size_t i = from; i < end; ++i)
          answers[steps[i]] = refused("not tried: " + broken);
        continue;
      }
      try {
        const std::vector<redis::Reply> replies = send(prepared, steps, from, end);
        for (std::size_t i = from; i < end; ++i)
          answers[steps[i]] = answer_of(std::get<Step>(prepared[steps[i]]), replies[i - from]);
      } catch (const Error& e) {
        if (from == 0 && !may_have_run(e)) throw;
        broken = e.what();
        for (std::size_t i = from; i < end; ++i)
          answers[steps[i]] =
              may_have_run(e) ? outcome("unknown", broken) : refused("not tried: " + broken);
      }
    }
    return answers;
  }

 private:
  std::vector<redis::Reply> send(const std::vector<Prepared>& prepared,
                                 const std::vector<std::size_t>& steps, std::size_t from,
                                 std::size_t end) {
    std::vector<redis::Args> commands;
    for (std::size_t i = from; i < end; ++i) {
      const Step& step = std::get<Step>(prepared[steps[i]]);
      redis::Args command = {"EVALSHA", sha_of(step.script), std::to_string(step.keys.size())};
      command.insert(command.end(), step.keys.begin(), step.keys.end());
      command.insert(command.end(), step.args.begin(), step.args.end());
      commands.push_back(std::move(command));
    }
    std::vector<redis::Reply> replies = bench_.redis.pipeline(commands);
    if (replies.size() != commands.size())
      throw Error(Z4J_UNKNOWN, "Redis answered another number of scripts");
    return replies;
  }

  const std::string& sha_of(std::string_view script) {
    std::string& sha = shas_[script];
    if (sha.empty()) {
      sha = reading([&] {
              return bench_.redis.command({"SCRIPT", "LOAD", std::string(script)});
            }).text;
    }
    return sha;
  }

  static json::Object answer_of(const Step& step, const redis::Reply& reply) {
    if (!reply.is_error()) return step.finish(reply);
    const std::string error = text::clean(reply.text, 200);
    return changed_nothing(error) ? refused("Redis refused it: " + error)
                                  : outcome("unknown", "Redis broke the step off: " + error);
  }

  Bench& bench_;
  std::map<std::string_view, std::string> shas_;
};

}  // namespace

std::vector<json::Object> run_steps(Bench& bench, std::vector<Prepared> prepared) {
  if (prepared.size() != 1) return Batch(bench).run(std::move(prepared));
  if (json::Object* answer = std::get_if<json::Object>(&prepared.front()))
    return {std::move(*answer)};
  const Step& step = std::get<Step>(prepared.front());
  return {
      changing([&] { return step.finish(bench.redis.eval(step.script, step.keys, step.args)); })};
}

std::vector<json::Object> in_parts(
    const std::vector<Asked>& asked,
    const std::function<std::vector<json::Object>(const std::vector<Asked>&)>& some) {
  std::vector<json::Object> answers;
  for (std::size_t from = 0; from < asked.size(); from += kAskedAtOnce) {
    const std::size_t end = std::min(asked.size(), from + kAskedAtOnce);
    const auto at = [&](std::size_t i) { return asked.begin() + static_cast<std::ptrdiff_t>(i); };
    try {
      for (json::Object& answer : some({at(from), at(end)})) answers.push_back(std::move(answer));
    } catch (const Error& e) {
      if (from == 0) throw;
      answers.resize(asked.size(), refused(std::string("not tried: ") + e.what()));
      break;
    }
  }
  return answers;
}

}  // namespace z4j::engine_rq
