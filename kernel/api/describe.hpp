// What a route takes and gives, told where it is added; OpenAPI and the tests read it.
#pragma once

#include <string_view>
#include <vector>

namespace z4j::api {

struct Description {
  struct Answer {
    int status;
    std::string_view shape;         // of shape.hpp; empty: no body, or a file
    std::string_view content_type;  // empty: no body
  };

  std::string_view summary;      // in a few words; empty: the route is not described
  std::string_view query, body;  // "{...}" of shape.hpp; empty: none is read
  std::vector<Answer> answers;   // that are no errors
  std::vector<int> refusals;     // besides those that every route of its kind has
};

// router.add(...).does("Show a project").gives(200, "Project");
class Describe {
 public:
  explicit Describe(Description& of) : of_(of) {}

  Describe& does(std::string_view summary) {
    of_.summary = summary;
    return *this;
  }
  Describe& query(std::string_view members) {
    of_.query = members;
    return *this;
  }
  Describe& body(std::string_view members) {
    of_.body = members;
    return *this;
  }
  Describe& gives(int status, std::string_view shape) {
    of_.answers.push_back({status, shape, "application/json"});
    return *this;
  }
  Describe& gives_nothing(int status = 204) {
    of_.answers.push_back({status, {}, {}});
    return *this;
  }
  Describe& gives_file(int status, std::string_view content_type) {
    of_.answers.push_back({status, {}, content_type});
    return *this;
  }
  Describe& refuses(int status) {
    of_.refusals.push_back(status);
    return *this;
  }

 private:
  Description& of_;
};

}  // namespace z4j::api
