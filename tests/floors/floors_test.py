"""Reads every include of the tree and fails on an upward or sideways one, and on a library outside its folder.

Also run on sources made here that break each rule, so that the test is known to be able to fail.
"""
import pathlib
import re
import sys

FLOORS = {"base": 0, "model": 1, "config": 1, "proof": 1, "plugin": 2, "net": 2, "wire": 2, "core": 3, "gateway": 4, "agent": 4, "api": 4, "app": 5, "host": 5}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]', re.M)
# A library's first path part -> the folders that may include it.
LIBRARIES = {
    "Poco": ("kernel/net/", "plugins/notifier-"),
    "boost/asio": ("kernel/net/",),
    "boost/beast": ("kernel/net/",),
    "boost/dll": ("kernel/plugin/",),
    "boost/json": ("kernel/base/json", "plugins/lib/json/"),
    "soci": ("plugins/storage-", "plugins/lib/database/"),
    "toml++": ("kernel/config/",),
    "regex": (),
}
# The SDK includes its own headers and those of the languages; these besides.
SDK_BESIDES = {"sdk/include/z4j/testing.hpp": ("dlfcn.h",), "sdk/examples/": ("stdlib.h", "string.h"), "sdk/templates/storage/": ("tables.hpp",)}


def problems_of(path: str, text: str) -> list[str]:
    found = []
    parts = path.split("/")
    for name in INCLUDE.findall(text):
        for library, homes in LIBRARIES.items():
            if (name == library or name.startswith(library + "/") or name == library + ".hpp") and not path.startswith(homes or ("\0",)):
                found.append(f"{path}: {name} does not belong here")
        first = name.split("/")[0]
        if parts[0] == "kernel" and first in FLOORS and "/" in name:
            own = FLOORS[parts[1]]
            if first != parts[1] and FLOORS[first] >= own:
                found.append(f"{path}: floor {own} includes {name} of floor {FLOORS[first]}")
        if parts[0] == "plugins" and (first in FLOORS and "/" in name):
            found.append(f"{path}: a plugin includes {name} of the kernel")
        if parts[0] == "sdk" and not name.startswith("z4j/") and ("/" in name or name.endswith((".hpp", ".h")) and name not in ("stddef.h", "stdint.h")):
            of_example = parts[:2] == ["sdk", "examples"] and "/" not in name  # a file of its own
            if not of_example and not any(path.startswith(place) and name in names for place, names in SDK_BESIDES.items()):
                found.append(f"{path}: the SDK includes {name}")
    return found


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    broken = {
        "kernel/base/x.cpp": '#include "core/store.hpp"',
        "kernel/plugin/x.cpp": '#include "net/http.hpp"',
        "kernel/core/x.cpp": "#include <Poco/Net/HTTPServer.h>",
        "kernel/api/x.cpp": "#include <regex>",
        "plugins/engine-x/x.cpp": '#include "base/log.hpp"',
        "plugins/engine-x/y.cpp": "#include <soci/soci.h>",
        "sdk/include/z4j/x.h": "#include <openssl/evp.h>",
        "sdk/include/z4j/plugin.hpp": "#include <dlfcn.h>",
    }
    for path, text in broken.items():
        if not problems_of(path, text):
            print(f"the test itself is broken: it accepts {text} in {path}")
            return 1
    found, read = [], 0
    for part in ("kernel", "plugins", "sdk"):
        for file in sorted((root / part).rglob("*")):
            if file.suffix in (".cpp", ".hpp", ".h", ".c"):
                read += 1
                found += problems_of(str(file.relative_to(root)), file.read_text())
    for line in found:
        print(line)
    print(f"{read} files read, {len(found)} wrong includes")
    return 1 if found or read < 20 else 0


sys.exit(main())
