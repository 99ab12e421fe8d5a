"""The web console as the build sees it: whether it can be built here, and its files for the plugin.

    console.py ready WEB             exit 0: it can be built (or is); 1: it cannot, and one line says why
    console.py make WEB OUT          builds WEB/dist unless it is up to date, and embeds it
    console.py embed DIST OUT        embeds files that were built before

Embedding writes OUT/assets.inc, an array of z4j_asset named kAssets, and the files beside it, each with a .gz where that
is smaller. Builds of several presets share WEB/dist and WEB/node_modules; one builds at a time.
"""
import contextlib
import fcntl
import gzip
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

OLDEST_NODE = 18
REGISTRY_SECONDS = 15
INSTALL_SECONDS, BUILD_SECONDS = 540, 540
WORTH_PACKING = 0.95  # of the size
TYPES = {".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8", ".ico": "image/x-icon", ".jpg": "image/jpeg",
         ".js": "text/javascript; charset=utf-8", ".json": "application/json", ".map": "application/json", ".png": "image/png",
         ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8", ".webmanifest": "application/manifest+json",
         ".webp": "image/webp", ".woff2": "font/woff2"}
PACKED = {".css", ".html", ".ico", ".js", ".json", ".map", ".svg", ".txt", ".webmanifest"}
ENVIRONMENT = {**os.environ, "CI": "1", "NO_UPDATE_NOTIFIER": "1", "npm_config_update_notifier": "false"}


class Failure(Exception):
    """What the person who builds should read."""


def digest_of(root, paths):
    digest = hashlib.sha256()
    for path in paths:
        digest.update(str(path.relative_to(root)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def sources(web):
    """What dist is made from: files at the top, and all below src and public."""
    found = [path for path in web.iterdir() if path.is_file() and not path.name.startswith(".")]
    for folder in ("src", "public"):
        found += [path for path in (web / folder).rglob("*") if path.is_file()]
    return sorted(found)


def stamp(web, name):
    """Where it is kept what was done for which sources: in node_modules, which goes with what it tells of."""
    return web / "node_modules" / f".z4j-{name}"


def is_done(web, name, digest):
    with contextlib.suppress(OSError):
        return stamp(web, name).read_text() == digest
    return False


def is_installed(web):
    return is_done(web, "installed", digest_of(web, [web / "package-lock.json"]))


def is_built(web):
    return (web / "dist" / "index.html").is_file() and is_done(web, "built", digest_of(web, sources(web)))


def said(command, seconds, folder=None):
    """What a command printed; None when it failed."""
    try:
        done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def why_not(web):
    """Why the console cannot be built here; None: it can."""
    if not (web / "package-lock.json").is_file():
        return "its sources are not there"
    if is_built(web):
        return None
    version = said(["node", "--version"], 20)
    if version is None or not shutil.which("npm"):
        return "node and npm are not installed"
    if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
        return f"node is {version}, and {OLDEST_NODE} or newer is needed"
    if is_installed(web):
        return None
    wanted = sorted(json.loads((web / "package.json").read_text()).get("devDependencies", {}))
    ask = ["npm", "view", wanted[0] if wanted else "vite", "version", f"--fetch-timeout={REGISTRY_SECONDS * 500}", "--fetch-retries=0"]
    if said(ask, REGISTRY_SECONDS, web) is None:
        return "npm's registry cannot be reached"
    return None


def run(command, web, seconds):
    try:
        done = subprocess.run(command, cwd=web, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise Failure(f"'{' '.join(command)}' took longer than {seconds} s") from None
    if done.returncode != 0:
        raise Failure("\n".join(done.stdout.splitlines()[-40:]) + f"\n'{' '.join(command)}' failed in {web}")


def build(web):
    with open(web / "package.json", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # held by another preset's build, for as long as that takes
        if is_built(web):
            return
        if not is_installed(web):
            # Its optional packages are the native halves of the bundler: they must come along. No package's scripts run.
            run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], web, INSTALL_SECONDS)
            (web / "node_modules").mkdir(exist_ok=True)  # none for a console without packages
            stamp(web, "installed").write_text(digest_of(web, [web / "package-lock.json"]))
        digest = digest_of(web, sources(web))
        run(["npm", "run", "build"], web, BUILD_SECONDS)
        if not (web / "dist" / "index.html").is_file():
            raise Failure(f"'npm run build' made no dist/index.html in {web}")
        stamp(web, "built").write_text(digest)


def quoted(text):
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def embed(dist, out):
    shutil.rmtree(out / "files", ignore_errors=True)
    assets = []  # path, type, bytes
    for path in sorted(path for path in dist.rglob("*") if path.is_file()):
        name, content = path.relative_to(dist).as_posix(), path.read_bytes()
        kind = TYPES.get(path.suffix, "application/octet-stream")
        assets.append((name, kind, content))
        packed = gzip.compress(content, 9, mtime=0)
        if path.suffix in PACKED and len(packed) < WORTH_PACKING * len(content):
            assets.append((name + ".gz", kind, packed))
    if not assets:
        raise Failure(f"{dist} holds no files")
    symbols, rows = [], []
    for number, (name, kind, content) in enumerate(assets):
        place = out / "files" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        symbol = f"z4j_asset_{number}"
        included = quoted(quoted(place.resolve()))[1:-1]
        symbols.append(f'__asm__(".pushsection .rodata\\n.balign 16\\n.globl {symbol}\\n.hidden {symbol}\\n{symbol}:\\n.incbin {included}\\n.byte 0\\n.popsection\\n");\n'
                       f'extern "C" __attribute__((visibility("hidden"))) const char {symbol}[];\n')
        tag = hashlib.sha256(content).hexdigest()[:32]
        rows.append(f"    {{::z4j::lit({quoted(name)}), ::z4j::lit({quoted(kind)}), ::z4j::lit({quoted(tag)}), {{{symbol}, {len(content)}}}}},\n")
    text = "// Made by console.py.\n" + "".join(symbols) + "namespace {\nconst z4j_asset kAssets[] = {\n" + "".join(rows) + "};\n}  // namespace\n"
    (out / "assets.inc").write_text(text)


def main(arguments):
    match arguments:
        case ["ready", web]:
            reason = why_not(pathlib.Path(web))
            print(reason or "", end="\n" if reason else "")
            return 1 if reason else 0
        case ["make", web, out]:
            build(pathlib.Path(web))
            embed(pathlib.Path(web) / "dist", pathlib.Path(out))
        case ["embed", dist, out]:
            embed(pathlib.Path(dist), pathlib.Path(out))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Failure as failure:
        print(f"the console was not built: {failure}", file=sys.stderr)
        sys.exit(1)
