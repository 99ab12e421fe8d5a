"""How many frames a real agent of release 1.6 sends for each event, and how many of them are repeats that the brain drops.

    repeats.py [--rate events/s] [--seconds N]          Z4J_BUILD names the build folder
"""
import argparse
import json
import os
import time

from place import Brain, Place, variables, wait_until

EVENTS_OF_A_TASK = 3  # received, started, succeeded
SEND = """
import json, sys, time, celery_app
rate, count = json.loads(sys.argv[1])
start = time.monotonic()
for i in range(count):
    celery_app.app.send_task("shop.add", (i, i), queue="orders")
    time.sleep(max(0, start + (i + 1) / rate - time.monotonic()))
"""


def figures(brain):
    _, text = brain.get("/metrics")
    return {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if line.startswith("z4j_agent_")}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=100, help="events a second")
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    brain = Brain.with_admin().start().sign_in()
    place = None
    try:
        place = Place("repeating")
        place.celery_worker("c1", "bare_celery", variables(brain.mint("worker"), brain.url), "orders")
        wait_until(lambda: brain.agent_named("worker")["state"] == "online", 90, tell=lambda: place.log_of("c1"))
        rate = options.rate / EVENTS_OF_A_TASK
        count = int(rate * options.seconds)
        before, start = figures(brain), time.monotonic()
        place.call(SEND, json.dumps([rate, count]), seconds=options.seconds + 60)
        wait_until(lambda: len(brain.all_of("/tasks?state=success&limit=200")) == count, 120, every=1, tell=lambda: (figures(brain), brain.project("/stats")["tasks_by_state"], place.log_of("c1")[-1500:]))
        took, after = time.monotonic() - start, figures(brain)
        more = {name: after[name] - before[name] for name in after}
        events, repeats = more["z4j_agent_events_total"], more["z4j_agent_frames_repeated_total"]
        print(f"{events:.0f} events of {count} tasks in {took:.1f} s: {(events + repeats) / events:.2f} event frames per event, "
              f"{100 * repeats / (events + repeats):.1f} % dropped as repeats; load {os.getloadavg()[0]:.1f}")
    finally:
        if place:
            place.stop()
        brain.remove()


if __name__ == "__main__":
    main()
