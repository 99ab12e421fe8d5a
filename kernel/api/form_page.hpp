// Small pages of the brain itself, for what must work before anybody is signed in: a form, and the
// few lines of script that send it. Their secrets stand in the address, and nothing of the request
// is written into the page.
#pragma once

#include <string_view>

#include "net/http.hpp"

namespace z4j::api {

struct FormPage {
  std::string_view title, intro, fields, button;
  // What happens at submit: script with `form`, `sent` (the fields), `tell(text)` and
  // `post(path, body)`, which gives the answer or tells what was wrong.
  std::string_view submit;
  // Script that runs before; "".
  std::string_view begin = {};
};

// NEW_PASSWORD in its fields stands for the field of a new password with its rule.
[[nodiscard]] net::Response form_page(const FormPage& page, int fewest_characters);

}  // namespace z4j::api
