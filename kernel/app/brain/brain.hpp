// The brain as one object: builds the parts in order, runs until told to stop, tears down in reverse.
#pragma once

#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "config/config.hpp"

namespace z4j::app {

// What `z4j-brain --version` and health/system tell.
[[nodiscard]] std::string program_version();
// Where plugin files lie when the config does not say: beside the program, in its build or its install tree.
[[nodiscard]] std::string default_plugin_directory();

class Brain {
 public:
  Brain(config::Loaded loaded, base::Log& log, const base::Clock& clock);
  ~Brain();  // stop()
  Brain(const Brain&) = delete;
  Brain& operator=(const Brain&) = delete;

  // Makes the home folder, opens the database, starts plugins, listens. The error says what stands in
  // the way; nothing is left running then.
  [[nodiscard]] base::Status start();
  // Answers what is under way, stops plugins in reverse order, closes the database.
  void stop();
  [[nodiscard]] std::string url() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace z4j::app
