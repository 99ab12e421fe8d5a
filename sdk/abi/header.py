"""z4j/abi.h read as data: structs with their members, constants, comments. The header keeps to a small part of C, which this file reads; the
layout itself is asked of a compiler (layout()), so a member that is not seen here shows as a hole there."""
import dataclasses
import pathlib
import re
import subprocess
import tempfile

COMMENT = re.compile(r"/\*.*?\*/", re.S)
SECTION = re.compile(r"^-+ ?(\d.*?) ?-+$")
NOT_CONSTANT = {"Z4J_ABI_H", "Z4J_EXPORT", "Z4J_REACHES", "Z4J_HAS"}


@dataclasses.dataclass
class Member:
    name: str
    type: str  # as decltype() gives it
    declared: str  # as it stands in the header
    is_function: bool
    comment: str


@dataclasses.dataclass
class Struct:
    name: str
    members: list
    comment: str
    section: str

    def grows(self):
        return any(m.name == "struct_size" for m in self.members)


@dataclasses.dataclass
class Constant:
    name: str
    value: str  # "" for an enumerator that counts on
    comment: str
    group: int  # of one enum, or one #define
    section: str

    def is_text(self):
        return self.value.startswith('"')


@dataclasses.dataclass
class Typedef:
    name: str
    type: str  # "" for what is opaque
    comment: str


@dataclasses.dataclass
class Section:
    title: str
    text: str


def words_of(comment):
    """A comment without its marks, as one line."""
    lines = [re.sub(r"^\s*\*?\s?", "", line) for line in comment.strip()[2:-2].split("\n")]
    return re.sub(r"\s+", " ", " ".join(lines)).strip()


class Header:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.text = self.path.read_text(encoding="utf-8")
        self.comments = [(m.start(), m.end(), words_of(m[0])) for m in COMMENT.finditer(self.text)]
        # Same places, comments blank.
        self.code = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), self.text)
        self.sections, self.structs, self.constants, self.typedefs, self.groups = [], [], [], [], {}
        self._read()

    def define(self, name):
        return next(c.value for c in self.constants if c.name == name)

    def version(self):
        return f"{self.define('Z4J_ABI_MAJOR')}.{self.define('Z4J_ABI_MINOR')}"

    def struct(self, name):
        return next(s for s in self.structs if s.name == name)

    def _read(self):
        items = re.compile(r"^typedef struct (z4j_\w+)\s*\{|^typedef struct \w+ +(z4j_\w+);|^typedef (?!struct)[^;]*?(\w+)(?:\[.*?\])?;|^#define (\w+)(?:\(.*?\))?((?:\\\n|.)*)$|^enum\s*\{", re.M)
        groups, end = 0, 0
        for match in items.finditer(self.code):
            if match.start() < end:
                continue
            section, comment = self._before(end, match.start())
            groups += 1
            if match[1]:
                end = self._struct(match, comment, section)
            elif match[2]:
                end = match.end()
                self.typedefs.append(Typedef(match[2], "", self._on_line(end, end)))
            elif match[3]:
                end = match.end()
                if match[3] != "z4j_needs_lp64":
                    self.typedefs.append(Typedef(match[3], match[0].split()[1], self._on_line(end, end)))
            elif match[4]:
                end = match.end()
                if match[4] not in NOT_CONSTANT:
                    said = " ".join(filter(None, (comment, self._on_line(match.start(), end))))
                    self.constants.append(Constant(match[4], match[5].strip(), said, groups, section))
            else:
                end = self._enum(match, comment, groups, section)

    def _before(self, start, end):
        """The section that holds `end`, and the comment that belongs to what begins there."""
        kept, title_end = [], -1
        for at, to, words in self.comments:
            if not start <= at < end:
                continue
            if self.text.count("\n", start, at) == 0 and start > 0:
                continue  # behind what was read before
            title = SECTION.match(words)
            if title:
                self.sections.append(Section(title[1], ""))
                kept, title_end = [], to
            elif self.text[title_end:at] == "\n":  # right below the title: of the whole section
                self.sections[-1].text = words
            elif re.match(r"\d\w?\. ", words):  # a part of a section, which tells of all that follows
                kept = [words]
            elif re.match(r"[ \t]*\n[ \t]*\n", self.text[to:end]) and self.sections:
                self.sections[-1].text = (self.sections[-1].text + " " + words).strip()
            else:
                kept.append(words)
        return (self.sections[-1].title if self.sections else ""), " ".join(kept)

    def _on_line(self, start, end):
        """Comments that begin between start and the end of the line of `end`."""
        stop = self.text.find("\n", end)
        return " ".join(words for at, _, words in self.comments if start <= at < stop)

    def _close(self, start):
        """The place of the brace that closes the one before `start`."""
        depth = 1
        for at in range(start, len(self.code)):
            depth += {"{": 1, "}": -1}.get(self.code[at], 0)
            if depth == 0:
                return at
        raise ValueError(f"{self.path}: a brace is not closed")

    def _pieces(self, start, stop, mark):
        """(start, end) of what stands between marks on the outermost level."""
        depth, begin = 0, start
        for at in range(start, stop):
            c = self.code[at]
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(c, 0)
            if c == mark and depth == 0:
                yield begin, at
                begin = at + 1
        if self.code[begin:stop].strip():
            yield begin, stop

    def _comment_of(self, start, end, before):
        """Of a piece: comments on lines before it, inside it, and behind it on its last line (and going on below)."""
        first = start + len(self.code[start:end]) - len(self.code[start:end].lstrip())
        line_end = self.text.find("\n", end)
        out = [words for at, to, words in self.comments if before <= at < line_end and
               ((at < first and self.text.count("\n", before, at) > 0) or first <= at)]
        if out and not self.code[end + 1:line_end].strip():
            return " ".join(out), line_end
        # Others stand on the same line: what is behind belongs to the last of them, the rest is shared.
        return " ".join(out), end

    def _struct(self, match, comment, section):
        stop = self._close(match.end())
        head = self._on_line(match.end(), match.end()) if "\n" in self.text[match.end():stop] and ";" not in self.code[match.end():self.text.find("\n", match.end())] else ""
        struct = Struct(match[1], [], " ".join(filter(None, (comment, head))), section)
        before = match.end()
        for start, end in self._pieces(match.end(), stop, ";"):
            said, before_next = self._comment_of(start, end, before)
            declared = re.sub(r"\s+", " ", self.code[start:end]).strip()
            for member in members_of(declared):
                struct.members.append(Member(*member, said))
            before = before_next
        self.structs.append(struct)
        return self.code.index(";", stop) + 1

    def _enum(self, match, comment, group, section):
        stop = self._close(match.end())
        line_end = self.text.find("\n", match.end())
        head = self._on_line(match.end(), match.end()) if not self.code[match.end():line_end].strip() else ""
        comment = " ".join(filter(None, (comment, head)))
        before = match.end()
        for start, end in self._pieces(match.end(), stop, ","):
            said, before = self._comment_of(start, end, before)
            declared = self.code[start:end].strip()
            name, _, value = (part.strip() for part in declared.partition("="))
            self.constants.append(Constant(name, value, "" if said == head else said, group, section))
        self.groups[group] = comment
        return self.code.index(";", stop) + 1


