#include "core/channels.hpp"

#include <algorithm>
#include <utility>

#include "core/deliveries.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;
namespace project_channel = model::notification_channels;
namespace user_channel = model::user_channels;

constexpr std::string_view kChannelSecretLabel = "z4j-channel-secrets-v1";
constexpr std::size_t kChannelNameCharacters = 200;
constexpr std::uint32_t kMostForgetting = 5'000;
constexpr std::size_t kTestReplyCharacters = 500;

std::string audit_name(const ChannelOwner& owner, std::string_view act) {
  return (owner.kind == ChannelOwner::Kind::project ? "notifications.channel."
                                                    : "user_notifications.channel.") +
         std::string(act);
}

std::optional<base::Uuid> project_of_owner(const ChannelOwner& owner) {
  return owner.kind == ChannelOwner::Kind::project ? std::optional(owner.id) : std::nullopt;
}

AuditEntry entry_of(const ChannelOwner& owner, std::string_view act, const base::Uuid& id,
                    std::string_view name, std::string_view type, const Actor& actor) {
  AuditEntry entry = AuditEntry::of(
      actor, audit_name(owner, act),
      owner.kind == ChannelOwner::Kind::project ? "notification_channel" : "user_channel",
      id.is_nil() ? std::string() : id.text(), project_of_owner(owner));
  entry.metadata = {{"name", name}, {"type", type}};
  return entry;
}

base::Result<std::string> checked_name(std::string_view given) {
  const std::string name(trimmed(given));
  if (name.empty() || !is_utf8(name) || count_characters(name) > kChannelNameCharacters)
    return refuse::invalid("name", "name must have 1 to 200 characters");
  return clean_text(name, kChannelNameCharacters);
}

base::Error name_taken(std::string_view name) {
  return base::Error{.code = base::Code::conflict,
                     .message = "you have a channel called \"" + std::string(name) + "\" already",
                     .where = "conflict_duplicate_name",
                     .hint = "choose another name"};
}

CourierMessage test_message(const base::TimeUs now, const std::optional<base::Uuid>& project) {
  CourierMessage out;
  const std::string at = base::format_time(now);
  out.id = base::Uuid::random().text();
  out.dedup_key = "z4j.test";
  out.title = "z4j test message";
  out.text = "This is a test of this channel, sent by z4j. Nothing is wrong.";
  out.severity = "info";
  out.is_test = true;
  out.context = {{"trigger", "z4j.test"},
                 {"task_id", "test-" + at},
                 {"task_name", "z4j-self-test"},
                 {"engine", nullptr},
                 {"priority", "normal"},
                 {"state", "test"},
                 {"queue", nullptr},
                 {"exception", nullptr},
                 {"traceback", nullptr},
                 {"project_id", project ? json::Value(project->text()) : json::Value(nullptr)},
                 {"project_slug", nullptr},
                 {"timestamp", at}};
  return out;
}

// The list without the id, or nothing when it does not hold it.
std::optional<json::Array> without_id(const json::Value& list, const std::string& id) {
  if (!list.is_array()) return std::nullopt;
  json::Array out;
  for (const json::Value& each : list.get_array()) {
    if (!each.is_string() || std::string_view(each.get_string()) != id) out.push_back(each);
  }
  if (out.size() == list.get_array().size()) return std::nullopt;
  return out;
}

}  // namespace

struct Channels::Columns {
  Table table;
  std::uint16_t id, owner, name, type, config, secrets, is_active, created_at, updated_at;
  std::optional<std::uint16_t> is_verified;
};

const Channels::Columns& Channels::columns_of(ChannelOwner::Kind kind) {
  static constexpr Columns kProject{Table::notification_channels,
                                    project_channel::id,
                                    project_channel::project_id,
                                    project_channel::name,
                                    project_channel::type,
                                    project_channel::config,
                                    project_channel::secrets,
                                    project_channel::is_active,
                                    project_channel::created_at,
                                    project_channel::updated_at,
                                    std::nullopt};
  static constexpr Columns kUser{
      Table::user_channels,     user_channel::id,         user_channel::user_id,
      user_channel::name,       user_channel::type,       user_channel::config,
      user_channel::secrets,    user_channel::is_active,  user_channel::created_at,
      user_channel::updated_at, user_channel::is_verified};
  return kind == ChannelOwner::Kind::project ? kProject : kUser;
}

// --- secrets ------------------------------------------------------------------------------------

