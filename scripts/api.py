#!/usr/bin/env python3
"""The public API of the library, one declaration a line, and whether it still is what docs/api says.

    api.py check MODULES   fails if a declaration was taken away or changed without a new version, or if the list is old
    api.py write MODULES   writes the list anew; refuses to lose a declaration without a new version

MODULES is the folder of the built modules. While the version is 0.x, a new minor version may break users; later, a new
major version. The version is that of the binary, in Server/Sources/holdfast/Holdfast.swift.
"""
import json, pathlib, re, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
PRODUCTS = ["Resilience", "ResilienceTesting"]


def version():
    text = (ROOT / "Server/Sources/holdfast/Holdfast.swift").read_text()
    return re.search(r'version = "(\d+\.\d+\.\d+)"', text)[1]


def breaking(version):
    """The part of a version that changes when users may be broken."""
    major, minor, _ = version.split(".")
    return (major, minor) if major == "0" else (major,)


def declarations(module, modules):
    """Each public declaration by its full name, as Swift writes it."""
    triple = json.loads(subprocess.check_output(["swiftc", "-print-target-info"]))["target"]["triple"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["swift-symbolgraph-extract", "-module-name", module, "-I", modules, "-target", triple,
             "-module-cache-path", folder + "/cache", "-minimum-access-level", "public",
             "-skip-synthesized-members", "-output-dir", folder], check=True)
        found = set()
        for graph in pathlib.Path(folder).glob("*.symbols.json"):
            data = json.loads(graph.read_text())
            kinds = {}
            for symbol in data["symbols"]:
                text = "".join(part["spelling"] for part in symbol["declarationFragments"])
                kinds[symbol["identifier"]["precise"]] = ".".join(symbol["pathComponents"])
                found.add(f'{".".join(symbol["pathComponents"])}: {" ".join(text.split())}')
            for relation in data["relationships"]:
                name = kinds.get(relation["source"])
                if relation["kind"] == "conformsTo" and name:
                    found.add(f'{name}: conforms to {relation.get("targetFallback", "").split(".")[-1] or kinds[relation["target"]]}')
        return sorted(found)


def main():
    mode, modules = sys.argv[1], sys.argv[2]
    now, failed = version(), False
    for module in PRODUCTS:
        path = ROOT / f"docs/api/{module}.txt"
        lines = path.read_text().splitlines() if path.exists() else [f"# {now}"]
        then, before = lines[0].removeprefix("# "), set(lines[1:])
        after = declarations(module, modules)
        gone, new = sorted(before - set(after)), sorted(set(after) - before)
        broken = gone and breaking(now) == breaking(then)
        for line in gone:
            print(f"{module}: gone or changed: {line}")
        if broken:
            print(f"{module}: this breaks users of {then}: keep it, or raise the version {now} and note it in CHANGELOG.md")
        if mode == "check":
            for line in new:
                print(f"{module}: new: {line}")
            if gone or new:
                print(f"docs/api/{module}.txt is old: write it anew by `make api`")
            failed |= bool(gone or new)
            print(f"{module}: {len(after)} public declarations, {len(gone)} gone or changed, {len(new)} new")
        elif broken:
            failed = True
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join([f"# {now}", *after]) + "\n")
            print(f"docs/api/{module}.txt: {len(after)} public declarations")
    sys.exit(failed)


main()