def members_of(declared):
    """(name, type, declared, is_function) of each member of one declaration."""
    function = re.fullmatch(r"(.+?)\(\*(\w+)\)\((.*)\)", declared)
    if function:
        result, name, parameters = function.groups()
        yield name, f"{result.strip()} (*)({unnamed(parameters)})", declared, True
        return
    first, *others = (part.strip() for part in declared.split(","))
    base, name = re.fullmatch(r"(.*?[\s*])(\w+(?:\[\w+\])?)", first).groups()
    base = base.strip()
    for one in (name, *others):
        stars = re.match(r"\*+", one)
        if stars:
            raise ValueError(f"a pointer among several members of one declaration: {declared}")
        plain, _, size = one.partition("[")
        yield plain, base + (f"[{size}" if size else ""), f"{base} {one}", False


def unnamed(parameters):
    """The parameter list without names: as a type has it."""
    out = []
    for one in split_outside(parameters):
        inner = re.fullmatch(r"(.+?)\(\*\w*\)\((.*)\)", one)
        if inner:
            out.append(f"{inner[1].strip()} (*)({unnamed(inner[2])})")
            continue
        words = one.split()
        if len(words) > 1 and re.fullmatch(r"\w+", words[-1]) and words[-1] not in ("int", "char") and not words[-1].endswith("_t") and words[-2] not in ("struct", "const"):
            words.pop()
        out.append(" ".join(words))
    return ", ".join(out)


def split_outside(text):
    depth, part, out = 0, "", []
    for c in text:
        depth += {"(": 1, ")": -1}.get(c, 0)
        if c == "," and depth == 0:
            out.append(part.strip())
            part = ""
        else:
            part += c
    return out + [part.strip()] if part.strip() else out


def layout(header, include, compiler="gcc"):
    """{struct: (size, alignment, [(offset, size) of each member])} and {constant: value}, as the compiler sees them."""
    lines = ['#include <stdio.h>', '#include <z4j/abi.h>', 'int main(void) {']
    for struct in header.structs:
        lines.append(f'  printf("S {struct.name} %zu %zu\\n", sizeof({struct.name}), _Alignof({struct.name}));')
        for m in struct.members:
            lines.append(f'  printf("M %zu %zu\\n", offsetof({struct.name}, {m.name}), sizeof((({struct.name}*)0)->{m.name}));')
    for constant in header.constants:
        if not constant.is_text():
            lines.append(f'  printf("C {constant.name} %llu\\n", (unsigned long long){constant.name});')
    lines += ["  return 0;", "}"]
    with tempfile.TemporaryDirectory(prefix="z4j_layout_") as folder:
        source = pathlib.Path(folder) / "layout.c"
        source.write_text("\n".join(lines) + "\n")
        subprocess.run([compiler, "-std=c11", f"-I{include}", str(source), "-o", f"{folder}/layout"], check=True, capture_output=True, text=True)
        said = subprocess.run([f"{folder}/layout"], check=True, capture_output=True, text=True).stdout
    structs, constants = {}, {}
    for line in said.splitlines():
        kind, *rest = line.split()
        if kind == "S":
            name, size, alignment = rest
            members = []
            structs[name] = (int(size), int(alignment), members)
        elif kind == "M":
            members.append((int(rest[0]), int(rest[1])))
        else:
            constants[rest[0]] = int(rest[1])
    return structs, constants