Channels::Split Channels::split(const base::Uuid& id, const std::vector<std::string>& secrets,
                                const json::Object& config) const {
  Split out;
  json::Object hidden;
  for (const auto& member : config) {
    const std::string_view name(member.key().data(), member.key().size());
    // Addresses of chat rooms and headers hold tokens too.
    const bool is_secret = name == "webhook_url" || name == "headers" ||
                           std::find(secrets.begin(), secrets.end(), name) != secrets.end();
    (is_secret ? hidden : out.open)[member.key()] = member.value();
  }
  if (!hidden.empty())
    out.sealed = sealer_.seal(kChannelSecretLabel, id.text(), json::write(hidden));
  return out;
}

base::Result<OpenChannel> Channels::opened(ChannelOwner::Kind kind, const Row& row) const {
  const Columns& col = columns_of(kind);
  OpenChannel out;
  out.id = row.uuid(col.id);
  out.owner = {kind, row.uuid(col.owner)};
  out.name = row.text(col.name);
  out.type = row.text(col.type);
  out.is_active = row.flag(col.is_active);
  if (const json::Value config = row.json(col.config); config.is_object())
    out.config = config.get_object();
  if (row.is_null(col.secrets)) return out;
  const auto text = sealer_.open(kChannelSecretLabel, out.id.text(), row.text(col.secrets));
  const auto hidden = text ? json::parse(*text) : base::Result<json::Value>(base::Error{});
  if (!hidden || !hidden->is_object()) {
    return refuse::conflict(
        "sealed_with_another_secret",
        "the secrets of channel \"" + out.name +
            "\" can't be opened with this installation's secret: set them anew");
  }
  for (const auto& member : hidden->get_object()) out.config[member.key()] = member.value();
  return out;
}

base::Result<std::optional<Row>> Channels::row_of(const ChannelOwner& owner, const base::Uuid& id) {
  const Columns& col = columns_of(owner.kind);
  Query query(col.table);
  query.where.eq(col.id, id).eq(col.owner, owner.id);
  return store_.first(query.all());
}

base::Result<std::optional<OpenChannel>> Channels::open(ChannelOwner::Kind kind,
                                                        const base::Uuid& id) {
  const Columns& col = columns_of(kind);
  Query query(col.table);
  query.where.eq(col.id, id);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return std::optional<OpenChannel>{};
  auto out = opened(kind, **row);
  if (!out) return std::move(out).error();
  return std::optional<OpenChannel>(std::move(*out));
}

base::Result<std::vector<OpenChannel>> Channels::active_of_type(
    const std::vector<base::Uuid>& projects, std::string_view type, std::uint32_t limit) {
  std::vector<OpenChannel> out;
  if (projects.empty()) return out;
  const Columns& col = columns_of(ChannelOwner::Kind::project);
  Query query(col.table);
  query.where.in(col.owner, {projects.begin(), projects.end()})
      .eq(col.type, type)
      .eq(col.is_active, true);
  query.all().limit(limit);
  auto read = store_.each(query, [&](const Row& row) {
    if (auto channel = opened(ChannelOwner::Kind::project, row);
        channel && !channel->config.empty())
      out.push_back(std::move(*channel));
    return true;
  });
  if (!read) return std::move(read).error();
  return out;
}

base::Result<std::vector<base::Uuid>> Channels::owned(const ChannelOwner& owner,
                                                      const std::vector<base::Uuid>& ids) {
  std::vector<base::Uuid> out;
  if (ids.empty()) return out;
  const Columns& col = columns_of(owner.kind);
  Query query(col.table);
  query.where.in(col.id, {ids.begin(), ids.end()}).eq(col.owner, owner.id);
  auto read = store_.each(query.columns({col.id}), [&](const Row& row) {
    out.push_back(row.uuid(col.id));
    return true;
  });
  if (!read) return std::move(read).error();
  return out;
}

// --- reading and changing -----------------------------------------------------------------------

namespace {

Channel shown(const OpenChannel& from, const std::vector<std::string>& secrets, ChannelEyes eyes) {
  Channel out;
  out.id = from.id;
  out.name = from.name;
  out.type = from.type;
  out.is_active = from.is_active;
  out.config = masked_channel_config(from.type, secrets, from.config, eyes);
  return out;
}

}  // namespace

