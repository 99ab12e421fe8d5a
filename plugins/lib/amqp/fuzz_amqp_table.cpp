// Field tables as a broker may send them. What can be read can be written, and says the same then.
#include "lib/amqp/table.hpp"

#include <z4j/plugin.hpp>

#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace json = z4j::json;
  if (size > 32u << 10) return 0;  // deeper nesting is a matter of rabbitmq-c and its stack
  std::string wire(reinterpret_cast<const char*>(data), size);
  amqp_pool_t pool;
  init_amqp_pool(&pool, 4096);
  amqp_table_t table;
  std::size_t at = 0;
  if (amqp_decode_table(amqp_bytes_t{wire.size(), wire.data()}, &pool, &table, &at) == 0) {
    try {
      const json::Object read = z4j::amqp::read_table(table);
      const z4j::amqp::Table again(read);
      if (json::write(z4j::amqp::read_table(again.get())) != json::write(read)) std::abort();
    } catch (const z4j::Error&) {
      // Said to be unreadable, or not writable.
    }
  }
  empty_amqp_pool(&pool);
  return 0;
}
