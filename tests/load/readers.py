#!/usr/bin/python3
"""Many people at their task lists at once: each asks for a page once a second; prints how long the answers took.

usage: Z4J_PASSWORD=... readers.py http://127.0.0.1:7700 EMAIL [--project default] [--clients 200] [--seconds 60] [--every 1.0]

Each client has a connection of its own and walks through first pages: all tasks, one state, one queue. Run by hand against a brain with
many tasks (tests/scale makes them). Exit code 1 when an answer was no 200 or the 95th percentile is over --limit milliseconds.
"""
import argparse
import asyncio
import collections
import json
import os
import random
import sys
import time
import urllib.parse
import urllib.request

PAGES = ("", "?state=failure", "?state=success", "?queue={queue}", "?limit=100")


def sign_in(url, email):
    """The Cookie header of a new session."""
    body = json.dumps({"email": email, "password": os.environ["Z4J_PASSWORD"]}).encode()
    request = urllib.request.Request(f"{url}/api/v1/auth/login", data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return "; ".join(line.split(";", 1)[0] for line in answer.headers.get_all("Set-Cookie"))


def queue_of(given, cookie):
    """The first queue of the project."""
    request = urllib.request.Request(f"{given.url}/api/v1/projects/{given.project}/queues", headers={"Cookie": cookie})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return urllib.parse.quote(json.load(answer)[0]["name"])


async def answer_of(reader):
    """The status; the body is read to its end."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status = int(head.split(" ", 2)[1])
    if "transfer-encoding: chunked" in head:
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            await reader.readexactly(size + 2)
        await reader.readexactly(2)
    else:
        await reader.readexactly(int(head.split("content-length: ", 1)[1].split("\r\n", 1)[0]))
    return status


async def client(given, cookie, pages, end, seconds, statuses, number):
    address = urllib.parse.urlsplit(given.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=1 << 24)
    due = time.monotonic() + random.random() * given.every
    while (now := time.monotonic()) < end:
        if now < due:
            await asyncio.sleep(due - now)
        page = pages[number % len(pages)]
        number += 1
        writer.write(f"GET /api/v1/projects/{given.project}/tasks{page} HTTP/1.1\r\nHost: {address.netloc}\r\nCookie: {cookie}\r\n\r\n".encode())
        begun = time.monotonic()
        status = await answer_of(reader)
        seconds.append(time.monotonic() - begun)
        statuses[status] += 1
        due += given.every
    writer.close()


async def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("url")
    options.add_argument("email")
    options.add_argument("--project", default="default")
    options.add_argument("--clients", type=int, default=200)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--every", type=float, default=1.0)
    options.add_argument("--limit", type=float, default=100)
    given = options.parse_args()
    cookie = sign_in(given.url, given.email)
    queue = queue_of(given, cookie)
    pages = [page.format(queue=queue) for page in PAGES]
    seconds, statuses = [], collections.Counter()
    end = time.monotonic() + given.seconds
    await asyncio.gather(*(client(given, cookie, pages, end, seconds, statuses, number) for number in range(given.clients)))
    seconds.sort()
    at = lambda share: round(1000 * seconds[min(len(seconds) - 1, int(share * len(seconds)))], 1)  # noqa: E731
    print(json.dumps({"requests": len(seconds), "statuses": dict(statuses), "p50_ms": at(0.5), "p95_ms": at(0.95), "p99_ms": at(0.99),
                      "max_ms": round(1000 * seconds[-1], 1), "load": os.getloadavg()[0]}))
    return 0 if set(statuses) == {200} and at(0.95) <= given.limit else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
