// The schemas of the plugin's settings and of its channels; literals, since the descriptor needs
// them at compile time.
#pragma once

#define Z4J_SMTP_SETTINGS                                                                       \
  R"({"type":"object","additionalProperties":false,"properties":{)"                             \
  R"("ca_file":{"type":"string","maxLength":4096,"description":)"                               \
  R"("PEM file with authorities to trust besides the machine's"},)"                             \
  R"("extra_ports":{"type":"array","items":{"type":"integer","minimum":1,"maximum":65535},)"    \
  R"("default":[],"description":"ports of relays, besides 25, 465, 587 and 2525"},)"            \
  R"("helo_name":{"type":"string","maxLength":253,"pattern":"^[A-Za-z0-9.-]*$","description":)" \
  R"("how this machine greets; else its host name"}}})"

// Every member may be missing: a channel without its relay is kept, but takes no messages.
#define Z4J_SMTP_TYPES                                                                            \
  "{\"email\":"                                                                                   \
  R"({"type":"object","additionalProperties":false,"properties":{)"                               \
  R"("smtp_host":{"type":"string","maxLength":253,"description":"the relay"},)"                   \
  R"("smtp_port":{"type":"integer","minimum":1,"maximum":65535,"default":587,)"                   \
  R"("description":"25, 465, 587 or 2525"},)"                                                     \
  R"("smtp_user":{"type":"string","maxLength":320,"description":"who signs in; empty: nobody"},)" \
  R"("smtp_pass":{"type":"string","maxLength":8192,"x-z4j-secret":true,)"                         \
  R"("description":"password; with xoauth2 the access token"},)"                                  \
  R"("smtp_tls":{"type":"boolean","default":true,)"                                               \
  R"("description":"TLS: at once on port 465, else by STARTTLS"},)"                               \
  R"("smtp_tls_mode":{"type":"string","enum":["auto","starttls","implicit"],"default":"auto",)"   \
  R"("description":"when TLS begins, if the port does not say"},)"                                \
  R"("smtp_auth":{"type":"string","enum":["auto","plain","login","cram-md5","xoauth2"],)"         \
  R"("default":"auto","description":"how to sign in"},)"                                          \
  R"("from_addr":{"type":"string","maxLength":254,"description":"sender; empty: smtp_user"},)"    \
  R"("to_addrs":{"type":"array","items":{"type":"string","maxLength":254},)"                      \
  R"("description":"who gets each message, at most 50"}}}})"
