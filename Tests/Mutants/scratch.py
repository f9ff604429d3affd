"""A copy of the library and its tests in a package of their own, which builds in seconds and depends on nothing."""
import os, pathlib, re, signal, subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ["Sources/Resilience", "Sources/ResilienceTesting", "Tests/ResilienceTests"]

MANIFEST = """// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "library",
    targets: [
        .target(name: "Resilience"),
        .target(name: "ResilienceTesting", dependencies: ["Resilience"]),
        .testTarget(
            name: "ResilienceTests", dependencies: ["Resilience", "ResilienceTesting"],
            resources: [.copy("Vectors/data")]),
    ])
for target in package.targets { target.swiftSettings = FEATURES }
"""


def manifest():
    """The same language features as the package itself has."""
    features = re.findall(r'\.enableUpcomingFeature\("\w+"\)', (ROOT / "Package.swift").read_text())
    return MANIFEST.replace("FEATURES", "[" + ", ".join(features) + "]")


def write(path, content):
    """Only what differs is written, so that only that is compiled again."""
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def copy_library(to):
    wanted = {to / "Package.swift": manifest().encode()}
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file():
                wanted[to / path.relative_to(ROOT)] = path.read_bytes()
    for path, content in wanted.items():
        write(path, content)
    for folder in FOLDERS:
        for path in (to / folder).rglob("*"):
            if path.is_file() and path not in wanted:
                path.unlink()


def descendants(pid):
    """All that a process started, which `swift test` puts into groups of their own."""
    children = {}
    for line in subprocess.check_output(["ps", "-A", "-o", "pid=,ppid="], text=True).splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def run(command, directory, limit=None, **environment):
    """The exit code, or None if it took longer than the limit in seconds, and the output."""
    process = subprocess.Popen(command, cwd=directory, env=os.environ | environment, text=True, errors="replace",
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        output, _ = process.communicate(timeout=limit)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        for pid in descendants(process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return None, process.communicate()[0]
