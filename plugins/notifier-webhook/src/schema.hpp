// The schemas of the plugin's settings and of its channels; literals, since the descriptor needs
// them at compile time.
#pragma once

#define Z4J_WEBHOOK_SETTINGS                                                                               \
  R"({"type":"object","additionalProperties":false,"properties":{)"                                        \
  R"("slack_hosts":{"type":"array","items":{"type":"string","minLength":1,"maxLength":253},"default":[],)" \
  R"("description":"hosts that take Slack's messages, besides hooks.slack.com"},)"                         \
  R"("discord_hosts":{"type":"array","items":{"type":"string","minLength":1,"maxLength":253},)"            \
  R"("default":[],"description":"hosts that take Discord's messages, besides its own"},)"                  \
  R"("teams_hosts":{"type":"array","items":{"type":"string","minLength":1,"maxLength":253},)"              \
  R"("default":[],"description":"hosts that take Teams' messages, besides Microsoft's"},)"                 \
  R"("telegram_url":{"type":"string","minLength":1,"maxLength":500,)"                                      \
  R"("default":"https://api.telegram.org","description":"the Bot API's server"},)"                         \
  R"("pagerduty_url":{"type":"string","minLength":1,"maxLength":500,)"                                     \
  R"("default":"https://events.pagerduty.com","description":"the Events API's server"}}})"

// Every member may be missing: a channel without its address is kept, but takes no messages.
#define Z4J_WEBHOOK_URL_OF(member)                                          \
  R"({"type":"object","additionalProperties":false,"properties":{")" member \
  R"(":{"type":"string","maxLength":4096,"x-z4j-secret":true,"description":"where it goes"})"

#define Z4J_WEBHOOK_TYPES \
  "{\"webhook\":"                                                                                           \
  R"({"type":"object","additionalProperties":false,"properties":{)"                                         \
  R"("url":{"type":"string","maxLength":4096,"description":"where each message is POSTed"},)"               \
  R"("hmac_secret":{"type":"string","maxLength":1024,"x-z4j-secret":true,)"                                 \
  R"("description":"key of the signature in X-Z4J-Signature"},)"                                            \
  R"("headers":{"type":"object","additionalProperties":true,"description":"at most 20 further headers"}}})" \
  ",\"slack\":" Z4J_WEBHOOK_URL_OF("webhook_url") "}}"                                                      \
  ",\"discord\":" Z4J_WEBHOOK_URL_OF("webhook_url") "}}"                                                    \
  ",\"teams\":" Z4J_WEBHOOK_URL_OF("webhook_url") "}}"                                                      \
  ",\"telegram\":"                                                                                          \
  R"({"type":"object","additionalProperties":false,"properties":{)"                                         \
  R"("bot_token":{"type":"string","maxLength":200,"pattern":"^[0-9]+:[A-Za-z0-9_-]+$",)"                    \
  R"("x-z4j-secret":true,"description":"of the bot that writes"},)"                                         \
  R"("chat_id":{"type":"string","maxLength":100,"pattern":"^(-?[0-9]+|@[A-Za-z0-9_]+)$",)"                  \
  R"("description":"a number, or @name"}}})"                                                                \
  ",\"pagerduty\":"                                                                                         \
  R"({"type":"object","additionalProperties":false,"properties":{)"                                         \
  R"("integration_key":{"type":"string","pattern":"^[A-Za-z0-9_-]{8,64}$","x-z4j-secret":true,)"            \
  R"("description":"of an Events API v2 integration"},)"                                                    \
  R"("severity_default":{"type":"string","enum":["critical","error","warning","info"],)"                    \
  R"("default":"warning","description":"of triggers that are not in the map"},)"                            \
  R"("severity_map":{"type":"object","additionalProperties":true,)"                                         \
  R"("description":"trigger to severity, at most 32"}}}})"
