#!/usr/bin/env python3
"""What guards z4j/abi.h, and writes what follows from it.

    abi.py write           pins, witness, baseline and the reference page anew, from the header
    abi.py check [GUARD]   pins, baseline, hygiene or reference; all of them without a word
    abi.py freeze          the pins of this version are final from now on

Exit 1 and the reasons when a guard does not hold. A guard whose input or tool is missing does not hold.
"""
import hashlib
import pathlib
import re
import subprocess
import sys
import tempfile

from header import Header, layout
from reference import reference_text

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = HERE.parent / "include"
HEADER = INCLUDE / "z4j" / "abi.h"
REFERENCE = HERE.parent.parent / "docs" / "write-a-plugin" / "reference.md"
WITNESS = HERE / "witness.c"
FROZEN = HERE / "frozen"  # lines "1.0 SHA-256 of its pins"
THREAD = re.compile(r"\[(loader|serial|any-thread)\b")
AGAIN = "look at the change, then run ./dev abi"


class Broken(Exception):
    """A guard that does not hold; the text says why."""


def pins_of(version):
    return HERE / f"pins_{version.replace('.', '_')}.cpp"


def baseline_of(version):
    return HERE / f"baseline-{version}.abi"


def pins_text(header):
    """One line for everything that a plugin of this version relies on."""
    structs, constants = layout(header, INCLUDE)
    version = header.version()
    lines = ["// clang-format off", f"// ABI {version} as it is relied on: places, sizes and exact types of members, values of constants.",
             f"// Written by ./dev abi. Once {version} is released it never changes, and a header that breaks a line", "// of it does not compile here.",
             "#include <z4j/abi.h>", "", "#include <cstddef>", "#include <cstdint>", "#include <type_traits>", "", "namespace {",
             "constexpr bool same(const char* a, const char* b) {", "  return *a == *b && (*a == '\\0' || same(a + 1, b + 1));", "}", "}  // namespace", ""]
    for typedef in header.typedefs:
        if typedef.type:
            lines.append(f'static_assert(std::is_same_v<{typedef.name}, {typedef.type}>, "{typedef.name}");')
    for struct in header.structs:
        size, alignment, members = structs[struct.name]
        lines.append("")
        lines.append(f'static_assert(sizeof({struct.name}) {">=" if struct.grows() else "=="} {size} && alignof({struct.name}) == {alignment}, "{struct.name}");')
        for member, (offset, length) in zip(struct.members, members):
            lines.append(f"static_assert(offsetof({struct.name}, {member.name}) == {offset} && sizeof({struct.name}::{member.name}) == {length} && "
                         f'std::is_same_v<decltype({struct.name}::{member.name}), {member.type}>, "{struct.name}::{member.name}");')
    lines.append("")
    for constant in header.constants:
        if constant.is_text():
            lines.append(f'static_assert(same({constant.name}, {constant.value}), "{constant.name}");')
        elif constant.name == "Z4J_ABI_MINOR":
            lines.append(f'static_assert(Z4J_ABI_MINOR >= {constants[constant.name]}, "Z4J_ABI_MINOR");')
        else:
            lines.append(f'static_assert({constant.name} == {constants[constant.name]}u, "{constant.name}");')
    return "\n".join(lines) + "\n"


def witness_text(header):
    """A function for each struct, so that a tool that walks types from exported functions meets them all."""
    lines = ["/* Names every public struct for tools that compare binaries. Written by ./dev abi. */", "#include <z4j/abi.h>", "", "/* clang-format off */"]
    for struct in header.structs:
        lines.append(f"void witness_{struct.name}(const {struct.name}* p); void witness_{struct.name}(const {struct.name}* p) {{ (void)p; }}")
    return "\n".join(lines) + "\n"


def run(*command):
    try:
        return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, check=False)
    except FileNotFoundError as e:
        raise Broken(f"{command[0]} is not installed: ./dev setup installs it") from e


def need(path):
    if not path.is_file():
        raise Broken(f"{path} is missing: it is part of the tree, and ./dev abi writes it")
    return path


def witness_library(folder):
    library = pathlib.Path(folder) / "witness.so"
    done = run("gcc", "-g", "-O0", "-std=c11", "-shared", "-fPIC", f"-I{INCLUDE}", need(WITNESS), "-o", library)
    if done.returncode != 0:
        raise Broken(f"{WITNESS.name} does not compile against the header; {AGAIN}\n{done.stderr}")
    return library


def write_baseline(path):
    with tempfile.TemporaryDirectory(prefix="z4j_abi_") as folder:
        done = run("abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--out-file", path, witness_library(folder))
    if done.returncode != 0:
        raise Broken(f"abidw failed: {done.stderr}")


def frozen():
    """{version: SHA-256}."""
    return dict(line.split() for line in need(FROZEN).read_text().splitlines() if line and not line.startswith("#"))


def check_pins(header):
    version, kept = header.version(), frozen()
    for released, digest in kept.items():
        if hashlib.sha256(need(pins_of(released)).read_bytes()).hexdigest() != digest:
            raise Broken(f"{pins_of(released).name} was changed: the pins of a released version are final")
    for path in [need(pins_of(version)), *sorted(HERE.glob("pins_*.cpp"))]:
        done = run("g++", "-std=c++17", "-fsyntax-only", f"-I{INCLUDE}", path)
        if done.returncode != 0:
            broken = [line.replace("static assertion failed: ", "") for line in re.findall(r"error: (.*)", done.stderr)][:20]
            if path == pins_of(version) and version not in kept:
                raise Broken(f"the header has changed: {broken}; {AGAIN}")
            raise Broken(f"the header breaks what {path.name} promises: {broken}; a released member never changes")
    if pins_of(version).read_text() != pins_text(header):
        if version in kept:
            raise Broken(f"the header has grown since {version} was released: raise Z4J_ABI_MINOR, then run ./dev abi")
        raise Broken(f"{pins_of(version).name} does not pin all of the header; {AGAIN}")


