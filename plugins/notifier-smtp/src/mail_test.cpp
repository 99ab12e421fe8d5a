#include "src/mail.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "src/settings.hpp"
#include "src/sign_in.hpp"

namespace z4j::smtp {
namespace {

Mail a_mail(std::string subject, std::string text) {
  Mail out;
  out.from = "z4j@example.test";
  out.to = {"a@example.test", "b@example.test"};
  out.subject = std::move(subject);
  out.text = std::move(text);
  out.message_id = "id@example.test";
  out.date_s = 1'795'724'936;
  return out;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class MailTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(MailTest);
  CPPUNIT_TEST(headers_are_whole);
  CPPUNIT_TEST(subject_cannot_add_a_header);
  CPPUNIT_TEST(long_and_foreign_subjects_are_encoded_in_whole_characters);
  CPPUNIT_TEST(text_is_quoted_printable_in_short_lines);
  CPPUNIT_TEST(a_terminal_has_nothing_to_obey);
  CPPUNIT_TEST(data_doubles_dots_and_ends);
  CPPUNIT_TEST(addresses_hold_no_commands);
  CPPUNIT_TEST(relay_refuses_ports_and_control_characters);
  CPPUNIT_TEST(tls_begins_as_the_port_or_the_mode_says);
  CPPUNIT_TEST(cram_md5_as_in_rfc_2195);
  CPPUNIT_TEST(best_way_to_sign_in_is_chosen);
  CPPUNIT_TEST_SUITE_END();

  void headers_are_whole() {
    const std::string mail = write_mail(a_mail("Hello", "one\ntwo\r\nthree"));
    CPPUNIT_ASSERT(mail.starts_with("Date: Thu, 26 Nov 2026 20:28:56 +0000\r\n"));
    CPPUNIT_ASSERT(has(mail, "\r\nFrom: z4j <z4j@example.test>\r\n"));
    CPPUNIT_ASSERT(has(mail, "\r\nTo: a@example.test,\r\n b@example.test\r\n"));
    CPPUNIT_ASSERT(has(mail, "\r\nSubject: Hello\r\n"));
    CPPUNIT_ASSERT(has(mail, "\r\nMessage-ID: <id@example.test>\r\n"));
    CPPUNIT_ASSERT(mail.ends_with("\r\n\r\none\r\ntwo\r\nthree\r\n"));
  }

  void subject_cannot_add_a_header() {
    const std::string mail = write_mail(a_mail("x\r\nBcc: evil@example.test\r\n\r\nbody", "t"));
    CPPUNIT_ASSERT(has(mail, "Subject: x  Bcc: evil@example.test    body\r\n"));
    CPPUNIT_ASSERT(!has(mail, "\r\nBcc:"));
  }

  void long_and_foreign_subjects_are_encoded_in_whole_characters() {
    CPPUNIT_ASSERT_EQUAL(std::string("=?UTF-8?B?w7w=?="), header_text("\u00fc"));
    std::string name;
    for (int i = 0; i < 60; ++i) name += "\u20ac";
    const std::string text = header_text(name);
    std::size_t words = 0;
    for (std::size_t at = text.find("=?UTF-8?B?"); at != std::string::npos;
         at = text.find("=?UTF-8?B?", at + 1))
      ++words;
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, words);  // 45 bytes are 15 of them
    CPPUNIT_ASSERT(has(text, "?=\r\n =?UTF-8?B?"));
    // What looks like an encoded word is told apart from one.
    CPPUNIT_ASSERT(header_text("=?UTF-8?B?w7w=?=").starts_with("=?UTF-8?B?PT9V"));
  }

  void text_is_quoted_printable_in_short_lines() {
    const std::string mail = write_mail(a_mail("s", std::string(300, 'x') + "\n=\u00e9 \n\t\n"));
    std::size_t from = 0;
    for (std::size_t end = mail.find("\r\n"); end != std::string::npos;
         end = mail.find("\r\n", from)) {
      CPPUNIT_ASSERT(end - from <= 76);
      from = end + 2;
    }
    CPPUNIT_ASSERT(has(mail, "=3D=C3=A9=20\r\n=09\r\n"));
  }

  void a_terminal_has_nothing_to_obey() {
    const std::string mail = write_mail(a_mail("s\x1b[31m",
                                               "a\x1b[2J\x01\xc2\x9b"
                                               "31m\x7f b\tc\nd \xc2\xa0"));
    CPPUNIT_ASSERT(mail.find("Subject: s [31m\r\n") != std::string::npos);
    CPPUNIT_ASSERT_MESSAGE(mail, mail.find("a [2J   31m  b") != std::string::npos);
    CPPUNIT_ASSERT_MESSAGE(mail, mail.find("\r\nd =C2=A0") != std::string::npos);
  }

