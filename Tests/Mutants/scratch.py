"""Copies of some targets and their tests in packages of their own, which build in seconds."""
import os, pathlib, re, signal, subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The library, which depends on nothing, and what decides for the gateway, which opens no connection.
LIBRARY = ["Sources/Resilience", "Sources/ResilienceTesting", "Tests/ResilienceTests"]
DECISIONS = ["Sources/Resilience", "Sources/ResilienceTesting", "Server/Sources/Bytes", "Server/Sources/JSON",
             "Server/Sources/Generation", "Server/Sources/Dialects", "Server/Sources/Routing", "Server/Sources/Gateway",
             "Server/Tests/DialectsTests", "Server/Tests/RoutingTests", "Server/Tests/GatewayTests"]

# The same with what opens connections.
CONNECTIONS = DECISIONS[:-3] + ["Server/Sources/HTTPMessage", "Server/Sources/Upstream", "Server/Sources/GatewayHTTP",
                                "Server/Tests/Wall", "Server/Tests/UpstreamTests", "Server/Tests/GatewayHTTPTests"]

# Appended to the package's own manifest.
PART = """
package.products.removeAll { !TARGETS.contains($0.name) }
package.targets.removeAll { !TARGETS.contains($0.name) }
let used = Set(
    package.targets.flatMap(\\.dependencies).compactMap { dependency -> String? in
        if case .productItem(_, let package, _, _) = dependency { package } else { nil }
    })
package.dependencies.removeAll { dependency in
    guard case .sourceControl(_, let location, _) = dependency.kind else { return false }
    return !used.contains { location.hasSuffix("/" + $0) }
}
"""


def manifest(package, folders):
    """A package's manifest with the targets in these folders only, in which a warning is no error."""
    names = ", ".join(f'"{pathlib.Path(folder).name}"' for folder in folders)
    whole = (ROOT / package / "Package.swift").read_text().replace(".treatAllWarnings(as: .error),", "")
    return whole + PART.replace("TARGETS", f"[{names}]")


def write(path, content):
    """Only what differs is written, so that only that is compiled again."""
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def copy_targets(folders, to):
    wanted = {}
    for package in {"Server" if folder.startswith("Server/") else "" for folder in folders}:
        wanted[to / package / "Package.swift"] = manifest(package, folders).encode()
        resolved = ROOT / package / "Package.resolved"
        if resolved.exists():
            wanted[to / package / "Package.resolved"] = resolved.read_bytes()
    for folder in folders:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file():
                wanted[to / path.relative_to(ROOT)] = path.read_bytes()
    for path, content in wanted.items():
        write(path, content)
    for folder in folders:
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
