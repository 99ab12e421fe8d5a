"""Many right sign-ins at once, by hand: how many get in, how soon the others hear when to come back, and what readers of the task list notice.

    sign_in.py BUILD [--rate 50] [--addresses 50] [--seconds 20]
"""
import argparse
import collections
import http.client
import json
import os
import pathlib
import statistics
import sys
import threading
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE.parent / "e2e"), str(HERE.parent / "support")]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--addresses", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    return parser.parse_args()


def sign_in(address, source, email, password):
    """Status, seconds, Retry-After."""
    began = time.monotonic()
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60, source_address=(source, 0))
    try:
        connection.request("POST", "/api/v1/auth/login", json.dumps({"email": email, "password": password}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer.status, time.monotonic() - began, answer.headers["Retry-After"]
    finally:
        connection.close()


def read_list(brain, seconds):
    """How long one reader's pages of tasks took."""
    address, took = urllib.parse.urlsplit(brain.url), []
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        connection.request("GET", "/api/v1/projects/default/tasks", headers={"Cookie": brain.cookie_header()})
        connection.getresponse().read()
        took.append(time.monotonic() - began)
        time.sleep(0.05)
    connection.close()
    return took


def p95_ms(took):
    return 1000 * statistics.quantiles(took, n=20)[18]


def main():
    options = parse()
    os.environ["Z4J_BUILD"] = options.build
    from brain import EMAIL, Brain
    brain = Brain.with_admin().start().sign_in()
    try:
        alone = p95_ms(read_list(brain, 5))
        address, results, threads = urllib.parse.urlsplit(brain.url), [], []
        reading = []
        reader = threading.Thread(target=lambda: reading.extend(read_list(brain, options.seconds)))
        reader.start()
        began = time.monotonic()
        for i in range(int(options.rate * options.seconds)):
            time.sleep(max(0, began + i / options.rate - time.monotonic()))
            source = f"127.0.7.{i % options.addresses + 1}"
            thread = threading.Thread(target=lambda source=source: results.append(sign_in(address, source, EMAIL, brain.password)))
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join()
        reader.join()
    finally:
        brain.remove()
    by_status = collections.Counter(status for status, _, _ in results)
    refused = [seconds for status, seconds, _ in results if status != 200]
    print(f"sign-ins: {dict(by_status)} in {options.seconds:.0f} s; in: {by_status[200] / options.seconds:.1f} a second")
    if refused:
        print(f"refusals: slowest {1000 * max(refused):.0f} ms; without Retry-After: {sum(1 for s, _, after in results if s != 200 and not after)}")
    print(f"task list p95: alone {alone:.1f} ms, meanwhile {p95_ms(reading):.1f} ms; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