base::Result<std::vector<Channel>> Channels::list(const ChannelOwner& owner, ChannelEyes eyes) {
  const Columns& col = columns_of(owner.kind);
  const std::vector<Courier::Type> types = courier_.types();
  Query query(col.table);
  query.where.eq(col.owner, owner.id);
  query.all().order({col.created_at, col.id}, true).limit(kMostPerOwner);
  std::vector<Channel> out;
  auto read = store_.each(query, [&](const Row& row) {
    auto channel = opened(owner.kind, row);
    if (!channel) {
      // Without its secrets, so that it can be seen and set anew.
      OpenChannel bare;
      bare.id = row.uuid(col.id);
      bare.name = row.text(col.name);
      bare.type = row.text(col.type);
      bare.is_active = row.flag(col.is_active);
      if (const json::Value config = row.json(col.config); config.is_object())
        bare.config = config.get_object();
      channel = std::move(bare);
    }
    const auto type = std::find_if(types.begin(), types.end(),
                                   [&](const auto& each) { return each.name == channel->type; });
    Channel item = shown(
        *channel, type == types.end() ? std::vector<std::string>() : channel_secrets(*type), eyes);
    item.created_at = row.num(col.created_at);
    item.updated_at = row.num(col.updated_at);
    if (col.is_verified) item.is_verified = row.flag(*col.is_verified);
    out.push_back(std::move(item));
    return true;
  });
  if (!read) return std::move(read).error();
  return out;
}

base::Result<Channel> Channels::insert(const ChannelOwner& owner, OpenChannel channel,
                                       const Courier::Type& type, AuditEntry entry) {
  const Columns& col = columns_of(owner.kind);
  Where all;
  all.eq(col.owner, owner.id);
  auto count = store_.count(col.table, all, kMostPerOwner);
  if (!count) return std::move(count).error();
  if (*count >= kMostPerOwner)
    return refuse::conflict("too_many", "there are 500 channels here, which is the limit");
  const std::vector<std::string> secrets = channel_secrets(type);
  const Split kept = split(channel.id, secrets, channel.config);
  const base::TimeUs now = clock_.now();
  Commit commit;
  auto done = audit_.commit(
      {std::move(entry)},
      [&](Commit& c) {
        Rows rows(col.table);
        rows.begin()
            .uuid(col.id, channel.id)
            .uuid(col.owner, owner.id)
            .text(col.name, channel.name)
            .text(col.type, channel.type)
            .text(col.config, json::write(kept.open))
            .text_or_null(col.secrets, kept.sealed)
            .num(col.is_active, channel.is_active ? 1 : 0)
            .num(col.created_at, now)
            .num(col.updated_at, now);
        if (col.is_verified) rows.num(*col.is_verified, 0);
        c.insert(std::move(rows));
      },
      commit);
  if (!done) {
    if (done.error().code == base::Code::conflict && commit.bad_step() == 0)
      return name_taken(channel.name);
    return std::move(done).error();
  }
  Channel out = shown(channel, secrets, ChannelEyes::manager);
  out.created_at = out.updated_at = now;
  return out;
}

base::Result<Channel> Channels::create(const ChannelOwner& owner, const ChannelDraft& draft,
                                       const Actor& actor) {
  auto name = checked_name(draft.name);
  if (!name) return std::move(name).error();
  auto type = find_channel_type(courier_, draft.type);
  if (!type) return std::move(type).error();
  OpenChannel channel;
  channel.id = base::Uuid::random();
  channel.owner = owner;
  channel.name = std::move(*name);
  channel.type = type->name;
  channel.is_active = draft.is_active;
  channel.config = cleaned_channel_config(*type, draft.config);
  if (auto good = check_channel_config(courier_, *type, channel.config, options_.rules); !good)
    return std::move(good).error();
  AuditEntry entry = entry_of(owner, "create", channel.id, channel.name, channel.type, actor);
  return insert(owner, std::move(channel), *type, std::move(entry));
}

