"""engine/commands/geo and geo_search, on core/geohash: dialogues, random searches beside Valkey.

The dialogues are played to valkey-server too, where there is one, so their replies are its. The
searches go to both, over places that lie close together, all over the earth, and about its edges;
the order of an unsorted reply tells in which cells each server looked.
"""
import random

import pytest

from tests.commands.dialogue import hold, hold_with
from tests.commands.replies import (
    NOT_FLOAT, NOT_INT, NULL, OK, SYNTAX, WRONG_TYPE, bulk, error, words,
)
from tests.oracle import encode

SEED = 21


DIALOGUES = {
    "places": [
        ("geoadd g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", b":2\r\n"),
        ("geoadd g nx ch 1 1 Palermo 2 2 New", b":1\r\n"),
        ("geoadd g xx 3 3 New", b":0\r\n"),
        ("geopos g Palermo no",
         b"*2\r\n*2\r\n$20\r\n13.36138933897018433\r\n$20\r\n38.11555639549629859\r\n*-1\r\n"),
        ("geohash g Palermo Catania no",
         b"*3\r\n$11\r\nsqc8b49rny0\r\n$11\r\nsqdtr74hyu0\r\n$-1\r\n"),
        ("geodist g Palermo Catania", bulk("166274.1516")),
        ("geodist g Palermo Catania km", bulk("166.2742")),
        ("geodist g Palermo Catania FT", bulk("545518.8700")),
        ("geodist g Palermo Catania mi", bulk("103.3182")),
        ("geodist g Palermo Catania foo",
         error("unsupported unit provided. please use M, KM, FT, MI")),
        ("geodist g Palermo no", NULL),
        ("geodist g Palermo Catania km x", SYNTAX),
        ("geoadd g nx xx 1 2 m", SYNTAX),
        ("geoadd g 1 2 m 3", SYNTAX),
        ("geoadd g 200 100 m", error("invalid longitude,latitude pair 200.000000,100.000000")),
        ("geoadd g 1 85.06 m", error("invalid longitude,latitude pair 1.000000,85.060000")),
        ("geoadd g inf 1 m", error("invalid longitude,latitude pair inf,1.000000")),
        ("geoadd g x 1 m", NOT_FLOAT),
        ("geoadd g 180 -85.05112878 corner", b":1\r\n"),
        ("geopos g corner", b"*1\r\n*2\r\n$3\r\n180\r\n$21\r\n-85.05112751263942528\r\n"),
        ("zadd f 1 a -1 b 1e18 c inf d 0.5 e", b":5\r\n"),
        ("geopos f a b c d e",
         b"*5\r\n*2\r\n$22\r\n-179.99999731779098511\r\n$21\r\n-85.05112497791824921\r\n"
         b"*2\r\n$3\r\n180\r\n$19\r\n85.0511287799999991\r\n*2\r\n$3\r\n180\r\n$19\r\n"
         b"85.0511287799999991\r\n*2\r\n$22\r\n-179.99999731779098511\r\n$21\r\n"
         b"-85.05112751263942528\r\n*2\r\n$22\r\n-179.99999731779098511\r\n$21\r\n"
         b"-85.05112751263942528\r\n"),
        ("geohash f a b c d e",
         words("00bh0hbj210 bp05b5048p0 bp05b5048p0 00bh0hbj200 00bh0hbj200")),
        ("geodist f a b", bulk("18919844.3072")),
        ("set s x", OK),
        ("geoadd s 1 1 m", WRONG_TYPE),
        ("geopos s a", WRONG_TYPE),
        ("geohash s a", WRONG_TYPE),
        ("geodist s a b", WRONG_TYPE),
        ("geopos no a", b"*1\r\n*-1\r\n"),
        ("geohash g", b"*0\r\n"),
    ],
    "search": [
        ("geoadd g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", b":2\r\n"),
        ("geosearch g fromlonlat 15 37 byradius 200 km", words("Palermo Catania")),
        ("geosearch g fromlonlat 15 37 byradius 200 km asc", words("Catania Palermo")),
        ("geosearch g fromlonlat 15 37 byradius 200 km desc withdist",
         b"*2\r\n*2\r\n$7\r\nPalermo\r\n$8\r\n190.4424\r\n*2\r\n$7\r\nCatania\r\n$7\r\n"
         b"56.4413\r\n"),
        ("geosearch g fromlonlat 15 37 byradius 200 km count 1 withdist withhash withcoord",
         b"*1\r\n*4\r\n$7\r\nCatania\r\n$7\r\n56.4413\r\n:3479447370796909\r\n*2\r\n$20\r\n"
         b"15.08726745843887329\r\n$20\r\n37.50266842333162032\r\n"),
        ("geosearch g fromlonlat 15 37 byradius 200 km count 1 any", words("Palermo")),
        ("geosearch g frommember Palermo bybox 400 400 km asc withdist",
         b"*2\r\n*2\r\n$7\r\nPalermo\r\n$6\r\n0.0000\r\n*2\r\n$7\r\nCatania\r\n$8\r\n166.2742\r\n"),
        ("geosearch g frommember Catania byradius 0 m", words("Catania")),
        ("geosearch g bypolygon 4 10 30 20 30 20 40 10 40 withdist asc",
         b"*2\r\n*2\r\n$7\r\nCatania\r\n$11\r\n267053.9696\r\n*2\r\n$7\r\nPalermo\r\n"
         b"$11\r\n365634.1492\r\n"),
        ("geosearch g bypolygon 3 10 30 20 30 20 31", b"*0\r\n"),
        ("geosearch g fromlonlat 15 37 byradius 1e308 km", words("Palermo Catania")),
        ("geosearchstore d g fromlonlat 15 37 byradius 200 km", b":2\r\n"),
        ("zrange d 0 -1 withscores", words("Palermo 3479099956230698 Catania 3479447370796909")),
        ("geosearchstore d g fromlonlat 15 37 byradius 200 km count 1 storedist", b":1\r\n"),
        ("zrange d 0 -1 withscores", words("Catania 56.4412578701582")),
        ("geosearchstore d g fromlonlat 0 0 byradius 1 m", b":0\r\n"),
        ("exists d", b":0\r\n"),
        ("georadius g 15 37 200 km withdist asc",
         b"*2\r\n*2\r\n$7\r\nCatania\r\n$7\r\n56.4413\r\n*2\r\n$7\r\nPalermo\r\n$8\r\n"
         b"190.4424\r\n"),
        ("georadius g 15 37 200 km store a storedist b", b":2\r\n"),
        ("zrange b 0 -1", words("Catania Palermo")),
        ("exists a", b":0\r\n"),
        ("georadius_ro g 15 37 200 km count 1", words("Catania")),
        ("georadiusbymember g Palermo 200 km", words("Palermo Catania")),
        ("georadiusbymember_ro g Palermo 1 ft", words("Palermo")),
        ("georadius no 15 37 1 km", b"*0\r\n"),
        ("geosearch no frommember x byradius 1 km", b"*0\r\n"),
    ],
    "search errors": [
        ("geoadd g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", b":2\r\n"),
        ("geosearch g frommember no byradius 200 km", error("member no does not exist")),
        ("geosearch g fromlonlat 200 37 byradius 200 km",
         error("invalid longitude,latitude pair 200.000000,37.000000")),
        ("geosearch g fromlonlat 15 37 byradius -1 km", error("radius cannot be negative")),
        ("geosearch g fromlonlat 15 37 byradius x km", error("need numeric radius")),
        ("geosearch g fromlonlat 15 37 byradius 1 foo",
         error("unsupported unit provided. please use M, KM, FT, MI")),
        ("geosearch g fromlonlat 15 37 bybox -1 1 km", error("height or width cannot be negative")),
        ("geosearch g fromlonlat 15 37 bybox x 1 km", error("need numeric width")),
        ("geosearch g fromlonlat 15 37 bybox 1 x km", error("need numeric height")),
        ("geosearch g fromlonlat 15 37 byradius 1 km any",
         error("the ANY argument requires COUNT argument")),
        ("geosearch g fromlonlat 15 37 byradius 1 km count 0", error("COUNT must be > 0")),
        ("geosearch g fromlonlat 15 37 byradius 1 km count x", NOT_INT),
        ("geosearch g fromlonlat 15 37 byradius 1 km foo", SYNTAX),
        ("geosearch g fromlonlat 15 37 frommember Palermo byradius 1 km", SYNTAX),
        ("geosearch g fromlonlat 15 37 byradius 1 km bybox 1 1 km", SYNTAX),
        ("geosearch g fromlonlat 15 37 asc asc",
         error("exactly one of BYRADIUS, BYBOX and BYPOLYGON can be specified for geosearch")),
        ("geosearch g byradius 1 km asc asc",
         error("exactly one of FROMMEMBER or FROMLONLAT can be specified for geosearch")),
        ("geosearch g bypolygon 2 10 30 20 30",
         error("GEOSEARCH BYPOLYGON must have at least 3 vertices")),
        ("geosearch g bypolygon x 10 30 20 30", error("invalid number of vertices")),
        ("geosearch g bypolygon 3 10 30 20 30",
         error("GEOSEARCH BYPOLYGON must have at least 3 vertices")),
        ("geosearch g bypolygon 3 10 30 20 30 200 40",
         error("invalid longitude,latitude pair 200.000000,40.000000")),
        ("geosearch g bypolygon 3 10 30 20 30 20 40 fromlonlat 1 1", SYNTAX),
        ("geosearchstore d g fromlonlat 15 37 byradius 200 km withdist",
         error("GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options")),
        ("georadius g 15 37 200 km store d withhash",
         error("STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and "
               "WITHCOORD options")),
        ("georadius g 15 37 200 km store", SYNTAX),
        ("georadius_ro g 15 37 200 km store d", SYNTAX),
        ("georadius g 15 37 x km", error("need numeric radius")),
        ("set s x", OK),
        ("geosearch s frommember a byradius 1 km", WRONG_TYPE),
        ("georadius s 200 1 1 km", WRONG_TYPE),
        ("georadiusbymember s a x km", WRONG_TYPE),
    ],
}


