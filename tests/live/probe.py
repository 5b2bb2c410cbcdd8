"""Asks an engine a small query again and again until it is ended, then tells the times; started by a scenario.

probe.py URL, with a token on standard input.
"""

import signal
import sys
import time

import httpx

PAUSE_S = 0.005
QUERY = "{ me { name } }"


class Ended(Exception):
    """SIGTERM came."""


def end(number: int, stack: object) -> None:
    """Leave the loop."""
    raise Ended


def main(url: str) -> None:
    """Ask until SIGTERM."""
    times_ms, failed = list[float](), 0
    headers = {"authorization": f"Bearer {sys.stdin.readline().strip()}"}
    signal.signal(signal.SIGTERM, end)
    with httpx.Client(headers=headers, timeout=30, trust_env=False) as http:
        try:
            while True:
                begin = time.perf_counter()
                try:
                    failed += http.post(url, json={"query": QUERY}).status_code != 200
                except httpx.HTTPError:
                    failed += 1
                times_ms.append((time.perf_counter() - begin) * 1000)
                if len(times_ms) == 1:
                    print("asking", flush=True)  # the scenario waits for it
                time.sleep(PAUSE_S)
        except Ended:
            pass
    times_ms.sort()
    if times_ms:
        p50, p99 = times_ms[len(times_ms) // 2], times_ms[int(len(times_ms) * 0.99)]
        print(
            f"p50/p99/max {p50:.0f} / {p99:.0f} / {times_ms[-1]:.0f} ms of {len(times_ms)}, {failed} failed"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