base::Result<Channel> Channels::patch(const ChannelOwner& owner, const base::Uuid& id,
                                      const ChannelPatch& patch, const Actor& actor) {
  auto row = row_of(owner, id);
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("channel");
  const Columns& col = columns_of(owner.kind);
  auto channel = opened(owner.kind, **row);
  if (!channel) {
    // Its secrets are lost: only a change that gives a whole config helps.
    if (!patch.config) return std::move(channel).error();
    OpenChannel bare;
    bare.id = id;
    bare.owner = owner;
    bare.name = (*row)->text(col.name);
    bare.type = (*row)->text(col.type);
    bare.is_active = (*row)->flag(col.is_active);
    channel = std::move(bare);
  }
  std::vector<Set> sets;
  json::Array fields;
  if (patch.name) {
    auto name = checked_name(*patch.name);
    if (!name) return std::move(name).error();
    channel->name = std::move(*name);
    sets.push_back({col.name, Cell(channel->name)});
    fields.emplace_back("name");
  }
  if (patch.is_active) {
    channel->is_active = *patch.is_active;
    sets.push_back({col.is_active, *patch.is_active});
    fields.emplace_back("is_active");
  }
  std::vector<std::string> secrets;
  auto type = find_channel_type(courier_, channel->type);
  if (type) secrets = channel_secrets(*type);
  if (patch.config) {
    if (!type) return std::move(type).error();
    channel->config = merged_channel_config(*type, channel->config, *patch.config);
    if (auto good = check_channel_config(courier_, *type, channel->config, options_.rules); !good)
      return std::move(good).error();
    const Split kept = split(id, secrets, channel->config);
    sets.push_back({col.config, Cell(json::write(kept.open))});
    sets.push_back({col.secrets, Cell::text_or_null(kept.sealed)});
    if (col.is_verified) sets.push_back({*col.is_verified, false});
    fields.emplace_back("config");
  }
  Channel out = shown(*channel, secrets, ChannelEyes::manager);
  out.created_at = (*row)->num(col.created_at);
  out.updated_at = (*row)->num(col.updated_at);
  if (col.is_verified) out.is_verified = !patch.config && (*row)->flag(*col.is_verified);
  if (sets.empty()) return out;
  out.updated_at = clock_.now();
  sets.push_back({col.updated_at, out.updated_at});
  AuditEntry entry = entry_of(owner, "update", id, channel->name, channel->type, actor);
  entry.metadata["fields"] = std::move(fields);
  Commit commit;
  auto done = audit_.commit(
      {std::move(entry)},
      [&](Commit& c) {
        Where self, still;
        still.eq(col.id, id);
        c.check(col.table, std::move(still), 1, 1);
        self.eq(col.id, id);
        c.update(col.table, std::move(self), sets);
      },
      commit);
  if (!done) {
    if (done.error().code != base::Code::conflict) return std::move(done).error();
    if (commit.bad_step() == 0) return refuse::not_found("channel");
    return name_taken(channel->name);
  }
  return out;
}

// Subscriptions and defaults that name it, with the list that stays.
base::Result<std::vector<Channels::Naming>> Channels::naming(const ChannelOwner& owner,
                                                             const base::Uuid& id) {
  namespace sub = model::user_subscriptions;
  namespace def = model::project_default_subscriptions;
  const std::string text = id.text();
  std::vector<Naming> out;
  const auto look = [&](Table table, std::uint16_t key, std::uint16_t owner_column,
                        std::uint16_t list) {
    Query query(table);
    query.where.eq(owner_column, owner.id);
    query.columns({key, list}).limit(kMostForgetting);
    return store_.each(query, [&](const Row& row) {
      if (auto rest = without_id(row.json(list), text))
        out.push_back({table, key, list, row.uuid(key), std::move(*rest)});
      return true;
    });
  };
  base::Status read;
  if (owner.kind == ChannelOwner::Kind::user) {
    read = look(Table::user_subscriptions, sub::id, sub::user_id, sub::user_channel_ids);
  } else {
    read = look(Table::user_subscriptions, sub::id, sub::project_id, sub::project_channel_ids);
    if (read)
      read = look(Table::project_default_subscriptions, def::id, def::project_id,
                  def::project_channel_ids);
  }
  if (!read) return std::move(read).error();
  return out;
}

base::Status Channels::remove(const ChannelOwner& owner, const base::Uuid& id, const Actor& actor) {
  auto row = row_of(owner, id);
  if (!row) return std::move(row).error();
  if (!row->has_value()) return {};
  auto naming_it = naming(owner, id);
  if (!naming_it) return std::move(naming_it).error();
  const Columns& col = columns_of(owner.kind);
  AuditEntry entry =
      entry_of(owner, "delete", id, (*row)->text(col.name), (*row)->text(col.type), actor);
  return audit_.commit({std::move(entry)}, [&](Commit& c) {
    Where self;
    self.eq(col.id, id).eq(col.owner, owner.id);
    c.erase(col.table, std::move(self));
    for (const Naming& each : *naming_it) {
      Where where;
      where.eq(each.key, each.id);
      c.update(each.table, std::move(where), {{each.list, Cell(json::Value(each.rest))}});
    }
  });
}

