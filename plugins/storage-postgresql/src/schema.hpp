// What the config may hold.
#pragma once

namespace z4j::postgresql {

inline constexpr char kSettingsSchema[] =
    R"({"type":"object","additionalProperties":false,"required":["url"],"properties":{
"url":{"type":"string","minLength":1,"x-z4j-secret":true,"description":"Where the database is. Off this machine TLS is required: sslmode is require unless it says verify-ca or verify-full.",
"examples":["postgresql://z4j:secret@db.example:5432/z4j?sslmode=verify-full"]},
"schema":{"type":"string","minLength":1,"maxLength":63,"default":"z4j","description":"The schema that holds all tables; made when missing."},
"plaintext":{"type":"boolean","default":false,"description":"Allow connections without TLS over the network. The password and all data can then be read on the way."},
"grant_to":{"type":"string","maxLength":63,"default":"","description":"A role that may use the tables but not change them: read, insert, and change where tables are not append-only."},
"writers":{"type":"integer","minimum":1,"maximum":8,"default":2,"description":"Connections that write at once."},
"readers":{"type":"integer","minimum":1,"maximum":64,"default":4,"description":"Connections that read at once."},
"max_connections":{"type":"integer","minimum":6,"maximum":256,"default":24,"description":"No more connections than this, whatever is asked for."},
"statement_timeout_ms":{"type":"integer","minimum":100,"maximum":3600000,"default":30000,"description":"How long one statement may run when the request sets no time of its own."},
"lock_timeout_ms":{"type":"integer","minimum":10,"maximum":600000,"default":5000,"description":"How long to wait for a lock before trying again later."},
"idle_timeout_ms":{"type":"integer","minimum":1000,"maximum":3600000,"default":5000,"description":"How long a commit may stand still before the server ends it and others get its locks."},
"connect_timeout_s":{"type":"integer","minimum":2,"maximum":60,"default":5,"description":"How long to wait for a connection."}}})";

}  // namespace z4j::postgresql
