"""Each bad plugin fails the case that is meant for it, with its own sentence; the good one fails none."""
import concurrent.futures
import unittest

from checker import BAD, Checked

# What is wrong: the case that must fail, and words of its sentence.
BEHAVIOUR = {
    "notifier/load-crashes": ("A.load", "it crashed in the loading of the file(): SIGSEGV"),
    "notifier/load-hangs": ("A.load", "did not end within 3 s in the loading of the file()"),
    "notifier/load-exits": ("A.load", "it ended the process in the loading of the file()"),
    "notifier/load-threads": ("A.load-threads", "loading it started 1 threads"),
    "notifier/load-opens": ("A.load-descriptors", "loading it left 1 descriptors open"),
    "notifier/load-prints": ("A.load-quiet", "loading it wrote: hello"),
    "notifier/load-signals": ("A.load-process", "changed how the process takes signals"),
    "notifier/load-environment": ("A.load-process", "changed the environment"),
    "notifier/load-locale": ("A.load-process", "changed the locale"),
    "notifier/exit-crashes": ("A.exit", "it crashed: SIGSEGV"),
    "notifier/entry-magic": ("B.magic", "wrong magic number"),
    "notifier/entry-major": ("B.abi-major", "built for ABI 9.x"),
    "notifier/entry-size": ("B.size", "its entry is 16 bytes long"),
    "notifier/entry-min-host": ("B.min-host", "it needs ABI 1.99"),
    "notifier/entry-two": ("B.one-plugin", "lists 2 plugins, expected 1"),
    "notifier/entry-reserved": ("B.reserved", "reserved member of its entry is 1"),
    "notifier/descriptor-short": ("B.descriptor-size", "its descriptor is 64 bytes long"),
    "notifier/descriptor-id": ("B.id", "\"Bad Plugin\" is not of the form"),
    "notifier/descriptor-version": ("B.version", "\"latest\" is not of the form"),
    "notifier/descriptor-nameless": ("B.name", "it has no name for people"),
    "notifier/descriptor-text": ("B.texts-utf8", "is not UTF-8"),
    "notifier/descriptor-long": ("B.texts", "is 1099511627776 bytes long"),
    "notifier/descriptor-stopless": ("B.functions", "a required function of its descriptor is missing"),
    "notifier/descriptor-needs": ("B.needs", "needs service \"z4j.time-machine/1\""),
    "notifier/descriptor-kindless": ("B.kinds", "declares no kind this host knows: \"gadget\""),
    "notifier/schema-default": ("B.schema", "its settings schema is not usable"),
    "notifier/schema-beyond": ("B.schema", "its settings schema is not usable"),
    "notifier/schema-nonsense": ("B.schema", "its settings schema is not usable"),
    "notifier/interface-missing": ("B.interfaces", "has no z4j.notifier/1"),
    "notifier/interface-undeclared": ("B.interfaces-declared", "does not declare kind \"engine\""),
    "notifier/slotless": ("B.interfaces-complete", "a required function of its z4j.notifier/1 is missing"),
    "notifier/interface-anew": ("B.interfaces-lasting", "gives another z4j.notifier/1 each time"),
    "notifier/interface-by-prefix": ("B.interfaces-unknown", "gives an interface for \"z4j.\""),
    "notifier/interface-throws": ("B.interfaces", "an exception crossed the boundary in get_interface()"),
    "notifier/types-nonsense": ("B.target-types", "a type of its targets has a bad name"),
    "http/routes-nonsense": ("B.routes", "100000"),
    "http/asset-path": ("B.routes", "secret"),
    "notifier/schema-open": ("C.unknown-key", "its schema takes unknown settings"),
    "notifier/schema-unmarked": ("C.secrets-marked", "\"password\" sounds like a secret"),
    "notifier/validate-crashes": ("C.validate-nothing", "it crashed in validate(): SIGSEGV"),
    "notifier/validate-throws": ("C.validate-no-object", "an exception crossed the boundary in validate()"),
    "notifier/validate-hangs": ("C.validate-huge", "did not end within 3 s in validate()"),
    "notifier/validate-opens": ("C.validate-no-work", "validate() leaves descriptors open"),
    "notifier/problem-without-message": ("C.validate-empty", "has no \"message\""),
    "notifier/problem-no-json": ("C.validate-empty", "a problem of validate() is not JSON"),
    "notifier/reads-beyond": ("C.validate-empty", "it crashed in validate(): SIGSEGV"),
    "notifier/logs-secret": ("C.secret-errors", "a secret setting shows in a log line"),
    "notifier/secret-in-error": ("C.secret-errors", "a secret setting shows in the error of start()"),
    "notifier/create-crashes-on-nonsense": ("C.create-no-json", "it crashed in create(): SIGSEGV"),
    "notifier/keeps-config": ("C.create-config-gone", "it crashed in start(): SIGSEGV"),
    "notifier/create-throws": ("D.create-destroy", "an exception crossed the boundary in create()"),
    "notifier/create-empty-handed": ("D.create-destroy", "create() returned Z4J_OK without an instance"),
    "notifier/create-silent": ("D.create-destroy", "create() returned 300 without a message"),
    "notifier/create-leaks": ("D.create-thousand", "800 instances made and destroyed leave"),
    "notifier/create-threads": ("D.create-no-thread", "create() started 1 threads"),
    "notifier/create-slow": ("D.create-quick", "create() does no I/O"),
    "notifier/one-only": ("D.two", "it crashed in create(): SIGSEGV"),
    "notifier/start-throws": ("D.start-stop", "an exception crossed the boundary in start()"),
    "notifier/start-unknown-code": ("D.start-stop", "start() returned 42, which is no code of the ABI"),
    "notifier/start-silent": ("D.start-stop", "start() returned 201 without a message"),
    "notifier/start-endless-error": ("D.start-stop", "an error whose text has no end"),
    "notifier/start-fails-inside": ("D.start-stop", "start() failed: code 300"),
    "notifier/start-slow": ("D.start-in-time", "start() took 2"),
    "notifier/error-overflow": ("D.start-stop", "it crashed in start(): SIGSEGV"),
    "notifier/takes-signals": ("A.life-process", "changed how the process takes signals"),
    "notifier/changes-locale": ("A.life-process", "changed the locale"),
    "notifier/changes-folder": ("A.life-process", "changed the working folder"),
    "notifier/prints": ("A.life-quiet", "it wrote to the terminal instead of log(): I am started"),
    "notifier/stop-hangs": ("D.stop-in-time", "did not end within 3 s in stop()"),
    "notifier/stop-throws": ("D.start-stop", "an exception crossed the boundary in stop()"),
    "notifier/stop-crashes-twice": ("D.stop-twice", "it crashed in stop(): SIGSEGV"),
    "notifier/destroy-crashes": ("D.create-destroy", "it crashed in destroy(): SIGSEGV"),
    "notifier/destroy-throws": ("D.create-destroy", "it crashed in destroy(): SIGABRT|an exception crossed the boundary in destroy()"),
    "notifier/thread-left": ("D.threads-gone", "of its threads run on after destroy()"),
    "notifier/start-leaves-open": ("D.descriptors-left", "3 lives leave 3 descriptors open"),
    "notifier/calls-after-stop": ("D.stop-quiet", "it called log() after stop() returned"),
    "notifier/calls-after-destroy": ("D.destroy-quiet", "it called log() after destroy() returned"),
    "notifier/open-after-stop": ("D.stop-answers", "operations are open after stop() returned"),
    "notifier/bad-health": ("D.start-stop", "it called health() with state 9"),
    "notifier/bad-metric": ("D.start-stop", "it called metric() with a labels_json that is not JSON"),
    "notifier/bad-log": ("D.start-stop", "it called log() with a message that is not UTF-8"),
    "notifier/answers-never": ("E.once", "was not answered within 30000 ms|did not end within 3 s"),
    "notifier/answers-twice": ("E.once", "it called op_complete() twice for one operation"),
    "notifier/answers-and-returns": ("E.once", "two answers"),
    "notifier/answers-foreign": ("E.once", "for an operation that it was never given"),
    "notifier/answers-pending": ("E.once", "with status 1, which is no answer"),
    "notifier/answers-end": ("E.once", "returned Z4J_END, which is no answer"),
    "notifier/answers-wordless": ("E.once", "without a message"),
    "notifier/answers-no-json": ("E.once", "with a result_json that is not JSON"),
    "notifier/answers-a-list": ("E.results", "is no JSON object"),
    "notifier/answers-too-much": ("E.once", "with a result_json of 9437184 bytes, expected at most 8388608"),
    "notifier/operation-throws": ("E.once", "an exception crossed the boundary in send to bad()"),
    "notifier/operation-fails-inside": ("E.once", "is the plugin's own fault: code 300"),
    "notifier/operation-crashes-on-nonsense": ("E.hostile", "it crashed in send(): SIGSEGV"),
    "engine/echoes-control": ("E.hostile-words", "a message that holds control characters"),
    "notifier/operation-leaks": ("E.growth", "operations leave"),
    "notifier/operation-hangs-when-cancelled": ("E.cancelled-before", "did not end within 3 s"),
    "notifier/operation-hangs-when-expired": ("E.expired", "did not end within 3 s"),
    "notifier/needs-start": ("E.before-start", "it crashed in send to bad(): SIGSEGV"),
    "notifier/cancel-crashes": ("E.cancel-unknown", "it crashed in cancel(): SIGSEGV"),
    "notifier/cancel-answers": ("E.cancel-unknown", "it called op_complete() "),
    "engine/lies-revoke": ("E.verb-revoke", "it says that it can REVOKE, and answers that it can't"),
    "engine/does-what-it-hides": ("E.verb-purge", "it does not say that it can PURGE, and does it"),
    "engine/unknown-capability": ("E.capabilities-known", "have bits that ABI 1.0 does not know"),
    "engine/changing-capabilities": ("E.capabilities-steady", "its capabilities differ"),
    "engine/slow-capabilities": ("F.quick", "capabilities() took 8"),
    "notifier/newer-host-only": ("G.oldest", "it crashed in start(): SIG"),
    "engine/emits-broken": ("D.start-stop", "it emitted a malformed batch"),
    "engine/emits-early": ("D.create-destroy", "it called emit() before start()"),
    "engine/spins-when-busy": ("G.emit-busy", "times in 3 s while the host was busy"),
    "notifier/unchecked-malloc": ("G.no-memory-create", "it crashed in create(): SIGSEGV"),
    "engine/retries-nothing": ("H.engine.outcomes", "a task that does not exist was retried"),
    "engine/odd-outcome": ("H.engine.outcomes", "\"maybe\", which is no outcome"),
    "engine/does-anything": ("H.engine.unknown-verb", "a verb that does not exist is answered with"),
    "engine/shows-anything": ("H.engine.unknown-snapshot", "a snapshot that does not exist is answered with"),
    "engine/ignores-limit": ("H.engine.limit", "of at most 1 items has 3"),
    "engine/shapeless": ("H.engine.snapshot-queues", "has no text \"name\""),
    "engine/repeats-pages": ("H.engine.pages", "shows one queue on two pages"),
    "scheduler/lists-nameless": ("H.scheduler.list", "a schedule has no text \"etag\""),
    "scheduler/previews-too-many": ("H.scheduler.preview-cron", "wrote more times than there was room for"),
    "scheduler/previews-backwards": ("H.scheduler.preview-cron", "times out of order"),
    "scheduler/previews-anything": ("H.scheduler.preview-nonsense", "expected Z4J_INVALID"),
    "notifier/sends-to-nobody": ("H.notifier.empty-target", "without an address was \"sent\""),
    "notifier/target-requires": ("H.notifier.requires-nothing", "requires something"),
    "notifier/target-in-log": ("H.notifier.secrets", "a secret of a target shows in a log line"),
    "notifier/tries-again": ("H.notifier.one-try", "it tried 2 times by itself"),
    "notifier/calls-all-sent": ("H.notifier.answer-404", "a message came to \"sent\""),
    "notifier/breaks-headers": ("H.notifier.header-lines", "a message's text breaks the header X-Title"),
    "notifier/blocks": ("H.notifier.hang", "send() holds its caller"),
    "notifier/body-limit-none": ("H.notifier.body-limit", "it takes bodies of 0 bytes"),
    "http/serves-anything": ("H.http.undeclared", "a route that does not exist is answered"),
    "http/odd-code": ("H.http.routes", "it began a reply with code 99"),
    "http/sets-cookies": ("H.http.routes", "sends the header Set-Cookie"),
    "http/sends-away": ("H.http.routes", "sends people to another site"),
    "http/echoes-script": ("H.http.script", "puts what it was sent into a page as it is"),
    "http/inline-script": ("H.http.policy", "has an inline script"),
    "storage/forgets": ("H.storage.values-come-back-as-given", "."),
    "storage/ignores-guards": ("H.storage.a-guard-compares-and-sets-row-by-row", "."),
    "storage/ignores-expectations": ("H.storage.expectations-bound-what-a-step-affects", "taken"),
    "storage/ignores-after": ("H.storage.s06-task-list-pages-without-gap-or-repeat-under-writes", "."),
    "storage/ignores-order": ("H.storage.random-commits-and-queries-have-the-same-answers", "but the model"),
}
FILES = {
    "bad-exports": ("A.exports", "it exports bad_other_symbol beside z4j_plugin_entry_v1"),
    "bad-unique": ("A.unique-symbols", "with every library of the process"),
    "bad-stack": ("A.stack", "it makes the stack executable"),
    "bad-code": ("A.code", "its code can be written to"),
    "bad-run-path": ("A.run-path", "it looks for libraries in /home/author/lib"),
    "bad-run-path-detour": ("A.run-path", "it looks for libraries in /usr/../home/author/lib"),
    "bad-relative-run-path": ("A.run-path", "it looks for libraries in \"lib\""),
    "bad-host-symbols": ("A.symbols", "it uses z4j_function_of_the_program, which none of the libraries has"),
    "bad-missing-library": ("A.libraries", "it needs the library libbad-gone.so, which can't be loaded"),
    "bad-entry-code": ("A.entry-data", "its z4j_plugin_entry_v1 is code, not data"),
    "bad-program": ("A.library", "it is a program, not a shared library"),
}


