// The brain as one object: builds the parts in order, runs until told to stop, tears down in
// reverse.
#pragma once

#include <memory>
#include <string>

#include "app/brain/home.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "config/config.hpp"

namespace z4j::app {

// What `z4j-brain --version` and health/system tell.
[[nodiscard]] std::string program_version();

class Brain {
 public:
  Brain(config::Loaded loaded, Environment environment, base::Log& log, const base::Clock& clock);
  ~Brain();  // stop()
  Brain(const Brain&) = delete;
  Brain& operator=(const Brain&) = delete;

  // Makes the home folder and its secrets, opens the database, starts plugins, listens. The error
  // says what stands in the way; nothing is left running then.
  [[nodiscard]] base::Status start();
  // Answers what is under way, stops plugins in reverse order, stores what they sent, closes the
  // database.
  void stop();
  // Reads the TLS certificate again; what is wrong with it goes to the log.
  void reload_certificate();
  // Where it listens, and the base of the links that it gives out.
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::string public_url() const;
  // The one-time link to make the first administrator; empty when there is one.
  [[nodiscard]] const std::string& setup_url() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace z4j::app
