"""What do finding, inserting and deleting a key cost without a server, and its bytes at every fill?

    python -m bench.micro.table [--keys 1000000]
"""
import argparse

from bench.micro.keyspace import Bench


def speed(keys: int) -> None:
    bench = Bench()
    print(f"ns a key among {keys:,}:")
    for name, run in (("insert", lambda: bench.insert(0, keys)),
                      ("overwrite", lambda: bench.insert(0, keys)),
                      ("find", lambda: bench.find(0, keys)),
                      ("find in batches of 8", lambda: bench.find_in_batches(0, keys)),
                      ("find what is absent", lambda: bench.find(keys, 2 * keys)),
                      ("delete", lambda: bench.delete(0, keys))):
        print(f"  {name:22}{run():8.1f}")


def memory(first: int, last: int, with_deadline: bool) -> None:
    bench = Bench()
    worst, at = 0.0, 0
    step = first // 10
    for count in range(0, last, step):
        bench.insert(count, count + step, with_deadline)
        used = bench.used / bench.count
        if bench.count == first:
            print(f"  {first:>11,} keys{used:8.2f}, of which table "
                  f"{bench.overhead() / bench.count:.2f}")
        if bench.count >= first and used > worst:
            worst, at = used, bench.count
    print(f"  {at:>11,} keys{worst:8.2f}, the most up to {last:,}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=1_000_000)
    keys = parser.parse_args().keys
    speed(keys)
    for with_deadline in (False, True):
        print(f"bytes a key of 16/32{', with a deadline' if with_deadline else ''}:")
        memory(keys, 4 * keys, with_deadline)


if __name__ == "__main__":
    main()
