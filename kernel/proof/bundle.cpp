#include "proof/bundle.hpp"

#include "proof/entry_line.hpp"

namespace z4j::proof {
namespace {

constexpr std::uint64_t kMostHashes = 128, kMostNoteLines = 64;
constexpr std::size_t kMaxLineBytes = 1u << 20;

std::string listed(std::string_view word, const std::vector<Hash>& hashes) {
  std::string out = std::string(word) + " " + std::to_string(hashes.size()) + "\n";
  for (const Hash& hash : hashes) out += to_base64(hash) + "\n";
  return out;
}

// "word NUMBER".
std::optional<std::uint64_t> counted(std::string_view line, std::string_view word) {
  if (line.size() <= word.size() || !line.starts_with(word) || line[word.size()] != ' ')
    return std::nullopt;
  return parse_size(line.substr(word.size() + 1));
}

std::string at_entry(std::int64_t seq) { return "entry " + std::to_string(seq) + ": "; }

}  // namespace

std::string to_text(const BundleHead& head) {
  std::uint64_t lines = 0;
  for (const char c : head.checkpoint) lines += c == '\n' ? 1 : 0;
  std::string out = std::string(kBundleFirstLine) + "\nfirst " + std::to_string(head.first_seq) +
                    "\ncount " + std::to_string(head.count) + "\ncheckpoint " +
                    std::to_string(lines) + "\n" + head.checkpoint;
  out += listed("left", head.left) + listed("right", head.right);
  if (head.old_size) {
    out += "old " + std::to_string(*head.old_size) + "\n";
    out += listed("consistency", head.consistency);
  }
  return out + "entries\n";
}

bool BundleCheck::refuse(std::string reason) {
  if (part_ != Part::refused) report_.reason = std::move(reason);
  part_ = Part::refused;
  return false;
}

bool BundleCheck::take(std::string_view bytes) {
  while (part_ != Part::refused) {
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) {
      rest_ += bytes;
      return rest_.size() <= kMaxLineBytes || refuse("a line is longer than 1 MiB");
    }
    if (rest_.empty()) {
      line(bytes.substr(0, end));
    } else {
      rest_ += bytes.substr(0, end);
      line(rest_);
      rest_.clear();
    }
    bytes.remove_prefix(end + 1);
  }
  return false;
}

bool BundleCheck::line(std::string_view text) {
  switch (part_) {
    case Part::entries:
      return text == "end" ? (part_ = Part::end, true) : entry(text);
    case Part::first:
      part_ = Part::head;
      return text == kBundleFirstLine || refuse("this is no bundle of the audit log");
    case Part::head:
      return head_line(text);
    case Part::checkpoint:
      head_.checkpoint += text;
      head_.checkpoint += '\n';
      if (--wanted_ == 0) part_ = Part::head;
      return true;
    case Part::left:
      return hash_line(text, head_.left, Part::head);
    case Part::right:
      return hash_line(text, head_.right, Part::head);
    case Part::old:
      return hash_line(text, head_.consistency, Part::head);
    case Part::end:
      return refuse("there is something behind the end");
    case Part::refused:
      break;
  }
  return false;
}

bool BundleCheck::head_line(std::string_view text) {
  if (text == "entries") return begin_entries();
  if (const auto first = counted(text, "first")) {
    head_.first_seq = *first;
    return true;
  }
  if (const auto count = counted(text, "count")) {
    head_.count = *count;
    return true;
  }
  if (const auto old = counted(text, "old")) {
    head_.old_size = *old;
    return true;
  }
  const auto part = [&](std::string_view word, Part of, std::uint64_t most) {
    const auto lines = counted(text, word);
    if (!lines || *lines > most) return false;
    wanted_ = *lines;
    if (wanted_ > 0) part_ = of;
    return true;
  };
  if (part("checkpoint", Part::checkpoint, kMostNoteLines) ||
      part("left", Part::left, kMostHashes) || part("right", Part::right, kMostHashes) ||
      part("consistency", Part::old, kMostHashes))
    return true;
  return refuse("the head of the bundle has a line that it should not have");
}

bool BundleCheck::hash_line(std::string_view text, std::vector<Hash>& into, Part next) {
  const auto hash = hash_from_base64(text);
  if (!hash) return refuse("the head of the bundle has a hash that is none");
  into.push_back(*hash);
  if (--wanted_ == 0) part_ = next;
  return true;
}