@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue(server, lines):
    hold(server.client, lines)


@pytest.mark.oracle
@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue_is_valkeys(valkey, lines):
    hold_with(valkey, lines)


# -- beside Valkey --------------------------------------------------------------------------------

# Where places lie, and how far a search reaches, in km.
REGIONS = {
    "a town": (lambda rng: (rng.uniform(2.2, 2.5), rng.uniform(48.8, 48.95)), (0.1, 1, 5, 30)),
    "the earth": (lambda rng: (rng.uniform(-180, 180), rng.uniform(-85, 85)),
                  (10, 500, 3000, 9000, 25000)),
    "the date line": (lambda rng: (rng.choice((-1, 1)) * rng.uniform(178, 180),
                                   rng.uniform(-5, 5)), (10, 200, 1000)),
    "the north": (lambda rng: (rng.uniform(-180, 180), rng.uniform(65, 85)), (10, 200, 2000)),
    "the south": (lambda rng: (rng.uniform(-30, 30), rng.uniform(-85, -60)), (10, 200, 2000)),
}


def shape(rng, place, reaches):
    reach = rng.choice(reaches) * rng.uniform(0.5, 2)
    unit, metres = rng.choice(((b"m", 1), (b"km", 1000), (b"mi", 1609.34), (b"ft", 0.3048)))
    size = b"%.6f" % (reach * 1000 / metres)
    if rng.random() < 0.5:
        return [b"byradius", size, unit]
    return [b"bybox", size, b"%.6f" % (float(size) * rng.uniform(0.2, 3)), unit]


