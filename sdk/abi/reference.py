"""docs/write-a-plugin/reference.md from the comments of z4j/abi.h."""
import re

HEAD = """# The header, told

Generated from the comments of `sdk/include/z4j/abi.h` by `./dev abi`; the header is what counts. The contracts behind it, and the JSON that crosses: [every
plugin](../abi/plugin.md), [engine](../abi/engine.md), [scheduler](../abi/scheduler.md), [notifier](../abi/notifier.md), [storage](../abi/storage.md),
[http](../abi/http.md). The words in brackets say from which threads a function is called: [threads](../abi/plugin.md#threads).

This is ABI {version}.
"""


def cell(text):
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")


def plain(text):
    """A comment as prose: names of the header in code marks."""
    return re.sub(r"(?<![\w`])(z4j_\w+(?:\(\))?|Z4J_\w+\*?)", r"`\1`", text.replace("<", "&lt;").replace("*", "\\*")).replace("\\*`", "*`")


def rows_of_struct(struct):
    groups = []
    for member in struct.members:
        if groups and member.comment and groups[-1][-1].comment == member.comment and not member.is_function:
            groups[-1].append(member)
        else:
            groups.append([member])
    for group in groups:
        if group[0].is_function:
            yield f"| `{group[0].declared}` | {cell(group[0].comment)} |".replace("\\|", "\\|")
        else:
            yield f"| {', '.join(f'`{m.declared}`' for m in group)} | {cell(group[0].comment)} |"


def struct_text(struct):
    lines = [f"### `{struct.name}`", ""]
    if struct.comment:
        lines += [plain(struct.comment), ""]
    lines += ["Grows by appended members." if struct.grows() else "Never grows.", "", "| member | |", "|---|---|", *rows_of_struct(struct), ""]
    return lines


def constants_text(header, group):
    own = [c for c in header.constants if c.group == group]
    about = header.groups.get(group, "")
    lines = []
    if group in header.groups:
        first = own[0].name.rsplit("_", 1)[0]
        lines += [f"### `{first}_*`", ""]
        if about:
            lines += [plain(about), ""]
        lines += ["| constant | value | |", "|---|---|---|"]
        value = -1
        for constant in own:
            shown = constant.value
            if not shown:
                value += 1
                shown = str(value)
            elif shown.isdigit():
                value = int(shown)
            lines.append(f"| `{constant.name}` | `{shown}` | {cell(constant.comment)} |")
    else:
        lines += [f"`{c.name}` is `{c.value}`" + (f": {plain(c.comment)}" if c.comment else "") for c in own]
    return lines + [""]


def reference_text(header):
    lines = [HEAD.format(version=header.version())]
    items = [(header.code.index(f"typedef struct {s.name} "), s.section, s) for s in header.structs]
    seen = set()
    for constant in header.constants:
        if constant.group not in seen:
            seen.add(constant.group)
            items.append((re.search(rf"\b{constant.name}\b", header.code).start(), constant.section, constant.group))
    section = None
    for _, title, item in sorted(items, key=lambda item: item[0]):
        if title != section:
            section = title
            if title:
                lines += [f"## {title}", ""]
                text = next(s.text for s in header.sections if s.title == title)
                if text:
                    lines += [plain(text), ""]
            if title.startswith("1."):
                lines += ["| name | is | |", "|---|---|---|"]
                lines += [f"| `{t.name}` | {f'`{t.type}`' if t.type else 'opaque'} | {cell(t.comment)} |" for t in header.typedefs]
                lines += [""]
        lines += constants_text(header, item) if isinstance(item, int) else struct_text(item)
    return "\n".join(lines).rstrip() + "\n"
