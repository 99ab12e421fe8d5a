"""Cron by walking through time in steps; slow, short, and without any code or trick of the library it checks."""
import datetime

NAMES = {
    3: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    4: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
SPANS = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7), (0, 59)]


def values(position, text):
    least, most = SPANS[position]

    def value(word):
        if word.lower() in NAMES.get(position, []):
            return NAMES[position].index(word.lower()) + (1 if position == 3 else 0)
        return int(word)

    out = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        if span == "*":
            first, last = least, 6 if position == 4 else most
        elif "-" in span:
            first, last = (value(word) for word in span.split("-"))
            if position == 4 and last == 0 < first:
                last = 7
        else:
            first = value(span)
            last = (6 if position == 4 else most) if step else first
        out.update(range(first, last + 1, int(step or 1)))
    return {day % 7 for day in out} if position == 4 else out


class Cron:
    def __init__(self, expression):
        self.fields = expression.split()
        self.minutes, self.hours, self.days, self.months, self.weekdays, self.seconds = (
            values(i, text) for i, text in enumerate(self.fields + ["0"] * (6 - len(self.fields))))
        self.either = self.fields[2][0] != "*" and self.fields[4][0] != "*"
        self.by_real_time = len(self.hours) == 24 or self.fields[0][0] == "*" or (len(self.fields) == 6 and self.fields[5][0] == "*")
        self.step = 1 if len(self.fields) == 6 else 60
        self.day_cache = {}

    def names_day(self, number):
        known = self.day_cache.get(number)
        if known is None:
            date = datetime.date(1970, 1, 1) + datetime.timedelta(days=number)
            month_day, week_day = date.day in self.days, date.isoweekday() % 7 in self.weekdays
            known = date.month in self.months and (month_day or week_day if self.either else month_day and week_day)
            self.day_cache[number] = known
        return known

    def names(self, wall):
        """Whether the expression names the label that a clock shows, in seconds since 1970."""
        day, second = divmod(wall, 86400)
        return (second // 60 % 60 in self.minutes and second // 3600 in self.hours and second % 60 in self.seconds
                and self.names_day(day))

    def between(self, walls, first):
        """Due instants, given (instant, wall) of each step from some days before `first` on."""
        out, had = [], None  # every label below `had` has had its turn
        for instant, wall in walls:
            if self.by_real_time:
                due = self.names(wall)
            elif had is None or wall >= had:
                due = any(self.names(label) for label in range(wall if had is None else had, wall + self.step, self.step))
                had = wall + self.step
            else:
                due = False
            if due and instant >= first:
                out.append(instant)
        return out
