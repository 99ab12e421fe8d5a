// Ids of another project, and of another person, in every place where a route takes one: each is
// answered as an id that is nowhere, tells nothing and changes nothing.
#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>
#include <map>
#include <set>

#include "api/testing/api_fixture.hpp"
#include "core/triggers.hpp"
#include "model/ids.hpp"

namespace z4j::api {
namespace {

using core::Table;
using testing::Answered;
using testing::ApiFixture;
using testing::Array;
using testing::Browser;
using testing::Object;
using testing::Value;

constexpr std::string_view kMark = "hidden-";  // begins every name in the other project

// A row of the other project, or of the other person.
struct Hidden {
  Table table;
  std::uint16_t column;  // of its id
  base::Uuid id;
  std::string text;  // as a path or a body names it
};

class SwapTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SwapTest);
  CPPUNIT_TEST(ids_in_paths_lead_nowhere);
  CPPUNIT_TEST(ids_in_bodies_and_queries_lead_nowhere);
  CPPUNIT_TEST(what_another_project_has_changes_no_list_and_no_total);
  CPPUNIT_TEST_SUITE_END();

  ApiFixture f_;
  core::Project other_;
  std::unique_ptr<Browser> member_, owner_;
  base::Uuid owner_id_;
  int serial_ = 0;
  std::size_t triggers_ = 0;

