#include "core/channels.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "core/testing/notify_fixture.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;
using testing::FakeCourier;

class ChannelsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ChannelsTest);
  CPPUNIT_TEST(secrets_are_masked_and_kept_when_the_mask_comes_back);
  CPPUNIT_TEST(another_address_drops_the_old_secrets_and_takes_new_ones);
  CPPUNIT_TEST(readers_do_not_see_where_it_goes);
  CPPUNIT_TEST(wrong_configs_are_refused);
  CPPUNIT_TEST(good_configs_are_taken);
  CPPUNIT_TEST(a_type_without_its_plugin_is_refused_by_naming_it);
  CPPUNIT_TEST(a_plugins_own_type_is_checked_by_its_schema);
  CPPUNIT_TEST(names_of_a_users_channels_are_unique);
  CPPUNIT_TEST(channels_are_copied_with_their_secrets_both_ways);
  CPPUNIT_TEST(a_test_tells_what_happened_and_is_logged);
  CPPUNIT_TEST(a_deleted_channel_leaves_subscriptions_and_defaults);
  CPPUNIT_TEST(other_peoples_channels_are_not_there);
  CPPUNIT_TEST_SUITE_END();

  testing::NotifyFixture f_;

  [[nodiscard]] ChannelOwner owner() const { return ChannelOwner::project(f_.project); }
  Channels& channels() { return f_.notify->channels; }
  json::Object opened(const base::Uuid& id) {
    return f_.get(channels().open(ChannelOwner::Kind::project, id)).value().config;
  }
  static json::Object object(std::string_view text) { return json::parse(text)->get_object(); }
  std::string why_not(std::string_view type, std::string_view config) {
    const auto made =
        channels().create(owner(), ChannelDraft{"c", std::string(type), object(config), true}, {});
    return made ? "taken" : made.error().message;
  }
  void change(const base::Uuid& id, std::string_view config) {
    ChannelPatch patch;
    patch.config = object(config);
    f_.get(channels().patch(owner(), id, patch, {}));
  }

 public:
  void secrets_are_masked_and_kept_when_the_mask_comes_back() {
    const Channel made = f_.add_channel();
    CPPUNIT_ASSERT_EQUAL(std::string(kChannelMask),
                         std::string(json::text(made.config, "hmac_secret")));
    ChannelPatch patch;
    patch.config = made.config;
    patch.name = "renamed";
    const Channel same = f_.get(channels().patch(owner(), made.id, patch, {}));
    CPPUNIT_ASSERT_EQUAL(std::string("renamed"), same.name);
    CPPUNIT_ASSERT_EQUAL(std::string("hush-hush"),
                         std::string(json::text(opened(made.id), "hmac_secret")));
    change(made.id, R"({"hmac_secret": null})");
    CPPUNIT_ASSERT(!opened(made.id).contains("hmac_secret"));
  }

  void another_address_drops_the_old_secrets_and_takes_new_ones() {
    const Channel made = f_.add_channel();
    change(made.id, R"({"url": "https://evil.example.org/", "hmac_secret": "••••••••"})");
    CPPUNIT_ASSERT(!opened(made.id).contains("hmac_secret"));
    change(made.id, R"({"url": "https://third.example.org/", "hmac_secret": "new-one"})");
    CPPUNIT_ASSERT_EQUAL(std::string("new-one"),
                         std::string(json::text(opened(made.id), "hmac_secret")));
    const auto mail = f_.get(channels().create(
        owner(),
        ChannelDraft{"m", "email",
                     object(R"({"smtp_host": "a.example.org", "smtp_pass": "hush-hush"})"), true},
        {}));
    change(mail.id, R"({"smtp_host": "evil.example.org"})");
    CPPUNIT_ASSERT(!opened(mail.id).contains("smtp_pass"));
  }

  void readers_do_not_see_where_it_goes() {
    f_.get(channels().create(
        owner(),
        ChannelDraft{"s", "slack",
                     object(R"({"webhook_url": "https://hooks.slack.com/services/T0/B0/token"})"),
                     true},
        {}));
    const auto seen = f_.get(channels().list(owner(), ChannelEyes::reader));
    CPPUNIT_ASSERT_EQUAL("https://hooks.slack.com/" + std::string(kChannelMask),
                         std::string(json::text(seen.at(0).config, "webhook_url")));
    const auto managed = f_.get(channels().list(owner(), ChannelEyes::manager));
    CPPUNIT_ASSERT(std::string(json::text(managed.at(0).config, "webhook_url")).ends_with("token"));
  }

  void wrong_configs_are_refused() {
    struct Case {
      std::string_view type, config, why;
    };
    const Case cases[] = {
        {"webhook", R"({"url": "http://a.example.org"})", "unsafe webhook"},
        {"webhook", R"({"url": "https://u:p@a.example.org"})", "unsafe webhook"},
        {"webhook", R"({"url": "https://10.0.0.1/x"})", "unsafe webhook"},
        {"webhook", R"({"url": "a.example.org"})", "invalid webhook"},
        {"webhook", R"({"hmac_secret": "x"})", "invalid webhook"},
        {"webhook", R"({"url": "https://a.example.org", "headers": {"Host": "x"}})", "unsafe"},
        {"webhook", R"({"url": "https://a.example.org", "headers": {"a b": "x"}})", "invalid"},
        {"webhook", R"({"url": "https://a.example.org", "headers": {"a": "x\r\ny: z"}})",
         "invalid"},
        {"email", R"({"smtp_host": "a.example.org", "smtp_port": 22})", "unsafe email"},
        {"email", R"({"smtp_host": "localhost"})", "unsafe email"},
        {"email", R"({"to_addrs": ["a@example.org"]})", "invalid email"},
        {"email", R"({"smtp_host": "a.example.org", "to_addrs": ["a@b\nc"]})", "invalid email"},
        {"slack", R"({"webhook_url": "http://hooks.slack.com/x"})", "unsafe slack"},
        {"telegram", R"({"bot_token": "abc", "chat_id": "1"})", "invalid telegram"},
        {"telegram", R"({"bot_token": "12:abc", "chat_id": "x"})", "invalid telegram"},
        {"pagerduty", R"({"integration_key": "short"})", "invalid pagerduty"},
        {"pagerduty", R"({"integration_key": "12345678", "severity_default": "x"})", "invalid"},
    };
    for (const Case& each : cases) {
      const std::string why = why_not(each.type, each.config);
      CPPUNIT_ASSERT_MESSAGE(std::string(each.config) + ": " + why, why.starts_with(each.why));
    }
  }

  void good_configs_are_taken() {
    const std::pair<std::string_view, std::string_view> cases[] = {
        {"webhook", "{}"},
        {"webhook", R"({"url": "https://a.example.org:8443/x?y=1", "headers": {"X-Key": "v"}})"},
        {"email", R"({"smtp_host": "a.example.org", "smtp_port": 465, "smtp_tls": true})"},
        {"telegram", R"({"bot_token": "12:ab_c-D", "chat_id": "-100123"})"},
        {"telegram", R"({"bot_token": "12:ab_c-D", "chat_id": "@room"})"},
        {"pagerduty",
         R"({"integration_key": "abcdefgh", "severity_map": {"task.failed": "info"}})"},
        {"discord", R"({"webhook_url": "https://discord.com/api/webhooks/1/x"})"},
        {"teams", R"({"webhook_url": "https://x.webhook.office.com/1"})"},
    };
    for (const auto& [type, config] : cases)
      CPPUNIT_ASSERT_EQUAL(std::string("taken"), why_not(type, config));
  }

  void a_type_without_its_plugin_is_refused_by_naming_it() {
    f_.courier.serve({});
    const auto made = channels().create(owner(), ChannelDraft{"c", "email", {}, true}, {});
    CPPUNIT_ASSERT(!made && made.error().code == base::Code::conflict);
    CPPUNIT_ASSERT(made.error().message.find("notifier-smtp") != std::string::npos);
    const auto none = channels().create(owner(), ChannelDraft{"c", "pigeon", {}, true}, {});
    CPPUNIT_ASSERT(!none && none.error().code == base::Code::invalid);
    const ChannelTest tested = f_.get(channels().test(owner(), "email", {}, {}));
    CPPUNIT_ASSERT(!tested.is_sent && tested.error.find("notifier-smtp") != std::string::npos);
  }

  void a_plugins_own_type_is_checked_by_its_schema() {
    f_.courier.serve({{"pigeon", "birds",
                       R"({"type":"object","properties":{"loft":{"type":"string"},)"
                       R"("ring":{"type":"string","x-z4j-secret":true}},"required":["loft"]})"}});
    CPPUNIT_ASSERT(why_not("pigeon", R"({"ring": "7"})").starts_with("invalid pigeon"));
    const auto made = f_.get(channels().create(
        owner(), ChannelDraft{"c", "pigeon", object(R"({"loft": "a", "ring": "secret-7"})"), true},
        {}));
    CPPUNIT_ASSERT_EQUAL(std::string(kChannelMask), std::string(json::text(made.config, "ring")));
    CPPUNIT_ASSERT_EQUAL(std::string("secret-7"), std::string(json::text(opened(made.id), "ring")));
  }

  void names_of_a_users_channels_are_unique() {
    const ChannelOwner ann = ChannelOwner::user(f_.add_user("ann").user.id);
    f_.get(channels().create(ann, ChannelDraft{"c", "webhook", {}, true}, {}));
    const auto again = channels().create(ann, ChannelDraft{"c", "webhook", {}, true}, {});
    CPPUNIT_ASSERT(!again && again.error().code == base::Code::conflict);
    const ChannelOwner bob = ChannelOwner::user(f_.add_user("bob").user.id);
    f_.get(channels().create(bob, ChannelDraft{"c", "webhook", {}, true}, {}));
  }

  void channels_are_copied_with_their_secrets_both_ways() {
    const ChannelOwner ann = ChannelOwner::user(f_.add_user("ann").user.id);
    const Channel made = f_.add_channel();
    const Channel own = f_.get(channels().import(owner(), made.id, ann, {}, {}));
    CPPUNIT_ASSERT_EQUAL(std::string("Copy of hook"), own.name);
    const Channel back = f_.get(channels().import(ann, own.id, owner(), std::string("back"), {}));
    CPPUNIT_ASSERT_EQUAL(std::string("hush-hush"),
                         std::string(json::text(opened(back.id), "hmac_secret")));
    const auto foreign = channels().import(ann, made.id, owner(), {}, {});
    CPPUNIT_ASSERT(!foreign && foreign.error().code == base::Code::not_found);
  }

  void a_test_tells_what_happened_and_is_logged() {
    const Channel made = f_.add_channel();
    CPPUNIT_ASSERT(f_.get(channels().test(owner(), made.id, {})).is_sent);
    const auto letters = f_.courier.take();
    CPPUNIT_ASSERT(letters.at(0).message.is_test);
    CPPUNIT_ASSERT_EQUAL(std::string("z4j.test"),
                         std::string(json::text(letters[0].message.context, "trigger")));
    f_.courier.answer({FakeCourier::unreachable()});
    const ChannelTest failed = f_.get(channels().test(owner(), made.id, {}));
    CPPUNIT_ASSERT_EQUAL(std::string("nobody answers at [private address]:25"), failed.error);
    const ChannelTest unsafe =
        f_.get(channels().test(owner(), "webhook", object(R"({"url": "https://127.0.0.1/"})"), {}));
    CPPUNIT_ASSERT(!unsafe.is_sent && unsafe.error.starts_with("unsafe"));
    const auto log = f_.deliveries();
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, log.size());
    for (const Delivery& each : log)
      CPPUNIT_ASSERT_EQUAL(std::string("test.dispatch"), each.trigger);
    // A user's tests leave no delivery, but a channel that works is known to.
    const ChannelOwner ann = ChannelOwner::user(f_.add_user("ann").user.id);
    const Channel own = f_.get(channels().import(owner(), made.id, ann, {}, {}));
    CPPUNIT_ASSERT(f_.get(channels().test(ann, own.id, {})).is_sent);
    CPPUNIT_ASSERT(f_.get(channels().list(ann, ChannelEyes::manager)).at(0).is_verified);
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, f_.deliveries().size());
  }

  void a_deleted_channel_leaves_subscriptions_and_defaults() {
    const Principal ann = f_.add_user("ann");
    const Channel one = f_.add_channel("one"), two = f_.add_channel("two");
    f_.subscribe(ann, kTaskFailed, {one.id, two.id});
    SubscriptionDraft draft;
    draft.trigger = kTaskFailed;
    draft.project_channel_ids = {one.id};
    f_.get(f_.notify->subscriptions.create_default(f_.project, draft, {}));
    f_.must(channels().remove(owner(), one.id, {}));
    f_.must(channels().remove(owner(), one.id, {}));
    const auto page = f_.get(f_.notify->subscriptions.list(ann.user.id, {}, {}, 10));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, page.items.at(0).project_channel_ids.size());
    CPPUNIT_ASSERT(page.items[0].project_channel_ids[0] == two.id);
    CPPUNIT_ASSERT(
        f_.get(f_.notify->subscriptions.defaults(f_.project)).at(0).project_channel_ids.empty());
  }

  void other_peoples_channels_are_not_there() {
    const Channel made = f_.add_channel();
    const ChannelOwner other = ChannelOwner::project(f_.add_project("other"));
    CPPUNIT_ASSERT(channels().patch(other, made.id, {}, {}).error().code == base::Code::not_found);
    CPPUNIT_ASSERT(channels().test(other, made.id, {}).error().code == base::Code::not_found);
    f_.must(channels().remove(other, made.id, {}));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                         f_.get(channels().list(owner(), ChannelEyes::manager)).size());
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ChannelsTest);

}  // namespace
}  // namespace z4j::core