# Of polygons, in degrees. A centre beyond 85 degrees gives Valkey no cell to start from, so that it
# finds nothing there; we do.
WIDTHS = {"a town": 0.1, "the earth": 20}


def polygon(rng, middle, width):
    corners = [(max(-180, min(180, middle[0] + rng.uniform(-width, width))),
                max(-70, min(70, middle[1] + rng.uniform(-width, width))))
               for _ in range(rng.randrange(3, 7))]
    return [b"bypolygon", b"%d" % len(corners),
            *(b"%.7f" % part for corner in corners for part in corner)]


def search(rng, region, places):
    draw, reaches = REGIONS[region]
    centre = rng.choice((
        [b"frommember", b"p%d" % rng.randrange(places)],
        [b"fromlonlat", *(b"%.7f" % part for part in draw(rng))]))
    words = [*centre, *shape(rng, draw(rng), reaches)]
    if region in WIDTHS and rng.random() < 0.2:
        words = polygon(rng, draw(rng), WIDTHS[region])
    words += rng.choice(([], [b"asc"], [b"desc"], [b"count", b"3", b"asc"], [b"count", b"5"],
                         [b"count", b"4", b"any"]))
    return words + rng.choice(([], [b"withdist"], [b"withdist", b"withhash", b"withcoord"]))


@pytest.mark.oracle
@pytest.mark.parametrize("places", [60, 600])
@pytest.mark.parametrize("region", REGIONS)
def test_random_searches_beside_valkey(server, valkey, region, places):
    rng = random.Random(f"{SEED} {region} {places}")
    mine, theirs = server.client(), valkey.client()
    add = [b"geoadd", b"g"]
    for n in range(places):
        add += [*(b"%.7f" % part for part in REGIONS[region][0](rng)), b"p%d" % n]
    theirs.execute(b"flushall")
    assert mine.execute(*add) == theirs.execute(*add)
    for _ in range(250):
        request = [b"geosearch", b"g", *search(rng, region, places)]
        assert mine.execute(*request) == theirs.execute(*request), encode(*request)
    pairs = [[b"geodist", b"g", b"p%d" % rng.randrange(places), b"p%d" % rng.randrange(places)]
             for _ in range(100)]
    for request in pairs:
        assert mine.execute(*request) == theirs.execute(*request), encode(*request)
    names = [b"p%d" % n for n in range(places)]
    for name in (b"geohash", b"geopos"):
        assert mine.execute(name, b"g", *names) == theirs.execute(name, b"g", *names)
    theirs.close()