  std::string name_of(std::string_view what) {
    return std::string(kMark) + std::string(what) + "-" + std::to_string(++serial_);
  }
  // Of each trigger a person, or a project, has one.
  std::string_view next_trigger() { return core::kTriggers.at(triggers_++).name; }
  // A row with every column that must be there; `sets` say what matters of it.
  Hidden seed(Table table, std::uint16_t id_column, const std::vector<core::Set>& sets = {}) {
    Hidden out{table, id_column, base::Uuid::random(), {}};
    core::Rows rows(table);
    rows.begin();
    const z4j_table& shape = model::table(table);
    for (std::uint16_t i = 0; i < shape.column_count; ++i) {
      const z4j_column& column = shape.columns[i];
      const std::string_view name(column.name.ptr, column.name.len);
      const auto given = std::find_if(sets.begin(), sets.end(),
                                      [&](const core::Set& set) { return set.column == i; });
      if (given != sets.end()) {
        rows.cell(i, given->value);
        if (i == id_column) out.id = base::Uuid::from_bytes(given->value.text());
      } else if (i == id_column) {
        rows.uuid(i, out.id);
      } else if (name == "project_id") {
        rows.uuid(i, other_.id);
      } else if (name == "user_id") {
        rows.uuid(i, owner_id_);
      } else if (name == "expires_at") {
        rows.num(i, f_.clock.now() + base::kDayUs);
      } else if ((column.flags & Z4J_COL_REQUIRED) == 0) {
        continue;
      } else if (column.type == Z4J_T_UUID) {
        rows.uuid(i, base::Uuid::random());
      } else if (column.type == Z4J_T_TEXT) {
        rows.text(i, name_of(name));
      } else {
        rows.num(i, column.type == Z4J_T_TIME ? f_.clock.now() : 1);
      }
    }
    f_.insert(std::move(rows));
    out.text = out.id.text();
    return out;
  }
  Hidden selection() {
    namespace s = model::selections;
    const Hidden made =
        seed(Table::selections, s::id, {{s::action, "retry"}, {s::state, "ready"}, {s::total, 1}});
    namespace i = model::selection_items;
    seed(Table::selection_items, i::selection_id, {{i::selection_id, made.id}, {i::number, 0}});
    return made;
  }
  Hidden task() {
    namespace t = model::tasks;
    const std::string task_id = name_of("task");
    Hidden made = seed(Table::tasks, t::id,
                       {{t::id, model::task_row_id(other_.id, "celery", task_id)},
                        {t::engine, "celery"},
                        {t::task_id, task_id},
                        {t::name, name_of("task-name")},
                        {t::state, "failure"}});
    made.text = task_id;
    return made;
  }
  // One of what a parameter, or a member of a body, names; no value: nobody has said yet what.
  std::optional<Hidden> seed(const std::string& name, bool of_person) {
    const auto copy_state = core::Set{model::queue_copies::state, "kept"};
    if (name == "agent_id") {
      namespace a = model::agents;
      return seed(Table::agents, a::id,
                  {{a::state, "offline"},
                   {a::protocol_version, "2"},
                   {a::is_local, false},
                   {a::engine_adapters, "[]"},
                   {a::scheduler_adapters, "[]"},
                   {a::capabilities, "{}"}});
    }
    if (name == "cancel_id") return seed(Table::revocations, model::revocations::id);
    if (name == "channel_id" && !of_person) {
      namespace c = model::notification_channels;
      return seed(Table::notification_channels, c::id, {{c::type, "webhook"}, {c::config, "{}"}});
    }
    if (name == "channel_id" || name == "user_channel_id" || name == "user_channel_ids") {
      namespace c = model::user_channels;
      return seed(Table::user_channels, c::id, {{c::type, "webhook"}, {c::config, "{}"}});
    }
    if (name == "project_channel_ids") return seed("channel_id", false);
    if (name == "command_id") {
      namespace c = model::commands;
      return seed(Table::commands, c::id,
                  {{c::action, "retry_task"},
                   {c::target_type, "task"},
                   {c::target_id, name_of("target")},
                   {c::status, "completed"}});
    }
    if (name == "copy_id") return seed(Table::queue_copies, model::queue_copies::id, {copy_state});
    if (name == "default_id") {
      namespace d = model::project_default_subscriptions;
      return seed(
          Table::project_default_subscriptions, d::id,
          {{d::trigger, next_trigger()}, {d::filters, "{}"}, {d::project_channel_ids, "[]"}});
    }
    if (name == "deploy_id") return seed(Table::deploys, model::deploys::id);
    if (name == "device_id") return seed(Table::trusted_devices, model::trusted_devices::id);
    if (name == "invitation_id")
      return seed(Table::invitations, model::invitations::id,
                  {{model::invitations::role, "viewer"}});
    if (name == "job_id") {
      namespace j = model::bulk_jobs;
      return seed(Table::bulk_jobs, j::id,
                  {{j::selection_id, selection().id}, {j::action, "retry"}, {j::state, "running"}});
    }
    if (name == "key_id") return seed(Table::api_keys, model::api_keys::id);
    if (name == "loss_id") return seed(Table::worker_losses, model::worker_losses::id);
    if (name == "membership_id") {
      namespace m = model::memberships;
      const base::Uuid user = f_.sign_in(name_of("person"), false).user.id;
      return seed(Table::memberships, m::id, {{m::user_id, user}, {m::role, "viewer"}});
    }
    if (name == "notification_id") {
      namespace n = model::user_notifications;
      return seed(Table::user_notifications, n::id, {{n::trigger, "task.failed"}});
    }
    if (name == "project_id")
      return Hidden{Table::projects, model::projects::id, other_.id, other_.id.text()};
    if (name == "schedule_id" || name == "schedule_ids") {
      namespace s = model::schedules;
      return seed(Table::schedules, s::id,
                  {{s::scheduler, "z4j-scheduler"},
                   {s::owner, ""},
                   {s::engine, "celery"},
                   {s::kind, "interval"},
                   {s::expression, "60"},
                   {s::timezone, "UTC"},
                   {s::priority, "normal"},
                   {s::catch_up, "skip"},
                   {s::source, "dashboard"},
                   {s::read_only, false},
                   {s::is_enabled, serial_ % 2 == 0}});
    }
    if (name == "selection_id") return selection();
    if (name == "session_id") return seed(Table::sessions, model::sessions::id);
    if (name == "sub_id") {
      namespace s = model::user_subscriptions;
      return seed(Table::user_subscriptions, s::id,
                  {{s::trigger, next_trigger()},
                   {s::filters, "{}"},
                   {s::project_channel_ids, "[]"},
                   {s::user_channel_ids, "[]"}});
    }
    if (name == "task_id") return task();
    if (name == "task_ids") {
      Hidden made = task();
      made.text = made.id.text();
      return made;
    }
    if (name == "view_id")
      return seed(Table::saved_views, model::saved_views::id,
                  {{model::saved_views::is_shared, serial_ % 2 == 0}});
    if (name == "wish_id") return seed(Table::worker_wishes, model::worker_wishes::id);
    if (name == "worker_id") {
      namespace w = model::workers;
      return seed(Table::workers, w::id, {{w::state, "online"}, {w::queues, "[]"}});
    }
    return std::nullopt;
  }
  // The row as the store has it.
  std::string stored(const Hidden& of) {
    core::Query query(of.table);
    query.all().where.eq(of.column, of.id);
    const auto row = f_.store->first(query).value();
    if (!row) return "gone";
    std::string out;
    const z4j_table& shape = model::table(of.table);
    for (std::uint16_t i = 0; i < shape.column_count; ++i) {
      const std::uint16_t type = shape.columns[i].type;
      if (type == Z4J_T_UUID)
        out += row->uuid(i).text();
      else if (type == Z4J_T_TEXT || type == Z4J_T_JSON || type == Z4J_T_BYTES)
        out += row->text(i);
      else if (type == Z4J_T_REAL)
        out += std::to_string(row->real(i));
      else
        out += std::to_string(row->num(i));
      out += '\n';
    }
    return out;
  }

