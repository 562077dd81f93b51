"""Long runs by hand: what takes too long for every change, with as many rounds as one likes."""
