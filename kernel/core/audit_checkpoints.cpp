#include "core/audit_checkpoints.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "core/segment_file.hpp"

namespace z4j::core {
namespace {

namespace point_col = model::audit_checkpoints;

constexpr std::size_t kMaxCheckpointFile = 64u << 10;
constexpr std::size_t kSeedBytes = 32;

AuditCheckpoint checkpoint_of(const Row& row) {
  AuditCheckpoint out;
  out.note = row.text(point_col::note);
  out.head.size = static_cast<std::uint64_t>(row.num(point_col::size));
  if (const auto root = proof::hash_from_base64(row.text(point_col::root_hash)))
    out.head.root = *root;
  if (const auto parsed = proof::Checkpoint::parse(out.note)) out.head.origin = parsed->origin;
  out.is_witnessed = row.flag(point_col::is_witnessed);
  out.created_at = row.num(point_col::created_at);
  return out;
}

base::Error other_past(std::string message) {
  return base::Error{base::Code::conflict, std::move(message), "audit checkpoint",
                     "run audit verify; after a restore that was meant, acknowledge it", 0};
}

base::Error file_trouble(const std::string& path) {
  return base::Error{
      base::Code::io, "can't write " + path + ": " + std::strerror(errno), {}, {}, 0};
}

// The name of a log whose owner gave it none.
std::string usual_origin(std::string_view key_seed) {
  const auto key = proof::SigningKey::from_seed("z4j-audit", proof::KeyType::note, key_seed);
  if (!key) return "z4j-audit";
  return "z4j-audit/" + base::hex(base::sha256(key->verifier().bytes)).substr(0, 16);
}

}  // namespace

base::Result<proof::SigningKey> audit_signing_key(const AuditCheckpoints::Options& options) {
  if (options.key_seed.size() != kSeedBytes) {
    return base::Error{base::Code::bad_config, "the signing key of the audit log is not 32 bytes",
                       "security.audit_signing_key",
                       "remove it: a new one is made at the next start", 0};
  }
  // A new key does not make another log: it takes over the name.
  const std::string origin = !options.origin.empty()          ? options.origin
                             : !options.previous_keys.empty() ? options.previous_keys.back().name
                                                              : usual_origin(options.key_seed);
  auto key = proof::SigningKey::from_seed(origin, proof::KeyType::note, options.key_seed);
  if (!key) return base::Error{base::Code::bad_config, key.error().message, "audit.origin", {}, 0};
  return key;
}

base::Result<std::unique_ptr<AuditCheckpoints>> AuditCheckpoints::open(
    Store& store, AuditTree& tree, const base::Clock& clock, base::Log& log, Options options) {
  auto key = audit_signing_key(options);
  if (!key) return std::move(key).error();
  if (!options.folder.empty() && ::mkdir(options.folder.c_str(), 0700) != 0 && errno != EEXIST)
    return file_trouble(options.folder);
  return std::unique_ptr<AuditCheckpoints>(
      new AuditCheckpoints(store, tree, clock, log, std::move(options), std::move(key).value()));
}

base::Result<std::vector<AuditCheckpoint>> AuditCheckpoints::list(std::uint32_t most) {
  Query query(Table::audit_checkpoints);
  query.all().order({point_col::size}, true).limit(most);
  auto rows = store_.read(query);
  if (!rows) return std::move(rows).error();
  std::vector<AuditCheckpoint> out;
  for (const Row& row : *rows) out.push_back(checkpoint_of(row));
  return out;
}

base::Result<std::optional<AuditCheckpoint>> AuditCheckpoints::latest(bool witnessed_only) {
  Query query(Table::audit_checkpoints);
  if (witnessed_only) query.where.eq(point_col::is_witnessed, true);
  query.all().order({point_col::size}, true);
  auto row = store_.first(std::move(query));
  if (!row) return std::move(row).error();
  if (!row->has_value()) return std::optional<AuditCheckpoint>();
  return std::optional(checkpoint_of(**row));
}

base::Result<AuditCheckpoint> AuditCheckpoints::sign(const std::optional<Fence>& fence) {
  const std::lock_guard one(mutex_);
  auto size = tree_.size();
  if (!size) return std::move(size).error();
  auto last = latest();
  if (!last) return std::move(last).error();
  if (last->has_value() && (*last)->head.size > *size)
    return other_past("the audit log's tree is shorter than its latest checkpoint");
  auto root = tree_.root(*size);
  if (!root) return std::move(root).error();
  AuditCheckpoint made;
  made.head = {key_.verifier().name, *size, *root};
  made.created_at = clock_.now();
  const std::string text = made.head.text();
  if (last->has_value() && (*last)->head.size == *size) {
    AuditCheckpoint& same = **last;
    const auto note = proof::Note::parse(same.note);
    if (!note || note->text != text ||
        proof::signed_by(text, note->signatures, key()) != proof::Signed::absent)
      return std::move(same);
    same.note += key_.sign(text);
    if (auto done = change_note(same, fence); !done) return std::move(done).error();
    tell_outside(same);
    return std::move(same);
  }
  made.note = text + "\n" + key_.sign(text);
  Commit commit;
  if (fence) fence->guard(commit);
  Rows rows(Table::audit_checkpoints);
  rows.begin()
      .num(point_col::size, static_cast<std::int64_t>(*size))
      .text(point_col::root_hash, proof::to_base64(*root))
      .text(point_col::note, made.note)
      .num(point_col::is_witnessed, 0)
      .num(point_col::created_at, made.created_at);
  commit.insert(std::move(rows));
  if (auto done = store_.commit(commit); !done) return std::move(done).error();
  tell_outside(made);
  return made;
}

void AuditCheckpoints::tell_outside(const AuditCheckpoint& checkpoint) {
  if (auto kept = keep_outside(checkpoint); !kept)
    log_.error("checkpoint of the audit log not kept beside the database",
               {{"why", kept.error().text()}});
}

base::Status AuditCheckpoints::change_note(const AuditCheckpoint& checkpoint,
                                           const std::optional<Fence>& fence) {
  Commit commit;
  if (fence) fence->guard(commit);
  Where which;
  which.eq(point_col::size, static_cast<std::int64_t>(checkpoint.head.size));
  commit.update(Table::audit_checkpoints, std::move(which),
                {{point_col::note, Cell(checkpoint.note)},
                 {point_col::is_witnessed, Cell(checkpoint.is_witnessed)}},
                1, 1);
  return store_.commit(commit);
}

base::Status AuditCheckpoints::have_witnessed(const std::optional<Fence>& fence) {
  if (!options_.ask_witness || !options_.witness) return {};
  const std::lock_guard one(mutex_);
  auto last = latest();
  if (!last) return std::move(last).error();
  if (!last->has_value() || (*last)->is_witnessed) return {};
  AuditCheckpoint& now = **last;
  auto before = latest(true);
  if (!before) return std::move(before).error();
  std::uint64_t old_size = before->has_value() ? (*before)->head.size : 0;
  for (int tries = 0; tries < 2; ++tries) {
    auto proof = tree_.consistency(old_size, now.head.size);
    if (!proof) return std::move(proof).error();
    std::string body = "old " + std::to_string(old_size) + "\n";
    for (const proof::Hash& hash : *proof) body += proof::to_base64(hash) + "\n";
    auto answer = options_.ask_witness(body + "\n" + now.note);
    if (!answer) return std::move(answer).error();
    if (answer->status == 200) {
      const auto lines = proof::Note::parse_signatures(answer->body);
      const auto note = proof::Note::parse(now.note);
      if (!lines || !note ||
          proof::signed_by(note->text, *lines, *options_.witness) != proof::Signed::good) {
        return base::Error{base::Code::denied, "the witness's answer is not signed with its key",
                           "audit witness", "check audit.witness_key", 0};
      }
      for (const proof::NoteSignature& line : *lines) {
        if (line.name == options_.witness->name && line.bytes.starts_with(options_.witness->id()))
          now.note += proof::to_line(line);
      }
      now.is_witnessed = true;
      if (auto done = change_note(now, fence); !done) return done;
      return keep_outside(now);
    }
    if (answer->status == 409) {
      std::string_view text = answer->body;
      if (text.ends_with('\n')) text.remove_suffix(1);
      const auto known = proof::parse_size(text);
      if (known && *known < now.head.size && *known != old_size) {
        old_size = *known;
        continue;
      }
      return other_past(known && *known > now.head.size
                            ? "the witness has seen a longer audit log, of " +
                                  std::to_string(*known) + " entries: this one was rolled back"
                            : "the witness has seen another audit log of this length");
    }
    if (answer->status == 422)
      return other_past("the witness has seen another past of the audit log");
    return base::Error{base::Code::unavailable,
                       "the witness answers with status " + std::to_string(answer->status),
                       "audit witness",
                       answer->status == 404 || answer->status == 403
                           ? "give it this log's public key: z4j-brain audit key show"
                           : "",
                       0};
  }
  return base::Error{
      base::Code::unavailable, "the witness forgets what it said", "audit witness", {}, 0};
}

base::Status AuditCheckpoints::forget_before(base::TimeUs before,
                                             const std::optional<Fence>& fence) {
  auto newest = latest();
  auto witnessed = latest(true);
  if (!newest) return std::move(newest).error();
  if (!witnessed) return std::move(witnessed).error();
  Commit commit;
  if (fence) fence->guard(commit);
  Where old;
  old.lt(point_col::created_at, before);
  for (const auto& kept : {*newest, *witnessed}) {
    if (kept) old.ne(point_col::size, static_cast<std::int64_t>(kept->head.size));
  }
  commit.erase(Table::audit_checkpoints, std::move(old), 10'000);
  return store_.commit(commit);
}

// --- the file -----------------------------------------------------------------------------------

base::Result<std::optional<proof::Checkpoint>> AuditCheckpoints::outside() {
  if (options_.folder.empty()) return std::optional<proof::Checkpoint>();
  std::ifstream in(file(), std::ios::binary);
  if (!in) return std::optional<proof::Checkpoint>();
  std::string text(kMaxCheckpointFile, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  const auto note = proof::Note::parse(text);
  const auto head = note ? proof::Checkpoint::parse(note->text) : note.error();
  if (!head || proof::signed_by_one(note->text, note->signatures, keys_) != proof::Signed::good) {
    return base::Error{base::Code::corrupt, "the file is no checkpoint of this log", file(),
                       "name the key that signed it in security.audit_previous_keys, or move the "
                       "file away when its change is explained",
                       0};
  }
  return std::optional(*head);
}

base::Status AuditCheckpoints::keep_outside(const AuditCheckpoint& checkpoint) {
  if (options_.folder.empty()) return {};
  auto before = outside();
  if (!before) return std::move(before).error();
  if (before->has_value()) {
    const proof::Checkpoint& kept = **before;
    if (kept.size > checkpoint.head.size)
      return other_past("the file knows a longer audit log, of " + std::to_string(kept.size) +
                        " entries");
    auto root = tree_.root(kept.size);
    if (!root) return std::move(root).error();
    if (*root != kept.root) return other_past("the file knows another past of the audit log");
  }
  const std::string next = file() + ".new";
  const int fd = ::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  bool is_good = fd >= 0 && write_all(fd, checkpoint.note) && ::fsync(fd) == 0;
  if (fd >= 0) is_good = ::close(fd) == 0 && is_good;
  if (is_good && ::rename(next.c_str(), file().c_str()) == 0) return {};
  return file_trouble(file());
}

base::Result<std::string> AuditCheckpoints::put_aside() {
  const std::lock_guard one(mutex_);
  if (options_.folder.empty()) return std::string();
  const std::string aside = file() + "." + std::to_string(clock_.now() / base::kSecondUs);
  if (::rename(file().c_str(), aside.c_str()) != 0) {
    if (errno == ENOENT) return std::string();
    return file_trouble(file());
  }
  return aside;
}

}  // namespace z4j::core