  static bool is_the_installations(const Route& route) {
    return route.policy.action && core::needs_global_admin(*route.policy.action);
  }
  static std::string name_of(const Route& route) {
    return std::string(route.method) + " " + std::string(route.path);
  }
  // The last "{..._id}" of the path; empty: it has none.
  static std::string id_param_of(const Route& route) {
    const std::size_t end = route.path.rfind("_id}");
    if (end == std::string_view::npos) return {};
    const std::size_t begin = route.path.rfind('{', end);
    return std::string(route.path.substr(begin + 1, end + 3 - begin - 1));
  }
  static std::string path_of(const Route& route, const std::string& slug, const std::string& id) {
    std::string out;
    std::string_view rest = route.path;
    while (true) {
      const std::size_t open = rest.find('{');
      out += rest.substr(0, open);
      if (open == std::string_view::npos) return out;
      const std::size_t close = rest.find('}', open);
      const std::string_view name = rest.substr(open + 1, close - open - 1);
      out += name == "slug" ? slug : name.ends_with("_id") ? id : "celery";
      rest.remove_prefix(close + 1);
    }
  }
  // Something that fits; what its name asks for besides stands in `words`.
  Value sample(const Shape::Member& member) {
    static const std::map<std::string, std::string, std::less<>> words{
        {"engine", "celery"},      {"role", "viewer"},   {"trigger", "task.failed"},
        {"project_slug", "other"}, {"kind", "interval"}, {"expression", "60"},
        {"type", "webhook"},       {"scope", "project"}, {"scheduler", "z4j-scheduler"},
        {"email", "a@b.example"},  {"timezone", "UTC"}};
    if (const auto word = words.find(member.name); word != words.end()) return Value(word->second);
    const Shape& shape = member.shape;
    using Kind = Shape::Kind;
    switch (shape.kind) {
      case Kind::text:
        return Value(std::string(static_cast<std::size_t>(shape.min.value_or(1)), 'x'));
      case Kind::integer:
      case Kind::number:
        return Value(std::max<std::int64_t>(1, shape.min.value_or(1)));
      case Kind::boolean:
        return Value(true);
      case Kind::time:
        return Value(base::format_time(f_.clock.now()));
      case Kind::uuid:
        return Value(base::Uuid::random().text());
      case Kind::words:
        return Value(shape.words.front());
      case Kind::list:
        return Array();
      default:
        return Object();
    }
  }
  std::vector<Shape::Member> members_of(std::string_view notation) {
    if (notation.empty()) return {};
    return f_.api().router().shapes().members_of(Shapes::read(notation));
  }
  Object body_of(const Route& route) {
    Object out;
    for (const Shape::Member& member : members_of(route.description.body)) {
      if (!member.is_optional) out[member.name] = sample(member);
    }
    return out;
  }
  std::string query_of(const Route& route, const std::string& but) {
    std::string out;
    for (const Shape::Member& member : members_of(route.description.query)) {
      if (member.is_optional || member.name == but) continue;
      out += (out.empty() ? "?" : "&") + member.name + "=";
      const Value value = sample(member);
      out += value.is_string() ? std::string(value.get_string()) : base::json::write(value);
    }
    return out;
  }
  static Answered ask(Browser& who, const Route& route, const std::string& target,
                      const Object& body) {
    const bool has_body = !route.description.body.empty();
    return who.call(std::string(route.method), target, has_body ? base::json::write(body) : "");
  }
  static std::string without(std::string text, const std::string& id) {
    for (std::size_t at = text.find(id); at != std::string::npos; at = text.find(id, at))
      text.replace(at, id.size(), "?");
    return text;
  }
  static void assert_tells_nothing(const std::string& what, const Answered& answer,
                                   const std::string& id) {
    const std::string body = without(answer.response.body, id);
    CPPUNIT_ASSERT_MESSAGE(what + " tells: " + body, body.find(kMark) == std::string::npos);
  }

