#include "core/account_mail.hpp"

#include "core/mail.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

constexpr std::size_t kShownCharacters = 80;

// A name that people chose, on one line and without what could pass for a link of ours.
std::string shown(std::string_view name) {
  std::string out;
  for (const char c : clean_text(name, kShownCharacters)) {
    const bool is_plain = static_cast<unsigned char>(c) >= 0x20 && c != 0x7F;
    out += is_plain && c != '/' && c != ':' ? c : ' ';
  }
  return out;
}

// 2026-05-13 10:42 UTC
std::string minute(base::TimeUs time) {
  std::string text = base::format_time(time).substr(0, 16);
  text[10] = ' ';
  return text + " UTC";
}

}  // namespace

std::string invitation_path(std::string_view token) {
  return "/invite#token=" + std::string(token);
}

base::Result<bool> AccountMail::can_mail(const std::optional<base::Uuid>& project,
                                         const std::optional<base::Uuid>& user) const {
  if (!ways_.can_mail || !ways_.queue) return false;
  return ways_.can_mail(project, user);
}

Mail AccountMail::reset(const User& user, std::string_view token, base::TimeUs until) const {
  Mail mail;
  mail.to = user.email;
  mail.subject = "A new password for z4j";
  mail.text = "Somebody, probably you, asked for a new password at " + url() +
              ".\n\nTo choose one, open this link before " + minute(until) + ":\n\n" + url() +
              "/reset#token=" + std::string(token) +
              "\n\nThe link works once. If it was not you, do nothing: your password stays.\n";
  mail.trigger = "password.reset";
  mail.user_id = user.id;
  mail.lives_s = 1800;
  return mail;
}

Mail AccountMail::invitation(const Guest& guest, std::string_view token, base::TimeUs until) const {
  const std::string project = shown(guest.project_name);
  Mail mail;
  mail.to = guest.email;
  mail.subject = "Invitation to " + project + " on z4j";
  mail.text = (guest.invited_by.empty() ? "You are" : shown(guest.invited_by) + " has") +
              (guest.invited_by.empty() ? " invited to " : " invited you to ") + project + " at " +
              url() + ", as " + std::string(to_string(guest.role)) +
              ".\n\nTo accept, open this link before " + minute(until) + ":\n\n" + url() +
              invitation_path(token) +
              "\n\nThe link works once. If you know nothing of this, do nothing.\n";
  mail.trigger = "invitation";
  mail.project_id = guest.project_id;
  return mail;
}

}  // namespace z4j::core
