#include "plugin/process/frame.hpp"

#include <bit>
#include <utility>

namespace z4j::plugin::process {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::uint32_t kMostSmall = 64u << 10, kMostList = 256u << 10, kMostBig = 9u << 20;

struct Name {
  Kind kind;
  const char* name;
  std::uint32_t most;
};
constexpr Name kToPlugin[] = {{Kind::load, "load", kMostSmall},
                              {Kind::validate, "validate", kMostReplyBytes},
                              {Kind::create, "create", kMostReplyBytes},
                              {Kind::start, "start", kMostSmall},
                              {Kind::stop, "stop", kMostSmall},
                              {Kind::destroy, "destroy", kMostSmall},
                              {Kind::cancel, "cancel", kMostSmall},
                              {Kind::posted, "posted function", kMostSmall},
                              {Kind::dropped, "drop of a posted function", kMostSmall},
                              {Kind::engine_capabilities, "capabilities", kMostSmall},
                              {Kind::command, "command", kMostReplyBytes},
                              {Kind::snapshot, "snapshot", kMostReplyBytes},
                              {Kind::scheduler_capabilities, "capabilities", kMostSmall},
                              {Kind::list, "list", kMostReplyBytes},
                              {Kind::put, "put", kMostReplyBytes},
                              {Kind::remove, "remove", kMostReplyBytes},
                              {Kind::trigger, "trigger", kMostReplyBytes},
                              {Kind::preview, "preview", kMostReplyBytes},
                              {Kind::edited, "watch", kMostSmall},
                              {Kind::send, "send", kMostReplyBytes},
                              {Kind::handle, "handle", kMostReplyBytes},
                              {Kind::http_answer, "HTTP answer", kMostReplyBytes},
                              {Kind::submit_answer, "answer to a submission", kMostReplyBytes}};
constexpr Name kFromPlugin[] = {{Kind::log, "log", kMostSmall},
                                {Kind::fault, "fault", kMostSmall},
                                {Kind::complete, "op_complete", kMostBig},
                                {Kind::emit, "emit", kMostSmall},
                                {Kind::health, "health", kMostSmall},
                                {Kind::post, "post", kMostSmall},
                                {Kind::secret, "secret", kMostSmall},
                                {Kind::metric, "metric", kMostSmall},
                                {Kind::notice, "notice", kMostSmall},
                                {Kind::notices_gap, "gap", kMostSmall},
                                {Kind::http_call, "HTTP call", kMostBig},
                                {Kind::addresses, "addresses", kMostSmall},
                                {Kind::reply_begin, "reply", kMostSmall},
                                {Kind::reply_write, "reply", kMostBig},
                                {Kind::submit, "submit", kMostBig},
                                {Kind::store_now, "now_us", kMostSmall},
                                {Kind::store_lead, "lead", kMostSmall},
                                {Kind::store_resign, "resign", kMostSmall},
                                {Kind::store_due, "due", kMostSmall},
                                {Kind::store_changed, "changed", kMostSmall},
                                {Kind::store_read, "read", kMostSmall},
                                {Kind::store_watch, "watch", kMostSmall},
                                {Kind::store_plan, "plan", kMostList},
                                {Kind::store_fire, "fire", kMostList}};
constexpr Name kReply{Kind::reply, "reply", kMostReplyBytes};

template <std::size_t N>
const Name* find(const Name (&names)[N], Kind kind) noexcept {
  for (const Name& name : names) {
    if (name.kind == kind) return &name;
  }
  return nullptr;
}

const Name* find(Kind kind) noexcept {
  if (kind == Kind::reply) return &kReply;
  const Name* const name = find(kToPlugin, kind);
  return name != nullptr ? name : find(kFromPlugin, kind);
}

base::Error broken(std::string message) {
  return base::Error{
      .code = base::Code::corrupt, .message = std::move(message), .where = {}, .hint = {}};
}

}  // namespace

const char* to_string(Kind kind) noexcept {
  const Name* const name = find(kind);
  return name != nullptr ? name->name : "unknown";
}

std::uint32_t most_bytes(Kind kind) noexcept {
  const Name* const name = find(kind);
  return name != nullptr ? name->most : 0;
}

std::string header_bytes(const Header& header) {
  return pack(header.bytes, static_cast<std::uint16_t>(header.kind), std::uint16_t{0}, header.id);
}

base::Result<Header> read_header(std::string_view bytes, Way way) {
  Header out;
  std::uint16_t number = 0, reserved = 0;
  if (!unpack(bytes, out.bytes, number, reserved, out.id))
    return broken("a frame header of " + std::to_string(bytes.size()) + " bytes");
  out.kind = static_cast<Kind>(number);
  const Name* const name = out.kind == Kind::reply ? &kReply
                           : way == Way::to_plugin ? find(kToPlugin, out.kind)
                                                   : find(kFromPlugin, out.kind);
  if (name == nullptr || reserved != 0)
    return broken("a frame of kind " + std::to_string(number) + ", which goes no such way");
  if (out.bytes > name->most)
    return broken("a frame \"" + std::string(name->name) + "\" of " + std::to_string(out.bytes) +
                  " bytes, expected at most " + std::to_string(name->most));
  if (out.kind == Kind::reply && out.id == 0) return broken("a reply to nothing");
  return out;
}

}  // namespace z4j::plugin::process
