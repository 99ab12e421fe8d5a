#include "app/brain/deeds.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include "app/brain/home.hpp"
#include "app/brain/storage_commands.hpp"

namespace z4j::app {
namespace {

namespace json = base::json;

constexpr std::string_view kSuffix = ".json";
constexpr std::size_t kMostBytes = 16u << 10, kMostFiles = 100;
// What such a file may say.
constexpr std::string_view kDeeds[] = {"database.saved", "database.copied"};

std::string folder_of(const std::string& home) { return home + "/audit/deeds"; }

std::string user_name() {
  passwd entry{}, *found = nullptr;
  std::vector<char> room(16u << 10);
  if (::getpwuid_r(::getuid(), &entry, room.data(), room.size(), &found) != 0 || found == nullptr)
    return {};
  return found->pw_name;
}

// Nothing: it is no deed.
std::optional<core::AuditEntry> read_deed(const std::filesystem::path& file) {
  std::error_code ec;
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(file, ec)) ||
      std::filesystem::file_size(file, ec) > kMostBytes)
    return std::nullopt;
  std::ifstream in(file, std::ios::binary);
  std::string text(kMostBytes, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  const auto said = json::parse(text);
  if (!said || !said->is_object()) return std::nullopt;
  const std::string_view action = json::text(said->get_object(), "action");
  const json::Object* metadata = json::object(said->get_object(), "metadata");
  if (metadata == nullptr ||
      std::find(std::begin(kDeeds), std::end(kDeeds), action) == std::end(kDeeds))
    return std::nullopt;
  core::AuditEntry entry = core::AuditEntry::of({}, action, "database", {});
  entry.user_agent = "z4j-brain";
  entry.metadata = *metadata;
  return entry;
}

}  // namespace

core::AuditEntry deed_of_user(std::string_view action, json::Object more) {
  core::AuditEntry entry = core::AuditEntry::of({}, action, "database", {});
  entry.user_agent = "z4j-brain";
  entry.metadata = std::move(more);
  entry.metadata["os_user"] = user_name();
  entry.metadata["uid"] = static_cast<std::int64_t>(::getuid());
  entry.metadata["began_at"] = base::format_time(base::SystemClock().now());
  return entry;
}

base::Status leave_deed(const config::Settings& settings, const core::AuditEntry& entry) {
  struct stat home {};
  if (::stat(settings.home.c_str(), &home) == 0 && home.st_uid != ::geteuid()) {
    return base::Error{base::Code::denied, "the home folder belongs to another user", settings.home,
                       "run this as the user that the brain runs as", 0};
  }
  const std::string folder = folder_of(settings.home);
  std::error_code ec;
  std::filesystem::create_directories(folder, ec);
  if (!ec) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, ec);
  if (ec) {
    return base::Error{base::Code::io, "can't make the folder: " + ec.message(), folder, {}, 0};
  }
  const std::string file = folder + "/" + base::Uuid::random().text() + std::string(kSuffix);
  return write_private_file(
      file, json::write(json::Object{{"action", entry.action}, {"metadata", entry.metadata}}));
}

base::Status record_deed(const config::Settings& settings, const base::Clock& clock,
                         core::AuditEntry entry) {
  if (auto key = need_master_key(settings); !key) return key;
  const auto place = read_place(kConfiguredDatabase, settings, {});
  if (!place) return place.error();
  auto open = StoragePlace::open_target(*place, settings, clock);
  if (!open)
    return open.error().code == base::Code::busy ? leave_deed(settings, entry)
                                                 : base::Status(open.error());
  core::Audit audit(open->store(), clock, base::Log::quiet(),
                    {.secret = settings.secret, .previous_secrets = settings.previous_secrets});
  if (auto opened = audit.open(); !opened) return opened;
  return audit.record_first(std::move(entry));
}

void take_deeds(const std::string& home, core::Audit& audit, base::Log& log) {
  std::error_code ec;
  std::vector<std::filesystem::path> files;
  for (std::filesystem::directory_iterator at(folder_of(home), ec), end;
       !ec && at != end && files.size() < kMostFiles; at.increment(ec)) {
    // Files being written end otherwise.
    if (at->path().native().ends_with(kSuffix)) files.push_back(at->path());
  }
  for (const std::filesystem::path& file : files) {
    auto entry = read_deed(file);
    if (!entry) {
      log.error("a file among what commands did is none of theirs, and removed",
                {{"file", file.native()}});
    } else if (auto done = audit.record_first(std::move(*entry)); !done) {
      log.warn("what a command did is not in the audit log yet", {{"why", done.error().text()}});
      return;
    }
    std::filesystem::remove(file, ec);
  }
}

}  // namespace z4j::app
