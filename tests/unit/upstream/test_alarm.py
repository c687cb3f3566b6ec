"""An alarm rings once, late enough, and not at all when it was cleared."""

from xroute.upstream.alarm import Alarm


class Handle:
    """A loop's timer."""

    def __init__(self, due, ring):
        self.due, self.ring = due, ring
        self.is_cancelled = False

    def when(self):
        return self.due

    def cancel(self):
        self.is_cancelled = True


class Hours:
    """What an alarm needs of an event loop; the time passes as the test says."""

    def __init__(self):
        self.now = 100.0
        self.handles = []

    def time(self):
        return self.now

    def call_at(self, due, ring):
        self.handles.append(Handle(due, ring))
        return self.handles[-1]

    def forward(self, seconds):
        self.now += seconds
        for handle in [each for each in self.handles if each.due <= self.now]:
            self.handles.remove(handle)
            if not handle.is_cancelled:
                handle.ring()


def make():
    hours, rung = Hours(), []
    return Alarm(hours, lambda: rung.append(hours.now)), hours, rung


def test_an_alarm_rings_once():
    alarm, hours, rung = make()
    alarm.set(10)
    hours.forward(9)
    assert not rung
    hours.forward(1)
    hours.forward(60)
    assert rung == [110]


def test_a_cleared_alarm_does_not_ring():
    for clear in (Alarm.clear, Alarm.drop):
        alarm, hours, rung = make()
        alarm.set(10)
        clear(alarm)
        hours.forward(60)
        assert not rung


def test_an_alarm_set_later_rings_later():
    alarm, hours, rung = make()
    alarm.set(10)
    alarm.clear()
    alarm.set(60)
    assert len(hours.handles) == 1  # the loop's timer is left as it was
    hours.forward(59)
    assert not rung
    hours.forward(1)
    assert rung == [160]


def test_an_alarm_set_earlier_rings_earlier():
    alarm, hours, rung = make()
    alarm.set(60)
    alarm.set(10)
    hours.forward(10)
    assert rung == [110]
    hours.forward(60)
    assert rung == [110]


def test_an_alarm_that_has_rung_can_be_set_again():
    alarm, hours, rung = make()
    for _ in range(2):
        alarm.set(10)
        hours.forward(10)
    assert rung == [110, 120]
