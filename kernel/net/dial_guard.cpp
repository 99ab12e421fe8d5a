#include "net/dial_guard.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

namespace z4j::net {
namespace {

using Networks = TrustedProxies;  // any set of CIDR blocks
using Looked = base::Result<std::vector<Address>>;

constexpr unsigned kMostLookups = 8;
constexpr std::size_t kMostWaitingLookups = 256;
constexpr auto kLeaveBehind = std::chrono::seconds(2);
constexpr std::size_t kMaxHostBytes = 253;

struct Block {
  const char* network;
  std::string_view kind;
};
// RFC 6890 and its successors; in IPv6 what is not in 2000::/3 is no public address anyway.
constexpr std::array kBlocks = {Block{"0.0.0.0/8", "unspecified"},
                                Block{"10.0.0.0/8", "private"},
                                Block{"100.64.0.0/10", "shared"},
                                Block{"127.0.0.0/8", "loopback"},
                                Block{"169.254.0.0/16", "link-local"},
                                Block{"172.16.0.0/12", "private"},
                                Block{"192.0.0.0/24", "reserved"},
                                Block{"192.0.2.0/24", "documentation"},
                                Block{"192.88.99.0/24", "reserved"},
                                Block{"192.168.0.0/16", "private"},
                                Block{"198.18.0.0/15", "benchmark"},
                                Block{"198.51.100.0/24", "documentation"},
                                Block{"203.0.113.0/24", "documentation"},
                                Block{"224.0.0.0/4", "multicast"},
                                Block{"240.0.0.0/4", "reserved"},
                                Block{"::/128", "unspecified"},
                                Block{"::1/128", "loopback"},
                                Block{"fc00::/7", "private"},
                                Block{"fe80::/10", "link-local"},
                                Block{"ff00::/8", "multicast"},
                                Block{"2001::/23", "reserved"},
                                Block{"2001:db8::/32", "documentation"},
                                Block{"3fff::/20", "documentation"}};

Networks network(const std::string& text) {
  auto parsed = Networks::parse({text});
  Z4J_CHECK(parsed.ok());
  return std::move(parsed).value();
}

std::optional<Address> embedded_v4(const Address& address) {
  static const Networks nat64 = network("64:ff9b::/96"), six_to_four = network("2002::/16");
  std::size_t from = 0;
  if (nat64.contains(address))
    from = 12;
  else if (six_to_four.contains(address))
    from = 2;
  else
    return std::nullopt;
  Address out;
  out.is_v4 = true;
  std::copy_n(address.bytes.begin() + static_cast<std::ptrdiff_t>(from), 4, out.bytes.begin());
  return out;
}

std::string lower_host(std::string_view host) {
  std::string out(host);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  if (out.ends_with('.')) out.pop_back();
  return out;
}

base::Error guard_error(base::Code code, std::string message, std::string hint = {}) {
  return base::Error{
      .code = code, .message = std::move(message), .where = {}, .hint = std::move(hint)};
}

Looked system_resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  std::vector<Address> out;
  if (failed == EAI_NONAME || failed == EAI_NODATA) return out;
  if (failed != 0)
    return guard_error(base::Code::unavailable,
                       "the name could not be looked up: " + std::string(::gai_strerror(failed)));
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    char text[NI_MAXHOST] = {};
    if (::getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) !=
        0)
      continue;
    // A scope ("%eth0") makes it no address here: link-local anyway.
    if (const auto address = Address::parse(text);
        address && std::find(out.begin(), out.end(), *address) == out.end())
      out.push_back(*address);
  }
  ::freeaddrinfo(list);
  return out;
}

}  // namespace

std::string_view kind_of_private(const Address& address) noexcept {
  struct Known {
    Networks network;
    std::string_view kind;
  };
  static const std::vector<Known> known = [] {
    std::vector<Known> out;
    for (const Block& block : kBlocks) out.push_back({network(block.network), block.kind});
    return out;
  }();
  static const Networks global = network("2000::/3");
  if (!address.is_v4) {
    if (const auto inside = embedded_v4(address)) return kind_of_private(*inside);
  }
  for (const Known& one : known) {
    if (one.network.contains(address)) return one.kind;
  }
  return address.is_v4 || global.contains(address) ? std::string_view() : "reserved";
}

struct DialGuard::Inside {
  struct Lookup {
    std::string host;
    std::optional<Looked> result;
  };
  struct Cached {
    std::int64_t until_ms = 0;
    std::vector<Address> addresses;
  };

  Inside(Options o, const base::Clock& c) : options(std::move(o)), clock(c) {}

  Options options;
  const base::Clock& clock;                                    // not on the lookups' threads
  std::set<std::pair<std::string, std::uint16_t>> open_hosts;  // port 0: any
  Networks open_networks;

  std::mutex mutex;
  std::condition_variable work, changed;
  // Guarded by mutex, as is all below.
  std::deque<std::shared_ptr<Lookup>> waiting;
  std::map<std::string, std::shared_ptr<Lookup>> under_way;
  std::map<std::string, Cached> cache;
  std::vector<std::thread> threads;
  unsigned running = 0, idle = 0;
  bool is_stopping = false;

  [[nodiscard]] bool is_open(const std::string& host, std::uint16_t port,
                             const Address& address) const {
    const auto at = open_hosts.lower_bound({host, 0});
    if (at != open_hosts.end() && at->first == host &&
        (port == 0 || at->second == 0 || open_hosts.count({host, port}) > 0))
      return true;
    return open_networks.contains(address);
  }

