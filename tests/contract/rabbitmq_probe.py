"""Queues of a RabbitMQ for contract tests: `declare URL QUEUE JSON` makes a durable one with these arguments; `look URL QUEUE` prints
its messages, one JSON object a line, and leaves them; `depth URL QUEUE` prints how many wait, "none" without the queue."""

import json
import sys

from amqp.exceptions import NotFound
from kombu import Connection


def declare(channel, queue, arguments):
    channel.queue_declare(queue, durable=True, auto_delete=False, arguments=json.loads(arguments))


def look(channel, queue):
    while (message := channel.basic_get(queue)) is not None:
        print(json.dumps({"properties": {k: v for k, v in message.properties.items() if k != "application_headers"},
                          "headers": message.headers, "body": message.body if isinstance(message.body, str) else message.body.decode("latin-1")},
                         default=str), flush=True)


def depth(channel, queue):
    try:
        print(channel.queue_declare(queue, passive=True).message_count, flush=True)
    except NotFound:
        print("none", flush=True)


if __name__ == "__main__":
    with Connection(sys.argv[2]) as connection:
        {"declare": declare, "look": look, "depth": depth}[sys.argv[1]](connection.default_channel, *sys.argv[3:])