 public:
  void setUp() override {
    f_.open();
    core::ProjectDraft draft;
    draft.slug = "other";
    draft.name = name_of("project");
    core::Principal root;
    root.user.is_admin = true;
    auto made = f_.projects->create(root, draft, {});
    CPPUNIT_ASSERT(made.ok());
    other_ = *made;
    member_ = std::make_unique<Browser>(f_, f_.sign_in("member", false, core::Role::admin));
    const core::SignedIn owner = f_.sign_in("owner", false);
    owner_id_ = owner.user.id;
    owner_ = std::make_unique<Browser>(f_, owner);
    seed(Table::memberships, model::memberships::id, {{model::memberships::role, "admin"}});
  }

  void ids_in_paths_lead_nowhere() {
    std::size_t tried = 0;
    const std::vector<Route> routes = f_.api().router().routes();
    for (const Route& route : routes) {
      const std::string param = id_param_of(route), name = name_of(route);
      if (param.empty() || is_the_installations(route)) continue;
      const bool of_person = !route.policy.action;
      const auto hidden = seed(param, of_person);
      CPPUNIT_ASSERT_MESSAGE("no sample for the {" + param + "} of " + name, hidden);
      ++tried;
      const std::string before = stored(*hidden), nowhere = base::Uuid::random().text();
      const Object body = body_of(route);
      const auto target = [&](const std::string& slug, const std::string& id) {
        return path_of(route, slug, id) + query_of(route, "");
      };
      const Answered got = ask(*member_, route, target("default", hidden->text), body);
      const Answered none = ask(*member_, route, target("default", nowhere), body);
      // What deletes says nothing of whether there was something.
      const bool is_silent = got.status == 204 && none.status == 204;
      if (!is_silent) CPPUNIT_ASSERT_EQUAL_MESSAGE(name + got.response.body, 404, got.status);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(name, none.status, got.status);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(name, without(none.response.body, nowhere),
                                   without(got.response.body, hidden->text));
      assert_tells_nothing(name, got, hidden->text);
      if (!of_person) {
        const Answered there = ask(*member_, route, target("other", hidden->text), body);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(name + there.response.body, 404, there.status);
        assert_tells_nothing(name, there, hidden->text);
      }
      CPPUNIT_ASSERT_EQUAL_MESSAGE(name, before, stored(*hidden));
      // It is there for those to whom it belongs: what was tried was no empty threat.
      const Answered own = ask(*owner_, route, target("other", hidden->text), body);
      CPPUNIT_ASSERT_MESSAGE(
          name + " by its owner: " + std::to_string(own.status) + " " + own.response.body,
          own.status != 404 && own.status != 422 &&
              (own.status != got.status || stored(*hidden) != before));
    }
    CPPUNIT_ASSERT(tried > 0);
  }

