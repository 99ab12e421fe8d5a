#include "core/outbox.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <chrono>
#include <thread>

#include "core/testing/notify_fixture.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;
using testing::FakeCourier;

class OutboxTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(OutboxTest);
  CPPUNIT_TEST(a_message_goes_out_once_its_commit_is_done);
  CPPUNIT_TEST(what_waits_is_sealed);
  CPPUNIT_TEST(a_busy_target_is_tried_again_later_and_later);
  CPPUNIT_TEST(the_other_sides_patience_is_kept);
  CPPUNIT_TEST(a_refusal_is_final);
  CPPUNIT_TEST(the_fifth_failure_is_the_last);
  CPPUNIT_TEST(what_expired_is_not_sent);
  CPPUNIT_TEST(a_channel_that_is_not_reached_rests_and_others_do_not);
  CPPUNIT_TEST(a_deleted_or_silent_channel_gets_nothing);
  CPPUNIT_TEST(a_brain_without_the_right_sends_nothing);
  CPPUNIT_TEST(a_try_that_died_is_made_again);
  CPPUNIT_TEST(mails_of_the_kernel_take_the_settings_first);
  CPPUNIT_TEST(mails_of_the_kernel_fall_back_to_a_channel_of_a_project);
  CPPUNIT_TEST(words_of_the_other_side_are_cleaned);
  CPPUNIT_TEST(runs_and_stops_on_its_own_threads);
  CPPUNIT_TEST_SUITE_END();

  testing::NotifyFixture f_;
  Channel channel_;

  base::Uuid queue(std::int64_t lives_s = 100'000, std::optional<base::Uuid> channel = {}) {
    ChannelMessage m;
    m.project_id = f_.project;
    m.channel_id = channel.value_or(channel_.id);
    m.channel_name = "hook";
    m.channel_type = "webhook";
    m.trigger = "task.failed";
    m.message.title = "Task failed: shop.charge";
    m.message.text = "one-time-link";
    m.lives_s = lives_s;
    Commit commit;
    f_.notify->outbox.queue(commit, m);
    f_.must(f_.store->commit(commit));
    return m.id;
  }
  bool work() { return f_.notify->outbox.work(); }
  void advance(std::int64_t seconds) { f_.clock.advance(seconds * base::kSecondUs); }
  void without_jitter() {
    // Rebuilt parts share the store, so only the ways differ.
    Outbox::Options options;
    options.jitter = [] { return 0.0; };
    plain_ = std::make_unique<Outbox>(*f_.store, f_.notify->channels, f_.courier, f_.sealer,
                                      f_.clock, f_.log, std::move(options));
  }
  std::unique_ptr<Outbox> plain_;

 public:
  void setUp() override { channel_ = f_.add_channel(); }

  void a_message_goes_out_once_its_commit_is_done() {
    CPPUNIT_ASSERT(!work());
    const base::Uuid id = queue();
    CPPUNIT_ASSERT(work());
    const auto letters = f_.courier.take();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, letters.size());
    CPPUNIT_ASSERT_EQUAL(std::string("Task failed: shop.charge"), letters[0].message.title);
    CPPUNIT_ASSERT_EQUAL(id.text(), letters[0].message.id);
    CPPUNIT_ASSERT_EQUAL(std::string("hush-hush"),
                         std::string(json::text(letters[0].config, "hmac_secret")));
    const auto done = f_.deliveries();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, done.size());
    CPPUNIT_ASSERT_EQUAL(std::string("sent"), done[0].status);
    CPPUNIT_ASSERT(done[0].id == id);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, done[0].attempts);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, f_.count(Table::outbox));
    CPPUNIT_ASSERT(!work());
  }

  void what_waits_is_sealed() {
    queue();
    for (const Row& row : f_.rows(Table::outbox)) {
      CPPUNIT_ASSERT(row.text(model::outbox::message).find("one-time") == std::string_view::npos);
    }
    for (const Row& row : f_.rows(Table::notification_channels)) {
      CPPUNIT_ASSERT(row.text(model::notification_channels::secrets).find("hush") ==
                     std::string_view::npos);
      CPPUNIT_ASSERT(row.text(model::notification_channels::config).find("hush") ==
                     std::string_view::npos);
    }
  }

  void a_busy_target_is_tried_again_later_and_later() {
    without_jitter();
    queue();
    f_.courier.answer({FakeCourier::busy(451), FakeCourier::busy(451), FakeCourier::busy(451)});
    CPPUNIT_ASSERT(plain_->work());
    for (const std::int64_t delay_s : {30, 120, 600}) {
      advance(delay_s - 1);
      CPPUNIT_ASSERT_MESSAGE(std::to_string(delay_s), !plain_->work());
      advance(1);
      CPPUNIT_ASSERT_MESSAGE(std::to_string(delay_s), plain_->work());
    }
    const auto done = f_.deliveries();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, done.size());
    CPPUNIT_ASSERT_EQUAL(std::string("sent"), done[0].status);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, done[0].attempts);
    const auto letters = f_.courier.take();
    CPPUNIT_ASSERT_EQUAL(4u, letters.back().attempt);
    CPPUNIT_ASSERT_EQUAL(letters.front().message.id, letters.back().message.id);
  }

  void the_other_sides_patience_is_kept() {
    without_jitter();
    queue();
    f_.courier.answer({FakeCourier::busy(503, 300'000)});
    plain_->work();
    advance(299);
    CPPUNIT_ASSERT(!plain_->work());
    advance(2);
    CPPUNIT_ASSERT(plain_->work());
    CPPUNIT_ASSERT_EQUAL(std::string("sent"), f_.deliveries().at(0).status);
  }

  void a_refusal_is_final() {
    queue();
    f_.courier.answer({FakeCourier::refused(550)});
    CPPUNIT_ASSERT(work());
    const auto done = f_.deliveries();
    CPPUNIT_ASSERT_EQUAL(std::string("failed"), done.at(0).status);
    CPPUNIT_ASSERT(done[0].response_code == 550);
    CPPUNIT_ASSERT_EQUAL(std::string("no such user"), done[0].error);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, f_.count(Table::outbox));
  }

  void the_fifth_failure_is_the_last() {
    queue();
    f_.courier.answer({FakeCourier::busy(451), FakeCourier::busy(451), FakeCourier::busy(451),
                       FakeCourier::busy(451), FakeCourier::busy(451)});
    for (int i = 0; i < 5; ++i) {
      CPPUNIT_ASSERT(work());
      advance(3'600 + 800);
    }
    CPPUNIT_ASSERT(!work());
    CPPUNIT_ASSERT_EQUAL(std::string("failed"), f_.deliveries().at(0).status);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, f_.deliveries().at(0).attempts);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, f_.count(Table::outbox));
  }

  void what_expired_is_not_sent() {
    queue(60);
    advance(61);
    CPPUNIT_ASSERT(work());
    CPPUNIT_ASSERT(f_.courier.take().empty());
    CPPUNIT_ASSERT_EQUAL(std::string("failed"), f_.deliveries().at(0).status);
    // No further try is planned beyond its end.
    queue(20);
    f_.courier.answer({FakeCourier::busy(451)});
    CPPUNIT_ASSERT(work());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, f_.count(Table::outbox));
  }

  void a_channel_that_is_not_reached_rests_and_others_do_not() {
    const Channel other = f_.add_channel("other");
    queue();
    f_.courier.answer({FakeCourier::unreachable()});
    CPPUNIT_ASSERT(work());
    f_.courier.take();
    queue();
    queue(100'000, other.id);
    CPPUNIT_ASSERT(work());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.courier.take().size());
    advance(40);
    CPPUNIT_ASSERT(work());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, f_.courier.take().size());
    for (const Delivery& each : f_.deliveries())
      CPPUNIT_ASSERT_EQUAL(std::string("sent"), each.status);
  }

  void a_deleted_or_silent_channel_gets_nothing() {
    queue();
    f_.must(f_.notify->channels.remove(ChannelOwner::project(f_.project), channel_.id, {}));
    CPPUNIT_ASSERT(work());
    const Channel silent = f_.add_channel("silent");
    queue(100'000, silent.id);
    ChannelPatch off;
    off.is_active = false;
    f_.get(f_.notify->channels.patch(ChannelOwner::project(f_.project), silent.id, off, {}));
    CPPUNIT_ASSERT(work());
    CPPUNIT_ASSERT(f_.courier.take().empty());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, f_.deliveries().size());
    for (const Delivery& each : f_.deliveries())
      CPPUNIT_ASSERT_EQUAL(std::string("failed"), each.status);
  }

  void a_brain_without_the_right_sends_nothing() {
    Notifications::Options options;
    options.may_send = []() -> std::optional<Fence> { return std::nullopt; };
    f_.make(std::move(options));
    queue();
    CPPUNIT_ASSERT(!work());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, f_.count(Table::outbox));
    // A lease that is another's: the store itself refuses.
    Notifications::Options late;
    late.may_send = [] {
      Fence fence;
      fence.name = "outbox";
      fence.owner = base::Uuid::random();
      fence.number = 7;
      return std::optional(fence);
    };
    f_.make(std::move(late));
    CPPUNIT_ASSERT(!work());
    CPPUNIT_ASSERT(f_.courier.take().empty());
  }

  void a_try_that_died_is_made_again() {
    const base::Uuid id = queue();
    Commit claim;
    Where self;
    self.eq(model::outbox::id, id);
    claim.update(Table::outbox, std::move(self),
                 {{model::outbox::attempts, 1},
                  {model::outbox::next_attempt_at, f_.clock.now() + 50 * base::kSecondUs}});
    f_.must(f_.store->commit(claim));
    CPPUNIT_ASSERT(!work());
    advance(51);
    CPPUNIT_ASSERT(work());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, f_.deliveries().at(0).attempts);
  }

  void mails_of_the_kernel_take_the_settings_first() {
    Notifications::Options options;
    options.smtp = {{"smtp_host", "mail.example.org"}, {"smtp_pass", "hush-hush"}};
    f_.make(std::move(options));
    CPPUNIT_ASSERT(f_.get(f_.notify->outbox.can_mail({}, {})));
    Mail mail;
    mail.to = "ann@example.org";
    mail.subject = "Reset";
    mail.text = "https://z4j.example.org/reset#token=t";
    mail.trigger = "password.reset";
    Commit commit;
    f_.notify->outbox.queue_mail(commit, mail);
    f_.must(f_.store->commit(commit));
    CPPUNIT_ASSERT(work());
    const auto letters = f_.courier.take();
    CPPUNIT_ASSERT_EQUAL(std::string("email"), letters.at(0).type);
    CPPUNIT_ASSERT_EQUAL(std::string("mail.example.org"),
                         std::string(json::text(letters[0].config, "smtp_host")));
    CPPUNIT_ASSERT_EQUAL(std::string(R"(["ann@example.org"])"),
                         json::write(letters[0].config.at("to_addrs")));
    CPPUNIT_ASSERT_EQUAL(std::string("Reset"), letters[0].message.title);
  }

  void mails_of_the_kernel_fall_back_to_a_channel_of_a_project() {
    const Principal ann = f_.add_user("ann");
    CPPUNIT_ASSERT(!f_.get(f_.notify->outbox.can_mail({}, ann.user.id)));
    f_.get(f_.notify->channels.create(ChannelOwner::project(f_.project),
                                      ChannelDraft{"post",
                                                   "email",
                                                   {{"smtp_host", "mail.example.org"},
                                                    {"to_addrs", json::Array{"all@example.org"}}},
                                                   true},
                                      {}));
    CPPUNIT_ASSERT(f_.get(f_.notify->outbox.can_mail({}, ann.user.id)));
    CPPUNIT_ASSERT(f_.get(f_.notify->outbox.can_mail(f_.project, {})));
    CPPUNIT_ASSERT(!f_.get(f_.notify->outbox.can_mail({}, base::Uuid::random())));
    f_.courier.serve({});  // nobody carries mails any more
    CPPUNIT_ASSERT(!f_.get(f_.notify->outbox.can_mail(f_.project, {})));
  }

  void words_of_the_other_side_are_cleaned() {
    const json::Object config{{"url", "https://hooks.example.org/T0/secret-path"},
                              {"hmac_secret", "hush-hush"},
                              {"headers", json::Object{{"x-key", "k-1234"}}}};
    CPPUNIT_ASSERT_EQUAL(
        std::string("no [channel address] at [private address]:25 with [secret] and [secret]"),
        cleaned_reply("no https://hooks.example.org/T0/secret-path at 10.1.2.3:25 with hush-hush "
                      "and k-1234",
                      config));
    CPPUNIT_ASSERT_EQUAL(std::string("POST [channel address] from 192.0.32.7, [private address]."),
                         cleaned_reply("POST /T0/secret-path from 192.0.32.7, ::1.", config));
    CPPUNIT_ASSERT_EQUAL(std::string("550 at 12:30 dead beef"),
                         cleaned_reply("550 at 12:30 dead beef", {}));
  }

  void runs_and_stops_on_its_own_threads() {
    f_.notify->start();
    for (int i = 0; i < 40; ++i) queue();
    f_.notify->outbox.look();
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (f_.count(Table::outbox) > 0 && std::chrono::steady_clock::now() < until) {
      f_.clock.advance(base::kSecondUs);
      f_.notify->outbox.look();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    f_.notify->stop();
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, f_.count(Table::outbox));
    CPPUNIT_ASSERT_EQUAL(std::size_t{40}, f_.courier.take().size());
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(OutboxTest);

}  // namespace
}  // namespace z4j::core
