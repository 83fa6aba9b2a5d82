"""What a path does to a frame: pure models of loss and delay, with a random source of their own.

A model is asked once per frame and direction, and answers the delay in seconds, or None: lost.
"""


class Clean:
    """Passes everything at once."""

    def fate(self):
        return 0.0


class Loss:
    """Independent loss with probability `share`."""

    def __init__(self, share, random):
        self.share, self.random = share, random

    def fate(self):
        return None if self.random.random() < self.share else 0.0


class GilbertElliott:
    """Correlated loss: a channel with a good state, and a bad one in which everything is lost.

    It may change its state before each frame. The share that is lost is worsen / (worsen + mend)
    and a burst has 1 / mend frames in the mean (Gilbert 1960; what netem calls `gemodel`).
    """

    def __init__(self, worsen, mend, random):
        self.worsen, self.mend, self.random = worsen, mend, random
        self.is_bad = random.random() < worsen / (worsen + mend)

    def fate(self):
        turn = self.random.random()
        self.is_bad = turn >= self.mend if self.is_bad else turn < self.worsen
        return None if self.is_bad else 0.0


class Jitter:
    """A delay drawn for each frame, evenly from mean - spread to mean + spread; frames overtake."""

    def __init__(self, mean, spread, random):
        self.mean, self.spread, self.random = mean, spread, random

    def fate(self):
        return max(0.0, self.random.uniform(self.mean - self.spread, self.mean + self.spread))


def model(words, random):
    """The model that a command of the relay names: ["loss", "0.1"], ["jitter", "0.02", "0.015"]."""
    kinds = {"clean": Clean, "loss": Loss, "gilbert": GilbertElliott, "jitter": Jitter}
    numbers = [float(word) for word in words[1:]]
    if words[0] == "clean":
        return Clean()
    return kinds[words[0]](*numbers, random)
