// z4j-audit-verify: proves a bundle of the audit log with a public key and nothing else. No
// network, no secret, no state. Exit codes: 0 proven, 1 refuted, 2 wrong usage or unreadable.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "proof/bundle.hpp"

namespace {

using namespace z4j;

constexpr int kProven = 0, kRefuted = 1, kUnusable = 2;
constexpr std::size_t kReadBytes = 1u << 20;
constexpr std::size_t kMaxSmallFile = 64u << 10;
constexpr std::size_t kMostKeys = 64;

int unusable(const std::string& what) {
  std::fprintf(stderr, "z4j-audit-verify: %s\n", what.c_str());
  return kUnusable;
}

base::Error no_key(std::string why) {
  return base::Error{base::Code::invalid, std::move(why), {}, {}, 0};
}

// "" when it can't be read.
std::string read_small(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(kMaxSmallFile, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

// A key as it is written, or all of the file that holds one a line.
base::Status read_keys(const std::string& given, std::vector<proof::VerifierKey>& out) {
  if (auto key = proof::VerifierKey::parse(given)) {
    out.push_back(std::move(key).value());
    return {};
  }
  std::istringstream lines(read_small(given));
  bool is_one = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    auto key = proof::VerifierKey::parse(line);
    if (!key) return std::move(key).error();
    if (out.size() == kMostKeys) return no_key("more than 64 keys");
    out.push_back(std::move(key).value());
    is_one = true;
  }
  return is_one ? base::Status()
                : base::Status(no_key("neither a public key nor a file with one: " + given));
}

base::Result<proof::Checkpoint> read_seen(const std::string& path) {
  auto note = proof::Note::parse(read_small(path));
  if (!note) return std::move(note).error();
  return proof::Checkpoint::parse(note->text);
}

// False: the file can't be read.
bool feed(int file, proof::BundleCheck& check) {
  std::string buffer(kReadBytes, '\0');
  for (;;) {
    const ssize_t got = ::read(file, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    if (!check.take({buffer.data(), static_cast<std::size_t>(got)})) return true;
  }
}

std::string time_of(std::uint64_t unix_seconds) {
  return base::format_time(static_cast<std::int64_t>(unix_seconds) * base::kSecondUs);
}

// Of texts that the bundle brought: nothing in them may be taken for something else.
std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
  return out + "\"";
}

void print_json(const proof::BundleReport& report) {
  const auto number = [](const char* name, std::uint64_t value) {
    std::printf(",\"%s\":%llu", name, static_cast<unsigned long long>(value));
  };
  std::printf("{\"ok\":%s,\"reason\":%s", report.ok ? "true" : "false",
              report.ok ? "null" : json_text(report.reason).c_str());
  if (report.bad_seq)
    std::printf(",\"bad_seq\":%lld", static_cast<long long>(*report.bad_seq));
  else
    std::printf(",\"bad_seq\":null");
  number("entries", report.entries);
  number("erased", report.erased);
  number("first_seq", report.first_seq);
  number("tree_size", report.checkpoint.size);
  std::printf(",\"root_hash\":%s,\"origin\":%s,\"key\":%s,\"extends_seen\":%s,\"witnesses\":[",
              json_text(proof::to_base64(report.checkpoint.root)).c_str(),
              json_text(report.checkpoint.origin).c_str(), json_text(report.signed_with).c_str(),
              report.extends_seen ? "true" : "false");
  for (std::size_t i = 0; i < report.witnesses.size(); ++i) {
    std::printf("%s{\"name\":%s,\"at\":\"%s\"}", i > 0 ? "," : "",
                json_text(report.witnesses[i].first).c_str(),
                time_of(report.witnesses[i].second).c_str());
  }
  std::printf("]}\n");
}

void print_text(const proof::BundleReport& report) {
  if (!report.ok) {
    std::printf("REFUTED: %s\n", report.reason.c_str());
    return;
  }
  const auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
  std::printf("proven: %llu entries", number(report.entries));
  if (report.entries > 0)
    std::printf(", %llu to %llu, %s to %s", number(report.first_seq),
                number(report.first_seq + report.entries - 1), report.first_time.c_str(),
                report.last_time.c_str());
  if (report.erased > 0)
    std::printf(", %llu of them erased: only their hashes are here", number(report.erased));
  std::printf("\nlog %s, %llu entries in all, root %s\n", report.checkpoint.origin.c_str(),
              number(report.checkpoint.size), proof::to_base64(report.checkpoint.root).c_str());
  std::printf("signed with %s\n", report.signed_with.c_str());
  for (const auto& [name, at] : report.witnesses)
    std::printf("co-signed by %s at %s\n", name.c_str(), time_of(at).c_str());
  if (report.extends_seen) std::printf("goes on from the checkpoint seen before\n");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Proves a bundle of z4j's audit log with nothing but a public key."};
  app.set_version_flag("--version", "z4j-audit-verify " Z4J_VERSION);
  app.footer("Exit codes: 0 proven, 1 refuted, 2 wrong usage or unreadable.");
  std::string bundle, seen;
  std::vector<std::string> keys, witnesses;
  bool json = false;
  app.add_option("BUNDLE", bundle, "what z4j-brain audit export wrote; - for standard input")
      ->required();
  app.add_option("--key", keys,
                 "public key of the log (z4j-brain audit key show), or a file with one a line; "
                 "again for each that it had before")
      ->required()
      ->allow_extra_args(false);
  app.add_option("--witness", witnesses, "public key of a witness that must have co-signed")
      ->allow_extra_args(false);
  app.add_option("--seen", seen, "an earlier checkpoint of the log: this one must go on from it");
  app.add_flag("--json", json, "for programs");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kProven : kUnusable;
  }

  proof::Trust trust;
  for (const std::string& given : keys) {
    if (auto read = read_keys(given, trust.log); !read) return unusable(read.error().text());
  }
  for (const std::string& given : witnesses) {
    if (auto read = read_keys(given, trust.witnesses); !read) return unusable(read.error().text());
  }
  if (!seen.empty()) {
    auto before = read_seen(seen);
    if (!before) return unusable(seen + ": " + before.error().text());
    trust.seen = std::move(before).value();
  }
  const int file = bundle == "-" ? STDIN_FILENO : ::open(bundle.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return unusable("can't open " + bundle);
  proof::BundleCheck check(std::move(trust));
  if (!feed(file, check)) return unusable("can't read " + bundle);
  const proof::BundleReport report = check.finish();
  if (json)
    print_json(report);
  else
    print_text(report);
  return report.ok ? kProven : kRefuted;
}
