#include "app/brain/plugin_install.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>
#include <vector>

#include "app/brain/command_line.hpp"
#include "app/brain/database.hpp"
#include "app/brain/storage_commands.hpp"
#include "base/ascii.hpp"
#include "base/clock.hpp"
#include "base/crypto.hpp"
#include "base/descriptor.hpp"
#include "base/ed25519.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "config/trusted_keys.hpp"
#include "plugin/checked_file.hpp"
#include "plugin/crossing.hpp"
#include "plugin/host.hpp"
#include "plugin/loader.hpp"

namespace z4j::app {
namespace {

namespace fs = std::filesystem;
using base::json::Object;

constexpr std::size_t kMostKeyFileBytes = 16u << 10, kPartBytes = 256u << 10;
constexpr mode_t kFileMode = 0644;

base::Error failed(base::Code code, std::string message, std::string hint = {}) {
  return base::Error{code, std::move(message), {}, std::move(hint), 0};
}

base::Error io_error(const std::string& what) {
  return failed(base::Code::io, what + ": " + std::generic_category().message(errno));
}

// The name that the config will call it by.
base::Result<std::string> plugin_of(const std::string& file) {
  const fs::path path(file);
  if (path.extension() != ".so")
    return failed(base::Code::invalid, "\"" + file + "\" is not a plugin's file",
                  "give the path of a file whose name ends in .so");
  std::string name = path.stem().string();
  if (auto good = plugin::check_plugin_name(name); !good) return good.error();
  if (std::any_of(name.begin(), name.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
    return failed(base::Code::invalid, "a plugin's name has no control characters",
                  "give the file another name");
  return name;
}

// The seed in a PEM file that nobody else can read.
base::Result<std::string> read_private_key(const std::string& path) {
  const base::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (file.get() < 0 || ::fstat(file.get(), &info) != 0) return io_error(path + " can't be read");
  if (!S_ISREG(info.st_mode)) return failed(base::Code::invalid, path + " is not a regular file");
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return failed(base::Code::denied, path + " is open to others", "chmod 600 " + path);
  std::string pem(kMostKeyFileBytes + 1, '\0');
  const ssize_t got = ::read(file.get(), pem.data(), pem.size());
  pem.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  auto seed = base::ed25519_seed_of_pem(pem);
  if (!seed)
    return failed(base::Code::invalid,
                  path + " holds no Ed25519 private key in PEM, or one with a passphrase",
                  "make one: openssl genpkey -algorithm ed25519 -out KEY");
  return std::move(*seed);
}

bool write_whole(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// A new file of that content, on the disk.
base::Status write_new_file(const std::string& path, std::string_view bytes) {
  const base::Descriptor to(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (to.get() < 0 || !write_whole(to.get(), bytes) || ::fchmod(to.get(), kFileMode) != 0 ||
      ::fsync(to.get()) != 0)
    return io_error(path + " can't be written");
  return {};
}

// The file at `path` becomes `text`, whole or not at all.
base::Status replace_file(const std::string& path, std::string_view text) {
  const std::string fresh = path + "." + base::hex(base::random_bytes(4));
  if (auto written = write_new_file(fresh, text); !written) return written;
  if (::rename(fresh.c_str(), path.c_str()) == 0) return {};
  const base::Error error = io_error(path + " can't be written");
  ::unlink(fresh.c_str());
  return error;
}

base::Status copy_new_file(const std::string& from, const std::string& to) {
  const base::Descriptor in(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (in.get() < 0 || ::fstat(in.get(), &info) != 0) return io_error(from + " can't be read");
  if (!S_ISREG(info.st_mode)) return failed(base::Code::invalid, from + " is not a regular file");
  const base::Descriptor out(
      ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (out.get() < 0) return io_error(to + " can't be written");
  std::vector<char> part(kPartBytes);
  std::uint64_t size = 0;
  for (;;) {
    const ssize_t got = ::read(in.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error(from + " can't be read");
    if (got == 0) break;
    size += static_cast<std::uint64_t>(got);
    if (size > plugin::kMostPluginFileBytes)
      return failed(base::Code::too_large, from + " is larger than 512 MiB");
    if (!write_whole(out.get(), {part.data(), static_cast<std::size_t>(got)}))
      return io_error(to + " can't be written");
  }
  if (::fchmod(out.get(), kFileMode) != 0 || ::fsync(out.get()) != 0)
    return io_error(to + " can't be written");
  return {};
}

void sync_folder(const std::string& path) {
  const base::Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0) ::fsync(folder.get());
}

// A folder within the plugins' one, on the same disk, whose files no loader looks for; gone with
// its owner.
class Staging {
 public:
  static base::Result<std::unique_ptr<Staging>> make(const std::string& directory) {
    std::string pattern = directory + "/.install-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) {
      base::Error error = io_error("nothing can be written into " + directory);
      error.hint = "run this as its owner, or set plugins.directory";
      return error;
    }
    return std::unique_ptr<Staging>(new Staging(std::move(pattern)));
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging() {
    std::error_code ec;
    fs::remove_all(path_, ec);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit Staging(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

std::string signer_text(const plugin::Signer& signer) {
  return signer.name.empty() ? "key " + signer.key_id
                             : signer.name + " (key " + signer.key_id + ")";
}

// An instance's name after the plugin's.
std::string instance_name(const std::string& plugin) {
  std::string out = base::ascii_lower(plugin).substr(0, 63);
  for (char& c : out) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) c = '-';
  }
  if (out.front() == '-') out.front() = 'p';
  return out;
}

// A required setting as it may stand in the file until somebody writes the right value.
std::string setting_line(std::string_view name, const Object& property) {
  const std::string_view type = base::json::text(property, "type");
  const char* const value = type == "string"                        ? "\"\""
                            : type == "integer" || type == "number" ? "0"
                            : type == "boolean"                     ? "false"
                            : type == "array"                       ? "[]"
                                                                    : "{}";
  std::string_view meaning = base::json::text(property, "description");
  if (meaning.empty()) meaning = base::json::text(property, "title");
  const bool is_bare = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
  return (is_bare ? std::string(name) : base::json::write(base::json::Value(std::string(name)))) +
         " = " + value + "   # required" + (meaning.empty() ? "" : ": " + std::string(meaning));
}

// What to write into z4j.toml.
std::string table_text(const std::string& name, const plugin::Host::Described& described) {
  const std::string instance = instance_name(name);
  std::string out = "[plugin." + instance +
                    "]\nplugin = " + base::json::write(base::json::Value(name)) + "\nsha256 = \"" +
                    described.sha256 + "\"\n";
  if (plugin::has_word(described.kinds, "storage"))
    out += "isolation = \"inline\"   # storage drivers run inside the brain only\n";
  const auto schema = base::json::parse(described.schema_json);
  if (!schema || !schema->is_object()) return out;
  const Object* const properties = base::json::object(schema->get_object(), "properties");
  const auto* const required = schema->get_object().if_contains("required");
  if (properties == nullptr || required == nullptr || !required->is_array()) return out;
  std::string lines;
  for (const auto& each : required->get_array()) {
    if (!each.is_string()) continue;
    const auto* const property = properties->if_contains(each.get_string());
    if (property != nullptr && property->is_object())
      lines += shown(setting_line(each.get_string(), property->get_object())) + "\n";
  }
  if (!lines.empty()) out += "\n[plugin." + instance + ".settings]\n" + lines;
  return out;
}

class Installation {
 public:
  Installation(const config::Settings& settings, const InstallRequest& request, std::string name)
      : settings_(settings), request_(request), name_(std::move(name)) {}

  base::Result<plugin::Host::Described> run() {
    std::error_code ec;
    const std::string folder = plugin_directory(settings_);
    directory_ = fs::canonical(folder, ec).string();
    if (ec)
      return failed(base::Code::not_found, folder + " is not there: " + ec.message(),
                    "make that folder, or set plugins.directory");
    if (auto good = plugin::check_directory(directory_); !good) return good.error();
    auto staging = Staging::make(directory_);
    if (!staging) return std::move(staging).error();
    staged_ = (*staging)->path() + "/" + name_ + ".so";
    if (auto staged = stage(); !staged) return staged.error();
    auto described = look_at((*staging)->path());
    if (!described) return described;
    if (auto moved = move(described->sha256); !moved) return moved.error();
    described->file = target();
    return described;
  }
  [[nodiscard]] bool was_there() const { return was_there_; }

 private:
  [[nodiscard]] std::string target() const { return directory_ + "/" + name_ + ".so"; }
  static std::string signature_of(const std::string& file) {
    return file + std::string(plugin::kSignatureSuffix);
  }

  base::Status stage() {
    if (auto copied = copy_new_file(request_.file, staged_); !copied) return copied;
    const std::string beside = signature_of(request_.file);
    std::error_code ec;
    has_signature_ = fs::exists(fs::symlink_status(beside, ec));
    if (!has_signature_) return {};
    if (fs::is_regular_file(beside, ec) && fs::file_size(beside, ec) > plugin::kMostSignatureBytes)
      return failed(base::Code::denied,
                    beside + " is no signature: it has more than " +
                        std::to_string(plugin::kMostSignatureBytes) + " bytes",
                    "get the file and its signature anew from who made it");
    return copy_new_file(beside, signature_of(staged_));
  }

  // What a brain would say of it. A process of its own maps it.
  base::Result<plugin::Host::Described> look_at(const std::string& folder) {
    const base::SystemClock clock;
    plugin::Host::Options options = host_options(settings_);
    options.directories = {folder};
    options.own_plugins.clear();
    plugin::Host host(std::move(options), {}, base::Log::quiet(), clock);
    auto described = host.describe(name_);
    if (described) return described;
    base::Error error = std::move(described).error();
    for (std::size_t at = 0; (at = error.message.find(staged_)) != std::string::npos;)
      error.message.replace(at, staged_.size(), request_.file);
    for (std::size_t at = 0; (at = error.hint.find(staged_)) != std::string::npos;)
      error.hint.replace(at, staged_.size(), request_.file);
    return error;
  }

  base::Status move(const std::string& sha256) {
    const std::string to = target();
    std::error_code ec;
    if (fs::exists(fs::symlink_status(to, ec))) {
      const auto there = plugin::hash_file(to);
      was_there_ = there && *there == sha256;
      if (!was_there_ && !request_.replace)
        return failed(
            base::Code::conflict,
            to + " is another file" + (there ? ", with SHA-256 " + *there : std::string()),
            "--replace puts this one in its place");
    }
    // At no time does a file lie there with a signature that lets it pass and is not its own.
    if (has_signature_ && ::rename(signature_of(staged_).c_str(), signature_of(to).c_str()) != 0)
      return io_error(signature_of(to) + " can't be written");
    if (::rename(staged_.c_str(), to.c_str()) != 0) return io_error(to + " can't be written");
    if (!has_signature_ && ::unlink(signature_of(to).c_str()) != 0 && errno != ENOENT)
      return io_error(signature_of(to) + ", which is of the file before, can't be removed");
    sync_folder(directory_);
    return {};
  }

  const config::Settings& settings_;
  const InstallRequest& request_;
  const std::string name_;
  std::string directory_, staged_;
  bool has_signature_ = false, was_there_ = false;
};

}  // namespace

int sign_plugin(const std::string& file, const std::string& key) {
  const auto name = plugin_of(file);
  if (!name) return tell(name.error());
  const auto seed = read_private_key(key);
  if (!seed) return tell(seed.error());
  const auto hash = plugin::hash_file(file);
  if (!hash) return tell(hash.error());
  const auto signature = plugin::Signature::make(*name, *hash, *seed);
  const std::string beside = file + std::string(plugin::kSignatureSuffix);
  if (auto written = replace_file(beside, signature.text()); !written) return tell(written.error());
  std::printf("%s\nkey: %s\npublic key, for plugins.trusted_keys: %s\n", shown(beside).c_str(),
              signature.key_id.c_str(),
              base::base64(base::ed25519_public_key(*seed).value()).c_str());
  return kDone;
}

int verify_plugin(const config::Settings& settings, const std::string& file,
                  const std::string& key) {
  const auto name = plugin_of(file);
  if (!name) return tell(name.error());
  auto keys = config::read_trusted_keys(
      key.empty() ? settings.plugin_trusted_keys
                  : std::vector<std::string>{fs::exists(key) ? fs::absolute(key).string() : key});
  if (!keys) return tell(keys.error());
  const auto signer = plugin::verify_file(file, *name, *keys);
  if (!signer) return tell(signer.error());
  std::printf("%s is signed by %s\n", shown(file).c_str(), shown(signer_text(*signer)).c_str());
  return kDone;
}

int install_plugin(const config::Settings& settings, const InstallRequest& request) {
  const auto name = plugin_of(request.file);
  if (!name) return tell(name.error());
  Installation installation(settings, request, *name);
  const auto done = installation.run();
  if (!done) return tell(done.error());
  std::printf(
      "%s %s: %s %s (%s), %s\n\n# for z4j.toml; then restart the brain\n%s",
      installation.was_there() ? "already there" : "installed", shown(done->file).c_str(),
      shown(done->id).c_str(), shown(done->version).c_str(), shown(done->kinds).c_str(),
      done->signer ? ("signed by " + shown(signer_text(*done->signer))).c_str() : "not signed",
      table_text(*name, *done).c_str());
  return kDone;
}

}  // namespace z4j::app
