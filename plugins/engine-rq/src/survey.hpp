// Finds the jobs that stand elsewhere than at the last look, without reading every list as a whole.
//
// New members show up at known ends: of a queue at its right (or left when put in front), of a
// registry at its highest score. So the ends are read until a page brings nothing new. Members
// elsewhere (other times to live, dates in between) are found by a slow sweep over the rest, which
// starts at once when the count grew by more than what was found. One thread.
#pragma once

#include "lib/redis/redis.hpp"
#include "lib/rq/records.hpp"
#include "src/lookup.hpp"
#include "src/seen.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace z4j::engine_rq {

class Survey {
 public:
  Survey(const rq::Keys& keys, SeenJobs& seen) : keys_(keys), seen_(seen) {}

  struct Round {
    std::vector<Wanted> moved;
    bool complete = false;  // every list was read to its end at least once since restart()
    bool more = false;      // the bound of one round was reached: look again soon
    std::size_t queues_left_out = 0;
  };
  // Throws what Connection throws; the next look then starts where this one did.
  [[nodiscard]] Round look(redis::Connection& redis);
  // Sweeps everything again, as after a time without sight.
  void restart();

 private:
  using Clock = std::chrono::steady_clock;
  struct Listing {
    Place place = Place::none;
    std::string key, queue;
    std::int64_t count = 0, last_count = 0;
    std::int64_t swept = 0;  // next rank of the sweep
    bool sweeping = true, ever_complete = false;
    std::size_t found = 0;  // in this round
    Clock::time_point last_sweep{};
  };

  void refresh_listings(redis::Connection& redis, Round& round);
  void count(redis::Connection& redis);
  void read_ends(redis::Connection& redis, Round& round);
  void follow_ends(redis::Connection& redis, Round& round);
  void sweep(redis::Connection& redis, Round& round);
  void add_leavers(Round& round);
  [[nodiscard]] redis::Args page(const Listing& listing, std::int64_t from, std::int64_t to) const;
  // How many of the page were new, of how many.
  struct Page {
    std::size_t members = 0, fresh = 0;
  };
  Page take(Listing& listing, const redis::Reply& reply, Round& round);
  [[nodiscard]] std::string id_of(const Listing& listing, const std::string& member,
                                  std::int64_t& mark) const;

  const rq::Keys& keys_;
  SeenJobs& seen_;
  std::map<std::string, std::vector<Listing>> listings_;                // by queue
  std::unordered_set<std::string> picked_;                              // in this round
  std::unordered_map<std::string, std::string> running_, running_now_;  // id to queue
};

}  // namespace z4j::engine_rq