// Everything but the entries is known: is it signed, and does it fit together?
bool BundleCheck::begin_entries() {
  const auto note = Note::parse(head_.checkpoint);
  if (!note) return refuse("checkpoint: " + note.error().message);
  const VerifierKey* signer = nullptr;
  const Signed by_log = signed_by_one(note->text, note->signatures, trust_.log, &signer);
  if (by_log == Signed::absent) return refuse("the checkpoint is not signed with a given key");
  if (by_log == Signed::bad) return refuse("the signature of the checkpoint is false");
  const auto checkpoint = Checkpoint::parse(note->text);
  if (!checkpoint) return refuse("checkpoint: " + checkpoint.error().message);
  report_.checkpoint = *checkpoint;
  report_.signed_with = signer->text();
  for (const VerifierKey& witness : trust_.witnesses) {
    std::uint64_t at = 0;
    if (signed_by(note->text, note->signatures, witness, &at) != Signed::good)
      return refuse("the witness " + witness.name + " has not co-signed the checkpoint");
    report_.witnesses.emplace_back(witness.name, at);
  }
  const std::uint64_t size = checkpoint->size;
  if (head_.first_seq == 0 || head_.first_seq - 1 > size ||
      head_.count > size - (head_.first_seq - 1))
    return refuse("the bundle claims entries that its checkpoint does not cover");
  report_.first_seq = head_.first_seq;
  const std::vector<Piece> left = pieces(0, head_.first_seq - 1);
  if (left.size() != head_.left.size() ||
      pieces(head_.first_seq - 1 + head_.count, size).size() != head_.right.size())
    return refuse("hashes are missing in the head of the bundle");
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (!edge_.add_piece(left[i].level, head_.left[i])) return refuse("hashes do not fit");
  }
  if (trust_.seen && trust_.seen->size == edge_.size()) seen_root_ = edge_.root();
  part_ = Part::entries;
  return true;
}

bool BundleCheck::entry(std::string_view text) {
  const auto parsed = parse_entry_line(text);
  const auto expected = static_cast<std::int64_t>(head_.first_seq + report_.entries);
  const auto bad = [&](std::string why) {
    report_.bad_seq = expected;
    return refuse(at_entry(expected) + std::move(why));
  };
  if (report_.entries == head_.count) return bad("one more than the head of the bundle says");
  if (!parsed) return bad("the line is malformed");
  if (parsed->seq != expected)
    return bad("entry " + std::to_string(parsed->seq) + " is in its place");
  if (const auto leaf = erased_leaf(*parsed)) {
    // What it followed is not told; the next one tells that it follows this one.
    ++report_.erased;
    edge_.add(*leaf);
  } else {
    const auto link = plain_text_member(parsed->canonical, "prev_row_hmac");
    if (!link) return bad("its text names no entry before it");
    if (expected == 1 ? !link->empty() : report_.entries > 0 && *link != last_hmac_)
      return bad("it does not follow the entry before it");
    edge_.add(leaf_hash(text));
  }
  last_hmac_ = parsed->row_hmac;
  if (++report_.entries == 1 || report_.entries == head_.count) {
    const auto time = plain_text_member(parsed->canonical, "occurred_at");
    if (report_.entries == 1) report_.first_time = time.value_or("");
    report_.last_time = time.value_or("");
  }
  if (trust_.seen && trust_.seen->size == edge_.size()) seen_root_ = edge_.root();
  return true;
}

// What is wrong with the whole.
std::optional<std::string> BundleCheck::conclude() {
  if (part_ == Part::refused) return report_.reason;
  if (part_ != Part::end || !rest_.empty()) return "the bundle is cut off";
  if (report_.entries != head_.count) return "entries are missing at the end";
  const Checkpoint& now = report_.checkpoint;
  const std::vector<Piece> right = pieces(edge_.size(), now.size);
  for (std::size_t i = 0; i < right.size(); ++i) {
    if (!edge_.add_piece(right[i].level, head_.right[i])) return "hashes do not fit";
  }
  if (edge_.root() != now.root)
    return "the entries are not those that the checkpoint was signed for: something was changed";
  if (!trust_.seen) return std::nullopt;
  const Checkpoint& seen = *trust_.seen;
  if (seen.origin != now.origin) return "the checkpoint seen before is of another log";
  if (seen.size > now.size) return "the log is shorter than it was: it was rolled back";
  if (seen_root_ ? *seen_root_ == seen.root
      : seen.size == now.size
          ? seen.root == now.root
          : head_.old_size == seen.size &&
                is_consistent(seen.size, seen.root, now.size, now.root, head_.consistency)) {
    report_.extends_seen = true;
    return std::nullopt;
  }
  if (!seen_root_ && seen.size != now.size && head_.old_size != seen.size)
    return "the bundle does not say how it goes on from the checkpoint seen before: export it with "
           "--since " +
           std::to_string(seen.size);
  return "the log is not the one seen before: its past was changed";
}

BundleReport BundleCheck::finish() {
  if (auto wrong = conclude()) {
    report_.ok = false;
    report_.reason = std::move(*wrong);
  } else {
    report_.ok = true;
  }
  return report_;
}

}  // namespace z4j::proof