  void data_doubles_dots_and_ends() {
    CPPUNIT_ASSERT_EQUAL(std::string("..\r\na.b\r\n...\r\n.\r\n"), as_data(".\r\na.b\r\n..\r\n"));
    CPPUNIT_ASSERT_EQUAL(std::string("x\r\n.\r\n"), as_data("x"));
  }

  void addresses_hold_no_commands() {
    CPPUNIT_ASSERT(is_address("a.b+c@mail.example.test"));
    for (const char* bad : {"", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\r\nRCPT TO:<x@y>", "<a@b>",
                            "a@b>", "a@b,c", "\u00fc@b"})
      CPPUNIT_ASSERT_MESSAGE(bad, !is_address(bad));
    CPPUNIT_ASSERT(!is_address(std::string(251, 'a') + "@b.c"));
  }

  static std::string where_wrong(const std::string& target) {
    try {
      (void)read_relay(Settings{}, target);
      return "";
    } catch (const Error& e) {
      return e.where;
    }
  }

  void relay_refuses_ports_and_control_characters() {
    const std::string good = R"("smtp_host":"h","from_addr":"a@b.c","to_addrs":["d@e.f"])";
    CPPUNIT_ASSERT_EQUAL(std::string(), where_wrong("{" + good + "}"));
    CPPUNIT_ASSERT_EQUAL(std::string("/smtp_port"),
                         where_wrong("{" + good + R"(,"smtp_port":22})"));
    CPPUNIT_ASSERT_EQUAL(std::string("/smtp_user"),
                         where_wrong("{" + good + R"(,"smtp_user":"a\r\nQUIT"})"));
    CPPUNIT_ASSERT_EQUAL(std::string("/smtp_host"), where_wrong("{}"));
    CPPUNIT_ASSERT_EQUAL(std::string("/to_addrs"),
                         where_wrong(R"({"smtp_host":"h","from_addr":"a@b.c","to_addrs":["x"]})"));
    CPPUNIT_ASSERT_EQUAL(std::string("/from_addr"),
                         where_wrong(R"({"smtp_host":"h","to_addrs":["d@e.f"]})"));
    Settings open;
    open.extra_ports = {4000};
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{4000},
                         read_relay(open, "{" + good + R"(,"smtp_port":4000})").port);
  }

  void tls_begins_as_the_port_or_the_mode_says() {
    const auto tls = [](const std::string& more) {
      return read_relay(Settings{},
                        R"({"smtp_host":"h","from_addr":"a@b.c","to_addrs":["d@e.f"])" + more + "}")
          .tls;
    };
    CPPUNIT_ASSERT(tls("") == Tls::starttls);
    CPPUNIT_ASSERT(tls(R"(,"smtp_port":465)") == Tls::implicit);
    CPPUNIT_ASSERT(tls(R"(,"smtp_port":465,"smtp_tls_mode":"starttls")") == Tls::starttls);
    CPPUNIT_ASSERT(tls(R"(,"smtp_tls":false)") == Tls::none);
  }

  void cram_md5_as_in_rfc_2195() {
    CPPUNIT_ASSERT_EQUAL(
        std::string("tim b913a602c7eda7a495b4e6e7334d3890"),
        cram_md5_answer("<1896.697170952@postoffice.reston.mci.net>", "tim", "tanstaaftanstaaf"));
  }

  void best_way_to_sign_in_is_chosen() {
    CPPUNIT_ASSERT(choose_auth(Auth::automatic, "CRAM-MD5 LOGIN PLAIN", true) == Auth::plain);
    CPPUNIT_ASSERT(choose_auth(Auth::automatic, "CRAM-MD5 LOGIN", true) == Auth::login);
    CPPUNIT_ASSERT(choose_auth(Auth::automatic, "PLAIN CRAM-MD5", false) == Auth::cram_md5);
    CPPUNIT_ASSERT_THROW((void)choose_auth(Auth::automatic, "PLAIN", false), Error);
    CPPUNIT_ASSERT_THROW((void)choose_auth(Auth::xoauth2, "XOAUTH2", false), Error);
    CPPUNIT_ASSERT_THROW((void)choose_auth(Auth::automatic, "NTLM", true), Error);
    CPPUNIT_ASSERT_THROW((void)choose_auth(Auth::login, "PLAIN", true), Error);
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(MailTest);

}  // namespace
}  // namespace z4j::smtp