  void ids_in_bodies_and_queries_lead_nowhere() {
    // Not of one project, or said openly:
    const std::set<std::string> left_out{
        // people are the installation's: whoever manages members may name any of them
        "POST /api/v1/projects/{slug}/memberships user_id",
        // a project that is there and not one's own is a conflict by its documented reason
        "POST /api/v1/api-keys project_id",
        // whose entries are asked for; the list is of this project
        "GET /api/v1/projects/{slug}/audit user_id",
    };
    std::set<std::string> not_met = left_out;
    std::size_t tried = 0;
    const std::vector<Route> routes = f_.api().router().routes();
    for (const Route& route : routes) {
      if (is_the_installations(route) || route.policy.gate != Gate::signed_in) continue;
      const auto try_member = [&](const Shape::Member& member, bool in_body) {
        if (!member.name.ends_with("_id") && !member.name.ends_with("_ids")) return;
        const std::string name = name_of(route) + " " + member.name;
        if (not_met.erase(name) != 0) return;
        const bool of_person = route.path.starts_with("/api/v1/user/channels/{");
        const auto hidden = seed(member.name, of_person);
        CPPUNIT_ASSERT_MESSAGE("no sample for " + name, hidden);
        ++tried;
        const auto answer_to = [&](const std::string& id) {
          f_.open();  // a new API has new rate limits
          std::string target = path_of(route, "default", base::Uuid::random().text());
          const std::string rest = query_of(route, in_body ? "" : member.name);
          target += rest;
          if (!in_body) target += (rest.empty() ? "?" : "&") + member.name + "=" + id;
          Object body = body_of(route);
          const bool is_list = member.shape.kind == Shape::Kind::list;
          if (in_body) body[member.name] = is_list ? Value(Array{id}) : Value(id);
          return ask(*member_, route, target, body);
        };
        const std::string before = stored(*hidden), nowhere = base::Uuid::random().text();
        const Answered got = answer_to(hidden->text), none = answer_to(nowhere);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(name + got.response.body, none.status, got.status);
        assert_tells_nothing(name, got, hidden->text);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(name, before, stored(*hidden));
      };
      for (const Shape::Member& member : members_of(route.description.body))
        try_member(member, true);
      for (const Shape::Member& member : members_of(route.description.query))
        try_member(member, false);
    }
    CPPUNIT_ASSERT(tried > 0);
    CPPUNIT_ASSERT_MESSAGE(not_met.empty() ? "" : *not_met.begin() + " is not there any more",
                           not_met.empty());
  }

  void what_another_project_has_changes_no_list_and_no_total() {
    const std::vector<Route> routes = f_.api().router().routes();
    const auto all = [&] {
      std::map<std::string, Answered> out;
      for (const Route& route : routes) {
        if (route.method != "GET" || !id_param_of(route).empty()) continue;
        if (route.policy.gate != Gate::signed_in || is_the_installations(route)) continue;
        const std::string target = path_of(route, "default", "");
        out.emplace(name_of(route), member_->get(target + query_of(route, "")));
      }
      return out;
    };
    // These tell of the asking itself, or hold a number for this page only.
    const std::set<std::string> changing{"GET /api/v1/activity", "GET /api/v1/docs",
                                         "GET /api/v1/projects/{slug}/audit"};
    const auto before = all();
    std::set<std::string> kinds;
    for (const Route& route : routes) {
      if (const std::string param = id_param_of(route);
          !param.empty() && !is_the_installations(route) && kinds.insert(param).second)
        CPPUNIT_ASSERT_MESSAGE("no sample for " + param, seed(param, !route.policy.action));
    }
    const auto after = all();
    CPPUNIT_ASSERT(!before.empty());
    for (const auto& [name, answer] : before) {
      const Answered& now = after.at(name);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(name, answer.status, now.status);
      assert_tells_nothing(name, now, other_.id.text());
      if (!changing.contains(name))
        CPPUNIT_ASSERT_EQUAL_MESSAGE(name, answer.response.body, now.response.body);
    }
    // The other project's people do see a difference.
    CPPUNIT_ASSERT(owner_->get("/api/v1/projects/other/commands").response.body.find(kMark) !=
                   std::string::npos);
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(SwapTest);

}  // namespace
}  // namespace z4j::api
