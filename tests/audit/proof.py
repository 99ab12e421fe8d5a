"""Checks a bundle of the audit log, written from docs/security/audit.md alone: nothing is shared with the program it is compared with."""
import base64
import hashlib
import json
import re

import ed25519

NOTE, COSIGNATURE = 1, 4


class Refuted(Exception):
    pass


def need(is_so, why):
    if not is_so:
        raise Refuted(why)


# Keys and notes (C2SP signed-note, tlog-checkpoint, tlog-cosignature)


def strict_base64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Refuted("not base64") from None
    need(base64.b64encode(data).decode() == text, "another spelling of base64")
    return data


class Key:
    def __init__(self, name, kind, public):
        self.name, self.kind, self.public = name, kind, public
        self.id = hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]

    @classmethod
    def parse(cls, text):
        name, key_id, key = text.split("+", 2)
        data = strict_base64(key)
        need(len(data) == 33 and data[0] in (NOTE, COSIGNATURE), "no Ed25519 key")
        out = cls(name, data[0], data[1:])
        need(out.id.hex() == key_id, "the key's id is wrong")
        return out

    def text(self):
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"

    def signed(self, text, signatures):
        """None: not by this key; else when, in Unix seconds, or 0. A false signature raises."""
        found = None
        for name, data in signatures:
            if name != self.name or data[:4] != self.id:
                continue
            when, signature, message = 0, data[4:], text.encode()
            if self.kind == COSIGNATURE:
                when, signature = int.from_bytes(data[4:12], "big"), data[12:]
                message = f"cosignature/v1\ntime {when}\n".encode() + message
            need(ed25519.verify(self.public, message, signature), "a signature is false")
            found = when
        return found


class Signer:
    def __init__(self, name, kind, seed):
        self.seed = seed
        self.key = Key(name, kind, ed25519.public_key(seed))

    def line(self, text, when=0):
        if self.key.kind == COSIGNATURE:
            made = when.to_bytes(8, "big") + ed25519.sign(self.seed, f"cosignature/v1\ntime {when}\n{text}".encode())
        else:
            made = ed25519.sign(self.seed, text.encode())
        return f"\u2014 {self.key.name} {base64.b64encode(self.key.id + made).decode()}\n"


def parse_note(note):
    need(not re.search(r"[\x00-\x09\x0b-\x1f]", note), "control characters")
    text, split, lines = note.rpartition("\n\n")
    need(split and lines.endswith("\n"), "no signatures")
    signatures = []
    for line in lines[:-1].split("\n"):
        match = re.fullmatch("\u2014 ([^ ]+) ([^ ]+)", line)
        need(match, "no signature line")
        signatures.append((match[1], strict_base64(match[2])))
        need(len(signatures[-1][1]) > 4, "a signature is too short")
    return text + "\n", signatures


def number(text):
    need(re.fullmatch("0|[1-9][0-9]{0,18}", text), "no number")
    return int(text)


def parse_checkpoint(text):
    lines = text.split("\n")
    need(len(lines) >= 4 and lines[0], "a checkpoint has three lines")
    root = strict_base64(lines[2])
    need(len(root) == 32, "the root is no hash")
    return lines[0], number(lines[1]), root


# Hashes (RFC 6962)


def leaf_hash(data):
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def pieces(begin, end):
    """(level, number) of the fewest perfect subtrees over the leaves from begin to end."""
    out = []
    while begin < end:
        level = 0
        while begin % (2 << level) == 0 and begin + (2 << level) <= end:
            level += 1
        out.append((level, begin >> level))
        begin += 1 << level
    return out


def fold(parts):
    """The root over subtrees (level, hash) that stand side by side from the first leaf on."""
    stack = []
    for level, value in parts:
        while stack and stack[-1][0] == level:
            value, level = node_hash(stack.pop()[1], value), level + 1
        stack.append((level, value))
    if not stack:
        return hashlib.sha256(b"").digest()
    out = stack.pop()[1]
    while stack:
        out = node_hash(stack.pop()[1], out)
    return out


