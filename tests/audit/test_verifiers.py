"""Two verifiers, one of them z4j-audit-verify and the other written from the description alone, say the same of random logs, honest and forged."""
import datetime
import hashlib
import hmac
import json
import os
import pathlib
import random
import subprocess
import tempfile
import unittest

import proof

PROGRAM = pathlib.Path(os.environ["Z4J_BUILD"]) / "bin" / "z4j-audit-verify"
SEEDS = int(os.environ.get("Z4J_AUDIT_SEEDS", "120"))
# "today": where those of yesterday ended, when there are as many each day.
FIRST = os.environ.get("Z4J_AUDIT_FIRST_SEED", "0")
RANGE = range(first := datetime.date.today().toordinal() * SEEDS if FIRST == "today" else int(FIRST), first + SEEDS)
WORDS = ["a", "é", "\u2028", "\U0001f600", '"', "\\", "}", "{", "prev_row_hmac", "x" * 70]


class Log:
    """A log as the brain would write it, with random entries."""

    def __init__(self, dice, size):
        self.dice = dice
        self.signer = proof.Signer("log.example/audit", proof.NOTE, dice.randbytes(32))
        self.witness = proof.Signer("witness.example/w", proof.COSIGNATURE, dice.randbytes(32))
        self.lines, before = [], None
        for seq in range(1, size + 1):
            text = self.canonical(before)
            before = hmac.new(b"secret", text.encode(), hashlib.sha256).hexdigest()
            self.lines.append(f"{seq} {before} {text}")

    def value(self, depth=0):
        kind = self.dice.randrange(7 if depth < 3 else 5)
        if kind == 5:
            return [self.value(depth + 1) for _ in range(self.dice.randrange(3))]
        if kind == 6:
            return {self.dice.choice(WORDS): self.value(depth + 1) for _ in range(self.dice.randrange(3))}
        return [None, True, self.dice.randrange(10**9), 1.5, "".join(self.dice.choices(WORDS, k=2))][kind]

    def canonical(self, before):
        members = {"action": self.dice.choice(WORDS), "metadata": {"n": self.value(), "prev_row_hmac": "0" * 64}, "occurred_at": "2026-01-01T00:00:00.000000+00:00", "prev_row_hmac": before, "version": 1}
        return json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def hash(self, level, number):
        return proof.fold((0, proof.leaf_hash(line.encode())) for line in self.lines[number << level : (number + 1) << level])

    def root(self, size):
        return proof.fold((0, proof.leaf_hash(line.encode())) for line in self.lines[:size])

    def consistency(self, old, begin, end, is_whole=True):
        def over(first, last):
            return proof.fold((0, proof.leaf_hash(line.encode())) for line in self.lines[first:last])

        if old == end - begin:
            return [] if is_whole else [over(begin, end)]
        half = 1 << (end - begin - 1).bit_length() - 1
        if old <= half:
            return self.consistency(old, begin, begin + half, is_whole) + [over(begin + half, end)]
        return self.consistency(old - half, begin + half, end, False) + [over(begin, begin + half)]

    def bundle(self, first, count, old=None, lines=None, size=None, signers=None):
        size = len(self.lines) if size is None else size
        text = f"{self.signer.key.name}\n{size}\n{proof.base64.b64encode(self.root(size)).decode()}\n"
        note = text + "\n" + "".join(signer.line(text) for signer in signers or [self.signer]) + self.witness.line(text, 1_750_000_000)
        out = ["z4j-audit-bundle/1", f"first {first}", f"count {count}", f"checkpoint {note.count(chr(10))}", note[:-1]]

        def listed(word, hashes):
            out.append(f"{word} {len(hashes)}")
            out.extend(proof.base64.b64encode(each).decode() for each in hashes)

        listed("left", [self.hash(*piece) for piece in proof.pieces(0, first - 1)])
        listed("right", [self.hash(*piece) for piece in proof.pieces(first - 1 + count, size)])
        if old is not None:
            out.append(f"old {old}")
            listed("consistency", self.consistency(old, 0, size) if 0 < old < size else [])
        out.append("entries")
        out.extend((lines or self.lines)[first - 1 : first - 1 + count])
        return ("\n".join(out) + "\nend\n").encode()


