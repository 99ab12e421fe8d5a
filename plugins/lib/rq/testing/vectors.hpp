// Captures of a real RQ, both generations, as the unit tests read them. Test programs only.
#pragma once

#include "lib/json/json.hpp"
#include "lib/rq/codec.hpp"
#include "lib/rq/records.hpp"
#include "lib/text/text.hpp"

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace z4j::rq::testing {

inline json::Value vector_of(const std::string& version, const char* kind) {
  std::ifstream in(Z4J_SOURCE_DIR "/tests/fixtures/vectors/rq-" + version + "-" + kind + ".json");
  return json::parse(
      std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>()));
}

inline redis::Reply bulk(std::string text) {
  redis::Reply r;
  r.type = redis::Reply::Type::bulk;
  r.text = std::move(text);
  return r;
}

// The capture keeps bytes that are not text as {"base64": ...}.
inline std::string bytes_of(const json::Value& v) {
  if (const json::Object* o = v.if_object())
    return text::base64_decode(json::text(*o, "base64")).value();
  return {v.get_string().data(), v.get_string().size()};
}

inline std::string id_of(const json::Value& states, std::string_view name) {
  return std::string(json::text(*json::object(states.get_object(), "ids"), name));
}

inline Job job_in(const json::Value& states, const char* state, std::string_view name) {
  const std::string id = id_of(states, name);
  const json::Object& hash =
      *json::object(*json::object(states.get_object(), state), "rq:job:" + id);
  redis::Reply values;
  values.type = redis::Reply::Type::array;
  for (const std::string& field : job_fields()) {
    redis::Reply value;
    for (const json::Value& pair : hash.at("value").get_array()) {
      if (pair.get_array()[0].get_string() == field) value = bulk(bytes_of(pair.get_array()[1]));
    }
    values.items.push_back(std::move(value));
  }
  return job_from_fields(id, values);
}

// What the runs of a job left in one state of the capture, oldest first.
inline std::vector<Result> results_in(const json::Value& states, const char* state,
                                      std::string_view name) {
  std::vector<Result> results;
  const json::Object& keys = *json::object(states.get_object(), state);
  const json::Object* stream = json::object(keys, "rq:results:" + id_of(states, name));
  if (stream == nullptr) return results;
  for (const json::Value& value : stream->at("value").get_array()) {
    const json::Array& entry = value.get_array();
    redis::Reply reply, fields;
    reply.items.push_back(bulk(std::string(entry[0].get_string().c_str())));
    for (const json::Value& pair : entry[1].get_array()) {
      for (const json::Value& part : pair.get_array())
        fields.items.push_back(bulk(part.get_string().c_str()));
    }
    reply.items.push_back(fields);
    results.push_back(result_from_entry(reply));
  }
  return results;
}

// The newest result of a job in the last state of the capture.
inline Result result_of(const json::Value& states, std::string_view name) {
  return results_in(states, "final", name).back();
}

}  // namespace z4j::rq::testing