  // One thread of lookups. It may hang in the resolver, and then outlives the guard.
  static void look(const std::shared_ptr<Inside>& self) {
    std::unique_lock lock(self->mutex);
    while (!self->is_stopping) {
      if (self->waiting.empty()) {
        ++self->idle;
        self->work.wait(lock);
        --self->idle;
        continue;
      }
      const std::shared_ptr<Lookup> lookup = std::move(self->waiting.front());
      self->waiting.pop_front();
      lock.unlock();
      Looked result = self->options.resolve(lookup->host);
      lock.lock();
      lookup->result = std::move(result);
      self->under_way.erase(lookup->host);
      self->changed.notify_all();
    }
    --self->running;
    self->changed.notify_all();
  }
};

base::Result<std::unique_ptr<DialGuard>> DialGuard::make(Options options,
                                                         const base::Clock& clock) {
  auto inside = std::make_shared<Inside>(std::move(options), clock);
  if (!inside->options.resolve) inside->options.resolve = system_resolve;
  std::vector<std::string> networks;
  for (const std::string& target : inside->options.internal_targets) {
    if (Networks::parse({target})) {
      networks.push_back(target);
      continue;
    }
    const std::size_t colon = target.rfind(':');
    std::uint16_t port = 0;
    bool is_good = true;
    if (colon != std::string::npos) {
      const char* const end = target.data() + target.size();
      const auto [stop, error] = std::from_chars(target.data() + colon + 1, end, port);
      is_good = error == std::errc() && stop == end && port != 0;
    }
    std::string host = lower_host(std::string_view(target).substr(0, colon));
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (!is_good || host.empty() || host.size() > kMaxHostBytes ||
        host.find_first_of("/ @*") != std::string::npos)
      return base::Error{.code = base::Code::bad_config,
                         .message = "internal target \"" + target + "\" is none",
                         .where = {},
                         .hint = "write it like mail.corp, mail.corp:25 or 10.1.0.0/16"};
    inside->open_hosts.emplace(std::move(host), port);
  }
  auto parsed = Networks::parse(networks);
  if (!parsed) return std::move(parsed).error();
  inside->open_networks = std::move(parsed).value();
  return std::unique_ptr<DialGuard>(new DialGuard(std::move(inside)));
}

DialGuard::DialGuard(std::shared_ptr<Inside> inside) : inside_(std::move(inside)) {}

DialGuard::~DialGuard() {
  std::unique_lock lock(inside_->mutex);
  inside_->is_stopping = true;
  inside_->work.notify_all();
  const bool all_back =
      inside_->changed.wait_for(lock, kLeaveBehind, [this] { return inside_->running == 0; });
  std::vector<std::thread> threads = std::move(inside_->threads);
  lock.unlock();
  for (std::thread& thread : threads) {
    if (all_back)
      thread.join();
    else
      thread.detach();  // it hangs in the system's resolver, and shares what it may still touch
  }
}

base::Result<std::vector<Address>> DialGuard::addresses(const std::string& host, std::uint16_t port,
                                                        int deadline_ms) {
  Inside& in = *inside_;
  const std::string name = lower_host(host);
  if (name.empty() || name.size() > kMaxHostBytes || name.find('\0') != std::string::npos)
    return guard_error(base::Code::invalid, "this is no host name");
  std::vector<Address> found;
  if (const auto literal = Address::parse(name); literal && name.find('[') == std::string::npos &&
                                                 (!literal->is_v4 || literal->text() == name)) {
    found.push_back(*literal);
  } else {
    const std::int64_t now = in.clock.steady_ms();
    std::unique_lock lock(in.mutex);
    if (const auto kept = in.cache.find(name);
        kept != in.cache.end() && kept->second.until_ms > now)
      found = kept->second.addresses;
    if (found.empty()) {
      std::shared_ptr<Inside::Lookup>& lookup = in.under_way[name];
      if (!lookup) {
        if (in.is_stopping || in.waiting.size() >= kMostWaitingLookups) {
          in.under_way.erase(name);
          return guard_error(base::Code::busy, "too many names are being looked up", "try again");
        }
        lookup = std::make_shared<Inside::Lookup>(Inside::Lookup{name, std::nullopt});
        in.waiting.push_back(lookup);
        if (in.idle < in.waiting.size() && in.running < kMostLookups) {
          ++in.running;
          in.threads.emplace_back([self = inside_] { Inside::look(self); });
        }
        in.work.notify_one();
      }
      const std::shared_ptr<Inside::Lookup> mine = lookup;
      const int patience = std::min(deadline_ms, in.options.resolve_ms);
      if (!in.changed.wait_for(lock, std::chrono::milliseconds(std::max(patience, 0)),
                               [&] { return mine->result.has_value(); }))
        return guard_error(base::Code::timeout, "the name " + name + " was not found in time");
      if (!*mine->result) return mine->result->error();
      found = **mine->result;
      if (in.cache.size() >= in.options.cache_names) in.cache.clear();
      if (!found.empty()) in.cache[name] = {now + in.options.cache_ms, found};
    }
  }
  if (found.empty()) return guard_error(base::Code::not_found, "there is no host " + name);
  for (const Address& address : found) {
    const std::string_view kind = kind_of_private(address);
    if (kind.empty() || in.is_open(name, port, address)) continue;
    return guard_error(base::Code::denied,
                       name + " leads to a " + std::string(kind) + " address: not dialled",
                       "an operator can open it: notifications.internal_targets");
  }
  return found;
}

}  // namespace z4j::net
