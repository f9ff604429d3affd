"""Runs a real llama.cpp server.

usage: llama_server.py MODEL_FILE PORT [standby]    with standby, only when a line comes from standard input
"""
import sys
import time

import xllamacpp

settings = xllamacpp.CommonParams()
settings.model.path = sys.argv[1]
settings.hostnames = ["127.0.0.1"]
settings.port = int(sys.argv[2])
settings.n_ctx = 4096
settings.n_parallel = 8
settings.cpuparams.n_threads = 1
settings.warmup = False
if sys.argv[3:] == ["standby"]:
    print("standing by", flush=True)
    sys.stdin.readline()
server = xllamacpp.Server(settings)
print("ready", flush=True)
while True:
    time.sleep(60)