def is_consistent(old_size, old_root, new_size, new_root, proof):
    """RFC 6962 2.1.2, by the definition: the proof's hashes are used up from its end, on the way down to where the old tree ends."""
    if old_size == new_size:
        return not proof and old_root == new_root
    if old_size == 0:
        return not proof
    rest = list(proof)

    def roots(old, new, is_whole):
        """The roots of the old and of the new tree over this part."""
        if old == new:
            value = old_root if is_whole else take()
            return value, value
        half = 1 << (new - 1).bit_length() - 1
        if old <= half:
            right = take()
            before, now = roots(old, half, is_whole)
            return before, node_hash(now, right)
        left = take()
        before, now = roots(old - half, new - half, False)
        return node_hash(left, before), node_hash(left, now)

    def take():
        need(rest, "the proof is too short")
        return rest.pop()

    before, now = roots(old_size, new_size, True)
    return not rest and before == old_root and now == new_root


# The bundle


def check(bundle, key, witnesses=(), seen=None, older=()):
    """Raises Refuted. `seen`: (origin, size, root) of an earlier checkpoint. `older`: keys that the log had before this one."""
    try:
        lines = bundle.decode().split("\n")
    except UnicodeDecodeError:
        raise Refuted("not UTF-8") from None
    need(lines[-1] == "", "cut off")
    lines = iter(lines[:-1])

    def line():
        try:
            return next(lines)
        except StopIteration:
            raise Refuted("cut off") from None

    def headed(word):
        name, _, value = line().partition(" ")
        need(name == word, f"{word} is missing")
        return number(value)

    def hashes(count):
        out = [strict_base64(line()) for _ in range(count)]
        need(all(len(each) == 32 for each in out), "no hash")
        return out

    need(line() == "z4j-audit-bundle/1", "no bundle")
    first, count = headed("first"), headed("count")
    note = "".join(line() + "\n" for _ in range(headed("checkpoint")))
    left, right = hashes(headed("left")), hashes(headed("right"))
    old_size, consistency = None, []
    word = line()
    if word.startswith("old "):
        old_size = number(word[4:])
        consistency = hashes(headed("consistency"))
        word = line()
    need(word == "entries", "entries are missing")

    text, signatures = parse_note(note)
    signed = [each.signed(text, signatures) is not None for each in (key, *older)]
    need(any(signed), "not signed with a given key")
    for witness in witnesses:
        need(witness.signed(text, signatures) is not None, "not co-signed")
    origin, size, root = parse_checkpoint(text)
    need(first >= 1 and first - 1 + count <= size, "claims more than the checkpoint covers")
    around = pieces(0, first - 1), pieces(first - 1 + count, size)
    need(len(around[0]) == len(left) and len(around[1]) == len(right), "hashes are missing")

    leaves, before = [], None
    for seq in range(first, first + count):
        entry = line()
        match = re.fullmatch("([0-9]+) ([0-9a-f]{64}|-) (.*)", entry)
        need(match and match[1] == str(seq), f"entry {seq} is malformed")
        if match[3].startswith("="):
            leaf = strict_base64(match[3][1:])
            need(len(leaf) == 32, f"entry {seq} is erased and has no hash")
            before = None if match[2] == "-" else match[2]
            leaves.append(leaf)
            continue
        try:
            members = json.loads(match[3])
        except ValueError:
            raise Refuted(f"entry {seq} is no JSON") from None
        need(isinstance(members, dict) and "prev_row_hmac" in members, f"entry {seq} names none before it")
        link = members["prev_row_hmac"]
        need(link is None if seq == 1 else seq == first or link == before, f"entry {seq} does not follow the one before it")
        before = None if match[2] == "-" else match[2]
        leaves.append(leaf_hash(entry.encode()))
    need(line() == "end", "more than the head says")
    need(next(lines, None) is None, "something behind the end")

    parts = [(level, value) for (level, _), value in zip(around[0], left)] + [(0, value) for value in leaves]
    need(fold(parts + [(level, value) for (level, _), value in zip(around[1], right)]) == root, "not what was signed")
    if seen:
        need(seen[0] == origin, "another log")
        need(seen[1] <= size, "rolled back")
        if first - 1 <= seen[1] <= first - 1 + count:
            known = len(left) + seen[1] - (first - 1)
            need(fold(parts[:known]) == seen[2], "another past")
        elif seen[1] == size:
            need(seen[2] == root, "another past")
        else:
            need(old_size == seen[1], "does not say how it goes on")
            need(is_consistent(seen[1], seen[2], size, root, consistency), "another past")