class BadPlugins(unittest.TestCase):
    def expect(self, name, file, wanted, words, bad=""):
        # Where hanging is what is tried, it need not last.
        patience = ("--deadline", "3") if "within 3 s" in words else ()
        done = Checked(file, "--only", wanted, *patience, bad=bad)
        told = f"{name}: {done.said}{done.errors}"
        if "this build of z4j-plugin-check can't" in done.cases.get(wanted, {}).get("message", ""):
            return  # a sanitizer counts no memory and lets none run short
        self.assertEqual(done.code, 1, told)
        self.assertEqual(list(done.failed()), [wanted], told)
        message = done.failed()[wanted]
        self.assertTrue(any(part in message for part in words.split("|")), f"{name} says: {message}")
        self.assertIn(f"FAILED   {wanted}", done.said)
        self.assertIn("0 passed, 1 failed, abi", done.said)

    def all(self, work):
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            found = [(name, pool.submit(self.expect, name, *rest)) for name, *rest in work]
        wrong = [f"{name}: {each.exception()}" for name, each in found if each.exception() is not None]
        self.assertEqual(wrong, [], "\n\n".join(wrong))

    def test_each_is_found_by_its_own_case_and_sentence(self):
        self.assertGreaterEqual(len(BEHAVIOUR), 25)
        self.all([(bad, BAD / ("bad-storage.so" if bad.startswith("storage/") else "bad-plugin.so"), *wanted, bad)
                  for bad, wanted in BEHAVIOUR.items()])

    def test_each_file_is_found_by_its_own_rule(self):
        there = {name: wanted for name, wanted in FILES.items() if name != "bad-unique" or (BAD / "bad-unique.so").exists()}
        self.all([(name, BAD / f"{name}.so", *wanted) for name, wanted in there.items()])

    def test_without_a_fault_nothing_is_found(self):
        for kind in ("notifier", "engine", "scheduler", "http"):
            with self.subTest(kind=kind):
                done = Checked(BAD / "bad-plugin.so", bad=kind)
                self.assertEqual((done.code, done.failed()), (0, {}), done.said)
                self.assertGreater(done.report["passed"], 100)
        done = Checked(BAD / "bad-storage.so", "--skip", "I", "--only", "A", "--only", "D", "--only", "H.storage.s0*", bad="storage")
        self.assertEqual((done.code, done.failed()), (0, {}), done.said)


if __name__ == "__main__":
    unittest.main()
