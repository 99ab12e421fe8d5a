// The config schema of the plugin; a literal, since the descriptor needs it at compile time.
#pragma once

#define Z4J_ENGINE_CELERY_SCHEMA                                                                                     \
  R"({"type":"object","required":["broker_url"],"additionalProperties":false,"properties":{)"                        \
  R"("broker_url":{"type":"string","minLength":1,"maxLength":4096,"x-z4j-secret":true,"description":)"               \
  R"("Celery's broker_url: redis://[user:password@]host[:port][/db], rediss:// for TLS, unix:///path?db=n )"         \
  R"(or sentinel://host:port[;sentinel://host:port]/db; amqp://[user:password@]host[:port][/vhost] for RabbitMQ, )"  \
  R"(amqps:// for TLS"},)"                                                                                           \
  R"("result_backend":{"type":"string","maxLength":4096,"x-z4j-secret":true,"description":)"                         \
  R"("Celery's result_backend when it is a Redis; a Redis broker itself when not given; disabled when results are )" \
  R"(kept elsewhere"},)"                                                                                             \
  R"("sentinel_master":{"type":"string","maxLength":200,"description":"the master's name, with sentinel:// only"},)" \
  R"("sentinel_password":{"type":"string","maxLength":1000,"x-z4j-secret":true,"description":)"                      \
  R"("password of the sentinels themselves"},)"                                                                      \
  R"("tls_ca_file":{"type":"string","maxLength":4096,"description":"PEM file with the authorities to trust"},)"      \
  R"("global_keyprefix":{"type":"string","maxLength":200,"description":"the transport option of that name"},)"       \
  R"("result_keyprefix":{"type":"string","maxLength":200,"description":)"                                            \
  R"("global_keyprefix of result_backend_transport_options"},)"                                                      \
  R"("task_default_queue":{"type":"string","minLength":1,"maxLength":200,"default":"celery","description":)"         \
  R"("where tasks go that name no queue"},)"                                                                         \
  R"("queues":{"type":"array","items":{"type":"string","minLength":1,"maxLength":200},"description":)"               \
  R"("queues to show even when no worker reads them"},)"                                                             \
  R"("priority_steps":{"type":"array","items":{"type":"integer","minimum":0,"maximum":255},"description":)"          \
  R"("the transport option of that name; 0, 3, 6, 9 when not given"},)"                                              \
  R"("event_exchange":{"type":"string","minLength":1,"maxLength":200,"default":"celeryev","description":)"           \
  R"("Celery's setting of that name, with RabbitMQ"},)"                                                              \
  R"("control_exchange":{"type":"string","minLength":1,"maxLength":200,"default":"celery","description":)"           \
  R"("Celery's setting of that name, for its remote control"},)"                                                     \
  R"("look_at_most":{"type":"integer","minimum":0,"maximum":1000,"default":0,"description":)"                        \
  R"("with RabbitMQ: how many waiting messages of a queue may be taken out and put back to look at them; marks )"    \
  R"(them as redelivered, so 0 unless somebody needs it"},)"                                                         \
  R"("dead_letter_queues":{"type":"array","items":{"type":"string","minLength":1,"maxLength":200},"description":)"   \
  R"("with RabbitMQ: the queues that dead letters end in"},)"                                                        \
  R"("management_url":{"type":"string","minLength":1,"maxLength":4096,"x-z4j-secret":true,"description":)"           \
  R"("with RabbitMQ: its management API, http://user:password@host[:15672] or https://; asked only for the names )"  \
  R"(of queues, their counts and where their dead letters go"},)"                                                    \
  R"("enable_events":{"type":"boolean","default":true,"description":)"                                               \
  R"("switch task events on in every worker, as the option -E does"}}})"
