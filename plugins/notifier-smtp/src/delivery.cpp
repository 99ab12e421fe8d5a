#include "src/delivery.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/IPAddress.h>
#include <Poco/Net/SocketAddress.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <map>

#include "lib/text/text.hpp"
#include "src/dialogue.hpp"
#include "src/sign_in.hpp"

namespace z4j::smtp {
namespace {

constexpr int kConnectMs = 5'000, kLookupMs = 5'000;
constexpr std::size_t kStepText = 300;

// Where and why a delivery ended.
struct Ended : std::exception {
  Ended(Outcome::Verdict v, std::string why, int c = 0, std::string words = {})
      : verdict(v), error(std::move(why)), code(c), reply(std::move(words)) {}
  [[nodiscard]] const char* what() const noexcept override { return error.c_str(); }

  Outcome::Verdict verdict;
  std::string error;
  int code;
  std::string reply;
};

class Delivery {
 public:
  Delivery(const Relay& relay, const Mail& mail, const Surroundings& around, TimeLimits& limits,
           TimeLimits::Time until)
      : relay_(relay), mail_(mail), around_(around), limits_(limits), until_(until) {}

  Outcome run() {
    try {
      connect();
    } catch (const Ended& e) {
      end(e);
    } catch (const Error& e) {
      const bool is_world = e.code >= 200 && e.code < 300;
      std::string why = e.what();
      if (left_ms() == 0) why = "the relay did not answer in time";
      end(Ended(is_world ? Outcome::Verdict::retry : Outcome::Verdict::failed, std::move(why)));
    } catch (const Poco::Exception& e) {
      end(Ended(Outcome::Verdict::retry, text::clean(e.displayText(), kStepText)));
    }
    return std::move(out_);
  }

 private:
  [[nodiscard]] int left_ms() const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until_ - std::chrono::steady_clock::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
  }
  void at(const char* stage) { out_.stage = stage; }
  void done(std::string text) {
    out_.steps.push_back({out_.stage, true, text::clean(text, kStepText)});
  }
  void end(const Ended& e) {
    out_.verdict = e.verdict;
    out_.error = e.error;
    if (e.code != 0) {
      out_.code = e.code;
      out_.reply = e.reply;
    }
    out_.steps.push_back({out_.stage, false, text::clean(e.error, kStepText)});
  }
  [[noreturn]] void refused(const Reply& reply, const std::string& what) const {
    throw Ended(reply.is_passing() ? Outcome::Verdict::retry : Outcome::Verdict::failed,
                what + ": " + reply.text(), reply.code, reply.text());
  }
  // The reply must be a good one.
  void expect(const Reply& reply, const std::string& what) {
    if (!reply.is_good()) refused(reply, what);
    done(reply.text());
  }

  void connect();
  void talk(Dialogue& relay);
  void greet(Dialogue& relay);
  void send(Dialogue& relay);

