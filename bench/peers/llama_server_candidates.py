#!/usr/bin/env python3
"""bench_candidates.c's two workloads asked of a running llama-server, as fast as it goes: ids instead of text, the shared beginning
sent once before, kept prompts (cache_prompt), as many requests at once as it has slots. It can't say a candidate's probability, so
each request asks for one token after it; that is less than what lorec computes.

    python3 llama_server_candidates.py PORT SLOTS REPEATS        -> lines "candidates SECONDS", "users SECONDS"
"""
import http.client, json, random, sys, threading, time

SHARED, TITLES, TITLE, USERS, PREAMBLE, OWN, VOCABULARY = 256, 100, 8, 20, 200, 56, 32000


def ask(connection, ids):
    body = json.dumps({"prompt": ids, "n_predict": 1, "cache_prompt": True, "temperature": 0})
    connection.request("POST", "/completion", body, {"Content-Type": "application/json"})
    reply = connection.getresponse()
    text = reply.read()
    if reply.status != 200:
        raise SystemExit(text)


def all_at_once(port, slots, prompts):
    rest, lock = list(reversed(prompts)), threading.Lock()

    def work():
        connection = http.client.HTTPConnection("127.0.0.1", port)
        while True:
            with lock:
                if not rest:
                    return
                ids = rest.pop()
            ask(connection, ids)

    workers = [threading.Thread(target=work) for _ in range(slots)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()


def main(port, slots, repeats):
    draw = lambda n: [random.randrange(3, VOCABULARY) for _ in range(n)]
    for _ in range(repeats):
        prompt = draw(SHARED)
        began = time.monotonic()
        ask(http.client.HTTPConnection("127.0.0.1", port), prompt)
        all_at_once(port, slots, [prompt + draw(TITLE) for _ in range(TITLES)])
        print("candidates", time.monotonic() - began)
        preamble = draw(PREAMBLE)
        began = time.monotonic()
        ask(http.client.HTTPConnection("127.0.0.1", port), preamble)
        all_at_once(port, slots, [preamble + draw(OWN) for _ in range(USERS)])
        print("users", time.monotonic() - began)


main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
