#!/usr/bin/env python3
"""Takes the Swift code out of documents, so that a compiler can look at it.

    document-snippets.py FOLDER FILE...

Writes one Swift file for each document into FOLDER. Every block becomes a function of its own, and errors are told at
the line of the document. A block with a test suite, an extension or a protocol in it is put at the top of the file as
it is. In Swift files the blocks are those of the documentation comments. Of README.md only "## The library" is read.
"""
import pathlib
import re
import sys

AT_TOP = re.compile(r"^(@main|@Suite|extension |protocol |public )")


def documentation(path):
    """The lines of a document as Markdown, with their numbers."""
    lines = path.read_text().split("\n")
    if path.suffix == ".swift":
        comments = ((number, re.match(r"\s*///( ?)(.*)", line)) for number, line in enumerate(lines, 1))
        return [(number, match.group(2)) if match else (number, "") for number, match in comments]
    if path.name == "README.md":
        begin = lines.index("## The library")
        end = next(i for i in range(begin + 1, len(lines)) if lines[i].startswith("## "))
        return list(enumerate(lines, 1))[begin:end]
    return list(enumerate(lines, 1))


def blocks(path):
    """The Swift blocks of a document: the number of the first line, and the lines."""
    found, block, start = [], None, 0
    for number, line in documentation(path):
        if block is None:
            if line.strip() == "```swift":
                block, start = [], number + 1
        elif line.strip() == "```":
            found.append((start, block))
            block = None
        else:
            block.append(line)
    if block is not None:
        sys.exit(f"{path}:{start}: the block does not end")
    return found


def swift(path, number, start, block):
    """A block as a declaration, and the modules it imports."""
    imports = [line for line in block if re.match(r"import \w+$", line)]
    # An empty line in its place keeps the numbers right.
    code = ["" if line in imports else line for line in block]
    where = f'#sourceLocation(file: "{path}", line: {start})'
    if any(AT_TOP.match(line) for line in code):
        return [where, *code, "#sourceLocation()"], imports
    # A block may end with a result of the function it stands for, or just end.
    results = any(re.match(r"\s*(return \S|.*(\{|else \{) return \S)", line) for line in code)
    plain = any(re.search(r"(^|\{ )\s*return( \}|$)", line) for line in code)
    gives = results and not plain
    head = "async throws -> Answer" if gives else "async throws"
    tail = ["return .apology"] if gives else []
    name = re.sub(r"\W", "_", path.stem)
    return [f"func {name}_{number}() {head} {{", where, *code, "#sourceLocation()", *tail, "}", ""], imports


def main():
    folder, files = pathlib.Path(sys.argv[1]), [pathlib.Path(name) for name in sys.argv[2:]]
    total = 0
    for path in files:
        found = blocks(path)
        if not found:
            continue
        declarations, imports = [], {"import Resilience", "import ResilienceTesting"}
        for number, (start, block) in enumerate(found, 1):
            # The manifest of a package is another language.
            if any(".package(" in line or ".product(" in line for line in block):
                continue
            code, used = swift(path, number, start, block)
            declarations += code
            imports |= set(used)
            total += 1
        name = re.sub(r"\W", "_", "_".join(path.with_suffix("").parts[-2:]))
        (folder / f"{name}.swift").write_text("\n".join([*sorted(imports), "", *declarations]) + "\n")
    print(f"{total} blocks of code")
    if total == 0:
        sys.exit("there is no code to look at")


main()
