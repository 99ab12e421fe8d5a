#include "case.hpp"

namespace z4j::check {

Cases catalogue() {
  Cases cases;
  add_file_cases(cases);
  add_entry_cases(cases);
  add_config_cases(cases);
  add_life_cases(cases);
  add_operation_cases(cases);
  add_thread_cases(cases);
  add_host_cases(cases);
  add_storage_cases(cases);
  add_durability_cases(cases);
  add_engine_cases(cases);
  add_scheduler_cases(cases);
  add_notifier_cases(cases);
  add_http_cases(cases);
  add_fuzz_cases(cases);
  return cases;
}

}  // namespace z4j::check
