#include "api/form_page.hpp"

#include <string>

#include "api/reply.hpp"
#include "base/crypto.hpp"

namespace z4j::api {
namespace {

constexpr std::string_view kFrame =
    R"(<!doctype html><html lang="en"><meta charset="utf-8"><title>z4j: TITLE</title>
<meta name="viewport" content="width=device-width"><style nonce="NONCE">
body{font:16px system-ui;max-width:26rem;margin:3rem auto;padding:0 1rem}
label{display:block;margin:.8rem 0}.rule{font-size:.85rem;margin-top:-.4rem}input{width:100%;box-sizing:border-box;font:inherit;padding:.4rem}</style>
<h1>TITLE</h1><p id="intro">INTRO</p><form>FIELDS
<button>BUTTON</button></form><p role="alert"></p>
<script nonce="NONCE">
const form = document.querySelector("form"), told = document.querySelector("[role=alert]");
const intro = document.getElementById("intro");
const tell = (text) => { told.textContent = text; };
const csrf = () => (document.cookie.match(/(?:^|; )(?:__Host-)?z4j_csrf=([^;]*)/) || [])[1] || "";
async function post(path, body) {
  const headers = {"Content-Type": "application/json", "X-CSRF-Token": csrf()};
  const answer = await fetch(path, {method: "POST", headers, body: JSON.stringify(body)});
  const read = await answer.json().catch(() => ({}));
  if (answer.ok) return read;
  tell(Array.isArray(read.detail)
    ? read.detail.map((d) => d.loc.slice(1).join(".") + ": " + d.msg).join("; ")
    : (read.details && read.details.hint) || read.message || read.detail || "that did not work");
  return null;
}
function done(text) { form.remove(); intro.remove(); tell(text); }
BEGIN
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const sent = Object.fromEntries(new FormData(form));
  SUBMIT
});
</script></html>)";

constexpr std::string_view kNewPassword =
    R"(<label>Password <input name="password" type="password" required minlength="FEWEST" maxlength="256" autocomplete="new-password"></label>
<p class="rule">FEWEST characters or more; under 16, three kinds of: lower case, upper case, digit, sign.</p>)";

void fill(std::string& page, std::string_view mark, std::string_view text) {
  for (std::size_t at = page.find(mark); at != std::string::npos;
       at = page.find(mark, at + text.size()))
    page.replace(at, mark.size(), text);
}

}  // namespace

net::Response form_page(const FormPage& page, int fewest_characters) {
  const std::string nonce = base::random_token();
  std::string html(kFrame);
  fill(html, "TITLE", page.title);
  fill(html, "INTRO", page.intro);
  fill(html, "FIELDS", page.fields);
  fill(html, "BUTTON", page.button);
  fill(html, "BEGIN", page.begin);
  fill(html, "SUBMIT", page.submit);
  fill(html, "NEW_PASSWORD", kNewPassword);
  fill(html, "FEWEST", std::to_string(fewest_characters));
  fill(html, "NONCE", nonce);
  net::Response r = html_answer(200, std::move(html));
  r.headers.emplace_back(
      "Content-Security-Policy",
      "default-src 'none'; script-src 'self' 'nonce-" + nonce + "'; style-src 'self' 'nonce-" +
          nonce +
          "'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
  r.headers.emplace_back("Cache-Control", "no-store");
  r.headers.emplace_back("Referrer-Policy", "no-referrer");
  return r;
}

}  // namespace z4j::api