class Verifiers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="z4j_audit_")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def program(self, bundle, key, witnesses=(), seen=None, signer=None, older=()):
        (self.folder / "bundle").write_bytes(bundle)
        (self.folder / "keys").write_text("".join(each.text() + "\n" for each in (key, *older)))
        words = [PROGRAM, "--key", self.folder / "keys" if older else key.text(), self.folder / "bundle", "--json"]
        for witness in witnesses:
            words += ["--witness", witness.text()]
        if seen:
            text = f"{seen[0]}\n{seen[1]}\n{proof.base64.b64encode(seen[2]).decode()}\n"
            (self.folder / "seen").write_text(text + "\n" + signer.line(text))
            words += ["--seen", self.folder / "seen"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return done.returncode == 0, json.loads(done.stdout)

    def both(self, log, bundle, witnesses=(), seen=None, older=()):
        """What the two say: (ok, why of the program, why of the other)."""
        said, report = self.program(bundle, log.signer.key, witnesses, seen, log.signer, older)
        try:
            proof.check(bundle, log.signer.key, witnesses, seen, older)
            return said, True, report
        except proof.Refuted as why:
            return said, False, (report, str(why))

    def agree(self, wanted, log, bundle, witnesses=(), seen=None, older=()):
        one, other, why = self.both(log, bundle, witnesses, seen, older)
        self.assertEqual((one, other), (wanted, wanted), why)

    def test_known_signatures(self):
        seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
        self.assertEqual(proof.ed25519.public_key(seed).hex(), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
        self.assertTrue(proof.ed25519.sign(seed, b"").hex().startswith("e5564300c360ac72"))

    def test_honest_logs_are_proven_by_both(self):
        for seed in RANGE:
            with self.subTest(seed=seed):
                dice = random.Random(seed)
                log = Log(dice, dice.choice([1, 2, 3, 5, 8, 13, 64, 100]))
                size = len(log.lines)
                first = dice.randint(1, size)
                count = dice.randint(0, size - first + 1)
                old = dice.randint(0, size)
                seen = (log.signer.key.name, old, log.root(old))
                self.agree(True, log, log.bundle(first, count, old), [log.witness.key], seen)

    def test_forged_logs_are_refuted_by_both(self):
        for seed in RANGE:
            with self.subTest(seed=seed):
                dice = random.Random(1_000_000 + seed)
                log = Log(dice, dice.choice([4, 7, 8, 20, 33]))
                size = len(log.lines)
                at = dice.randrange(size)
                lines = list(log.lines)
                forgery = seed % 8
                if forgery == 0:  # an entry says something else
                    lines[at] = lines[at].replace('"action":"', '"action":"not ', 1)
                    self.agree(False, log, log.bundle(1, size, lines=lines))
                elif forgery == 1:  # another MAC
                    words = lines[at].split(" ", 2)
                    lines[at] = f"{words[0]} {'0' * 64} {words[2]}"
                    self.agree(False, log, log.bundle(1, size, lines=lines))
                elif forgery == 2:  # two change places
                    other = (at + 1) % size
                    lines[at], lines[other] = lines[other], lines[at]
                    self.agree(False, log, log.bundle(1, size, lines=lines))
                elif forgery == 3:  # a new history, signed with another key
                    again = Log(random.Random(seed), size)
                    again.signer, signer = log.signer, again.signer
                    self.agree(False, log, again.bundle(1, size, signers=[signer]))
                elif forgery == 4:  # the key's owner himself wrote history anew
                    again = Log(random.Random(seed), size)
                    again.signer = log.signer
                    old = dice.randint(1, size)
                    seen = (log.signer.key.name, old, log.root(old))
                    self.agree(False, log, again.bundle(1, size, old), seen=seen)
                    self.agree(True, log, again.bundle(1, size, old))
                elif forgery == 5:  # the tail is cut off
                    cut = dice.randint(0, size - 1)
                    seen = (log.signer.key.name, size, log.root(size))
                    self.agree(False, log, log.bundle(1, cut, size=cut), seen=seen)
                elif forgery == 6:  # one is left out
                    del lines[dice.randrange(size - 1)]
                    self.agree(False, log, log.bundle(1, size - 1, lines=lines))
                else:  # the witness has not seen it
                    stranger = proof.Signer("witness.example/w", proof.COSIGNATURE, dice.randbytes(32))
                    self.agree(False, log, log.bundle(1, size), [stranger.key])

    def test_a_bundle_of_an_older_key_passes_where_that_key_is_given(self):
        for seed in range(SEEDS // 4):
            with self.subTest(seed=seed):
                dice = random.Random(3_000_000 + seed)
                log = Log(dice, dice.choice([2, 5, 16]))
                size = len(log.lines)
                older, oldest, stranger = (proof.Signer(log.signer.key.name, proof.NOTE, dice.randbytes(32)) for _ in range(3))
                seen = (log.signer.key.name, 1, log.root(1))  # by whichever key: it is the same log
                given = [older.key, oldest.key]
                for signers in ([oldest], [older], [older, log.signer]):
                    self.agree(True, log, log.bundle(1, size, 1, signers=signers), [log.witness.key], seen, given)
                self.agree(False, log, log.bundle(1, size, signers=[oldest]))
                self.agree(False, log, log.bundle(1, size, signers=[oldest]), older=[older.key])
                self.agree(False, log, log.bundle(1, size, signers=[stranger]), older=given)
                # A false signature is not made up for by a good one.
                shorter = log.bundle(1, size - 1, size=size - 1, signers=[older]).decode().split("\n")
                forged = log.bundle(1, size, signers=[log.signer, older]).decode().split("\n")
                forged[9] = shorter[8]  # the older key, of another text
                self.agree(False, log, "\n".join(forged).encode(), older=given)

    def test_erased_entries_are_taken_by_their_hash_and_hide_nothing(self):
        for seed in RANGE:
            with self.subTest(seed=seed):
                dice = random.Random(3_000_000 + seed)
                log = Log(dice, dice.choice([1, 2, 3, 8, 13]))
                size = len(log.lines)
                gone = dice.sample(range(size), dice.randint(1, size))

                def erased(line, leaf):
                    return " ".join(line.split(" ", 2)[:2]) + " =" + proof.base64.b64encode(leaf).decode()

                lines = [erased(line, proof.leaf_hash(line.encode())) if at in gone else line for at, line in enumerate(log.lines)]
                said, other, why = self.both(log, log.bundle(1, size, lines=lines))
                self.assertEqual((said, other), (True, True), why)
                self.assertEqual(why["erased"], len(gone))
                # Another hash, none, or another MAC where the next entry names it.
                at = dice.choice(gone)
                forged = list(lines)
                forged[at] = dice.choice([erased(log.lines[at], dice.randbytes(32)), lines[at][:-5], lines[at].split("=")[0] + "="])
                self.agree(False, log, log.bundle(1, size, lines=forged))
                if at + 1 < size and at + 1 not in gone:
                    forged[at] = lines[at].replace(lines[at].split(" ")[1], dice.randbytes(32).hex())
                    self.agree(False, log, log.bundle(1, size, lines=forged))

    def test_damaged_bundles_are_told_apart_alike(self):
        for seed in RANGE:
            with self.subTest(seed=seed):
                dice = random.Random(2_000_000 + seed)
                log = Log(dice, 6)
                bundle = bytearray(log.bundle(2, 3, 1))
                at = dice.randrange(len(bundle))
                if seed % 3 == 0:
                    bundle[at] ^= 1 << dice.randrange(7)
                elif seed % 3 == 1:
                    del bundle[at]
                else:
                    bundle.insert(at, dice.randrange(32, 127))
                one, other, why = self.both(log, bytes(bundle))
                self.assertEqual(one, other, (bytes(bundle), why))


if __name__ == "__main__":
    unittest.main()
