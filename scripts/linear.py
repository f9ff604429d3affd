#!/usr/bin/env python3
"""Whether every reader of outside bytes takes time in proportion to their length.

    linear.py PROGRAM [READER...]

Runs PROGRAM (Server/Benchmarks/linear) under callgrind, one reader a run, and compares the instructions for texts of n, 2n and
4n bytes. Fails if a doubling costs more than 2.2 times as much, or if a reader costs more than 10,000 instructions a byte.
Counts do not depend on how busy the machine is.
"""
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

MOST = 2.2
MOST_A_BYTE = 10_000
# `holdfastMeasured` of the module `linear`, as the linker knows it.
MEASURED = "$s6linear16holdfastMeasuredyyF"


def measure(program, reader):
    """The texts of a reader with their lengths and instructions, in order."""
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", "--collect-atstart=no",
             f"--toggle-collect={MEASURED}", f"--dump-after={MEASURED}", program, reader],
            capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"{reader}: {run.stderr[-2000:]}")
        counts = []
        for number in range(1, len(run.stdout.splitlines()) + 1):
            text = Path(f"{folder}/out.{number}").read_text()
            counts.append(int(re.search(r"^(?:summary|totals): (\d+)", text, re.M).group(1)))
    texts = {}
    for line, count in zip(run.stdout.splitlines(), counts):
        _, name, length = line.split("\t")
        texts.setdefault(name, []).append((int(length), count))
    return texts


def main():
    program = os.path.abspath(sys.argv[1])
    readers = sys.argv[2:] or subprocess.run(
        [program, "--list"], capture_output=True, text=True, check=True).stdout.splitlines()
    failed = 0
    print(f"{'reader':28}{'text':30}{'bytes':>9}{'a byte':>9}{'x 2':>7}{'x 4':>7}")
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        # Callgrind takes long to read Swift's debug information, and needs none.
        stripped = f"{folder}/linear"
        subprocess.run(["objcopy", "--strip-debug", program, stripped], check=True)
        for reader, texts in zip(readers, pool.map(lambda reader: measure(stripped, reader), readers)):
            for name, measured in texts.items():
                ratios, fails = [], False
                for (short, now), (long, later) in zip(measured, measured[1:]):
                    doubled = later * 2 * short / long
                    ratios.append(doubled / now)
                    # An instruction a byte is what it may matter whether memory is moved or mapped.
                    fails = fails or doubled > MOST * now + 2 * short
                length, count = measured[-1]
                fails = fails or count / length > MOST_A_BYTE
                failed += fails
                print(f"{reader:28}{name:30}{length:9}{count / length:9.1f}" +
                      "".join(f"{ratio:7.2f}" for ratio in ratios) + ("  TOO MUCH" if fails else ""))
    if failed:
        sys.exit(f"{failed} of these cost more than their length")


if __name__ == "__main__":
    main()
