// Any bytes: load() may refuse them; what it accepts can be shown and, when plain, written and read
// again to the same value. Nothing may crash, hang or grow without bound.
#include "lib/pickle/pickle.hpp"

#include <z4j/plugin.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace pickle = z4j::pickle;
  try {
    const pickle::Document doc = pickle::load({reinterpret_cast<const char*>(data), size},
                                              {.max_bytes = 64u << 10, .max_items = 5000});
    const pickle::Budget budget{.nodes = 2000, .bytes = 64u << 10, .depth = 64};
    const std::string repr = pickle::to_repr(doc, doc.root, budget);
    if (!pickle::valid_utf8(repr) || repr.size() > (1u << 20)) std::abort();
    if (const auto value = pickle::to_json(doc, doc.root, pickle::TopTuple::as_array, budget)) {
      if (!pickle::valid_utf8(z4j::json::write(*value))) std::abort();
    }
    if (pickle::is_plain(doc, doc.root, budget)) {
      pickle::Writer writer;
      writer.node(doc, doc.root);
      const std::string bytes = writer.finish();
      const pickle::Document again =
          pickle::load(bytes, {.max_bytes = 4u << 20, .max_items = 200'000});
      if (bytes.find("bytearray") == std::string::npos &&
          pickle::to_repr(again, again.root, budget) != repr)
        std::abort();
    }
  } catch (const z4j::Error&) {
  }
  return 0;
}
