#include "lib/pickle/pickle.hpp"

#include <z4j/plugin.hpp>

#include <cppunit/extensions/HelperMacros.h>

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace {

namespace json = z4j::json;
namespace pickle = z4j::pickle;

std::string pickle_bytes(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  return out;
}

std::string pickle_base64(std::string_view text) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    const std::size_t d = kDigits.find(c);
    if (d == std::string_view::npos) break;
    bits = bits << 6 | static_cast<unsigned>(d);
    count += 6;
    if (count >= 8) out += static_cast<char>(bits >> (count -= 8) & 0xff);
  }
  return out;
}

std::string repr_of(const std::string& bytes) {
  const pickle::Document doc = pickle::load(bytes);
  return pickle::to_repr(doc, doc.root);
}

z4j_status pickle_refusal(const std::string& bytes, const pickle::Limits& limits = {}) {
  try {
    (void)pickle::load(bytes, limits);
  } catch (const z4j::Error& e) {
    return e.code;
  }
  return Z4J_OK;
}

class PickleTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(PickleTest);
  CPPUNIT_TEST(reads_the_jobs_of_real_producers);
  CPPUNIT_TEST(prints_standard_classes_of_every_protocol);
  CPPUNIT_TEST(never_imports_or_calls);
  CPPUNIT_TEST(json_is_exact_or_absent);
  CPPUNIT_TEST(cycles_and_exploding_values_are_cut);
  CPPUNIT_TEST(damaged_pickles_are_refused);
  CPPUNIT_TEST(limits_hold);
  CPPUNIT_TEST(what_is_written_reads_the_same);
  CPPUNIT_TEST(objects_are_not_written_again);
  CPPUNIT_TEST_SUITE_END();

  void reads_the_jobs_of_real_producers() {
    for (const char* version : {"1.13", "2.10"}) {
      std::ifstream in(std::string(Z4J_SOURCE_DIR "/tests/fixtures/vectors/rq-") + version +
                       "-pickles.json");
      const std::string text((std::istreambuf_iterator<char>(in)),
                             std::istreambuf_iterator<char>());
      const json::Value file = json::parse(text);
      int seen = 0;
      for (const auto& payload : *json::object(file.get_object(), "payloads")) {
        const std::string bytes =
            pickle_base64(json::text(payload.value().get_object(), "inflated_base64"));
        if (bytes.empty() || bytes[0] != '\x80') continue;
        ++seen;
        const pickle::Document doc = pickle::load(bytes);
        const pickle::Node& call = doc[doc.root];
        CPPUNIT_ASSERT(call.kind == pickle::Kind::tuple);
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, call.items.size());
        const std::string name = doc[call.items[0]].text;
        if (payload.key() == "method_instance") {
          CPPUNIT_ASSERT_EQUAL(std::string("meth"), name);
          CPPUNIT_ASSERT_EQUAL(std::string("<rtasks.K object>"),
                               pickle::to_repr(doc, call.items[1]));
        } else {
          CPPUNIT_ASSERT_MESSAGE(name, name.substr(0, 7) == "rtasks.");
          CPPUNIT_ASSERT(doc[call.items[1]].kind == pickle::Kind::none);
        }
      }
      CPPUNIT_ASSERT(seen >= 10);
    }
  }

  void prints_standard_classes_of_every_protocol() {
    const struct {
      const char* hex;
      const char* text;
    } cases[] = {
        {"80059557000000000000008c086461746574696d65948c086461746574696d65949394430a07ea0b17142e340"
         "705be9468008c0874696d657a6f6e6594939468008c0974696d6564656c74619493944b004b004b0087945294"
         "85945294869452942e",
         "datetime.datetime(2026, 11, 23, 20, 46, 52, 460222, tzinfo=datetime.timezone.utc)"},
        {"8002636461746574696d650a6461746574696d650a7100635f636f646563730a656e636f64650a7101580c000"
         "00007c3aa0b17142e340705c2be710258060000006c6174696e317103867104527105636461746574696d650a"
         "74696d657a6f6e650a7106636461746574696d650a74696d6564656c74610a71074b004b004b0087710852710"
         "985710a52710b86710c52710d2e",
         "datetime.datetime(2026, 11, 23, 20, 46, 52, 460222, tzinfo=datetime.timezone.utc)"},
        {"636461746574696d650a6461746574696d650a70300a28635f636f646563730a656e636f64650a70310a28560"
         "7ea01020304055c75303030305c75303030305c75303030300a70320a566c6174696e310a70330a7470340a52"
         "70350a7470360a5270370a2e",
         "datetime.datetime(2026, 1, 2, 3, 4, 5)"},
        {"80049520000000000000008c086461746574696d65948c0464617465949394430407ea010294859452942e",
         "datetime.date(2026, 1, 2)"},
        {"8002636461746574696d650a74696d650a7100635f636f646563730a656e636f64650a7101580600000003040"
         "5000006710258060000006c6174696e3171038671045271058571065271072e",
         "datetime.time(3, 4, 5, 6)"},
        {"636461746574696d650a74696d6564656c74610a70300a2849310a49320a49300a7470310a5270320a2e",
         "datetime.timedelta(days=1, seconds=2)"},
        {"80049522000000000000008c07646563696d616c948c07446563696d616c9493948c04312e313094859452942"
         "e",
         "Decimal('1.10')"},
        {"80059530000000000000008c0475756964948c04555549449493942981947d948c03696e74948a10785634127"
         "8563412785634127856341273622e",
         "UUID('12345678-1234-5678-1234-567812345678')"},
        {"80049507000000000000008f94284b01902e", "{1}"},
        {"8002635f5f6275696c74696e5f5f0a7365740a71005d71014b01618571025271032e", "{1}"},
        {"8004950600000000000000284b0191942e", "frozenset({1})"},
        {"8005950d000000000000009602000000000000006100942e", "bytearray(b'a\\x00')"},
        {"8002635f5f6275696c74696e5f5f0a6279746561727261790a7100635f636f646563730a656e636f64650a710"
         "158020000006100710258060000006c6174696e3171038671045271058571065271072e",
         "bytearray(b'a\\x00')"},
        {"8004952e000000000000008c086275696c74696e73948c07636f6d706c6578949394473ff0000000000000474"
         "000000000000000869452942e",
         "(1+2j)"},
        {"80049529000000000000008c0b636f6c6c656374696f6e73948c0b4f726465726564446963749493942952948"
         "c0161944b01732e",
         "OrderedDict({'a': 1})"},
        {"80028a090000000000000000402e", "1180591620717411303424"},
        {"80028a090000000000000000c02e", "-1180591620717411303424"},
        {"80049506000000000000004302ff00942e", "b'\\xff\\x00'"},
        {"2849310a2849320a7470300a7470310a2e", "(1, (2,))"},
        {"46696e660a2e", "inf"},
        {"8004950a00000000000000473ff80000000000002e", "1.5"},
        {"56697427730a70300a2e", "\"it's\""},
        {"286470300a49310a56780a70310a732e", "{1: 'x'}"},
        {"80059538000000000000008c086461746574696d65948c0874696d657a6f6e6594939468008c0974696d65646"
         "56c74619493944b004d201c4b0087945294859452942e",
         "datetime.timezone(datetime.timedelta(seconds=7200))"},
    };
    for (const auto& c : cases) {
      CPPUNIT_ASSERT_EQUAL(std::string(c.text), repr_of(pickle_bytes(c.hex)));
    }
  }

  void never_imports_or_calls() {
    for (const char* hex : {"8004952b000000000000008c05706f736978948c0673797374656d9493948c10746f75"
                            "6368202f746d702f6f776e656494859452942e",
                            "800263706f7369780a73797374656d0a71005810000000746f756368202f746d702f6f"
                            "776e656471018571025271032e",
                            "63706f7369780a73797374656d0a70300a2856746f756368202f746d702f6f776e6564"
                            "0a70310a7470320a5270330a2e"}) {
      const pickle::Document doc = pickle::load(pickle_bytes(hex));
      CPPUNIT_ASSERT(doc[doc.root].kind == pickle::Kind::object);
      CPPUNIT_ASSERT_EQUAL(std::string("posix.system"), doc[doc.root].text);
      const pickle::Shown shown = pickle::show(doc, doc.root);
      CPPUNIT_ASSERT(!shown.fully_decodable);
      CPPUNIT_ASSERT_EQUAL(std::string("\"<posix.system object>\""), json::write(shown.value));
    }
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_INVALID}, pickle_refusal("Pid\n."));
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_INVALID}, pickle_refusal("N\x51."));
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_INVALID}, pickle_refusal("\x82\x01."));
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_INVALID}, pickle_refusal("\x97."));
  }

  void json_is_exact_or_absent() {
    const auto as_json = [](const char* hex, pickle::TopTuple top) {
      const pickle::Document doc = pickle::load(pickle_bytes(hex));
      const auto v = pickle::to_json(doc, doc.root, top);
      return v ? json::write(*v) : std::string("-");
    };
    CPPUNIT_ASSERT_EQUAL(std::string("-"),
                         as_json("80024b014b028571008671012e", pickle::TopTuple::as_array));
    CPPUNIT_ASSERT_EQUAL(std::string("[1]"), as_json("80024b01852e", pickle::TopTuple::as_array));
    CPPUNIT_ASSERT_EQUAL(std::string("-"), as_json("80024b01852e", pickle::TopTuple::refuse));
    CPPUNIT_ASSERT_EQUAL(std::string("-"),
                         as_json("80027d71004b015801000000787101732e", pickle::TopTuple::refuse));
    CPPUNIT_ASSERT_EQUAL(std::string("-"),
                         as_json("80028a090000000000000000402e", pickle::TopTuple::refuse));
    CPPUNIT_ASSERT_EQUAL(std::string("-"),
                         as_json("8002477ff00000000000002e", pickle::TopTuple::refuse));
    CPPUNIT_ASSERT_EQUAL(std::string("-"),
                         as_json("80025803000000eda0802e", pickle::TopTuple::refuse));
    CPPUNIT_ASSERT_EQUAL(std::string("-9223372036854775808"),
                         as_json("80028a0800000000000000802e", pickle::TopTuple::refuse));
  }

  void cycles_and_exploding_values_are_cut() {
    const std::string cycle = repr_of(pickle_bytes("80049509000000000000005d94284b016800652e"));
    CPPUNIT_ASSERT(cycle.size() < 1000);
    CPPUNIT_ASSERT(cycle.find("...") != std::string::npos);
    const pickle::Document doc =
        pickle::load(pickle_bytes("800495e3000000000000005d94285d94285d94285d94285d94285d94285d9428"
                                  "5d94285d94285d94288c036c6f6c94680a680a680a680a680a"
                                  "680a680a680a680a656809680968096809680968096809680968096568086808"
                                  "680868086808680868086808680865680768076807680768076807"
                                  "6807680768076568066806680668066806680668066806680665680568056805"
                                  "68056805680568056805680565680468046804680468046804680468"
                                  "0468046568036803680368036803680368036803680365680268026802680268"
                                  "026802680268026802656801680168016801680168016801680168"
                                  "01652e"));
    CPPUNIT_ASSERT(pickle::to_repr(doc, doc.root).size() < (2u << 20));
    CPPUNIT_ASSERT(!pickle::to_json(doc, doc.root));
    CPPUNIT_ASSERT(!pickle::is_plain(doc, doc.root));
    std::string deep(3000, ']');
    deep += std::string(2999, 'a') + ".";
    CPPUNIT_ASSERT(repr_of(deep).size() < 1000);
    std::string wide = "](X" + std::string("\x10\x27\0\0", 4) + std::string(10000, 'x') + "q\1";
    for (int i = 0; i < 20000; ++i) wide += "h\1";
    CPPUNIT_ASSERT(repr_of(wide + "e.").size() < (2u << 20));
  }

  void damaged_pickles_are_refused() {
    for (const std::string& bytes :
         {std::string(), std::string("."), std::string("N"), std::string("a."), std::string("NNa."),
          std::string("(."), std::string("t."), std::string("\x80\x09N."),
          std::string("X\xff\xff\xff\xff."),
          std::string("}(N"
                      "u."),
          std::string("h\x01."), std::string("N\x93."), std::string("I12"), std::string("Ix\n."),
          std::string("NNb."), std::string("\xff.")}) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(bytes, z4j_status{Z4J_INVALID}, pickle_refusal(bytes));
    }
    const std::string whole = pickle_bytes(
        "80049530000000000000008c0475756964948c04555549449493942981947d948c03696e74948a107856341278"
        "563412785634127856341273622e");
    for (std::size_t n = 0; n < whole.size(); ++n) {
      CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_INVALID}, pickle_refusal(whole.substr(0, n)));
    }
  }

  void limits_hold() {
    CPPUNIT_ASSERT_EQUAL(
        z4j_status{Z4J_TOO_LARGE},
        pickle_refusal(std::string(2000, 'N') + ".", {.max_bytes = 1000, .max_items = 1'000'000}));
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_TOO_LARGE},
                         pickle_refusal("N" + std::string(2000, '2') + ".",
                                        {.max_bytes = 10'000, .max_items = 1000}));
    CPPUNIT_ASSERT_EQUAL(
        z4j_status{Z4J_TOO_LARGE},
        pickle_refusal(std::string(2000, '(') + ".", {.max_bytes = 10'000, .max_items = 1000}));
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_TOO_LARGE},
                         pickle_refusal("N" + std::string(2000, '\x94') + ".",
                                        {.max_bytes = 10'000, .max_items = 1000}));
  }

  void what_is_written_reads_the_same() {
    const std::string text =
        R"([null,true,false,0,255,256,-1,2147483648,-9223372036854775808,1.5,"z\u00fc",[],[[1]],{},{"a":{"b":[2]}}])";
    const json::Value value = json::parse(text);
    pickle::Writer w;
    w.value(value);
    const pickle::Document doc = pickle::load(w.finish());
    CPPUNIT_ASSERT_EQUAL(json::write(value), json::write(*pickle::to_json(doc, doc.root)));

    w.mark();
    w.text("m.f");
    w.none();
    w.tuple_of(json::parse("[1,18446744073709551615]").get_array());
    w.value(json::parse(R"({"y":2})"));
    w.tuple();
    CPPUNIT_ASSERT_EQUAL(std::string("('m.f', None, (1, 18446744073709551615), {'y': 2})"),
                         repr_of(w.finish()));

    for (const char* hex :
         {"80049507000000000000008f94284b01902e", "80028a090000000000000000402e",
          "2849310a2849320a7470300a7470310a2e", "80049506000000000000004302ff00942e",
          "8004950600000000000000284b0191942e", "286470300a49310a56780a70310a732e"}) {
      const pickle::Document original = pickle::load(pickle_bytes(hex));
      w.node(original, original.root);
      CPPUNIT_ASSERT_EQUAL(pickle::to_repr(original, original.root), repr_of(w.finish()));
    }
  }

  void objects_are_not_written_again() {
    const pickle::Document doc =
        pickle::load(pickle_bytes("80049522000000000000008c07646563696d616c948c07446563696d616c9493"
                                  "948c04312e313094859452942e"));
    pickle::Writer w;
    CPPUNIT_ASSERT(!pickle::is_plain(doc, doc.root));
    CPPUNIT_ASSERT_THROW(w.node(doc, doc.root), z4j::Error);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(PickleTest);

}  // namespace
