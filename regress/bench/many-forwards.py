#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Many connections by way of a SOCKS 5 proxy, each with something to say now and
then, compared with its echo.

  many.py serve PORT
  many.py run PROXYPORT HOST PORT N STOP   says "started N", then, when the file STOP
      is there, "ok" and how many questions were answered, or what is wrong
"""
import asyncio
import os
import random
import sys


async def echo(reader, writer):
    try:
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def serve(port):
    server = await asyncio.start_server(echo, "", port, backlog=4096)
    print("ready", flush=True)
    await server.serve_forever()


async def one(proxy, host, port, i, started, stop, answered):
    r, w = await asyncio.open_connection("127.0.0.1", proxy)
    w.write(b"\5\1\0")  # RFC 1928
    await r.readexactly(2)
    w.write(b"\5\1\0\3%c%s%s" % (len(host), host.encode(), port.to_bytes(2, "big")))
    if (await r.readexactly(10))[1] != 0:
        raise OSError("the proxy refuses")
    n = 0
    while True:
        said = b"%d %d\n" % (i, n) * random.choice((1, 1, 1, 200))
        w.write(said)
        if await r.readexactly(len(said)) != said:
            raise ValueError(f"connection {i}: another answer than {n}")
        n += 1
        if n == 1:
            started.append(i)
        if stop.is_set():
            break
        await asyncio.sleep(random.uniform(0, 2))
    answered.append(n)
    w.close()


async def run(proxy, host, port, count, path):
    started, stop, answered = [], asyncio.Event(), []
    tasks = [asyncio.create_task(one(proxy, host, port, i, started, stop, answered))
             for i in range(count)]
    while len(started) < count and not any(t.done() for t in tasks):
        await asyncio.sleep(0.1)
    print("started", len(started), flush=True)
    while not os.path.exists(path):
        await asyncio.sleep(0.1)
    stop.set()
    wrong = [e for e in await asyncio.gather(*tasks, return_exceptions=True)
             if e is not None]
    if wrong:
        print("FAIL", len(wrong), "of", count, "first:", repr(wrong[0]), flush=True)
    else:
        print("ok", sum(answered), flush=True)


if sys.argv[1] == "serve":
    asyncio.run(serve(int(sys.argv[2])))
else:
    asyncio.run(run(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]),
                    sys.argv[6]))
