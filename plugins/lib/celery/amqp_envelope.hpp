// Messages of AMQP in the form that the rest of this folder reads, kombu's envelope in JSON, and
// back. Nothing is lost on the way but the width of integers: headers keep their kinds (see
// lib/amqp/table.hpp), properties their names.
#pragma once

#include "lib/amqp/amqp.hpp"

#include <string>
#include <string_view>

namespace z4j::celery {

// "" when the message could not be taken.
[[nodiscard]] std::string envelope_of(const amqp::Delivery& delivery);

// To the default exchange, with the queue's name as the key. Properties and headers are those of
// the envelope, but for the user id, which a broker takes from nobody else. Throws Z4J_INVALID or
// Z4J_TOO_LARGE.
[[nodiscard]] amqp::Outgoing outgoing_of(std::string_view envelope, const std::string& queue);

}  // namespace z4j::celery