  const Relay& relay_;
  const Mail& mail_;
  const Surroundings& around_;
  TimeLimits& limits_;
  const TimeLimits::Time until_;
  std::map<std::string, std::string> features_;  // of EHLO, in upper case
  bool is_tls_ = false;
  Outcome out_;
};

void Delivery::connect() {
  at("dns");
  const std::vector<std::string> addresses = around_.addresses(
      relay_.host, relay_.port, static_cast<std::uint32_t>(std::min(left_ms(), kLookupMs)));
  std::string list;
  for (const std::string& address : addresses) list += (list.empty() ? "" : " ") + address;
  done(relay_.host + ": " + list);

  at("tcp");
  std::string why = "there was no time left";
  for (const std::string& address : addresses) {
    if (left_ms() == 0) break;
    const Poco::Net::IPAddress ip(address);
    Poco::Net::StreamSocket socket(ip.family());
    const TimeLimits::Limit limit(limits_, socket.impl()->sockfd(), until_);
    try {
      socket.connect(Poco::Net::SocketAddress(ip, relay_.port),
                     Poco::Timespan(std::int64_t{1000} * std::min(left_ms(), kConnectMs)));
    } catch (const Poco::Exception& e) {
      why = text::clean(e.displayText(), kStepText);
      continue;
    }
    const Poco::Timespan rest(std::int64_t{1000} * std::max(left_ms(), 1));
    socket.setReceiveTimeout(rest);
    socket.setSendTimeout(rest);
    done(address + " port " + std::to_string(relay_.port));
    Dialogue dialogue(socket);
    return talk(dialogue);
  }
  throw Ended(Outcome::Verdict::retry, "no connection to the relay: " + why);
}

void Delivery::talk(Dialogue& relay) {
  if (relay_.tls == Tls::implicit) {
    at("tls");
    done(relay.start_tls(around_.tls, relay_.host));
    is_tls_ = true;
  }
  at("greeting");
  expect(relay.read(), "the relay did not greet");
  greet(relay);
  if (relay_.tls == Tls::starttls) {
    at("starttls");
    if (features_.count("STARTTLS") == 0)
      throw Ended(Outcome::Verdict::failed,
                  "the relay offers no STARTTLS, and the channel wants TLS");
    const Reply ready = relay.ask("STARTTLS");
    if (!ready.is_good()) refused(ready, "the relay refused STARTTLS");
    done(relay.start_tls(around_.tls, relay_.host));
    is_tls_ = true;
    greet(relay);
  }
  if (!relay_.user.empty() && !relay_.password.empty()) {
    at("auth");
    const Auth way = choose_auth(relay_.auth, features_["AUTH"], is_tls_);
    const Reply answer = sign_in(relay, way, relay_.user, relay_.password);
    if (!answer.is_good()) refused(answer, "the relay did not let " + relay_.user + " in");
    done(std::string(auth_name(way)) + ": " + answer.text());
  }
  send(relay);
}

void Delivery::greet(Dialogue& relay) {
  at("ehlo");
  Reply reply = relay.ask("EHLO " + around_.helo_name);
  features_.clear();
  if (reply.code >= 500) {
    reply = relay.ask("HELO " + around_.helo_name);
  } else if (reply.is_good()) {
    for (std::size_t i = 1; i < reply.lines.size(); ++i) {
      std::string line = reply.lines[i];
      std::transform(line.begin(), line.end(), line.begin(),
                     [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
      const std::size_t end = std::min(line.find_first_of(" ="), line.size());
      features_[line.substr(0, end)] = line.substr(std::min(end + 1, line.size()));
    }
  }
  expect(reply, "the relay refused the greeting");
}

void Delivery::send(Dialogue& relay) {
  const std::string text = write_mail(mail_);
  at("mail from");
  std::string from = "MAIL FROM:<" + mail_.from + ">";
  if (const auto size = features_.find("SIZE"); size != features_.end()) {
    std::uint64_t most = 0;
    const std::string& number = size->second;
    std::from_chars(number.data(), number.data() + number.size(), most);
    if (most > 0 && text.size() > most)
      throw Ended(Outcome::Verdict::failed, "the mail has " + std::to_string(text.size()) +
                                                " bytes, the relay takes at most " +
                                                std::to_string(most));
    from += " SIZE=" + std::to_string(text.size());
  }
  expect(relay.ask(from), "the relay refused the sender");

  at("rcpt to");
  Reply worst;
  std::size_t taken = 0;
  for (const std::string& to : mail_.to) {
    const Reply reply = relay.ask("RCPT TO:<" + to + ">");
    if (reply.is_good()) {
      ++taken;
      done(to + ": " + reply.text());
      continue;
    }
    out_.refused.push_back(to + ": " + reply.text());
    out_.steps.push_back({out_.stage, false, text::clean(out_.refused.back(), kStepText)});
    // One that may be taken later keeps the whole mail waiting, while nobody has it.
    if (worst.code == 0 || reply.is_passing()) worst = reply;
  }
  if (taken == 0) {
    out_.steps.pop_back();
    refused(worst, "the relay refused the recipient");
  }

  at("data");
  const Reply go = relay.ask("DATA");
  if (!go.asks_more()) refused(go, "the relay refused the mail");
  relay.send(as_data(text));
  const Reply taken_over = relay.read();
  expect(taken_over, "the relay refused the mail");
  out_.verdict = Outcome::Verdict::sent;
  out_.code = taken_over.code;
  out_.reply = taken_over.text();
  try {
    (void)relay.ask("QUIT");
  } catch (const Error&) {
    // The mail is theirs already.
  }
}

}  // namespace

json::Object Outcome::to_json(bool with_steps) const {
  json::Object out{{"outcome", verdict == Verdict::sent    ? "sent"
                               : verdict == Verdict::retry ? "retry"
                                                           : "failed"}};
  if (code != 0) out["code"] = code;
  if (!reply.empty()) out["reply"] = reply;
  if (!error.empty()) out["error"] = error;
  if (!refused.empty()) {
    json::Array list;
    for (const std::string& one : refused) list.emplace_back(one);
    out["refused"] = std::move(list);
  }
  if (!with_steps) return out;
  out["stage"] = stage;
  json::Array list;
  for (const Step& step : steps)
    list.push_back(json::Object{{"name", step.name}, {"good", step.is_good}, {"text", step.text}});
  out["steps"] = std::move(list);
  return out;
}

Outcome deliver(const Relay& relay, const Mail& mail, const Surroundings& around,
                TimeLimits& limits, TimeLimits::Time until) {
  return Delivery(relay, mail, around, limits, until).run();
}

}  // namespace z4j::smtp