def check_baseline(header):
    baseline = need(baseline_of(header.version()))
    if need(WITNESS).read_text() != witness_text(header):
        raise Broken(f"{WITNESS.name} does not name every public struct; {AGAIN}")
    with tempfile.TemporaryDirectory(prefix="z4j_abi_") as folder:
        done = run("abidiff", baseline, witness_library(folder))
    if done.returncode != 0:
        raise Broken(f"the header differs from {baseline.name}; {AGAIN}\n{done.stdout}{done.stderr}")


def check_hygiene(header):
    out = []
    code = re.sub(r'"[^"\n]*"', '""', header.code)
    includes = re.findall(r"^#include (.*)$", code, re.M)
    if [i.strip() for i in includes] != ["<stddef.h>", "<stdint.h>"]:
        out.append(f"it includes {includes}, expected <stddef.h> and <stdint.h> alone")
    for name in re.findall(r"^\s*#\s*define (\w+)", code, re.M):
        if not name.startswith("Z4J_"):
            out.append(f"macro {name} has no prefix Z4J_")
    for constant in header.constants:
        if not constant.name.startswith("Z4J_"):
            out.append(f"constant {constant.name} has no prefix Z4J_")
    for name in re.findall(r"\}\s*(\w+)\s*;", code) + re.findall(r"typedef [^;{]*?(\w+)(?:\[[^;]*\])?;", code):
        if not name.startswith("z4j_"):
            out.append(f"type {name} has no prefix z4j_")
    for word in ("long", "short", "bool", "_Bool", "wchar_t", "union", "va_list", "unsigned", "int", "..."):
        if re.search(rf"(?<![\w.]){re.escape(word)}(?![\w.])", code):
            out.append(f'"{word}" stands in it: types are of fixed size, calls of fixed arguments')
    if re.search(r"\benum\s+\w", code):
        out.append("an enum has a name: values cross as integers")
    structs, _ = layout(header, INCLUDE)
    names = set(re.findall(r"typedef struct (z4j_\w+)\s*\{", code))
    if names != {s.name for s in header.structs}:
        out.append(f"structs that were not understood: {names ^ {s.name for s in header.structs}}")
    for struct in header.structs:
        size, _, members = structs[struct.name]
        at = 0
        for member, (offset, length) in zip(struct.members, members):
            if offset != at:
                out.append(f"{struct.name}: a hole before {member.name}; make it a member reserved0")
            at = offset + length
            if re.search(r":\s*\d", member.declared):
                out.append(f"{struct.name}::{member.name} is a bit-field")
            if not member.is_function:
                continue
            takes = member.type.split(")(", 1)[1]
            by_kind = re.match(r"z4j_(instance|session|cursor)\*", takes) and struct.section.startswith("5.")
            if not THREAD.search(f"{member.comment} {struct.comment}") and not by_kind:
                out.append(f"{struct.name}::{member.name} carries no thread word ([loader], [serial] or [any-thread])")
        if at != size:
            out.append(f"{struct.name}: a hole at its end; make it a member reserved0")
        if struct.grows() and struct.name != "z4j_plugin_entry" and struct.members[0].name != "struct_size":
            out.append(f"{struct.name} grows, so struct_size has to be its first member")
    pins, witness = need(pins_of(header.version())).read_text(), need(WITNESS).read_text()
    for struct in header.structs:
        if f"sizeof({struct.name})" not in pins:
            out.append(f"{struct.name} has no pins")
        if f"(const {struct.name}*" not in witness:
            out.append(f"{struct.name} has no witness")
    if out:
        raise Broken("\n".join(f"abi.h: {line}" for line in out))


def check_reference(header):
    if need(REFERENCE).read_text(encoding="utf-8") != reference_text(header):
        raise Broken(f"{REFERENCE.name} is not what the header's comments say; run ./dev abi")


GUARDS = {"pins": check_pins, "baseline": check_baseline, "hygiene": check_hygiene, "reference": check_reference}


def write(header):
    version = header.version()
    if version in frozen():
        if pins_of(version).read_text() != pins_text(header):
            raise Broken(f"{version} is released and the header differs from it: raise Z4J_ABI_MINOR first")
    else:
        pins_of(version).write_text(pins_text(header))
    WITNESS.write_text(witness_text(header))
    write_baseline(baseline_of(version))
    REFERENCE.write_text(reference_text(header), encoding="utf-8")


def freeze(header):
    version = header.version()
    for guard in GUARDS.values():
        guard(header)
    if version in frozen():
        raise Broken(f"{version} is frozen already")
    with FROZEN.open("a") as file:
        file.write(f"{version} {hashlib.sha256(pins_of(version).read_bytes()).hexdigest()}\n")


def main(arguments):
    command, *guards = arguments or ["help"]
    if command not in ("write", "check", "freeze") or set(guards) - set(GUARDS) or (guards and command != "check"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    try:
        header = Header(need(HEADER))
    except Broken as e:
        print(e, file=sys.stderr)
        return 1
    if command != "check":
        try:
            {"write": write, "freeze": freeze}[command](header)
        except Broken as e:
            print(e, file=sys.stderr)
            return 1
        return 0
    failed = 0
    for guard in guards or GUARDS:
        try:
            GUARDS[guard](header)
            print(f"{guard}: holds")
        except (Broken, subprocess.CalledProcessError, ValueError) as e:
            print(f"{guard}: {e}{getattr(e, 'stderr', None) or ''}", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