base::Result<Channel> Channels::import(const ChannelOwner& from, const base::Uuid& id,
                                       const ChannelOwner& to,
                                       const std::optional<std::string>& name, const Actor& actor) {
  auto row = row_of(from, id);
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("channel");
  auto channel = opened(from.kind, **row);
  if (!channel) return std::move(channel).error();
  auto given =
      checked_name(name.value_or(clean_text("Copy of " + channel->name, kChannelNameCharacters)));
  if (!given) return std::move(given).error();
  auto type = find_channel_type(courier_, channel->type);
  if (!type) return std::move(type).error();
  if (auto good = check_channel_config(courier_, *type, channel->config, options_.rules); !good)
    return std::move(good).error();
  channel->id = base::Uuid::random();
  channel->owner = to;
  channel->name = std::move(*given);
  AuditEntry entry = entry_of(
      to, to.kind == ChannelOwner::Kind::project ? "import_from_user" : "import_from_project",
      channel->id, channel->name, channel->type, actor);
  entry.metadata["source_channel_id"] = id.text();
  if (from.kind == ChannelOwner::Kind::project) entry.project_id = from.id;
  return insert(to, std::move(*channel), *type, std::move(entry));
}

// --- tests --------------------------------------------------------------------------------------

base::Result<ChannelTest> Channels::run_test(const ChannelOwner& owner, const OpenChannel* stored,
                                             const Courier::Type& type, const json::Object& config,
                                             const Actor& actor) {
  const auto project = project_of_owner(owner);
  ChannelTest out;
  const auto good = check_channel_config(courier_, type, config, options_.rules);
  if (!good) {
    out.error = good.error().message;
  } else if (config.empty()) {
    out.error = "the config is empty: there is nowhere to send to";
  } else {
    const Carried done = courier_.carry(type.name, config, test_message(clock_.now(), project), 1,
                                        options_.test_deadline_ms);
    out.is_sent = done.is_sent;
    out.code = done.code;
    out.error = done.is_sent ? std::string() : cleaned_reply(done.error, config);
    out.reply = clean_text(cleaned_reply(done.reply, config), kTestReplyCharacters);
  }
  AuditEntry entry =
      entry_of(owner, "test", stored != nullptr ? stored->id : base::Uuid(),
               stored != nullptr ? std::string_view(stored->name) : std::string_view("(not saved)"),
               type.name, actor);
  if (!out.is_sent) entry.result = "failed";
  Delivery delivery;
  delivery.id = base::Uuid::random();
  delivery.project_id = project;
  delivery.triggered_by_user_id = actor.user_id;
  delivery.trigger = "test.dispatch";
  delivery.task_name = "z4j-self-test";
  delivery.channel_type = type.name;
  if (stored != nullptr) {
    delivery.channel_id = stored->id;
    delivery.channel_name = stored->name;
  }
  delivery.status = out.is_sent ? kSent : kFailed;
  delivery.response_code = out.code;
  delivery.response_body = out.reply;
  delivery.error = out.error;
  delivery.attempts = 1;
  delivery.sent_at = clock_.now();
  auto written = audit_.commit({std::move(entry)}, [&](Commit& c) {
    if (project) return insert_delivery(c, delivery);
    if (stored == nullptr || !out.is_sent) return;
    Where self;
    self.eq(user_channel::id, stored->id);
    c.update(Table::user_channels, std::move(self), {{user_channel::is_verified, true}});
  });
  if (!written) return std::move(written).error();
  return out;
}

base::Result<ChannelTest> Channels::test(const ChannelOwner& owner, std::string_view type_name,
                                         const json::Object& config, const Actor& actor) {
  auto type = find_channel_type(courier_, type_name);
  if (!type) {
    if (type.error().code != base::Code::conflict) return std::move(type).error();
    ChannelTest out;
    out.error = type.error().message;
    return out;
  }
  return run_test(owner, nullptr, *type, cleaned_channel_config(*type, config), actor);
}

base::Result<ChannelTest> Channels::test(const ChannelOwner& owner, const base::Uuid& id,
                                         const Actor& actor) {
  auto row = row_of(owner, id);
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("channel");
  ChannelTest out;
  auto channel = opened(owner.kind, **row);
  if (!channel) {
    out.error = channel.error().message;
    return out;
  }
  auto type = find_channel_type(courier_, channel->type);
  if (!type) {
    out.error = type.error().message;
    return out;
  }
  return run_test(owner, &*channel, *type, channel->config, actor);
}

}  // namespace z4j::core
