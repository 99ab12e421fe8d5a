import { describe, expect, it } from "vitest";
import { between, fold, parseTrace } from "../../src/lib/trace";

const text = `Traceback (most recent call last):
  File "/usr/lib/python3/dist-packages/celery/app/trace.py", line 451, in trace_task
    R = retval = fun(*args, **kwargs)
                 ^^^^^^^^^^^^^^^^^^^^
  File "/usr/lib/python3/dist-packages/kombu/x.py", line 734, in call
    return self.run(*args, **kwargs)
  File "/srv/shop/mail.py", line 63, in deliver
    with relay.session(timeout=30) as s:
ConnectionResetError: [Errno 104] reset by peer

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/shop/mail.py", line 70, in deliver
    raise SMTPTimeout("no banner") from e
shop.SMTPTimeout: no banner
second line of it
`;
describe("tracebacks", () => {
  it("folds libraries and keeps one's own frames", () => {
    const parts = fold(parseTrace(text));
    expect(parts.map((p) => p.kind)).toEqual(["fold", "frame", "error", "words", "frame", "error"]);
    expect(parts[0]).toMatchObject({ of: ["celery", "kombu"] });
    expect(parts[1]).toMatchObject({ name: "deliver", line: 63, source: ["with relay.session(timeout=30) as s:"] });
    expect(parts[5]).toMatchObject({ text: "shop.SMTPTimeout: no banner\nsecond line of it" });
  });
  it("leaves the last frame to be seen when all are libraries", () => {
    const only = parseTrace('  File "/usr/lib/python3.11/a.py", line 1, in f\n    x\n  File "/usr/lib/python3.11/b.py", line 2, in g\n    y\nE: z');
    expect(fold(only).map((p) => p.kind)).toEqual(["fold", "frame", "error"]);
  });
  it("leaves the middle of an endless one out", () => {
    expect(between([1, 2, 3, 4, 5], 1, 2)).toEqual({ head: [1], hidden: 2, tail: [4, 5] });
    expect(between([1, 2], 1, 2).hidden).toBe(0);
  });
  it("takes anything", () => {
    expect(parseTrace("\u0000 nothing of the kind")).toEqual([{ kind: "error", text: "\u0000 nothing of the kind" }]);
    expect(parseTrace("x\n".repeat(1_000_000)).length).toBeLessThan(20_001);
  });
});
