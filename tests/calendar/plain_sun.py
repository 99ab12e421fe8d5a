"""The sun's altitude after the Astronomical Almanac's low-precision formulae and sidereal time; events by stepping and halving."""
import math

ALTITUDES = {"dawn": -6, "dusk": -6, "sunrise": -50 / 60, "sunset": -50 / 60,
             "dawn_nautical": -12, "dusk_nautical": -12, "dawn_astronomical": -18, "dusk_astronomical": -18}


def place(time):
    """(right ascension, declination), radians."""
    n = time / 86400 + 2440587.5 - 2451545.0
    mean, anomaly = math.radians(280.460 + 0.9856474 * n), math.radians(357.528 + 0.9856003 * n)
    longitude = mean + math.radians(1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly))
    tilt = math.radians(23.439 - 0.0000004 * n)
    return (math.atan2(math.cos(tilt) * math.sin(longitude), math.cos(longitude)), math.asin(math.sin(tilt) * math.sin(longitude)))


def hour_angle(time, longitude):
    """Radians behind the highest stand, -pi to pi."""
    n = time / 86400 + 2440587.5 - 2451545.0
    sidereal = math.radians(280.46061837 + 360.98564736629 * n + longitude)
    return (sidereal - place(time)[0] + math.pi) % (2 * math.pi) - math.pi


def altitude(time, latitude, longitude):
    declination, phi = place(time)[1], math.radians(latitude)
    return math.degrees(math.asin(math.sin(phi) * math.sin(declination)
                                  + math.cos(phi) * math.cos(declination) * math.cos(hour_angle(time, longitude))))


def root(low, high, above):
    """Where `above` changes from false at `low` to true at `high`."""
    while abs(high - low) > 0.5:
        middle = (low + high) / 2
        low, high = (low, middle) if above(middle) else (middle, high)
    return high


def next_event(event, latitude, longitude, after, days=366):
    """(instant or None, how near the sun came to missing or making it, in degrees)."""
    step, narrow = 600, 90.0
    turn = {"noon": 0.0, "midnight": math.pi}.get(event)
    if turn is not None:
        angle = lambda t: math.sin(hour_angle(t, longitude) - turn)
        facing = lambda t: math.cos(hour_angle(t, longitude) - turn) > 0
        t = after
        while not (angle(t) < 0 <= angle(t + step) and facing(t)):
            t += step
        return root(t, t + step, lambda x: angle(x) >= 0), narrow
    level, rising = ALTITUDES[event], event.startswith(("dawn", "sunrise"))
    height = lambda t: (altitude(t, latitude, longitude) - level) * (1 if rising else -1)
    t, before = after, height(after)
    recent = [before]
    while t < after + days * 86400:
        here = height(t + step)
        recent = (recent + [here])[-144:]
        if t - after > 86400:
            narrow = min(narrow, abs(max(recent)), abs(min(recent)))
        if before < 0 <= here:
            return root(t, t + step, lambda x: height(x) >= 0), narrow
        t, before = t + step, here
    return None, narrow
